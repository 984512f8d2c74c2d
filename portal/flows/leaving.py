"""The stock that leaves with parcels: which lines the pieces belong to, and each of them taken off once."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from portal.flows import stock, stock_ledger
from portal.flows.outbound import Part
from portal.flows.stock_ledger import Cause
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import StockWhy

Key = tuple[uuid.UUID, uuid.UUID]

RESERVED = sa.text(
    """
    select line_id, product_id,
        coalesce(sum(quantity) filter (where by_parcel), 0) as in_parcels,
        coalesce(sum(quantity) filter (where state = 'shipped'), 0) as gone,
        coalesce(sum(quantity) filter (where state = 'open'), 0) as open
    from reservation where merchant_id = :merchant and line_id = any(cast(:lines as uuid[])) group by 1, 2
    """
)


def ship(parts: Sequence[Part], pieces: Mapping[str, int], left_at: datetime) -> None:
    """Let the pieces that have left by now go out of the stock, in the open transaction that holds the orders.

    Those that left before are left out.  What left although its order was cancelled is gone all the same: it is
    promised again for that moment, so that the moves tell the whole story.
    """
    leaving = share(parts, pieces)
    if not leaving:
        return
    rows = db.session.execute(RESERVED, {"merchant": whose(), "lines": array({line for line, _ in leaving})})
    known = {(row.line_id, row.product_id): row for row in rows}
    orders = {each.line_id: each.order_id for each in parts}
    lost: dict[Key, int] = {}
    fresh: dict[Key, int] = {}
    for key, number in leaving.items():
        row = known.get(key)
        in_parcels, gone, promised = (row.in_parcels, row.gone, row.open) if row else (0, 0, 0)
        fresh[key] = number - int(in_parcels)
        if number - gone > promised:
            lost[key] = int(number - gone)
    if lost:
        held = stock_ledger.hold({product for _, product in leaving})
        for (line, product), number in lost.items():
            row = known.get((line, product))
            more = number - (int(row.open) if row else 0)
            held.move(product, StockWhy.RESERVE, reserved=more, cause=Cause("order", orders[line]))
        _promise(lost, orders)
        held.write()
    stock.ship(fresh, left_at)


def _promise(lost: Mapping[Key, int], orders: Mapping[uuid.UUID, uuid.UUID]) -> None:
    moment = now()
    db.session.execute(
        stock.PROMISE,
        {
            "merchant": whose(),
            "ids": array(new_id() for _ in lost),
            "orders": array(orders[line] for line, _ in lost),
            "lines": array(line for line, _ in lost),
            "products": array(product for _, product in lost),
            "quantities": array(lost.values()),
            "moments": array(moment for _ in lost),
        },
    )


def share(parts: Sequence[Part], pieces: Mapping[str, int]) -> dict[Key, int]:
    """Which lines the pieces that left belong to: each takes what it needs, the first placed first.

    A warehouse that tells no pieces sent all of them.
    """
    rest, found = dict(pieces), {}
    for each in parts:
        if each.product_id is None:
            continue
        number = min(each.quantity, rest.get(each.sku or "", 0)) if pieces else each.quantity
        rest[each.sku or ""] = rest.get(each.sku or "", 0) - number
        if number > 0:
            found[each.line_id, each.product_id] = number
    return found
