"""The heads of the audit trail, written down outside of the database.

A chain of which the end was cut off together with its head shows no fault in the database itself.  So the relay appends
every head that has moved to a file, PORTAL_AUDIT_HEADS, which is best kept where the database's machine can only
append.  A line is JSON: the merchant, how many notes its chain had, the hash of the last one, when, and an HMAC under
a key that follows from PORTAL_SECRET_KEY, so that nobody else can write one.
"""

import hmac
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa

from portal.flows.house import house
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import AuditHead

# What the relay leaves in Redis while it cannot write; another machine may be the one that asks.
TROUBLE = "lintas:audit-heads:trouble"
PURPOSE = b"lintas audit heads"
COLUMNS = sa.select(AuditHead.merchant_id, AuditHead.seq, AuditHead.mac, AuditHead.at)
BE_RELAY = sa.text("set local role lintas_relay")

say = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """That the chain of a merchant had `seq` notes at a moment, the last of them with the hash `mac`.

    `at` is when the last one was noted, or, with `gone`, when the merchant was deleted and its chain with it.
    """

    merchant_id: uuid.UUID
    seq: int
    mac: bytes
    at: datetime
    gone: bool = False


@dataclass(slots=True)
class Known:
    """What the file says: the heads of each merchant by their number, who is gone, and how many lines are not ours."""

    heads: dict[uuid.UUID, dict[int, Head]] = field(default_factory=dict)
    gone: set[uuid.UUID] = field(default_factory=set)
    strange: int = 0

    def take(self, head: Head) -> None:
        """Add what a line says."""
        self.heads.setdefault(head.merchant_id, {})[head.seq] = head
        if head.gone:
            self.gone.add(head.merchant_id)

    def has(self, head: Head) -> bool:
        """Whether a head was written down."""
        there = self.heads.get(head.merchant_id, {}).get(head.seq)
        return there is not None and there.mac == head.mac


def path() -> Path | None:
    """Where the heads are written down; None where the operator named no place."""
    named = house().settings.audit_heads
    return Path(named) if named else None


def read() -> Known:
    """Everything in the file; nothing where there is none yet.  Raises OSError for a file that cannot be read."""
    known, where = Known(), path()
    if where is None or not where.exists():
        return known
    key = _key()
    with where.open("rb") as lines:
        for line in lines:
            head = _read(line, key)
            if head is None:
                known.strange += 1
            else:
                known.take(head)
    return known


def append() -> int:
    """Write every head down that has moved since the last time; gives how many.  Raises OSError."""
    if path() is None:
        return 0
    known = read()
    moved = [each for each in heads() if not known.has(each)]
    _write(moved)
    return len(moved)


def keep() -> None:
    """The same for the relay: what cannot be written is told in the log, and to whoever asks `trouble`, and is tried
    again the next time."""
    try:
        append()
    except OSError as why:
        say.warning("the heads of the audit trail could not be written down", why=type(why).__name__)
        house().redis.set(TROUBLE, os.strerror(why.errno) if why.errno else type(why).__name__)
    else:
        house().redis.delete(TROUBLE)


def trouble() -> str:
    """Why the relay could not write the heads down the last time, in the words of its system; "" where it could, and
    where Redis does not tell."""
    try:
        said = house().redis.get(TROUBLE)
    except redis.RedisError:
        return ""
    return said.decode() if isinstance(said, bytes) else str(said or "")


def write_gone(merchant_id: uuid.UUID, seq: int, mac: bytes) -> None:
    """Write down that a merchant was deleted with its chain, so that the chain is not missed.  Raises OSError."""
    if path() is not None:
        _write([Head(merchant_id, seq, mac, now(), gone=True)])


def heads() -> list[Head]:
    """The head of every merchant, as the database has it; asked under the relay's hat, which sees them all."""
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        rows = wire.execute(COLUMNS.order_by(AuditHead.id)).all()
    return [Head(row.merchant_id, row.seq, row.mac, row.at) for row in rows]


def _write(moved: Iterable[Head]) -> None:
    where, key = path(), _key()
    text = "".join(f"{json.dumps(_line(each, key))}\n" for each in moved)
    if where is None or not text:
        return
    where.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        rest = text.encode()
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(head: Head, key: bytes) -> dict[str, Any]:
    line: dict[str, Any] = {
        "merchant": str(head.merchant_id),
        "seq": head.seq,
        "mac": head.mac.hex(),
        "at": head.at.isoformat(),
    }
    if head.gone:
        line["gone"] = True
    return {**line, "hmac": _sealed(line, key)}


def _read(line: bytes, key: bytes) -> Head | None:
    """What a line says; None where it is torn, or was not written under our key."""
    try:
        said = json.loads(line)
        seal = said.pop("hmac")
        if not hmac.compare_digest(_sealed(said, key), seal):
            return None
        at = datetime.fromisoformat(said["at"])
        return Head(uuid.UUID(said["merchant"]), said["seq"], bytes.fromhex(said["mac"]), at, said.get("gone", False))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _sealed(line: dict[str, Any], key: bytes) -> str:
    return hmac.digest(key, json.dumps(line, sort_keys=True).encode(), "sha256").hex()


def _key() -> bytes:
    return hmac.digest(house().settings.secret_key.encode(), PURPOSE, "sha256")
