"""Theirs in our words: what mappings return and the door of the house takes in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from portal.kit.money import Money


class Verdict(StrEnum):
    """What a remote's audit (quality check) word means for us."""

    PASSED = "passed"
    WAITING = "waiting"
    REFUSED = "refused"


class ShipmentStatus(StrEnum):
    """How far a warehouse has come with an order.  KEEP is a word that changes nothing and is told to the merchant."""

    SENT = "sent"
    PROCESSING = "processing"
    PACKED = "packed"
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    RETURNED = "returned"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    ON_HOLD = "on_hold"
    KEEP = "keep"


class OrderStatus(StrEnum):
    """How far an order is at its channel.  KEEP is a word that changes nothing and is told to the merchant."""

    UNPAID = "unpaid"
    TO_SHIP = "to_ship"
    READY_TO_SHIP = "ready_to_ship"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    DELIVERY_FAILED = "delivery_failed"
    ON_HOLD = "on_hold"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    RETURNED = "returned"
    UNFULFILLABLE = "unfulfillable"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """One SKU as a remote sells or stores it.

    `sku` is the seller's own code exactly as the remote gave it, "" where there is none.  `audit_word` is the remote's
    word for the state of its quality check, None at remotes without one.  `quantity` is what the remote shows.
    """

    remote_id: str
    parent_id: str
    sku: str
    title: str
    parent_title: str = ""
    price: Money | None = None
    quantity: int | None = None
    status_word: str = ""
    on_sale: bool = True
    audit_word: str | None = None
    attributes: str = ""
    barcode: str = ""
    image: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteStock:
    """What one warehouse says it has of one SKU, in pieces; what it does not say counts as 0.

    `available` may be sold, `on_hand` is there, `reserved` is promised to orders at the warehouse, `locked` is kept
    from sale, `inbound` is announced and not yet there.  `told` are the numbers as they came where one of them was
    below 0 and is kept as 0.
    """

    remote_id: str
    sku: str
    warehouse: str
    available: int
    on_hand: int
    reserved: int = 0
    locked: int = 0
    inbound: int = 0
    title: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class RemotePiece:
    """How many pieces of one SKU a warehouse was told of, has done, and found damaged."""

    sku: str
    quantity: int
    done: int | None = None
    damaged: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteParcel:
    """One parcel that left a warehouse: its number there, who carries it under which number, and what is in it.

    `left_at` is when it left, None while it has not: a tracking number may exist long before.
    """

    remote_id: str
    tracking: str = ""
    carrier: str = ""
    left_at: datetime | None = None
    pieces: tuple[RemotePiece, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteDocument:
    """An order as a warehouse keeps it: goods that go out to a buyer, or goods that come in.

    `remote_id` is the warehouse's own number, `reference` the one that we or the merchant gave it.  `status_at` is when
    the warehouse came to this status; an older one never replaces a newer one.  `left_at` is when its goods left.
    """

    remote_id: str
    reference: str
    status_word: str
    status_text: str = ""
    status_at: datetime | None = None
    warehouse: str = ""
    carrier: str = ""
    tracking: str = ""
    pieces: tuple[RemotePiece, ...] = ()
    parcels: tuple[RemoteParcel, ...] = ()
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Consignee:
    """Where an order goes.  Personal data: it is never logged.  `country` is an ISO 3166 code of two letters."""

    name: str = field(repr=False, default="")
    phone: str = field(repr=False, default="")
    email: str = field(repr=False, default="")
    company: str = field(repr=False, default="")
    address: str = field(repr=False, default="")
    district: str = ""
    city: str = ""
    province: str = ""
    postcode: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """One line of an order.  `listing_id` is the remote id of the listing, "" where the remote does not tell it.

    `remote_id` tells the lines of one order apart.  `price` is that of one piece.
    """

    remote_id: str
    listing_id: str
    sku: str
    title: str
    quantity: int
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as its channel tells it.

    `remote_id` names it in calls, `number` is what people call it ("" where that is the same).  `placed_at` is when the
    buyer ordered, `ship_by` until when it has to leave.  `paid_on_delivery` means that the carrier collects the money,
    `by_channel` that the channel ships it itself.  `masked` is whether the channel hides parts of the consignee.
    `buyer` is the channel's word for the person, who may order again.  `raw` is what the channel sent, kept sealed.
    """

    remote_id: str
    status_word: str
    lines: tuple[RemoteLine, ...]
    placed_at: datetime
    number: str = ""
    status_text: str = ""
    updated_at: datetime | None = None
    paid_at: datetime | None = None
    ship_by: datetime | None = None
    total: Money | None = None
    freight: Money | None = None
    discount: Money | None = None
    payment_word: str = ""
    paid_on_delivery: bool = False
    by_channel: bool = False
    gift: bool = False
    shipping_service: str = ""
    consignee: Consignee = field(repr=False, default_factory=Consignee)
    masked: bool = False
    buyer: str = field(repr=False, default="")
    buyer_note: str = field(repr=False, default="")
    seller_note: str = field(repr=False, default="")
    carrier: str = ""
    tracking: str = ""
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """The number of pieces that a listing shall show."""

    remote_id: str
    parent_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier of the seller's own list at a channel."""

    remote_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a channel is told when an order leaves: the order, and its parcels' carrier and tracking numbers.

    `carrier` is an id of the channel's own list, "" where the channel chooses the carrier itself.
    """

    order_id: str
    carrier: str
    tracking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a channel says of a dispatch: the carrier and the tracking number that it goes by."""

    carrier: str = ""
    tracking: str = ""


@dataclass(frozen=True, slots=True)
class OutboundLine:
    """A line of what a warehouse shall send: the merchant's code there, how many pieces, and what they are called."""

    number: str
    sku: str
    quantity: int
    title: str = ""
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """What a warehouse shall send.  `reference` is constant over all attempts and names it for ever."""

    reference: str
    consignee: Consignee = field(repr=False)
    lines: tuple[OutboundLine, ...]
    platform: str = ""
    platform_number: str = ""
    placed_at: datetime | None = None
    total: Money | None = None
    shipping_service: str = ""
    buyer_note: str = field(repr=False, default="")
    seller_note: str = field(repr=False, default="")


class Answer(StrEnum):
    """What a warehouse says to a cancellation: done, being looked at, or too late."""

    CANCELLED = "cancelled"
    ASKED = "asked"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """`said` is the warehouse's own wording, `left_at` when the goods left, where it tells."""

    answer: Answer
    said: str = ""
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of a parcel's way, in the carrier's words; `category` is the remote's own number for its kind."""

    at: datetime | None
    title: str
    remark: str = ""
    place: str = ""
    category: str = ""
    tracking: str = ""


Record = RemoteListing | RemoteStock | RemoteDocument | RemoteOrder


@dataclass(frozen=True, slots=True)
class Page:
    """What one transaction keeps: some remote answers, and where the next page begins.

    `cursor` is None after the last page.  `total` is how many items the remote says the whole run has, where it tells.
    """

    items: list[Mapping[str, Any]]
    cursor: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """Whom the credentials belong to, as the remote says."""

    remote_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant gave.  Times are aware UTC; None where the remote does not say."""

    access: str = field(repr=False)
    refresh: str = field(repr=False, default="")
    expires_at: datetime | None = None
    account: str = ""
