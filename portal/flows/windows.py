"""From when on a run asks: since the last good one with some overlap, and never further back than a remote looks."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Resource
from portal.flows import notices
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, Run, RunState

# More than the clock of a remote may differ from ours, with what arrives there late: ten minutes each.
OVERLAP = timedelta(minutes=30)
SKEW = timedelta(minutes=10)
AGAIN = timedelta(hours=24)
# Of a pull that can ask for everything, and does so once a day.
WHOLE_EVERY = timedelta(hours=24)
SHORT_OVERLAP = timedelta(minutes=15)
CLIPPED = "orders_clipped"


@dataclass(frozen=True, slots=True)
class Window:
    """`since` is the moment after which a run asks; `wanted` is the start where the channel does not look so far."""

    since: datetime
    wanted: datetime | None = None


def start_of(connection: Connection) -> datetime:
    """Orders that were placed before this moment are not taken in.

    It is what the merchant chose, else when the channel was turned on for the first time: an order that was placed
    while the channel rested is still theirs.  By the clock of a channel that is behind ours, what is placed after that
    moment was placed before it, so what it tells of the last minutes before counts as well.
    """
    chosen = connection.known_options.import_orders_from
    if chosen is not None:
        return chosen
    first: datetime | None = db.session.scalar(
        sa.select(sa.func.min(Run.since)).where(*_runs(connection.id, Resource.ORDERS))
    )
    if first is not None:
        return first + OVERLAP
    return (connection.active_since or now()) - SKEW


def window(connection: Connection, resource: Resource) -> Window:
    """What the next run of a pull with a reach has to ask for.

    A first run asks from the start, a later one from before the last good one began; once a day the last day is asked
    for again, and a start that was moved back is made up for.
    """
    reach = integrations.get(connection.integration).pulls[resource].reach or timedelta(0)
    moment = now()
    start = start_of(connection) - OVERLAP if resource is Resource.ORDERS else moment - reach
    floor = max(start, moment - reach)
    runs = db.session.execute(_good(connection.id, resource)).one()
    if runs.reached is None or runs.reached > floor:
        return Window(floor, start + OVERLAP if start < floor else None)
    since = runs.last - OVERLAP
    if runs.again is None or runs.again < moment - AGAIN:
        since = min(since, moment - AGAIN)
    # What happened before the channel's reach is told by no run any more.
    lost = since < moment - reach
    return Window(max(since, floor), since if lost else None)


def _runs(connection_id: uuid.UUID, resource: Resource) -> list[sa.ColumnElement[bool]]:
    return [Run.merchant_id == whose(), Run.connection_id == connection_id, Run.resource == resource.value]


def _good(connection_id: uuid.UUID, resource: Resource) -> Any:
    """How far back good runs asked, when the last one began, and when the last one of a whole day or more did."""
    good = [*_runs(connection_id, resource), Run.state == RunState.DONE, Run.since.is_not(None)]
    reached = sa.select(sa.func.min(Run.since)).where(*good).scalar_subquery()
    # One that asked for all that there is to ask for is wide too, however young the channel.
    wide = sa.or_(Run.started_at - Run.since >= AGAIN, Run.since == reached)
    return sa.select(
        reached.label("reached"),
        sa.func.max(Run.started_at).label("last"),
        sa.func.max(sa.case((wide, Run.started_at))).label("again"),
    ).where(*good)


def since(connection: Connection, resource: Resource, *, by_hand: bool) -> datetime | None:
    """From when on a run that begins now has to ask, None for one over everything.

    One that somebody asked for is over everything where the remote can be asked so.  Where it shows less than was
    wanted, the merchant is told in the open transaction.
    """
    if integrations.get(connection.integration).pulls[resource].reach is None:
        return None if by_hand else _since_the_last(connection, resource)
    found = window(connection, resource)
    if found.wanted is not None:
        notices.tell(
            "connection",
            connection.id,
            CLIPPED,
            grave=False,
            name=connection.name,
            wanted=found.wanted.isoformat(),
            since=found.since.isoformat(),
        )
    return found.since


def _since_the_last(connection: Connection, resource: Resource) -> datetime | None:
    """The last good run less an overlap; None where a run over everything is due."""
    good = sa.select(Run.started_at).where(*_runs(connection.id, resource), Run.state == RunState.DONE)
    newest = good.order_by(Run.id.desc()).limit(1)
    whole: datetime | None = db.session.scalar(newest.where(Run.since.is_(None)))
    last: datetime | None = db.session.scalar(newest)
    incremental = integrations.get(connection.integration).pulls[resource].incremental
    if not incremental or whole is None or last is None or whole + WHOLE_EVERY < now():
        return None
    return last - SHORT_OVERLAP


def moved(connection: Connection, before: datetime | None) -> bool:
    """Whether the start was moved back, so that there is a gap to import; what was said of the old one is cleared."""
    after = connection.known_options.import_orders_from
    if after == before:
        return False
    notices.clear("connection", connection.id, CLIPPED)
    return after is not None and (before is None or after < before)
