"""What people do with orders: enter one by hand, ship or cancel it, look at a buyer, take back what came back."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from portal.contract.records import Consignee, OrderStatus
from portal.flows import audit, bundles, order_buyers, order_events, order_follow, order_rows, stock
from portal.flows.audit import By
from portal.flows.order_buyers import Buyer
from portal.flows.order_events import Happened
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.kit.text import storable
from portal.models import LEFT, RESERVING, Order, OrderLine, Product, Reservation, ReservationState, Store

LONGEST_TEXT = 200
MOST_PIECES = 1_000_000
OPEN_BY_HAND = (OrderStatus.TO_SHIP, OrderStatus.READY_TO_SHIP, OrderStatus.PARTLY_SHIPPED)


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of an order that is entered by hand; `price_minor` is that of one piece in the store's currency."""

    product: Product
    quantity: int
    price_minor: int | None = None


def is_open(order: Order) -> bool:
    """Whether an order still has something to ship, or may have."""
    return order.status is None or order.status in RESERVING


def find_product(sku: str) -> Product | None:
    """The product of an exact SKU."""
    query = sa.select(Product).where(Product.merchant_id == whose(), Product.sku == sku)
    return db.session.scalars(query).one_or_none()


def create(store: Store, wishes: Sequence[Wish], to: Consignee, note: str, by: By) -> Order:
    """Enter an order by hand: it is to be shipped, and its pieces are promised at once.  Raises Refusal."""
    if not wishes:
        raise Refusal("order_of_nothing")
    if not all(0 < each.quantity <= MOST_PIECES for each in wishes):
        raise Refusal("order_pieces", most=MOST_PIECES)
    if not all(map(storable, (*order_rows.WHERE_TO(to), note))):
        raise Refusal("unreadable_text")
    order_id = new_id()
    priced = [each.price_minor * each.quantity for each in wishes if each.price_minor is not None]
    columns = order_rows.of_buyer(Buyer(to, seller_note=note), False, order_id, order_buyers.secret_key(), None)
    number = f"M-{order_id.hex[-8:].upper()}"
    order = Order(
        merchant_id=whose(),
        id=order_id,
        store_id=store.id,
        remote_id=number,
        number=number,
        status_word="",
        status=OrderStatus.TO_SHIP,
        placed_at=now(),
        currency=store.currency,
        total_minor=sum(priced) if len(priced) == len(wishes) else None,
        pieces=sum(each.quantity for each in wishes),
        country=to.country,
        province=to.province,
        city=to.city,
        postcode=to.postcode,
        digest=b"",
        asked_at=now(),
        **columns,
    )
    db.session.add(order)
    db.session.flush()
    for place, each in enumerate(wishes):
        db.session.add(_line(order, place, each))
    db.session.flush()
    order_events.add([Happened(order_id, order_events.MADE)], by.name)
    order_follow.follow([order_id])
    audit.note(by, "order_made", "order", order_id, name=number, store_id=store.id)
    db.session.commit()
    return order


def _line(order: Order, place: int, wish: Wish) -> OrderLine:
    return OrderLine(
        merchant_id=whose(),
        order_id=order.id,
        remote_id=str(place + 1),
        place=place,
        remote_listing_id="",
        product_id=wish.product.id,
        sku=wish.product.sku,
        title=wish.product.title,
        quantity=wish.quantity,
        price_minor=wish.price_minor,
    )


def cancel(order: Order, why: str, by: By) -> None:
    """Cancel an order that was entered by hand; its pieces are free again.  Raises Refusal."""
    _hold_own(order)
    if not why.strip() or len(why) > LONGEST_TEXT:
        raise Refusal("reason_missing", "why", most=LONGEST_TEXT)
    order.status, order.changed_at = OrderStatus.CANCELLED, now()
    db.session.flush()
    order_events.add([Happened(order.id, order_events.CANCELLED, {"why": why.strip()})], by.name)
    order_follow.follow([order.id])
    audit.note(by, "order_cancelled", "order", order.id, name=order.number, store_id=order.store_id)
    db.session.commit()


def ship(order: Order, carrier: str, tracking: str, by: By) -> None:
    """Mark an order that was entered by hand as shipped; its pieces leave the stock.  Raises Refusal."""
    _hold_own(order)
    if len(carrier) > LONGEST_TEXT or len(tracking) > LONGEST_TEXT:
        raise Refusal("text_too_long", most=LONGEST_TEXT)
    order.status, order.carrier, order.tracking, order.changed_at = OrderStatus.SHIPPED, carrier, tracking, now()
    db.session.flush()
    said = {"carrier": carrier, "tracking": tracking}
    order_events.add([Happened(order.id, order_events.SHIPPED, said)], by.name)
    order_follow.follow([order.id])
    audit.note(by, "order_shipped", "order", order.id, name=order.number, store_id=order.store_id)
    db.session.commit()


def _hold_own(order: Order) -> None:
    """Read the order anew and hold it.  Raises Refusal where the channel says how far it is, or it is over."""
    db.session.refresh(order, with_for_update=True)
    if order.connection_id is not None:
        raise Refusal("order_of_a_channel")
    if order.status not in OPEN_BY_HAND:
        raise Refusal("order_is_over")


def reveal(order: Order, by: By) -> Buyer:
    """Who an order goes to, for one answer; that somebody looked is kept.  Raises Refusal where no key opens it,
    or it was removed.
    """
    buyer = order_buyers.read(order)
    if buyer is None:
        raise Refusal("buyer_is_sealed" if order.sealed else "buyer_is_removed")
    order_events.add([Happened(order.id, order_events.REVEALED)], by.name)
    audit.note(by, "buyer_revealed", "order", order.id, name=order.number, store_id=order.store_id)
    db.session.commit()
    return buyer


def receive(order: Order, line: OrderLine, pieces: str, note: str, by: By) -> None:
    """Take pieces of a line that came back into the stock, those of a bundle as its parts.  Raises Refusal.

    What a warehouse counts itself is refused, for there its own figure says so.
    """
    db.session.refresh(order, with_for_update=True)
    if line.order_id != order.id or line.product_id is None:
        raise Refusal("line_has_no_product")
    if order.status not in LEFT and order.status not in {OrderStatus.REFUNDED, OrderStatus.CANCELLED}:
        raise Refusal("order_has_not_left")
    number = int(pieces) if pieces.isascii() and pieces.isdigit() and len(pieces) < len(str(MOST_PIECES)) + 1 else 0
    parts = {each.product_id: each.quantity for each in bundles.parts(line.product_id)} or {line.product_id: 1}
    most = line.quantity if order.status in LEFT else _left(line, parts)
    most -= received(order).get(line.id, 0)
    if not 0 < number <= most:
        raise Refusal("pieces_back", most=max(0, most))
    pieces_of = {product: number * each for product, each in parts.items()}
    stock.receive(pieces_of, by.name, order_id=order.id, note=note[:LONGEST_TEXT])
    said = {"line": str(line.id), "sku": line.sku, "pieces": number}
    order_events.add([Happened(order.id, order_events.RECEIVED, said)], by.name)
    audit.note(by, "goods_received", "order", order.id, name=order.number, store_id=order.store_id, after=said)
    db.session.commit()


def _left(line: OrderLine, parts: Mapping[uuid.UUID, int]) -> int:
    """How many pieces of a line have left, of an order that ended: what never left cannot come back."""
    query = sa.select(Reservation.product_id, sa.func.sum(Reservation.quantity)).where(
        Reservation.merchant_id == whose(),
        Reservation.line_id == line.id,
        Reservation.state == ReservationState.SHIPPED,
    )
    gone = {product: int(number) for product, number in db.session.execute(query.group_by(Reservation.product_id))}
    return min(line.quantity, *(gone.get(product, 0) // each for product, each in parts.items()))


RECEIVED = sa.text(
    """
    select cast("values" ->> 'line' as uuid) as line_id, sum(cast("values" ->> 'pieces' as integer)) as pieces
    from order_event where merchant_id = :merchant and order_id = :order and what = 'received'
    group by 1
    """
)


def received(order: Order) -> dict[uuid.UUID, int]:
    """By line, how many pieces came back already."""
    rows = db.session.execute(RECEIVED, {"merchant": whose(), "order": order.id})
    return {row.line_id: int(row.pieces) for row in rows}
