"""Accounts, sign-in and sessions."""

import hashlib
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import available_timezones

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from babel.numbers import list_currencies

from portal.flows import audit
from portal.flows.acting import Acting
from portal.flows.audit import By
from portal.flows.house import house
from portal.kit.clock import now
from portal.kit.db import act_for, acting_for, db
from portal.kit.errors import Refusal
from portal.kit.ids import new_id, new_token
from portal.models import LoginSession, Membership, Merchant, Role, SessionStage, User

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
LONGEST_NAME = 80

# argon2id at 19 MiB, two passes: OWASP's floor.  Two hashes at once at the most, so that a flood of sign-ins cannot
# take every core from the merchants who are in.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
HASHING = threading.BoundedSemaphore(2)
# Verified against when nobody has the address, so that an unknown address takes as long as a wrong password.
NOBODY = HASHER.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, and for which merchant.

    `fresh_at` is when the person last showed who he or she is.  Where support staff work as a merchant, `user` is the
    agent, `merchant` and `role` are those of the member as whom, and `acting` is that session.
    """

    user: User
    merchant: Merchant | None
    role: Role | None
    session_hash: bytes
    fresh_at: datetime
    stage: SessionStage = SessionStage.OPEN
    acting: Acting | None = None


def _hasher() -> PasswordHasher:
    return QUICK_HASHER if house().settings.quick_hashing else HASHER


def token_hash(token: str) -> bytes:
    """How a session's token is known to the database."""
    return hashlib.sha256(token.encode()).digest()


def create_user(email: str, name: str, password: str, *, locale: str | None = None, is_staff: bool = False) -> User:
    """A new person.  Raises Refusal where the address is taken or the password too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refusal("password_length", "password", shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD)
    taken = db.session.scalar(sa.select(User.id).where(sa.func.lower(User.email) == email.strip().lower()))
    if taken:
        raise Refusal("email_taken", "email")
    user = User(
        email=email.strip(),
        name=name.strip(),
        password_hash=_hasher().hash(password),
        locale=locale,
        is_staff=is_staff,
        may_view_as=is_staff,
    )
    db.session.add(user)
    db.session.commit()
    return user


def check_merchant(name: str, currency: str, time_zone: str) -> None:
    """Raises Refusal where no merchant can be made with these."""
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Refusal("name_length", "name", longest=LONGEST_NAME)
    if currency not in list_currencies():
        raise Refusal("unknown_currency", "currency", currency=currency)
    if time_zone not in available_timezones():
        raise Refusal("unknown_zone", "time_zone", zone=time_zone)


def create_merchant(name: str, currency: str, time_zone: str, locale: str = "en") -> uuid.UUID:
    """A new tenant without people; gives its id.  Raises Refusal."""
    check_merchant(name, currency, time_zone)
    merchant_id = new_id()
    with acting_for(merchant_id):
        merchant = Merchant(id=merchant_id, name=name.strip(), currency=currency, time_zone=time_zone, locale=locale)
        db.session.add(merchant)
        db.session.commit()
    return merchant_id


def join(merchant_id: uuid.UUID, user: User, role: Role, by: By = audit.LINTAS) -> None:
    """Make a person a member of a merchant."""
    with acting_for(merchant_id):
        db.session.add(Membership(merchant_id=merchant_id, user_id=user.id, role=role))
        audit.note(by, "joined", "user", user.id, name=user.name, after={"role": role.value})
        db.session.commit()


def sign_in(email: str, password: str, agent: str = "") -> str | None:
    """The token of a new session; None where address and password do not belong together."""
    user = db.session.scalar(sa.select(User).where(sa.func.lower(User.email) == email.strip().lower()))
    if not _verified(user, password) or user is None or user.disabled_at is not None:
        return None
    if _hasher().check_needs_rehash(user.password_hash):
        user.password_hash = _hasher().hash(password)
    token = new_token()
    with acting_for(None, user.id):
        first = db.session.scalar(
            sa.select(Membership.merchant_id)
            .where(Membership.user_id == user.id)
            .order_by(Membership.created_at)
            .limit(1)
        )
        db.session.add(
            LoginSession(
                token_hash=token_hash(token),
                user_id=user.id,
                merchant_id=first,
                agent=agent[:200],
                ends_at=now() + LONGEST,
            )
        )
        db.session.commit()
    return token


def _verified(user: User | None, password: str) -> bool:
    with HASHING:
        try:
            return _hasher().verify(NOBODY if user is None else user.password_hash, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False


def who(token: str) -> SignedIn | None:
    """Whose session this is; from here on the database shows that merchant's rows.  None where it is over."""
    hashed = token_hash(token)
    found = db.session.execute(
        sa.select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash == hashed)
    ).first()
    if found is None:
        return None
    session, user = found
    moment = now()
    if user.disabled_at is not None or session.ends_at < moment or session.seen_at + IDLE < moment:
        return None
    if session.seen_at + SEEN_EVERY < moment:
        _saw(hashed, moment)
    act_for(session.merchant_id, user.id)
    if session.merchant_id is None:
        return SignedIn(user, None, None, hashed, session.fresh_at, session.stage)
    row = db.session.execute(
        sa.select(Merchant, Membership.role)
        .join(Membership, Membership.merchant_id == Merchant.id)
        .where(Merchant.id == session.merchant_id, Membership.user_id == user.id)
    ).first()
    return None if row is None else SignedIn(user, row[0], row[1], hashed, session.fresh_at, session.stage)


def _saw(hashed: bytes, moment: datetime) -> None:
    # By a connection of its own, so that a request which is refused or fails still counts as a sign of life.
    with db.engine.begin() as wire:
        wire.execute(sa.update(LoginSession).where(LoginSession.token_hash == hashed).values(seen_at=moment))


def sign_out(session_hash: bytes) -> None:
    """End a session on the server."""
    db.session.execute(sa.delete(LoginSession).where(LoginSession.token_hash == session_hash))
    db.session.commit()


def speak(user_id: uuid.UUID, locale: str) -> None:
    """Keep the language that a person chose."""
    db.session.execute(sa.update(User).where(User.id == user_id).values(locale=locale))
    db.session.commit()


def forget_old_sessions() -> None:
    """Remove sessions that are over."""
    moment = now()
    db.session.execute(
        sa.delete(LoginSession).where(sa.or_(LoginSession.ends_at < moment, LoginSession.seen_at < moment - IDLE))
    )
    db.session.commit()


def merchants() -> set[uuid.UUID]:
    """Every merchant that has people: no role may list merchants, but each person sees his or her own."""
    found: set[uuid.UUID] = set()
    for person in list(db.session.scalars(sa.select(User.id))):
        with acting_for(None, person):
            found.update(db.session.scalars(sa.select(Membership.merchant_id).where(Membership.user_id == person)))
    return found
