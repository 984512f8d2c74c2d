"""Which listings want a new number.  What the number is, is read when it is sent and never carried along.

A want and the end of the work that sends could miss each other: the work looks, finds nothing, and ends, while the
want is not committed yet and sees work that is open.  So whoever wants holds a shared lock on the connection until its
commit, and the work ends only where it gets that lock alone.  Nobody waits for the other, and wants not for each other.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import StockOut
from portal.flows import levels, lines, work
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.models import Connection, ConnectionState, ExportStage, Store, Work, WorkStatus
from portal.models.work import work_key

KIND = "push_stock"
# How long rises gather before they are sent together; a fall does not wait.
GATHER = timedelta(seconds=1)
AT_ONCE, IN_TIME = 2, 4
_GATHERED: ContextVar[set[uuid.UUID] | None] = ContextVar("products_wanted_together", default=None)

LOCK = "hashtextextended('push ' || cast(c.id as text), 0)"
MARKETPLACES = """
    with chosen as materialized ({chosen})
    select distinct l.connection_id as id from chosen
    join listing l on l.merchant_id = :merchant and l.id = chosen.id
    join connection c on (c.merchant_id, c.id) = (l.merchant_id, l.connection_id)
    where c.kind = 'marketplace' and l.product_id is not null
"""
# What was refused is tried again, for something has changed.  Rows are taken in one order, so that two never wait for
# each other.  One that waits to be sent already is only held until the commit, not written: what it shows is read then.
WANT = """
    with chosen as materialized ({chosen})
    insert into push (merchant_id, id, listing_id, connection_id, wanted, wanted_at, sent, acked, drift, cause, detail)
    select l.merchant_id, l.id, l.id, l.connection_id, 1, cast(:moment as timestamptz), 0, 0, '', '', ''
    from chosen
    join listing l on l.merchant_id = :merchant and l.id = chosen.id
    join connection c on (c.merchant_id, c.id) = (l.merchant_id, l.connection_id)
    where c.kind = 'marketplace' and l.product_id is not null
    order by l.id
    on conflict (merchant_id, listing_id) do update set
        wanted = push.wanted + 1,
        wanted_at = case when push.sent < push.wanted then push.wanted_at else excluded.wanted_at end,
        cause = '', detail = '', refused_at = null
    where push.sent >= push.wanted or push.cause <> ''
"""
# Whether one of the listings may fall, by channel.
FALLS = """
    select d.connection_id, bool_or(coalesce(p.acked_level, p.read_level) is null or p.acked < p.sent
        or d.level < coalesce(p.acked_level, p.read_level)) as falls
    from ({levels}) d
    left join push p on p.merchant_id = :merchant and p.listing_id = d.listing_id
    where d.connection_id = any(cast(:waiting as uuid[]))
    group by d.connection_id
"""


def want(product_ids: Collection[uuid.UUID]) -> None:
    """Every listing at a marketplace of these products, and of bundles that hold them, wants a new number.

    Runs in the open transaction, after what changed, with statements that do not grow with the number of products.
    """
    if (gathered := _GATHERED.get()) is not None:
        gathered |= set(product_ids)
    elif product_ids:
        _want(levels.OF_PRODUCTS, {"products": array(product_ids)})


@contextmanager
def together() -> Iterator[None]:
    """Products that are wanted within the block are wanted at its end: rows are taken once, and in one order."""
    if _GATHERED.get() is not None:
        yield
        return
    gathered = set[uuid.UUID]()
    before = _GATHERED.set(gathered)
    try:
        yield
    finally:
        _GATHERED.reset(before)
    want(gathered)


def want_listings(listing_ids: Collection[uuid.UUID]) -> None:
    """These listings want a new number, in the open transaction."""
    if listing_ids:
        _want(levels.THESE, {"listings": array(listing_ids)})


def want_all(connection_id: uuid.UUID) -> None:
    """Every linked listing of a channel wants a new number: a limit that holds for all of them has changed."""
    _want(levels.OF_A_CONNECTION, {"connection": connection_id})


def want_store(store_id: uuid.UUID) -> None:
    """Every linked listing of a store's channels wants a new number: a limit of the store has changed."""
    query = sa.select(Connection.id).where(
        Connection.merchant_id == whose(), Connection.store_id == store_id, Connection.kind == "marketplace"
    )
    for connection_id in db.session.scalars(query.order_by(Connection.id)).all():
        want_all(connection_id)


def _want(chosen: str, values: Mapping[str, Any]) -> None:
    db.session.flush()
    known = {"merchant": whose(), **values}
    lock, bump, fall = _statements(chosen)
    touched = db.session.scalars(lock, known).all()
    if not touched:
        return
    db.session.execute(bump, known | {"moment": now()})
    # While a storm lasts, the work that sends is due already, and nobody has to know what rises and what falls.
    waiting = [each for each in _sending(touched) if not _rung(each, at_once=True)]
    if waiting:
        asked = known | {"waiting": array(each.id for each in waiting)}
        falls = {row.connection_id: row.falls for row in db.session.execute(fall, asked)}
        for each in waiting:
            falling = falls.get(each.id, False)
            if falling or not _rung(each, at_once=False):
                _add(each, at_once=falling)


@cache
def _statements(chosen: str) -> tuple[sa.TextClause, sa.TextClause, sa.TextClause]:
    """What locks the channels of the listings that `chosen` names, lets these want a number, says which may fall."""
    touched = MARKETPLACES.format(chosen=chosen)
    lock = f"select c.id, pg_advisory_xact_lock_shared({LOCK}) from ({touched} order by 1) c"  # noqa: S608
    return sa.text(lock), sa.text(WANT.format(chosen=chosen)), sa.text(FALLS.format(levels=levels.derived(chosen)))


def _sending(connection_ids: Collection[uuid.UUID]) -> list[Connection]:
    """Those of the connections to which something may be sent now."""
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id.in_(connection_ids))
    return [each for each in db.session.scalars(query.order_by(Connection.id)) if sends(each) is not None]


def ring(falls: Mapping[uuid.UUID, bool]) -> None:
    """Have the wants of these connections sent, at once where one of them may be a fall, in the open transaction."""
    for connection in _sending(falls):
        if not _rung(connection, falls[connection.id]):
            _add(connection, at_once=falls[connection.id])


def _rung(connection: Connection, at_once: bool) -> bool:
    """Whether work is open already that comes as soon as is wished, or waits because the remote asked for patience."""
    soon = Work.not_before <= (now() if at_once else now() + GATHER)
    query = sa.select(Work.id).where(
        Work.merchant_id == whose(),
        Work.kind == KIND,
        Work.natural_key == work_key(KIND, connection.id),
        Work.status == WorkStatus.OPEN,
        sa.or_(Work.error != "", sa.and_(soon, Work.priority <= (AT_ONCE if at_once else IN_TIME))),
    )
    return db.session.scalar(query) is not None


def _add(connection: Connection, *, at_once: bool) -> None:
    work.add(
        KIND,
        lines.lane(connection),
        work_key(KIND, connection.id),
        {"connection": str(connection.id)},
        priority=AT_ONCE if at_once else IN_TIME,
        not_before=now() if at_once else now() + GATHER,
    )


def sends(connection: Connection) -> StockOut | None:
    """How numbers go out to a connection; None where nothing may be sent now.

    That wants a remote that takes numbers, the option, a connection and a store that are on, and an export that was
    looked at and let out.
    """
    out = integrations.get(connection.integration).stock_out
    if out is None or not connection.options.get(out.option) or connection.state is not ConnectionState.ACTIVE:
        return None
    if connection.export_stage not in {ExportStage.FIRST, ExportStage.OPEN}:
        return None
    query = sa.select(Store.is_active).where(Store.merchant_id == whose(), Store.id == connection.store_id)
    return out if db.session.scalar(query) else None


def resume(connection: Connection) -> None:
    """What waits for a connection may go out again, in the open transaction."""
    share(connection.id)
    if sends(connection) is not None:
        _add(connection, at_once=True)


def share(connection_id: uuid.UUID) -> None:
    """Keep the work that sends from ending before the open transaction does."""
    db.session.execute(
        sa.text(f"select pg_advisory_xact_lock_shared({LOCK}) from (select cast(:connection as uuid) as id) c"),  # noqa: S608
        {"connection": connection_id},
    )


def alone(connection_id: uuid.UUID) -> bool:
    """Whether nobody is in the midst of wanting something of this connection, and nobody will be until the commit."""
    got = db.session.scalar(
        sa.text(f"select pg_try_advisory_xact_lock({LOCK}) from (select cast(:connection as uuid) as id) c"),  # noqa: S608
        {"connection": connection_id},
    )
    return bool(got)
