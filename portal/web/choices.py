"""What the selects of a store offer: every currency and time zone there is, the likely ones first."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.dates import get_timezone_location
from babel.numbers import get_currency_name
from flask_babel import gettext as _
from wtforms import SelectChoice

from portal.kit import clock
from portal.kit.clock import now
from portal.web import words

LIKELY_CURRENCIES = ("CNY", "IDR", "GBP", "USD", "EUR", "HKD", "SGD", "MYR")
LIKELY_ZONES = (
    "Asia/Shanghai",
    "Asia/Jakarta",
    "Asia/Makassar",
    "Asia/Jayapura",
    "Asia/Hong_Kong",
    "Asia/Singapore",
    "Europe/London",
    "Europe/Berlin",
    "UTC",
)
# Places only: the rest of the zone data are abbreviations and names of countries that lead to these.
REGIONS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


def currencies(first: Iterable[str], locale: str) -> list[SelectChoice]:
    """Every currency in use, in two groups: `first` and the likely ones, then all others by their code."""
    near = tuple(dict.fromkeys([*first, *LIKELY_CURRENCIES]))
    rest = [code for code in _in_use() if code not in near]
    return [currency(code, locale, _("Often used")) for code in near] + [
        currency(code, locale, _("All others")) for code in rest
    ]


def currency(code: str, locale: str, group: str | None = None) -> SelectChoice:
    """One currency by its code and its name."""
    return SelectChoice(code, f"{code} – {get_currency_name(code, locale=locale)}", optgroup=group)


@lru_cache(maxsize=1)
def _in_use() -> list[str]:
    """Codes that are somebody's legal tender today; the library also knows those of the past."""
    spans = [span for spans in get_global("territory_currencies").values() for span in spans]
    return sorted({code for code, _since, until, tender in spans if until is None and tender})


def zones(first: Iterable[str], locale: str) -> list[SelectChoice]:
    """Every time zone, in two groups: `first` and the likely ones, then all others from west to east."""
    moment = now()
    near = tuple(dict.fromkeys([*first, *LIKELY_ZONES]))
    rest = [name for name in _places() if name not in near]
    rest.sort(key=lambda name: (_offset(name, moment), _city(name, locale)))
    return [_zone(name, locale, moment, _("Often used")) for name in near] + [
        _zone(name, locale, moment, _("All others")) for name in rest
    ]


@lru_cache(maxsize=1)
def _places() -> list[str]:
    aliases = get_global("zone_aliases")
    return sorted(each for each in clock.zones() if each.startswith(REGIONS) and each not in aliases)


def _zone(name: str, locale: str, moment: datetime, group: str) -> SelectChoice:
    local = moment.astimezone(ZoneInfo(name))
    offset = f"{local:%z}"
    label = _(
        "%(city)s (UTC%(offset)s, now %(time)s)",
        city=_city(name, locale),
        offset=f"{offset[:3]}:{offset[3:]}",
        time=words.clock(local, locale),
    )
    return SelectChoice(name, label, optgroup=group)


def _offset(name: str, moment: datetime) -> timedelta:
    return moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta(0)


@lru_cache(maxsize=4096)
def _city(name: str, locale: str) -> str:
    """The city as the language writes it."""
    return "UTC" if name == "UTC" else str(get_timezone_location(name, locale=locale, return_city=True))
