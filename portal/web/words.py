"""How numbers, money and times are written in each language of the portal.

The patterns are our own. The library's short dates are ambiguous (Indonesian gives 20/11/26),
its long Chinese ones put the zone in the middle, and only its Indonesian data knows WIB; a
merchant compares what stands here with a sheet from a warehouse, so it must not be guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from datetime import tzinfo as TimeZone
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

import flask_babel
from babel.dates import get_timezone_location
from babel.numbers import get_currency_precision
from flask import Flask, g, has_app_context

from portal.kit import clock as kit_clock
from portal.kit.money import Money

LANGUAGES = {"en": "English", "id": "Bahasa Indonesia", "zh_Hans": "简体中文"}
HTML_LANG = {"en": "en-GB", "id": "id", "zh_Hans": "zh-Hans"}

# Sen exist in the books, never on a price tag.
WHOLE_ON_SCREEN = frozenset({"IDR"})

INDONESIAN_ZONES = {
    "Asia/Jakarta": "WIB",
    "Asia/Pontianak": "WIB",
    "Asia/Makassar": "WITA",
    "Asia/Jayapura": "WIT",
}
# One zone serves all of China, and only the Chinese call it by the capital.
CHINA = {"en": "Shanghai time", "id": "waktu Shanghai", "zh_Hans": "北京时间"}


@dataclass(frozen=True)
class Manner:
    """The manners of one language."""

    months: tuple[str, ...]
    date: str
    clock: str
    moment: str
    today: str
    yesterday: str
    tomorrow: str
    now: str
    ago: str
    ahead: str
    units: tuple[tuple[str, str], tuple[str, str], tuple[str, str]]  # minute, hour, day: one, many
    place: str
    group: str
    point: str
    own_currency: str
    own_symbol: str


MANNERS = {
    "en": Manner(
        months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        date="{day} {month} {year}",
        clock="{hour:02}:{minute:02}",
        moment="{date}, {clock}",
        today="Today, {clock}",
        yesterday="Yesterday, {clock}",
        tomorrow="Tomorrow, {clock}",
        now="just now",
        ago="{n} {unit} ago",
        ahead="in {n} {unit}",
        units=(("min", "min"), ("hour", "hours"), ("day", "days")),
        place="{city} time",
        group=",",
        point=".",
        own_currency="GBP",
        own_symbol="£",
    ),
    "id": Manner(
        months=("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
        date="{day} {month} {year}",
        clock="{hour:02}.{minute:02}",
        moment="{date} {clock}",
        today="Hari ini {clock}",
        yesterday="Kemarin {clock}",
        tomorrow="Besok {clock}",
        now="baru saja",
        ago="{n} {unit} lalu",
        ahead="{n} {unit} lagi",
        units=(("menit", "menit"), ("jam", "jam"), ("hari", "hari")),
        place="waktu {city}",
        group=".",
        point=",",
        own_currency="IDR",
        own_symbol="Rp",
    ),
    "zh_Hans": Manner(
        months=tuple(str(number) for number in range(1, 13)),
        date="{year}年{month}月{day}日",
        clock="{hour:02}:{minute:02}",
        moment="{date} {clock}",
        today="今天 {clock}",
        yesterday="昨天 {clock}",
        tomorrow="明天 {clock}",
        now="刚刚",
        ago="{n}{unit}前",
        ahead="{n}{unit}后",
        units=(("分钟", "分钟"), ("小时", "小时"), ("天", "天")),
        place="{city}时间",
        group=",",
        point=".",
        own_currency="CNY",
        own_symbol="¥",
    ),
}

NO_BREAK = "\u00a0"
MINUS = "\u2212"


def number(value: Decimal | int | float | None, locale: str, digits: int | None = None) -> str:
    """1,284.5 in English and Chinese, 1.284,5 in Indonesian."""
    if value is None:
        return "–"
    manner = MANNERS[locale]
    exact = Decimal(str(value))
    plain = format(abs(exact), ",f" if digits is None else f",.{digits}f")
    swapped = plain.translate(str.maketrans(",.", manner.group + manner.point))
    return (MINUS if exact < 0 else "") + swapped


def percent(share: Decimal | int | float, locale: str) -> str:
    """62.6% of a share of 0.626; cut, not rounded, so that 100% is said only when all is done."""
    tenths = (Decimal(str(share)) * 100).quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    whole = tenths == tenths.to_integral_value()
    return number(tenths, locale, 0 if whole else 1) + "%"


def money_parts(minor: int, currency: str, locale: str, own: bool = False) -> tuple[str, str]:
    """The code that stands before an amount, and the amount; no code where the symbol is enough.

    The symbol stands alone only where the page says that all its amounts share the reader's
    own currency (`own`): a lone ¥ means yen to one reader and yuan to another.
    """
    manner = MANNERS[locale]
    digits = get_currency_precision(currency)
    amount = Money(minor, currency).amount
    # An amount that does hold a fraction is shown with it: exactness before habit.
    whole = currency in WHOLE_ON_SCREEN and amount == amount.to_integral_value()
    text = number(amount, locale, 0 if whole else digits)
    if own and currency == manner.own_currency:
        return "", (MINUS if minor < 0 else "") + manner.own_symbol + text.lstrip(MINUS)
    return currency, text


def money(minor: int, currency: str, locale: str, own: bool = False) -> str:
    """CNY 1,299.50; or £84.90 to an English reader of a page in pounds."""
    code, text = money_parts(minor, currency, locale, own)
    return f"{code}{NO_BREAK}{text}" if code else text


def day(moment: date, locale: str) -> str:
    """20 Nov 2026, or 2026年11月20日."""
    manner = MANNERS[locale]
    return manner.date.format(day=moment.day, month=manner.months[moment.month - 1], year=moment.year)


def clock(moment: datetime | time, locale: str, seconds: bool = False) -> str:
    """13:05, or 13.05 in Indonesian."""
    text = MANNERS[locale].clock.format(hour=moment.hour, minute=moment.minute)
    return f"{text}{text[2]}{moment.second:02}" if seconds else text


def full(moment: datetime, locale: str, zone: TimeZone) -> str:
    """The date and the time, never relative."""
    local = _in_zone(moment, zone)
    return MANNERS[locale].moment.format(date=day(local, locale), clock=clock(local, locale))


def ago(moment: datetime, locale: str, now: datetime) -> str:
    """2 min ago, 3 hours ago, in 6 days."""
    manner = MANNERS[locale]
    distance = now - _in_zone(moment, UTC)
    past, seconds = distance >= timedelta(0), abs(distance.total_seconds())
    if seconds < 45:
        return manner.now
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        n, names = minutes, manner.units[0]
    elif seconds < 24 * 3600:
        n, names = int(seconds // 3600) or 1, manner.units[1]
    else:
        n, names = int(seconds // 86400), manner.units[2]
    unit = names[0] if n == 1 else names[1]
    return (manner.ago if past else manner.ahead).format(n=number(n, locale), unit=unit)


def when(moment: datetime, locale: str, zone: TimeZone, now: datetime) -> str:
    """Today, 13:05 · 2 min ago; or the full date where the day is another one."""
    manner, local = MANNERS[locale], _in_zone(moment, zone)
    at = clock(local, locale)
    days = (local.date() - _in_zone(now, zone).date()).days
    if days == 0:
        today = manner.today.format(clock=at)
        recent = timedelta(0) <= now - _in_zone(moment, UTC) < timedelta(hours=1)
        return f"{today} · {ago(moment, locale, now)}" if recent else today
    near = {-1: manner.yesterday, 1: manner.tomorrow}.get(days)
    return near.format(clock=at) if near else full(moment, locale, zone)


def zone_name(zone: str, locale: str) -> str:
    """The name that people of that zone use: WIB, Shanghai time, London time."""
    if zone in INDONESIAN_ZONES:
        return INDONESIAN_ZONES[zone]
    if zone == "Asia/Shanghai":
        return CHINA[locale]
    if zone in ("UTC", "Etc/UTC"):
        return "UTC"
    city = get_timezone_location(zone, locale=locale, return_city=True)
    return MANNERS[locale].place.format(city=city)


def exact(moment: datetime, locale: str, zone: TimeZone) -> str:
    """The second, the zone by name and its offset: what a title says of a short time."""
    local = _in_zone(moment, zone)
    name = zone_name(str(zone), locale)
    offset = local.strftime("%z")
    return f"{day(local, locale)} {clock(local, locale, True)} · {name} (UTC{offset[:3]}:{offset[3:]})"


def local_words(value: object, locale: str) -> str:
    """The words under a date or time input, whose own display follows the browser's language."""
    manner = MANNERS[locale]
    if isinstance(value, datetime):
        return manner.moment.format(date=day(value, locale), clock=clock(value, locale))
    if isinstance(value, date):
        return day(value, locale)
    return clock(value, locale) if isinstance(value, time) else ""


def _in_zone(moment: datetime, zone: TimeZone) -> datetime:
    """Times are stored in UTC, so one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone)


def current_locale() -> str:
    """The language of this request, as one of LANGUAGES."""
    wanted = str(flask_babel.get_locale() or "en")
    return next((known for known in LANGUAGES if wanted.startswith(known.split("_")[0])), "en")


def own_zone() -> str | None:
    """The zone that the reader chose for all times; None where each is shown in the zone of its store.

    Support staff who work as a merchant see the times that the merchant sees.
    """
    if not has_app_context():
        return None
    who = g.get("signed_in")
    chosen = who.user.time_zone if who is not None and who.acting is None else None
    return g.get("own_zone") or chosen


def current_zone(zone: str | TimeZone | None = None) -> TimeZone:
    """The zone that the reader chose, else the one that was asked for, else that of the page (`g.time_zone`), else that
    of the merchant; UTC where nobody's merchant is known."""
    wanted = own_zone() or zone or _zone_here()
    if isinstance(wanted, str):
        return ZoneInfo(wanted)
    found = wanted or flask_babel.get_timezone() or UTC
    return ZoneInfo("UTC") if found is UTC else found


def _zone_here() -> str | None:
    if not has_app_context():
        return None
    who = g.get("signed_in")
    of_merchant = who.merchant.time_zone if who is not None and who.merchant is not None else None
    return g.get("time_zone") or of_merchant


def install_filters(app: Flask) -> None:
    """Make the words above available to templates, in the language of the request."""

    def filters() -> dict[str, Callable[..., object]]:
        here = current_locale
        return {
            "number": lambda value, digits=None: number(value, here(), digits),
            "percent": lambda share: percent(share, here()),
            "money": lambda minor, currency, own=False: money(minor, currency, here(), own),
            "money_parts": lambda minor, currency, own=False: money_parts(minor, currency, here(), own),
            "date": lambda moment, zone=None: day(_local(moment, zone), here()),
            "clock": lambda moment, zone=None, seconds=False: clock(_local(moment, zone), here(), seconds),
            "full": lambda moment, zone=None: full(moment, here(), current_zone(zone)),
            "when": lambda moment, zone=None: when(moment, here(), current_zone(zone), kit_clock.now()),
            "ago": lambda moment: ago(moment, here(), kit_clock.now()),
            "exact": lambda moment, zone=None: exact(moment, here(), current_zone(zone)),
            # The zone in which times of this one are shown, and the zone itself where it is a fact about a store.
            "zone": lambda zone: zone_name(str(current_zone(zone)), here()),
            "zone_name": lambda zone: zone_name(str(zone), here()),
            "local_words": lambda value: local_words(value, here()),
            "html_lang": lambda locale: HTML_LANG.get(str(locale), "en-GB"),
        }

    app.jinja_env.filters.update(filters())


def _local(moment: datetime, zone: str | None) -> datetime:
    return _in_zone(moment, current_zone(zone)) if isinstance(moment, datetime) else moment
