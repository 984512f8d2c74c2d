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


Record = RemoteListing


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
