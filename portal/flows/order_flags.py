"""Orders with lines that are linked to no product: flagged one by one, told once for each channel."""

import uuid
from collections.abc import Collection

import sqlalchemy as sa

from portal.flows import notices, order_events
from portal.flows.order_events import Happened
from portal.kit.db import array, db, whose
from portal.models import RESERVING, Connection

CAUSE = "order_lines_unlinked"
MOST_COUNTED = 1_000
FLAG = sa.text(
    """
    update orders set flagged = judged.flagged
    from (
        select wanted.id, exists (
            select from order_line l
            where l.merchant_id = :merchant and l.order_id = wanted.id and l.quantity > 0 and l.product_id is null
        ) as flagged
        from unnest(cast(:ids as uuid[])) as wanted(id)) judged
    where orders.merchant_id = :merchant and orders.id = judged.id and orders.flagged <> judged.flagged
    returning orders.id, orders.flagged, orders.connection_id
    """
)
FLAGGED = sa.text(
    """
    select distinct connection_id from orders
    where merchant_id = :merchant and id = any(cast(:ids as uuid[])) and flagged
    """
)
WAITING = sa.text(
    """
    select connection_id, count(*) as number from (
        select connection_id from orders
        where merchant_id = :merchant and flagged and connection_id = any(cast(:connections as uuid[]))
            and not by_channel and (status is null or status = any(cast(:open as text[])))
        limit :most) waiting
    group by connection_id
    """
)


def judge(order_ids: Collection[uuid.UUID]) -> None:
    """Flag or unflag these orders by their lines, in the open transaction, and tell how many wait for a link."""
    if not order_ids:
        return
    changed = db.session.execute(FLAG, {"merchant": whose(), "ids": array(sorted(order_ids))}).all()
    order_events.add([Happened(row.id, order_events.FLAGGED, {"flagged": row.flagged}) for row in changed])
    # One that stays flagged may be over by now, and then it waits for nothing any more.
    flagged = db.session.scalars(FLAGGED, {"merchant": whose(), "ids": array(sorted(order_ids))})
    told = {row.connection_id for row in changed} | set(flagged)
    tell({each for each in told if each is not None})


def tell(connection_ids: Collection[uuid.UUID]) -> None:
    """One notice for each of these channels that says how many open orders wait for a link; none where none does."""
    if not connection_ids:
        return
    values = {"merchant": whose(), "connections": array(sorted(connection_ids)), "most": MOST_COUNTED}
    open_ones = array(each.value for each in RESERVING)
    rows = db.session.execute(WAITING, {**values, "open": open_ones})
    waiting: dict[uuid.UUID, int] = {row.connection_id: row.number for row in rows}
    names = sa.select(Connection.id, Connection.name).where(
        Connection.merchant_id == whose(), Connection.id.in_(connection_ids)
    )
    for row in db.session.execute(names):
        if number := waiting.get(row.id):
            notices.tell("connection", row.id, CAUSE, grave=False, name=row.name, count=number)
        else:
            notices.clear("connection", row.id, CAUSE)
