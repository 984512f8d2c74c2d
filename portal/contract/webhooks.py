"""What an integration says of the pushes that its remote sends: how to believe one, and what it hints at."""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from portal.contract.words import Text

# How far the sender's clock may be from ours, where a remote says nothing else.
WINDOW = timedelta(minutes=5)


class Reason(StrEnum):
    """Why a push is not believed."""

    TOO_LARGE = "too_large"
    NO_SIGNATURE = "no_signature"
    WRONG_SIGNATURE = "wrong_signature"
    OUTSIDE_WINDOW = "outside_window"
    NO_ID = "no_id"
    NOT_READABLE = "not_readable"
    NO_KEY = "no_key"
    OTHER_BODY = "other_body"


class Distrust(Exception):
    """A push that is not believed.  `detail` is for support and holds nothing of the body."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail[:200]


@dataclass(frozen=True, slots=True)
class Push:
    """What came: the headers by lower-case name (one that came twice joined by a comma), and the bytes of the body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Believed:
    """A push whose signature holds.  `event_id` is the sender's own id for it, the same in every repetition.

    `content` is what the event says, without what a sender writes anew into each repetition (its time, its signature);
    None where the whole body is the same each time.  An id that returns with another content is not believed.
    """

    event_id: str
    sent_at: datetime | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a push tells: which things of which resource changed.  What they are now is asked of the API.

    `resource` is the value of a `definition.Resource` and `keys` are what its pull's `some` takes.  A hint without a
    resource is kept to be read, and asks for nothing.
    """

    topic: str
    resource: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender wants to hear."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


def new_key() -> str:
    """A key of 32 random bytes as the Standard Webhooks write one."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """How a remote pushes.

    `verify(push, keys, now)` believes a push or raises Distrust; it compares in constant time, tries every key (the
    current one first), and reads no more than it must.  `hint(push)` reads a believed push, or raises ValueError.
    `key_from` names the house's value with the key; "" means a key of the connection's own, made here by `new_key` and
    told to the merchant.  `window` is how far the sender's clock may be off, `repeats_for` for how long it sends an
    event again.  `taken` answers every push that was kept or is known, `refused` one that is not believed, `failed` one
    that could not be kept.  `masked` are the names of body fields that hold buyers' data.  `topics` names what may
    come.
    """

    verify: Callable[[Push, Sequence[str], datetime], Believed]
    hint: Callable[[Push], Hint]
    topics: Mapping[str, Text]
    key_from: str = ""
    new_key: Callable[[], str] = new_key
    window: timedelta = WINDOW
    repeats_for: timedelta = timedelta(days=3)
    taken: Reply = Reply(204)
    refused: Reply = Reply(401)
    failed: Reply = Reply(500)
    masked: frozenset[str] = frozenset()
    subscribing: Text | None = None
