"""The pictures of the start page: orders by day and channel, what is in stock, how syncing went."""

import uuid
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import format_date, get_locale, ngettext
from flask_babel import gettext as _

from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, Order, Run, RunState, Stock, Store
from portal.web import charts
from portal.web.charts import Chart

DAYS = 14
SYNC_DAYS = 7
MOST_CHANNELS = charts.KINDS - 1
# Beyond this many the picture is one of a part, and says so.
LOOKED_AT = 20_000
LOW = 5


def orders_by_day() -> tuple[Chart, str]:
    """Orders of the last two weeks by the day of their store, one colour a channel; and the sentence for it."""
    day = sa.func.date(sa.func.timezone(Store.time_zone, Order.placed_at))
    query = (
        sa.select(day.label("day"), Order.connection_id, sa.func.count().label("number"))
        .join(Store, sa.and_(Store.merchant_id == Order.merchant_id, Store.id == Order.store_id))
        .where(Order.merchant_id == whose(), Order.placed_at > now() - timedelta(days=DAYS + 1))
        .group_by(day, Order.connection_id)
    )
    rows = db.session.execute(query).all()
    days = _days(DAYS)
    places = {each: place for place, each in enumerate(days)}
    sums: dict[uuid.UUID | None, int] = {}
    for row in rows:
        if row.day in places:
            sums[row.connection_id] = sums.get(row.connection_id, 0) + row.number
    ranked = sorted(sums, key=lambda each: (-sums[each], str(each)))
    shown, rest = ranked[:MOST_CHANNELS], ranked[MOST_CHANNELS:]
    names = _names([each for each in shown if each is not None])
    kinds = [names.get(each, _("Typed here")) for each in shown] + ([_("Other channels")] if rest else [])
    numbers: dict[tuple[int, int], int] = {}
    for row in rows:
        if row.day in places:
            kind = shown.index(row.connection_id) if row.connection_id in shown else len(shown)
            key = (places[row.day], kind)
            numbers[key] = numbers.get(key, 0) + row.number
    chart = charts.columns([_short(each) for each in days], kinds, numbers, width=charts.WIDE)
    today = sum(number for (place, _kind), number in numbers.items() if place == len(days) - 1)
    if not chart.total:
        return chart, _("No order came in during the last 14 days.")
    said = ngettext(
        "%(num)s order came in during the last 14 days, %(today)s of them today.",
        "%(num)s orders came in during the last 14 days, %(today)s of them today.",
        chart.total,
        today=today,
    )
    return chart, said


def stock_coverage() -> tuple[Chart, str]:
    """How many products have plenty, little, nothing or less than nothing to sell; and the sentence for it."""
    some = sa.select(Stock.on_hand, Stock.reserved).where(Stock.merchant_id == whose()).limit(LOOKED_AT).subquery()
    left = some.c.on_hand - some.c.reserved
    row = db.session.execute(
        sa.select(
            sa.func.count().filter(left > LOW),
            sa.func.count().filter(sa.and_(left > 0, left <= LOW)),
            sa.func.count().filter(left == 0),
            sa.func.count().filter(left < 0),
        ).select_from(some)
    ).one()
    plenty, little, none, oversold = row
    names = [_("More than 5"), _("1 to 5"), _("None"), _("Oversold")]
    numbers = {(place, place): number for place, number in enumerate(row)}
    chart = charts.columns(names, names, numbers, colours=("ok", "warn", "mute", "bad"))
    total = plenty + little + none + oversold
    if not total:
        return chart, _("No product has stock here yet.")
    said = ngettext(
        "Of %(num)s product with stock here, %(none)s cannot be sold and %(oversold)s is oversold.",
        "Of %(num)s products with stock here, %(none)s cannot be sold and %(oversold)s are oversold.",
        total,
        none=none,
        oversold=oversold,
    )
    if total == LOOKED_AT:
        said = f"{said} {_('There are more; these are the first that were looked at.')}"
    return chart, said


def sync_health() -> tuple[Chart, str]:
    """How the syncs of the last week ended, by day; and the sentence for it."""
    day = sa.func.date(sa.func.timezone(Store.time_zone, Run.created_at))
    query = (
        sa.select(day.label("day"), Run.state, sa.func.count().label("number"))
        .join(Connection, sa.and_(Connection.merchant_id == Run.merchant_id, Connection.id == Run.connection_id))
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(
            Run.merchant_id == whose(),
            Run.created_at > now() - timedelta(days=SYNC_DAYS + 1),
            Run.state.in_([RunState.DONE, RunState.FAILED, RunState.STOPPED]),
        )
        .group_by(day, Run.state)
    )
    days = _days(SYNC_DAYS)
    places = {each: place for place, each in enumerate(days)}
    order = [RunState.DONE, RunState.STOPPED, RunState.FAILED]
    numbers = {
        (places[row.day], order.index(row.state)): row.number for row in db.session.execute(query) if row.day in places
    }
    kinds = [_("Done"), _("Stopped"), _("Did not finish")]
    chart = charts.columns([_short(each) for each in days], kinds, numbers, colours=("ok", "mute", "bad"))
    failed = sum(number for (_place, kind), number in numbers.items() if kind == order.index(RunState.FAILED))
    if not chart.total:
        return chart, _("No sync ran during the last 7 days.")
    said = ngettext(
        "%(num)s sync ended during the last 7 days, %(failed)s of them without finishing.",
        "%(num)s syncs ended during the last 7 days, %(failed)s of them without finishing.",
        chart.total,
        failed=failed,
    )
    return chart, said


def _days(number: int) -> list[date]:
    """The last days up to today, as the merchant's first store counts them."""
    zone = db.session.scalar(sa.select(Store.time_zone).where(Store.merchant_id == whose()).order_by(Store.id).limit(1))
    today: Any = db.session.scalar(sa.select(sa.func.date(sa.func.timezone(zone or "UTC", now()))))
    return [today - timedelta(days=each) for each in reversed(range(number))]


def _short(day: date) -> str:
    """A day in as few letters as tell it from its neighbours."""
    forms = {"zh": "M/d", "id": "d/M"}
    locale = get_locale()
    return format_date(day, forms.get(locale.language if locale else "", "d MMM"))


def _names(connections: list[uuid.UUID]) -> dict[uuid.UUID | None, str]:
    query = sa.select(Connection.id, Connection.name).where(
        Connection.merchant_id == whose(), Connection.id.in_(connections)
    )
    return {row.id: row.name for row in db.session.execute(query)}
