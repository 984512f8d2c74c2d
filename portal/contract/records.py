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
class RemoteDocument:
    """An order as a warehouse keeps it: goods that go out to a buyer, or goods that come in.

    `remote_id` is the warehouse's own number, `reference` the one that we or the merchant gave it.  `status_at` is when
    the warehouse came to this status; an older one never replaces a newer one.
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


Record = RemoteListing | RemoteStock | RemoteDocument


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
