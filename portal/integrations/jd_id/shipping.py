"""How JD.ID is told that an order has left: print, read again, send.

The seller does not choose the carrier: printing allots a carrier and a waybill, and sending names the order alone.
"""

from collections.abc import Mapping
from typing import Any

from portal.contract.errors import Cause, Refused
from portal.contract.records import Confirmed, Dispatch
from portal.integrations.jd_id.client import JdIdClient
from portal.integrations.jd_id.orders import Row, one, print_label, send_goods
from portal.integrations.jd_id.statuses import COMPLETED, PRINTED, SHIPPED, STATUS_TEXTS, TO_SHIP

_LEFT = frozenset({SHIPPED, COMPLETED})


def confirm(client: JdIdClient, dispatch: Dispatch) -> Confirmed:
    """Let an order leave at JD.ID, from wherever an earlier attempt stopped; what has left already changes nothing.

    Raises Refused where the order stands anywhere else, as where its buyer asked to cancel it.
    """
    order = _read(client, dispatch.order_id)
    printed: Row = {}
    if _state(order) == TO_SHIP:
        printed = print_label(client, dispatch.order_id)
        order = _read(client, dispatch.order_id)
    if _state(order) in _LEFT:
        return _confirmed(order)
    if _state(order) not in {TO_SHIP, PRINTED}:
        raise _not_now(order)
    return _sent(client, dispatch.order_id, order, printed)


def _sent(client: JdIdClient, order_id: str, order: Row, printed: Row) -> Confirmed:
    waybill = _word(order, "expressNo") or _word(printed, "expressNo") or _word(printed, "preExpressNo")
    try:
        sent = send_goods(client, order_id, waybill)
    except Refused:
        # Somebody else, or an attempt whose answer was lost, may have sent it a moment ago.
        now = _read(client, order_id)
        if _state(now) not in _LEFT:
            raise
        return _confirmed(now)
    known = _confirmed(order)
    return Confirmed(
        carrier=known.carrier or _word(sent, "expressCompany"),
        tracking=known.tracking or _word(sent, "expressNo") or waybill,
    )


def _read(client: JdIdClient, order_id: str) -> Row:
    found = one(client, order_id)
    if found is None or _state(found) not in STATUS_TEXTS:
        raise _not_now(found or {})
    return found


def _not_now(order: Row) -> Refused:
    state = _state(order)
    says = STATUS_TEXTS[state].en if state in STATUS_TEXTS else "unknown at JD.ID"
    return Refused(Cause.REFUSED, f"the order cannot leave: it is {says} (state {state or 'not told'})")


def _confirmed(order: Row) -> Confirmed:
    return Confirmed(carrier=_word(order, "carrierCompany"), tracking=_word(order, "expressNo"))


def _state(order: Row) -> str:
    return _word(order, "orderState")


def _word(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    return str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else ""
