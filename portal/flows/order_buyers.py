"""Buyers' data of orders: sealed where it lies, found by keyed hashes, opened for one answer at a time."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from portal.contract.records import Consignee, RemoteOrder
from portal.flows.house import house
from portal.kit import buyers
from portal.kit.db import whose
from portal.kit.sealing import NotOurs
from portal.models import Order


@dataclass(frozen=True, slots=True)
class Buyer:
    """What is sealed of an order.  Only for the moment of an answer or a call; never log it."""

    consignee: Consignee = field(repr=False, default_factory=Consignee)
    account: str = field(repr=False, default="")
    buyer_note: str = field(repr=False, default="")
    seller_note: str = field(repr=False, default="")
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keys:
    """By what orders of one buyer, to one recipient, and with the same notes are found; None where nothing is told."""

    customer: bytes | None
    recipient: bytes | None
    notes: bytes | None


def secret_key() -> bytes:
    """The key of this merchant's hashes."""
    return buyers.key_of(house().settings.secret_key, str(whose()))


def place(order_id: uuid.UUID) -> tuple[str, ...]:
    """Where the buyer of an order lies, and so where alone it opens."""
    return (str(whose()), "orders", str(order_id), "buyer")


def of_record(record: RemoteOrder) -> Buyer:
    """What of a record is a buyer's."""
    return Buyer(record.consignee, record.buyer, record.buyer_note, record.seller_note, record.raw)


def seal(buyer: Buyer, order_id: uuid.UUID) -> bytes:
    """The buyer of an order, sealed so that it opens for this order only."""
    told = {
        "consignee": asdict(buyer.consignee),
        "account": buyer.account,
        "buyer_note": buyer.buyer_note,
        "seller_note": buyer.seller_note,
        "raw": buyer.raw,
    }
    # What a remote sent may hold exact decimals, which JSON writes as texts here.
    return house().keyring.seal(json.dumps(told, ensure_ascii=True, default=str), place(order_id))


def read(order: Order) -> Buyer | None:
    """The buyer of an order, None where no key opens it any more."""
    try:
        told = json.loads(house().keyring.open(order.sealed, place(order.id)))
    except NotOurs:
        return None
    return Buyer(
        Consignee(**told["consignee"]), told["account"], told["buyer_note"], told["seller_note"], told.get("raw", {})
    )


def keys(buyer: Buyer, masked: bool, source: uuid.UUID | None, key: bytes) -> Keys:
    """The hashes of one buyer's data; `source` is the connection, for accounts of two channels are two.

    What a channel hides cannot be compared: of masked data only what is equal to the letter, the account too, is one.
    """
    to = buyer.consignee
    where = (to.address, to.district, to.city, to.province, to.postcode, to.country)
    told = bool(to.name or to.phone) and bool(to.address)
    parts: tuple[str, ...]
    if masked:
        parts = (buyer.account, to.name, to.phone, to.email, to.company, *where)
        recipient = buyers.hash_of(key, "masked recipient", parts) if told and buyer.account else None
    else:
        parts = (buyers.plain(to.name), buyers.digits(to.phone), *map(buyers.plain, (to.company, *where)))
        recipient = buyers.hash_of(key, "recipient", parts) if told else None
    notes = (buyer.buyer_note.strip(), buyer.seller_note.strip())
    return Keys(
        customer=_customer(buyer, masked, source, key),
        recipient=recipient,
        notes=buyers.hash_of(key, "notes", notes) if any(notes) else None,
    )


def _customer(buyer: Buyer, masked: bool, source: uuid.UUID | None, key: bytes) -> bytes | None:
    if buyer.account:
        return buyers.hash_of(key, "account", (str(source or ""), buyer.account))
    phone, email = buyers.digits(buyer.consignee.phone), buyer.consignee.email.strip().casefold()
    if masked or not (phone or email):
        return None
    return buyers.hash_of(key, "person", (email or phone,))


def shown(buyer: Buyer) -> str:
    """The name of the recipient, most of it hidden."""
    return buyers.masked_name(buyer.consignee.name)
