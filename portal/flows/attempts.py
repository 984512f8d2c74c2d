"""Tries at something that is limited, and when the next one is allowed."""

import hashlib
import ipaddress
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Wire

from portal.kit.clock import now
from portal.kit.db import db, same_word
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Attempt, User

SPAN = timedelta(minutes=5)
WITH_PORT = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([\d.]+):\d+")

SIGN_IN, SECOND_FACTOR, FORGOTTEN = "sign_in", "second_factor", "forgotten"
# A sign-in in a browser where the person signed in before, which is the account of this kind.
SIGN_IN_AGAIN = "sign_in_again"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries within five minutes: of one account, from one address, and of all together."""

    account: int = 10
    address: int = 10
    overall: int = 1_000


USUAL = Limit()
LIMITS = {SECOND_FACTOR: Limit(account=5), FORGOTTEN: Limit(account=3)}


def refused(kind: str, account: str, address: str) -> bool:
    """Whether another try is one too many.  `account` and `address` may be "" where the try has none."""
    with db.engine.begin() as wire:
        return _allowed_at(wire, kind, known_as(account), network(address)) is not None


def count(kind: str, account: str, address: str) -> None:
    """Count a try, whatever the limits say."""
    with db.engine.begin() as wire:
        _write(wire, kind, known_as(account), network(address))


def claim(kind: str, account: str, address: str) -> uuid.UUID:
    """Count a try before it is made, so that of many at once no more pass than the limit; `forgive` takes it back.

    The session's open transaction ends, so that no request waits with two connections.  Raises Refusal where this is
    one too many; then nothing is counted, so that the wait does not grow by asking.
    """
    db.session.rollback()
    whose, place = known_as(account), network(address)
    with db.engine.begin() as wire:
        for key in sorted({_lock(kind, whose), _lock(kind, place.encode())}):
            wire.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
        again_at = _allowed_at(wire, kind, whose, place)
        if again_at is not None:
            raise Refusal("too_many_tries", minutes=max(1, ceil((again_at - now()) / timedelta(minutes=1))))
        return _write(wire, kind, whose, place)


def forgive(claimed: uuid.UUID) -> None:
    """A try that was right does not count."""
    with db.engine.begin() as wire:
        wire.execute(sa.delete(Attempt).where(Attempt.id == claimed))


def leave_word(claimed: uuid.UUID, email: str) -> None:
    """Have the person with this e-mail address told of the try.

    That is done later and by somebody else, and this takes as long where nobody has the address: who only sees how
    long an answer takes does not learn from it whether the person is known here.
    """
    wanted = sa.select(User.id).where(same_word(User.email, email.strip())).scalar_subquery()
    with db.engine.begin() as wire:
        wire.execute(sa.update(Attempt).where(Attempt.id == claimed).values(user_id=wanted))


def known_as(account: str) -> bytes:
    """How an account is known to the table; nothing for a try without one."""
    plain = account.strip().lower()
    return hashlib.sha256(plain.encode()).digest() if plain else b""


def network(address: str) -> str:
    """The place that an address stands for: whoever has one IPv6 address has the 2**64 beside it.

    Some proxies write the port behind the address, which is another one with every connection.
    """
    with_port = WITH_PORT.fullmatch(address)
    address = next(filter(None, with_port.groups())) if with_port else address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _write(wire: Wire, kind: str, account: bytes, address: str) -> uuid.UUID:
    made = new_id()
    wire.execute(sa.insert(Attempt).values(id=made, kind=kind, account=account, address=address, at=now()))
    return made


def _allowed_at(wire: Wire, kind: str, account: bytes, address: str) -> datetime | None:
    """When the next try is allowed, None where it is now."""
    limit = LIMITS.get(kind, USUAL)
    of_account, of_address = Attempt.account == account, Attempt.address == address
    counted: list[tuple[int, sa.ColumnElement[bool]]] = [(limit.overall, sa.true())]
    counted += [(limit.account, of_account)] if account else []
    counted += [(limit.address, of_address)] if address else []
    found = [
        wire.scalar(
            sa.select(Attempt.at)
            .where(Attempt.kind == kind, Attempt.at > now() - SPAN, which)
            .order_by(Attempt.at.desc())
            .offset(most - 1)
            .limit(1)
        )
        for most, which in counted
    ]
    return max((each + SPAN for each in found if each is not None), default=None)


def _lock(kind: str, of: bytes) -> int:
    return int.from_bytes(hashlib.sha256(kind.encode() + b"|" + of).digest()[:8], signed=True)
