"""What warehouses tell of what was given to them: documents → shipments → parcels → reservations → orders.

Everything is derived from the documents as they are now, so that it does not matter how often, in which order, or by
which way (a poll, a push) they came.  A shipment never goes back to where it was.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal.contract.records import OrderStatus, ShipmentStatus
from portal.flows import cancelling, confirming, leaving, notices, outbound, pushes, shipments, stock_ledger
from portal.flows.outbound import Part
from portal.flows.shipments import Held, note
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import (
    Connection,
    Direction,
    Document,
    Order,
    OrderStage,
    Parcel,
    Shipment,
    ShipmentOrder,
    ShipmentState,
)

LEFT = (
    ShipmentStatus.DISPATCHED,
    ShipmentStatus.DELIVERED,
    ShipmentStatus.DELIVERY_FAILED,
    ShipmentStatus.RETURNED,
)
OVER = (ShipmentStatus.DELIVERED, ShipmentStatus.DELIVERY_FAILED, ShipmentStatus.RETURNED)
# How far along each word is: of several bills of one shipment the one that lags behind says how far it is.
ORDER = (
    ShipmentStatus.SENT,
    ShipmentStatus.PROCESSING,
    ShipmentStatus.PACKED,
    ShipmentStatus.ON_HOLD,
    ShipmentStatus.CANCELLING,
    *LEFT,
)
ON_HOLD, PARTLY, SHORTER = "plugin_on_hold", "left_partly", "left_short"


@dataclass(frozen=True, slots=True)
class News:
    """What the documents of one shipment say together.

    `pieces` are how many of each of the plugin's codes have left.  `stopping` is whether the warehouse is about to
    cancel it, `gone_on` whether, asked to cancel it, it goes on.
    """

    word: str
    status: ShipmentStatus | None
    remote_id: str
    all_cancelled: bool
    all_left: bool
    all_over: bool
    any_left: bool
    stopping: bool
    gone_on: bool
    left_at: datetime | None
    pieces: Mapping[str, int]
    parcels: Sequence[Mapping[str, Any]]


def follow(connection: Connection, references: Sequence[str]) -> None:
    """Take news of a plugin's documents into the open transaction that keeps them."""
    if not references:
        return
    wanted = [Shipment.connection_id == connection.id, Shipment.reference.in_(list(references))]
    ids = list(db.session.scalars(sa.select(Shipment.id).where(Shipment.merchant_id == whose(), *wanted)))
    if not ids:
        return
    db.session.flush()
    orders = {each.id: each for each in shipments.hold_orders(_ever_in(ids))}
    found = shipments.hold_shipments(Shipment.id.in_(ids))
    inside, papers = shipments.members(ids), _documents(connection, [each.reference for each in found])
    told: list[tuple[Held, News]] = []
    for shipment in found:
        mine = [orders[one] for one in inside[shipment.id] if one in orders]
        mine.sort(key=lambda each: (each.placed_at, each.id))
        documents = papers.get(shipment.reference, [])
        if documents:
            told.append((Held(shipment, mine), read(documents)))
    # The stock of all that leaves is held at once, and its listings are wanted at once, so that nobody waits in a ring.
    leaving_now = [one for held, news in told if news.any_left for one in held.orders]
    products = {each.product_id for each in outbound.parts_of(leaving_now, connection)} if leaving_now else set()
    with pushes.together():
        stock_ledger.hold({each for each in products if each is not None})
        for held, news in told:
            _follow_one(held, connection, news)


def _ever_in(ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    query = sa.select(ShipmentOrder.order_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.shipment_id.in_(ids)
    )
    return list(db.session.scalars(query))


def _documents(connection: Connection, references: Sequence[str]) -> dict[str, list[Document]]:
    """The documents by reference, as they are now: a warehouse may split one order into several."""
    query = sa.select(Document).where(
        Document.merchant_id == whose(),
        Document.connection_id == connection.id,
        Document.direction == Direction.OUT,
        Document.reference.in_(references),
    )
    found: dict[str, list[Document]] = {}
    rows = db.session.scalars(query.order_by(Document.id).execution_options(populate_existing=True))
    for each in rows:
        found.setdefault(each.reference, []).append(each)
    return found


# --- reading ----------------------------------------------------------------------------------------------------------


def read(documents: Sequence[Document]) -> News:
    """What the documents of one shipment say together; those that were cancelled do not count beside others."""
    alive = [each for each in documents if each.status is not ShipmentStatus.CANCELLED]
    told = alive or list(documents)
    known = [each.status for each in alive if each.status in ORDER]
    last = min(told, key=lambda each: ORDER.index(each.status) if each.status in ORDER else len(ORDER))
    left = [each for each in alive if each.status in LEFT]
    parcels = [parcel for each in alive for parcel in _parcels(each)]
    moments = [each.left_at or each.status_at or each.asked_at for each in left]
    pieces: dict[str, int] = {}
    for each in alive:
        for sku, number in _gone(each).items():
            pieces[sku] = pieces.get(sku, 0) + number
    return News(
        word=last.status_word,
        status=last.status,
        remote_id=told[0].remote_id,
        all_cancelled=not alive,
        all_left=bool(alive) and len(left) == len(alive),
        all_over=bool(alive) and all(each.status in OVER for each in alive),
        any_left=bool(left) or any(parcel["left_at"] for parcel in parcels),
        stopping=ShipmentStatus.CANCELLING in known and not any(_goes_on(each) for each in alive),
        gone_on=any(_goes_on(each) for each in alive),
        left_at=max(moments, default=None),
        pieces=pieces,
        parcels=parcels,
    )


def _goes_on(document: Document) -> bool:
    """Whether a cancellation came to nothing: while it is asked for, a word came that has no meaning of its own."""
    from portal.flows import warehouse  # The door of documents calls this module.

    connection = db.session.get_one(Connection, (whose(), document.connection_id))
    return warehouse.meanings(connection).get(document.status_word) is ShipmentStatus.KEEP


def _parcels(document: Document) -> list[dict[str, Any]]:
    """The parcels of a document as rows: a moment of leaving also where only the document tells one."""
    found = []
    for each in document.parcels:
        moment = datetime.fromisoformat(each["left_at"]) if each.get("left_at") else None
        if moment is None and document.status in LEFT:
            moment = document.left_at or document.status_at or document.asked_at
        found.append({**each, "left_at": moment})
    return found


def _gone(document: Document) -> dict[str, int]:
    """How many pieces of each code have left with a document.

    What is in parcels that left counts where their content is told; of a document that has left as a whole, what the
    warehouse says it did, which may be less than it was asked for.
    """
    boxed: dict[str, int] = {}
    for parcel in _parcels(document):
        for piece in parcel["pieces"] if parcel["left_at"] else ():
            boxed[piece["sku"]] = boxed.get(piece["sku"], 0) + piece["quantity"]
    if document.status not in LEFT:
        return boxed
    whole: dict[str, int] = {}
    for piece in document.pieces:
        done = piece["quantity"] if piece.get("done") is None else piece["done"]
        whole[piece["sku"]] = whole.get(piece["sku"], 0) + done
    return {sku: max(whole.get(sku, 0), boxed.get(sku, 0)) for sku in {*whole, *boxed}}


# --- what becomes of the shipment -------------------------------------------------------------------------------------


def _follow_one(held: Held, plugin: Connection, news: News) -> None:
    shipment = held.shipment
    before = shipment.status
    shipment.status_word, shipment.status = news.word, news.status or shipment.status
    shipment.remote_id = shipment.remote_id or news.remote_id
    if shipment.state is ShipmentState.CANCELLED:
        if not news.all_cancelled:
            cancelling.alive(Held(shipment, _once(shipment)), plugin, news.left_at if news.any_left else None)
        return
    if shipment.state in {ShipmentState.PLANNED, ShipmentState.REFUSED, ShipmentState.DONE} and not news.any_left:
        return
    if shipment.state is ShipmentState.UNSURE:
        shipments.accept(held, plugin, news.remote_id)
        if shipment.cancel_why:
            cancelling.pursue(held, plugin)
    if news.all_cancelled:
        if shipment.state in {ShipmentState.ACCEPTED, ShipmentState.CANCELLING}:
            cancelling.cancelled(held)
        return
    _leave(held, plugin, news)
    if shipment.state in {ShipmentState.ACCEPTED, ShipmentState.CANCELLING}:
        _stopping(held, plugin, news)
    if before is not shipment.status:
        _say(held, plugin, news)


def _once(shipment: Shipment) -> list[Order]:
    return shipments.hold_orders(shipments.ever_in(shipment.id))


def _stopping(held: Held, plugin: Connection, news: News) -> None:
    shipment = held.shipment
    if news.stopping and shipment.state is ShipmentState.ACCEPTED:
        shipment.move(ShipmentState.CANCELLING)
        note(held.orders, "stopping", plugin=plugin.name)
    elif news.gone_on and shipment.state is ShipmentState.CANCELLING:
        cancelling.keeps_going(held, None)


def _say(held: Held, plugin: Connection, news: News) -> None:
    """An event for each step, and a notice where the warehouse waits for the merchant."""
    shipment = held.shipment
    if news.status is ShipmentStatus.ON_HOLD:
        numbers = [each.number for each in held.orders]
        notices.tell("shipment", shipment.id, ON_HOLD, grave=True, name=plugin.name, numbers=numbers, word=news.word)
        note(held.orders, ON_HOLD, plugin=plugin.name, word=news.word)
    else:
        notices.clear("shipment", shipment.id, ON_HOLD)
    if news.status in {ShipmentStatus.PROCESSING, ShipmentStatus.PACKED, *OVER}:
        note(held.orders, str(news.status), plugin=plugin.name, word=news.word)


# --- leaving ----------------------------------------------------------------------------------------------------------


def _leave(held: Held, plugin: Connection, news: News) -> None:
    """Parcels, the stock that left with them, and what follows once all of it has left."""
    shipment = held.shipment
    _keep_parcels(shipment, news.parcels)
    if not news.any_left or shipment.state not in _MAY_LEAVE:
        return
    parts = outbound.parts_of(held.orders, plugin)
    moment = news.left_at or _first_moment(news.parcels) or now()
    leaving.ship(parts, news.pieces, moment)
    whole = _is_whole(parts, news)
    if shipment.state in {ShipmentState.ACCEPTED, ShipmentState.CANCELLING}:
        shipment.move(ShipmentState.LEFT)
        note(held.orders, "left", plugin=plugin.name, parcels=_shown(news.parcels), whole=whole)
        ended = [each for each in held.orders if each.status in cancelling.ENDED]
        taken = [each for each in held.orders if each.stage_why == cancelling.TAKEN_BACK]
        cancelling.too_late(held, [*ended, *(each for each in taken if each not in ended)], moment)
        for each in taken:
            each.stage_why = ""
    # Of what was dispatched with fewer pieces the rest may still come; of what has arrived nothing more will.
    if (whole or news.all_over) and shipment.left_at is None:
        shipment.left_at = moment
        _all_left(held, plugin, news, whole)
    elif not whole and shipment.left_at is None:
        _told_partly(held, plugin, news)
    if news.all_over and shipment.state is ShipmentState.LEFT:
        shipment.move(ShipmentState.DONE)
        shipment.ended_at = now()


_MAY_LEAVE = (
    ShipmentState.ACCEPTED,
    ShipmentState.CANCELLING,
    ShipmentState.LEFT,
    ShipmentState.DONE,
)


def _all_left(held: Held, plugin: Connection, news: News, whole: bool) -> None:
    """The last piece that will leave has left: channels are told, orders without a channel are shipped."""
    shipment = held.shipment
    notices.clear("shipment", shipment.id, PARTLY)
    if not whole:
        numbers = [each.number for each in held.orders]
        notices.tell("shipment", shipment.id, SHORTER, grave=True, name=plugin.name, numbers=numbers)
        note(held.orders, SHORTER, plugin=plugin.name)
    carrier, tracking = _carried(news.parcels)
    for each in held.orders:
        if whole and each.connection_id is None and each.status not in cancelling.ENDED:
            each.status, each.status_word = OrderStatus.SHIPPED, "shipped"
            each.carrier, each.tracking = carrier, ", ".join(tracking)
            each.stage = OrderStage.DONE
    if whole:
        confirming.due(shipment, held.orders, carrier, tracking)


def _told_partly(held: Held, plugin: Connection, news: News) -> None:
    numbers = [each.number for each in held.orders]
    notices.tell(
        "shipment", held.shipment.id, PARTLY, grave=False, name=plugin.name, numbers=numbers, pieces=news.pieces
    )


def _is_whole(parts: Iterable[Part], news: News) -> bool:
    """Whether every piece has left; a warehouse that tells no pieces is believed where all of it has left."""
    if not news.pieces:
        return news.all_left
    wanted: dict[str, int] = {}
    for each in parts:
        wanted[each.sku or ""] = wanted.get(each.sku or "", 0) + each.quantity
    return all(news.pieces.get(sku, 0) >= number for sku, number in wanted.items())


def _keep_parcels(shipment: Shipment, parcels: Sequence[Mapping[str, Any]]) -> None:
    if not parcels:
        return
    values = [
        {
            "merchant_id": whose(),
            "id": new_id(),
            "shipment_id": shipment.id,
            "remote_id": each["remote_id"] or each["tracking"],
            "tracking": each["tracking"],
            "carrier": each["carrier"],
            "pieces": each["pieces"],
            "left_at": each["left_at"],
            "created_at": now(),
        }
        for each in {each["remote_id"] or each["tracking"]: each for each in parcels}.values()
    ]
    row = insert(Parcel).values(values)
    news: dict[str, Any] = {name: row.excluded[name] for name in ("tracking", "carrier", "pieces")}
    # When a parcel left stays as it was first told.
    news["left_at"] = sa.func.coalesce(Parcel.left_at, row.excluded.left_at)
    keys = [Parcel.merchant_id, Parcel.shipment_id, Parcel.remote_id]
    db.session.execute(row.on_conflict_do_update(index_elements=keys, set_=news))


def _carried(parcels: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The carrier of the parcels that left, and its tracking numbers; the first carrier where there are several."""
    left = [each for each in parcels if each["left_at"] and each["tracking"]]
    carrier = next((str(each["carrier"]) for each in left), "")
    return carrier, [str(each["tracking"]) for each in left if each["carrier"] == carrier]


def _shown(parcels: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"carrier": each["carrier"], "tracking": each["tracking"]} for each in parcels if each["left_at"]]


def _first_moment(parcels: Sequence[Mapping[str, Any]]) -> datetime | None:
    return min((each["left_at"] for each in parcels if each["left_at"]), default=None)
