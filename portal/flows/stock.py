"""What orders take of the stock: promised when an order is known, gone when it has left, given back when it ends."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.flows import stock_ledger, stock_sources
from portal.flows.stock_ledger import MOST, Cause, Ledger
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import LEFT, RESERVING, BundlePart, Order, ReservationState, StockWhy

LOCK_ORDERS = sa.select(Order.id).order_by(Order.id).with_for_update()
# While parts of bundles change nobody reserves by the old ones.
HOLD_PARTS = sa.text("select pg_advisory_xact_lock_shared(hashtextextended(:merchant, 4711208))")
# Asked for again and again instead of waited for: whoever waits would make those wait who hold what others need.
CHANGE_PARTS = sa.text("select pg_try_advisory_xact_lock(hashtextextended(:merchant, 4711208))")

# For each line and product of the orders, how many pieces are promised and how many shall be; only where these differ.
# Pieces that left in a known parcel are no longer promised; of an order that only its channel called shipped, and that
# comes back, all are.
DIFFERENCES = sa.text(
    """
    with touched as (
        select o.id, o.placed_at, coalesce(o.remote_updated_at, :moment) as left_at,
            not o.by_channel and (o.status is null or o.status = any(cast(:reserving as text[]))) as reserving,
            not o.by_channel and o.status = any(cast(:left as text[])) as has_left
        from orders o where o.merchant_id = :merchant and o.id = any(cast(:orders as uuid[]))
    ), wanted as (
        select t.id as order_id, l.id as line_id, coalesce(b.part_id, l.product_id) as product_id,
            least(l.quantity::bigint * coalesce(b.quantity, 1), :most) as quantity
        from touched t
        join order_line l on l.merchant_id = :merchant and l.order_id = t.id
        left join bundle_part b on b.merchant_id = :merchant and b.product_id = l.product_id
        where t.reserving and l.product_id is not null and l.quantity > 0
    ), promised as (
        select order_id, line_id, product_id,
            coalesce(sum(quantity) filter (where state = 'open'), 0) as open,
            coalesce(sum(quantity) filter (where by_parcel), 0) as gone
        from reservation where merchant_id = :merchant and order_id = any(cast(:orders as uuid[]))
        group by order_id, line_id, product_id
    )
    select order_id, line_id, product_id, t.has_left, t.left_at, coalesce(p.open, 0) as held,
        greatest(coalesce(w.quantity, 0) - coalesce(p.gone, 0), 0) as wanted
    from wanted w full join promised p using (order_id, line_id, product_id)
    join touched t on t.id = order_id
    where coalesce(p.open, 0) <> greatest(coalesce(w.quantity, 0) - coalesce(p.gone, 0), 0)
    order by t.placed_at, order_id, line_id, product_id
    """
)
PROMISE = sa.text(
    """
    insert into reservation (merchant_id, id, order_id, line_id, product_id, quantity, state, firm, by_parcel, at)
    select :merchant, r.id, r.order_id, r.line_id, r.product_id, r.quantity, 'open', false, false, r.at
    from unnest(cast(:ids as uuid[]), cast(:orders as uuid[]), cast(:lines as uuid[]), cast(:products as uuid[]),
        cast(:quantities as integer[]), cast(:moments as timestamptz[]))
        as r(id, order_id, line_id, product_id, quantity, at)
    on conflict (merchant_id, line_id, product_id) where state = 'open' do update set quantity = excluded.quantity
    """
)
END = sa.text(
    """
    update reservation v set state = r.state, ended_at = :moment
    from unnest(cast(:lines as uuid[]), cast(:products as uuid[]), cast(:states as text[]))
        as r(line_id, product_id, state)
    where v.merchant_id = :merchant and v.line_id = r.line_id and v.product_id = r.product_id and v.state = 'open'
    """
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What one line is promised of one product: before and after."""

    order_id: uuid.UUID
    line_id: uuid.UUID
    product_id: uuid.UUID
    has_left: bool
    left_at: datetime
    held: int
    wanted: int


def settle(order_ids: Collection[uuid.UUID]) -> None:
    """Make the reservations of these orders what they should be, in the open transaction, whatever was there.

    Goes by the orders and their lines alone and may be called again at any time.  An order that reserves is promised
    its pieces, also those that are not there: what a channel has sold is sold.  The pieces of one that has left are
    gone, those of one that ended otherwise are given back.  A bundle is promised by its parts.
    """
    if not order_ids:
        return
    _hold(order_ids)
    found = db.session.execute(
        DIFFERENCES,
        {
            "merchant": whose(),
            "orders": array(set(order_ids)),
            "reserving": array(RESERVING),
            "left": array(LEFT),
            "moment": now(),
            "most": MOST,
        },
    )
    changes = [_Change(*row) for row in found]
    if not changes:
        return
    ledger = stock_ledger.hold({each.product_id for each in changes})
    sources = stock_sources.Leaving(each.product_id for each in changes if each.has_left and each.held)
    for each in changes:
        _move(ledger, sources, each)
    sources.write()
    _promise([each for each in changes if each.wanted])
    _end([each for each in changes if not each.wanted])
    ledger.write()


def _hold(order_ids: Collection[uuid.UUID]) -> None:
    """Nobody else settles these orders until the transaction ends, and no bundle changes."""
    db.session.execute(HOLD_PARTS, {"merchant": str(whose())})
    mine = LOCK_ORDERS.where(Order.merchant_id == whose(), Order.id.in_(sorted(set(order_ids))))
    db.session.execute(mine).all()


def _move(ledger: Ledger, sources: "stock_sources.Leaving", change: _Change) -> None:
    cause = Cause("order", change.order_id)
    if change.has_left:
        less = sources.take(change.product_id, change.held, change.left_at)
        ledger.move(change.product_id, StockWhy.SHIP, on_hand=-less, reserved=-change.held, cause=cause)
    else:
        more = change.wanted - change.held
        ledger.move(change.product_id, StockWhy.RESERVE if more > 0 else StockWhy.RELEASE, reserved=more, cause=cause)


def _promise(changes: Sequence[_Change]) -> None:
    if not changes:
        return
    began = now()
    values = {
        "ids": array(new_id() for _ in changes),
        "orders": array(each.order_id for each in changes),
        # Who ordered first is served first, also among those that come in together.
        "moments": array(began + timedelta(microseconds=number) for number in range(len(changes))),
        "quantities": array(each.wanted for each in changes),
        **_keys(changes),
    }
    db.session.execute(PROMISE, {"merchant": whose(), **values})


def _end(changes: Sequence[_Change]) -> None:
    if not changes:
        return
    states = (ReservationState.SHIPPED if each.has_left else ReservationState.RELEASED for each in changes)
    db.session.execute(END, {"merchant": whose(), "moment": now(), "states": array(states), **_keys(changes)})


def _keys(changes: Sequence[_Change]) -> dict[str, str]:
    return {
        "lines": array(each.line_id for each in changes),
        "products": array(each.product_id for each in changes),
    }


# --- parcels ----------------------------------------------------------------------------------------------------------

OPEN_OF_LINES = sa.text(
    """
    select v.id, v.order_id, v.line_id, v.product_id, v.quantity, v.firm, v.at from reservation v
    where v.merchant_id = :merchant and v.state = 'open' and v.line_id = any(cast(:lines as uuid[]))
        and v.product_id = any(cast(:products as uuid[]))
    """
)
ORDERS_OF_LINES = sa.text(
    """
    select distinct order_id from order_line
    where merchant_id = :merchant and id = any(cast(:lines as uuid[]))
    """
)
SHIP_ROWS = sa.text(
    """
    insert into reservation (merchant_id, id, order_id, line_id, product_id, quantity, state, firm, by_parcel, at,
        ended_at)
    select :merchant, r.id, v.order_id, v.line_id, v.product_id, r.quantity, 'shipped', v.firm, true, v.at, :left_at
    from unnest(cast(:ids as uuid[]), cast(:olds as uuid[]), cast(:quantities as integer[])) as r(id, old, quantity)
    join reservation v on v.merchant_id = :merchant and v.id = r.old
    """
)
SHRINK = sa.text(
    """
    update reservation v set quantity = v.quantity - r.quantity
    from unnest(cast(:olds as uuid[]), cast(:quantities as integer[])) as r(old, quantity)
    where v.merchant_id = :merchant and v.id = r.old and v.quantity > r.quantity
    """
)
SHIP_WHOLE = sa.text(
    """
    update reservation v set state = 'shipped', by_parcel = true, ended_at = :left_at
    from unnest(cast(:olds as uuid[]), cast(:quantities as integer[])) as r(old, quantity)
    where v.merchant_id = :merchant and v.id = r.old and v.quantity = r.quantity
    """
)


def ship(parts: Mapping[tuple[uuid.UUID, uuid.UUID], int], left_at: datetime) -> dict[tuple[uuid.UUID, uuid.UUID], int]:
    """Let pieces leave in a parcel, in the open transaction: by line and product (a part of a bundle), how many.

    The rest of a line stays promised.  Never more leaves than is promised, so telling it twice needs numbers that are
    new; gives how many pieces left of each.  `left_at` is when, as the warehouse tells it: where its figures are newer,
    they already go without these pieces.
    """
    wanted = {key: number for key, number in parts.items() if number > 0}
    if not wanted:
        return {}
    keys = {"lines": array({line for line, _ in wanted}), "products": array({product for _, product in wanted})}
    values = {"merchant": whose(), **keys}
    _hold(list(db.session.execute(ORDERS_OF_LINES, values).scalars()))
    rows = [row for row in db.session.execute(OPEN_OF_LINES, values) if (row.line_id, row.product_id) in wanted]
    left = {(row.line_id, row.product_id): min(row.quantity, wanted[row.line_id, row.product_id]) for row in rows}
    ledger = stock_ledger.hold({row.product_id for row in rows})
    sources = stock_sources.Leaving(row.product_id for row in rows)
    for row in rows:
        number = left[row.line_id, row.product_id]
        less = sources.take(row.product_id, number, left_at)
        cause = Cause("order", row.order_id)
        ledger.move(row.product_id, StockWhy.SHIP, on_hand=-less, reserved=-number, cause=cause)
    sources.write()
    _split([(row, left[row.line_id, row.product_id]) for row in rows], left_at)
    ledger.write()
    return left


def _split(rows: Sequence[tuple[Any, int]], left_at: datetime) -> None:
    """The shipped pieces of a reservation become a row of their own where some of them stay."""
    everything = [(row.id, number) for row, number in rows]
    some = [(row.id, number) for row, number in rows if number < row.quantity]
    values = {"merchant": whose(), "left_at": left_at, **_olds(everything)}
    if some:
        ids = array(new_id() for _ in some)
        db.session.execute(SHIP_ROWS, {"merchant": whose(), "left_at": left_at, "ids": ids, **_olds(some)})
    if everything:
        db.session.execute(SHIP_WHOLE, values)
        db.session.execute(SHRINK, {"merchant": whose(), **_olds(some)})


def _olds(rows: Sequence[tuple[uuid.UUID, int]]) -> dict[str, str]:
    return {"olds": array(row for row, _ in rows), "quantities": array(number for _, number in rows)}


def make_firm(order_ids: Collection[uuid.UUID], *, firm: bool = True) -> None:
    """Say in the open transaction that a warehouse has accepted these orders: their pieces go before all others."""
    db.session.execute(
        sa.text(
            """
            update reservation set firm = :firm
            where merchant_id = :merchant and order_id = any(cast(:orders as uuid[])) and state = 'open'
            """
        ),
        {"merchant": whose(), "orders": array(set(order_ids)), "firm": firm},
    )


# --- who is served ----------------------------------------------------------------------------------------------------

SHORT = sa.text(
    """
    with products as (
        select distinct product_id from reservation
        where merchant_id = :merchant and order_id = any(cast(:orders as uuid[])) and state = 'open'
    ), queue as (
        select v.order_id, v.line_id, v.product_id, v.quantity, s.on_hand,
            sum(v.quantity) over (partition by v.product_id order by v.firm desc, v.at, v.id) as up_to
        from products p
        join reservation v on v.merchant_id = :merchant and v.product_id = p.product_id and v.state = 'open'
        join stock s on s.merchant_id = :merchant and s.product_id = p.product_id
    )
    select order_id, line_id, product_id, least(quantity, up_to - on_hand) as missing from queue
    where up_to > on_hand and order_id = any(cast(:orders as uuid[]))
    """
)


@dataclass(frozen=True, slots=True)
class Shortage:
    """How many pieces of one product a line is promised that are not there for it."""

    order_id: uuid.UUID
    line_id: uuid.UUID
    product_id: uuid.UUID
    missing: int


def shortages(order_ids: Collection[uuid.UUID]) -> list[Shortage]:
    """What is missing for these orders, line by line: firm ones are served first, then who was promised first."""
    if not order_ids:
        return []
    values = {"merchant": whose(), "orders": array(set(order_ids))}
    rows = db.session.execute(SHORT, values)
    return [Shortage(row.order_id, row.line_id, row.product_id, int(row.missing)) for row in rows]


def covered(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """By order, how many pieces are missing for it; 0 where everything that it is promised is there."""
    missing = dict.fromkeys(order_ids, 0)
    for each in shortages(order_ids):
        missing[each.order_id] += each.missing
    return missing


def receive(pieces: Mapping[uuid.UUID, int], who: str, *, order_id: uuid.UUID | None = None, note: str = "") -> None:
    """Take goods back into the stock, in the open transaction: by product, how many pieces.

    This is the only way in which a return moves stock.  Raises Refusal for a product whose number follows a plugin:
    there the warehouse counts what came back, and for a bundle, whose parts come back.
    """
    wanted = {product: number for product, number in pieces.items() if number > 0}
    ledger = stock_ledger.hold(wanted)
    of_parts = sa.select(BundlePart.id).where(BundlePart.merchant_id == whose(), BundlePart.product_id.in_(wanted))
    if db.session.scalar(of_parts.limit(1)):
        raise Refusal("bundle_has_no_stock")
    stock_sources.refuse_followed(wanted)
    cause = Cause("order" if order_id else "", order_id, who, note)
    for product_id, number in wanted.items():
        ledger.move(product_id, StockWhy.RECEIPT, on_hand=min(number, MOST), cause=cause)
    ledger.write()
