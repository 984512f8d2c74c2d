"""What scripts read of the stock."""

from collections.abc import Sequence
from typing import Any

from portal.flows.bundles import Part
from portal.kit.paging import Slice
from portal.models import Product, StockSource
from portal.web.stock_pages import Move, Numbers, Promised, Row


def of_row(row: Row) -> dict[str, Any]:
    """One product of the list."""
    return {
        "product": {"id": row.id, "sku": row.sku, "title": row.title},
        "on_hand": row.on_hand,
        "reserved": row.reserved,
        "available": row.available,
        "bundle": row.makes is not None,
        "oversold": row.oversold,
        "follows": row.follows or None,
        "shown": {"listings": row.channels, "least": row.least, "most": row.most} if row.channels else None,
    }


def whole(
    product: Product,
    numbers: Numbers,
    parts: Sequence[Part],
    sources: Sequence[StockSource],
    promised: Sequence[Promised],
    history: Slice[Move],
) -> dict[str, Any]:
    """One product with its sources, the orders that it is promised to, and one page of its moves."""
    return {
        "product": {"id": product.id, "sku": product.sku, "title": product.title},
        "on_hand": numbers.on_hand,
        "reserved": numbers.reserved,
        "available": min((each.makes for each in parts), default=0) if parts else numbers.available,
        "version": numbers.version,
        "buffer": numbers.buffer,
        "max_level": numbers.max_level,
        "changed_at": numbers.changed_at,
        "parts": [
            {"product": each.product_id, "sku": each.sku, "quantity": each.quantity, "available": each.available}
            for each in parts
        ],
        "sources": [
            {
                "connection": each.connection_id,
                "available": each.available,
                "kept": each.kept,
                "read_at": each.read_at,
            }
            for each in sources
        ],
        "promised": [
            {
                "order": each.order_id,
                "number": each.number,
                "quantity": each.quantity,
                "firm": each.firm,
                "missing": each.missing,
            }
            for each in promised
        ],
        "moves": [_move(each) for each in history.rows],
        "next": history.after,
        "previous": history.before,
    }


def _move(move: Move) -> dict[str, Any]:
    row = move.row
    return {
        "version": row.version,
        "why": row.why,
        "on_hand": row.on_hand,
        "reserved": row.reserved,
        "after": {"on_hand": move.on_hand, "reserved": move.reserved},
        "subject": {"kind": row.subject, "id": row.subject_id} if row.subject else None,
        "note": row.note,
        "who": row.who,
        "at": row.at,
    }
