"""What a plugin is told to send: made of a shipment's orders, the same each time, the buyer opened for that moment."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import sqlalchemy as sa

from portal import integrations
from portal.contract.errors import Cause, Refused
from portal.contract.records import Consignee, Outbound, OutboundLine
from portal.flows import order_buyers
from portal.flows.house import house
from portal.kit.buyers import HIDDEN
from portal.kit.db import array, db, whose
from portal.kit.money import Money
from portal.kit.sealing import NotOurs
from portal.models import Connection, Order, Shipment

# Without these a parcel reaches nobody, whichever warehouse sends it.
NEEDED = ("name", "phone", "address", "city", "country")
LONGEST_NUMBERS = 200

# Each line of the orders by what the plugin keeps: a bundle is its parts, a product is what the plugin lists.  Where
# two of its listings are linked to one product, the first code of them is meant.
PARTS = sa.text(
    """
    select l.order_id, l.id as line_id, coalesce(b.part_id, l.product_id) as product_id,
        l.quantity * coalesce(b.quantity, 1) as quantity, l.sku as sold_as,
        case when b.part_id is null then l.price_minor end as price_minor,
        p.sku as product_sku, p.title as product_title, there.sku, there.title
    from order_line l
    join orders o on o.merchant_id = :merchant and o.id = l.order_id
    left join bundle_part b on b.merchant_id = :merchant and b.product_id = l.product_id
    left join product p on p.merchant_id = :merchant and p.id = coalesce(b.part_id, l.product_id)
    left join lateral (
        select g.sku, g.title from listing g
        where g.merchant_id = :merchant and g.product_id = p.id and g.connection_id = :plugin
            and g.missing_since is null and g.sku <> ''
        order by g.sku, g.id limit 1) there on true
    where l.merchant_id = :merchant and l.order_id = any(cast(:orders as uuid[])) and l.quantity > 0
    order by o.placed_at, l.order_id, l.place, l.id, product_id
    """
)


@dataclass(frozen=True, slots=True)
class Part:
    """Pieces of one product that one line of an order takes from a plugin; `sku` is the plugin's code for it."""

    order_id: uuid.UUID
    line_id: uuid.UUID
    product_id: uuid.UUID | None
    quantity: int
    sold_as: str
    price_minor: int | None
    product_sku: str | None
    product_title: str | None
    sku: str | None
    title: str | None


def parts_of(orders: Sequence[Order], plugin: Connection) -> list[Part]:
    """What these orders take from a plugin, the first placed first."""
    values = {"merchant": whose(), "plugin": plugin.id, "orders": array(each.id for each in orders)}
    return [Part(*row) for row in db.session.execute(PARTS, values)]


def made(shipment: Shipment, orders: Sequence[Order], plugin: Connection) -> Outbound:
    """What the plugin shall send, with the consignee in plain: only for the moment of the call.

    Raises Refused with UNKNOWN_GOODS for what the plugin does not list, and with ADDRESS_UNCLEAR for a consignee that
    its channel hides or that lacks what every parcel needs.
    """
    first = orders[0]
    buyer = order_buyers.read(first)
    totals = [each.total_minor for each in orders]
    total = sum(each for each in totals if each is not None) if None not in totals else None
    return Outbound(
        reference=shipment.reference,
        consignee=consignee(first),
        lines=_lines(parts_of(orders, plugin), first.currency),
        platform=_platform(first),
        platform_number=_numbers(orders),
        placed_at=first.placed_at,
        total=Money(total, first.currency) if total is not None and first.currency else None,
        shipping_service=first.shipping_service,
        # Orders that travel together agree in their notes.
        buyer_note=buyer.buyer_note if buyer else "",
        seller_note=buyer.seller_note if buyer else "",
    )


def _lines(parts: Sequence[Part], currency: str) -> tuple[OutboundLine, ...]:
    """One line for each code of the plugin, in the order of the codes: what several orders take is added up."""
    if not parts:
        raise Refused(Cause.UNKNOWN_GOODS, "there is nothing to send")
    for each in parts:
        if not each.sku:
            raise Refused(Cause.UNKNOWN_GOODS, each.product_sku or each.sold_as)
    found: dict[str, list[Part]] = {}
    for each in parts:
        found.setdefault(each.sku or "", []).append(each)
    return tuple(
        OutboundLine(
            number=str(number),
            sku=sku,
            quantity=sum(each.quantity for each in found[sku]),
            title=found[sku][0].product_title or found[sku][0].title or "",
            price=_one_price(found[sku], currency),
        )
        for number, sku in enumerate(sorted(found), 1)
    )


def _one_price(parts: Sequence[Part], currency: str) -> Money | None:
    """The price of one piece where all of them have the same."""
    prices = {each.price_minor for each in parts}
    price = prices.pop() if len(prices) == 1 else None
    return Money(price, currency) if price is not None and currency else None


def _platform(order: Order) -> str:
    if order.connection_id is None:
        return ""
    channel = db.session.get_one(Connection, (whose(), order.connection_id))
    return integrations.get(channel.integration).name


def _numbers(orders: Sequence[Order]) -> str:
    """The channel's numbers of the orders; as many as fit, for people at the warehouse."""
    told = ",".join(each.number for each in orders)
    return told if len(told) <= LONGEST_NUMBERS else f"{told[: LONGEST_NUMBERS - 1]}…"


# --- to whom ----------------------------------------------------------------------------------------------------------


def consignee(order: Order) -> Consignee:
    """Where an order goes, in plain.  Raises Refused with ADDRESS_UNCLEAR and the field that is hidden or missing."""
    known = known_consignee(order)
    for name in NEEDED:
        if not getattr(known, name).strip():
            raise Refused(Cause.ADDRESS_UNCLEAR, f"{name} is missing")
    for each in fields(Consignee):
        if HIDDEN in getattr(known, each.name) and (each.name in NEEDED or each.name == "district"):
            raise Refused(Cause.ADDRESS_UNCLEAR, f"{each.name} is hidden by the channel")
    return known


def known_consignee(order: Order) -> Consignee:
    """What is known of where an order goes: what its channel told, and over it what the merchant completed."""
    buyer = order_buyers.read(order)
    told = buyer.consignee if buyer else Consignee()
    return replace(told, **completed(order))


def completed(order: Order) -> Mapping[str, str]:
    """What the merchant completed of a consignee, field by field."""
    if order.completed is None:
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(_open(order)).items()}
    except NotOurs:
        return {}


def complete(order: Order, wanted: Consignee) -> list[str]:
    """Seal what a person typed, over what was typed before; gives the names of the fields that are completed now."""
    typed = {name: value.strip() for name, value in asdict(wanted).items() if value.strip()}
    mine = {**completed(order), **typed}
    order.completed = house().keyring.seal(json.dumps(mine), place(order.id)) if mine else None
    return sorted(mine)


def place(order_id: uuid.UUID) -> tuple[str, ...]:
    """Where what the merchant completed of an order lies, and so where alone it opens."""
    return (str(whose()), "orders", str(order_id), "completed")


def _open(order: Order) -> str:
    return house().keyring.open(order.completed or b"", place(order.id))
