"""Forms that were sent: who sends the same one again gets the answer of the first, and nothing happens twice.

The database decides who came first, whatever process or thread a sending meets.  Each step is a transaction of its own
on a connection beside the session, so that a second sending sees the first while that is still being worked on.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.dialects.postgresql import insert

from portal.kit.clock import now
from portal.kit.db import db
from portal.models import SentForm

# Whoever sends again after this long finds the mark free: the first sending died without a word.
DIED = timedelta(seconds=30)
NONCE_BYTES = 12
LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending: the `mark` that the database keeps, and the `key` to its answer, which the database never sees."""

    mark: bytes
    key: bytes

    @classmethod
    def of(cls, parts: Iterable[str | bytes]) -> "Sending":
        """The sending that all these parts together make."""
        whole = hashlib.sha256()
        for each in parts:
            raw = each if isinstance(each, bytes) else each.encode()
            # With their lengths, so that two different sendings never run together into the same bytes.
            whole.update(len(raw).to_bytes(LENGTH_BYTES) + raw)
        said = whole.digest()
        return cls(hashlib.sha256(b"mark" + said).digest(), hashlib.sha256(b"key" + said).digest())


def claim(sending: Sending) -> bool:
    """Whether this sending is the first, or the first after one that died; it then owes `answered` or `release`."""
    moment = now()
    dead = sa.and_(SentForm.answer.is_(None), SentForm.at < moment - DIED)
    entry = insert(SentForm).values(mark=sending.mark, at=moment)
    first = entry.on_conflict_do_update(index_elements=[SentForm.mark], set_={"at": moment}, where=dead)
    with db.engine.begin() as wire:
        return wire.execute(first.returning(SentForm.mark)).first() is not None


def answer_of(sending: Sending) -> bytes | None:
    """The answer that the first sending was given; None while there is none, also where its mark was released."""
    with db.engine.begin() as wire:
        sealed: bytes | None = wire.scalar(sa.select(SentForm.answer).where(SentForm.mark == sending.mark))
    if sealed is None:
        return None
    return AESGCM(sending.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], sending.mark)


def answered(sending: Sending, answer: bytes) -> None:
    """Keep what the first sending was answered.

    An answer can hold a pass, a cookie or a key that is shown once: nobody who reads the table can open it.
    """
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(sending.key).encrypt(nonce, answer, sending.mark)
    with db.engine.begin() as wire:
        wire.execute(sa.update(SentForm).where(SentForm.mark == sending.mark).values(answer=sealed))


def release(sending: Sending) -> None:
    """Let the same form be sent again: nothing came of this sending."""
    with db.engine.begin() as wire:
        wire.execute(sa.delete(SentForm).where(SentForm.mark == sending.mark))
