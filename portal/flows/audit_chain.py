"""The chain of the audit trail, computed once more by this code and compared with what the database keeps.

The database makes each link when the transaction of its note commits.  Here the same hash is made from the text of each
value without any function of the database's, so that a note that was edited, removed or exchanged by somebody who can
step over the walls is found; what was cut off at the end is found by the head, and a chain that was made anew, or cut
together with its head, by the heads that were written down outside (`audit_heads`).
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Wire

from portal.flows.audit_heads import Head
from portal.kit.db import TELL, db

PIECE = 2_000


class Break(StrEnum):
    """What is wrong with a chain: a note was changed (or took another's place); notes were removed; a note stands
    outside of the chain; the head is not that of the last link; the end that was written down outside is missing; or
    the chain is another one than was written down outside."""

    CHANGED = "changed"
    REMOVED = "removed"
    OUTSIDE = "outside"
    HEAD = "head"
    CUT = "cut"
    ANOTHER = "another"


@dataclass(frozen=True, slots=True)
class Fault:
    """One break of a chain: from which place to which, and the moment of the note or of the head where it is known."""

    what: Break
    first: int
    last: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """How many notes a chain has, and what is wrong with it."""

    notes: int
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class Link:
    """A link with the text of each value of its note; None where the note is missing."""

    seq: int
    mac: bytes
    texts: Sequence[str] | None
    at: datetime | None


# The values of a note in the order in which they are hashed.
TEXTS = (
    "n.merchant_id::text",
    "n.id::text",
    "n.who",
    "coalesce(n.user_id::text, '')",
    "n.as_whom",
    "coalesce(n.support_id::text, '')",
    "n.reason",
    "n.what",
    "n.subject",
    "n.subject_id::text",
    "coalesce(n.store_id::text, '')",
    "n.name",
    "n.before::text",
    "n.after::text",
    "n.request_id",
    "n.address",
)
LINKS = sa.text(
    f"""
    select l.seq, l.mac, n.id is not null as there, n.at, {", ".join(TEXTS)}
    from audit_link l left join audit_note n on (n.merchant_id, n.id) = (l.merchant_id, l.id)
    where l.merchant_id = :merchant order by l.seq
    """  # noqa: S608 - made of the constants above.
)
OUTSIDE = sa.text(
    """
    select count(*) as number, min(n.at) as first from audit_note n
    where n.merchant_id = :merchant and not exists (
        select from audit_link l where (l.merchant_id, l.id) = (n.merchant_id, n.id))
    """
)
HEAD = sa.text("select seq, mac, at from audit_head where merchant_id = :merchant")
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
BEFORE_THE_FIRST = b""


def made_over(before: bytes, seq: int, texts: Sequence[str]) -> bytes:
    """The hash of a link: over the one before it, its place, and each value of its note behind its length in bytes."""
    form = ",".join(f"{len(each.encode())}:{each}" for each in texts)
    return hashlib.sha256(before + f"{seq}|{form}".encode()).digest()


def verify(merchant_id: uuid.UUID, outside: Mapping[int, Head]) -> Chain:
    """Look at the whole chain of a merchant; `outside` are its heads that were written down, by their number.

    Reads in one state of the database, so that what is noted meanwhile does not matter, and piece by piece.
    """
    faults: list[Fault] = []
    with _still(merchant_id) as wire:
        head = wire.execute(HEAD, {"merchant": merchant_id}).one_or_none()
        walk = _Walk(outside)
        for link in _links(wire, merchant_id):
            walk.step(link)
        faults += walk.faults
        faults += _of_head(head, walk)
        faults += _of_outside(outside, walk)
        loose = wire.execute(OUTSIDE, {"merchant": merchant_id}).one()
    if loose.number:
        faults.append(Fault(Break.OUTSIDE, loose.number, loose.number, loose.first))
    return Chain(walk.seq, faults)


class _Walk:
    """A walk along a chain: what was seen last, and the faults so far."""

    def __init__(self, outside: Mapping[int, Head]) -> None:
        self.seq, self.mac = 0, BEFORE_THE_FIRST
        self.faults: list[Fault] = []
        self._outside = outside

    def step(self, link: Link) -> None:
        """Look at the next link; each is measured by the stored one before it, so that one break is told once."""
        follows = link.seq == self.seq + 1
        if not follows:
            self.faults.append(Fault(Break.REMOVED, self.seq + 1, link.seq - 1))
        if link.texts is None:
            self.faults.append(Fault(Break.REMOVED, link.seq, link.seq))
        elif follows and made_over(self.mac, link.seq, link.texts) != link.mac:
            self.faults.append(Fault(Break.CHANGED, link.seq, link.seq, link.at))
        head = self._outside.get(link.seq)
        if head is not None and head.mac != link.mac:
            self.faults.append(Fault(Break.ANOTHER, link.seq, link.seq, head.at))
        self.seq, self.mac = link.seq, link.mac


def _of_head(head: sa.Row[Any] | None, walk: _Walk) -> Iterator[Fault]:
    if head is None:
        if walk.seq:
            yield Fault(Break.HEAD, walk.seq, walk.seq)
    elif head.seq > walk.seq:
        yield Fault(Break.REMOVED, walk.seq + 1, head.seq, head.at)
    elif (head.seq, bytes(head.mac)) != (walk.seq, walk.mac):
        yield Fault(Break.HEAD, head.seq, walk.seq, head.at)


def _of_outside(outside: Mapping[int, Head], walk: _Walk) -> Iterator[Fault]:
    farthest = max(outside, default=0)
    if farthest > walk.seq:
        yield Fault(Break.CUT, walk.seq + 1, farthest, outside[farthest].at)


def _links(wire: Wire, merchant_id: uuid.UUID) -> Iterator[Link]:
    streamed = wire.execution_options(stream_results=True, yield_per=PIECE)
    for seq, mac, there, at, *texts in streamed.execute(LINKS, {"merchant": merchant_id}):
        yield Link(seq, bytes(mac), [*texts, _microseconds(at)] if there else None, at)


def _microseconds(at: datetime) -> str:
    since = at - EPOCH
    return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


@contextmanager
def _still(merchant_id: uuid.UUID) -> Iterator[Wire]:
    """A connection of its own that sees one state of this merchant's rows for as long as it lasts."""
    with db.engine.connect() as opened:
        wire = opened.execution_options(isolation_level="REPEATABLE READ")
        with wire.begin():
            wire.execute(TELL, {"merchant": str(merchant_id), "person": ""})
            yield wire
