"""Sessions: who is signed in where, for how long, and when it is over."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.flows import memberships
from portal.flows.acting import Acting
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import act_for, db, whose_or_none
from portal.kit.errors import Refusal
from portal.kit.ids import new_token
from portal.models import GrantAttempt, LoginSession, Membership, Merchant, Role, SessionStage, User

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
STAFF_IDLE, STAFF_LONGEST = timedelta(minutes=15), timedelta(hours=8)
# How long somebody who gave the password may look for the second factor.
HALF_LONGEST = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, and for which merchant.

    `fresh_at` is when the person last showed who he or she is.  Where support staff work as a merchant, `user` is the
    agent, `merchant` and `role` are those of the member as whom, and `acting` is that session.  At the stage HALF the
    second factor has still to be shown: there is no merchant yet, and nothing may be opened.
    """

    user: User
    merchant: Merchant | None
    role: Role | None
    session_hash: bytes
    fresh_at: datetime
    stage: SessionStage = SessionStage.OPEN
    acting: Acting | None = None


@dataclass(frozen=True, slots=True)
class Browser:
    """What a sign-in comes from: how the browser calls itself, where it is, in which request it asks, and the mark that
    it got when somebody signed in there before."""

    agent: str = ""
    address: str = ""
    request_id: str = ""
    known: str = ""


def token_hash(token: str) -> bytes:
    """How a session's token is known to the database."""
    return hashlib.sha256(token.encode()).digest()


def idle(user: User) -> timedelta:
    """After how long without a sign of life a session is over."""
    return STAFF_IDLE if user.is_staff else IDLE


def longest(user: User) -> timedelta:
    """After how long a session is over in any case."""
    return STAFF_LONGEST if user.is_staff else LONGEST


def open_one(user: User, browser: Browser, stage: SessionStage = SessionStage.OPEN) -> str:
    """Add a session to the open transaction, and give its token."""
    token = new_token()
    db.session.add(
        LoginSession(
            token_hash=token_hash(token),
            user_id=user.id,
            merchant_id=memberships.first_of(user.id),
            stage=stage,
            agent=browser.agent[:LONGEST_AGENT],
            address=browser.address,
            ends_at=now() + (HALF_LONGEST if stage is SessionStage.HALF else longest(user)),
        )
    )
    return token


def drop(token: str) -> None:
    """End the session with this token in the open transaction, where there is one."""
    if token:
        db.session.execute(sa.delete(LoginSession).where(LoginSession.token_hash == token_hash(token)))


def renew(session_hash: bytes, **changed: Any) -> str:
    """Give a session of the open transaction another token, with what else changes of it; the old one opens nothing.

    Renewing counts as proof of who the person is, so it belongs behind one.  Whoever is on the way to a remote comes
    back into the same session.  Raises Refusal where the session is over; then nothing else was done either.
    """
    token, moment = new_token(), now()
    renewed = db.session.execute(
        sa.update(LoginSession)
        .where(LoginSession.token_hash == session_hash)
        .values(token_hash=token_hash(token), fresh_at=moment, seen_at=moment, **changed)
        .returning(LoginSession.id)
        .execution_options(synchronize_session=False)
    )
    if renewed.first() is None:
        db.session.rollback()
        raise Refusal("session_over")
    db.session.execute(
        sa.update(GrantAttempt)
        .where(GrantAttempt.merchant_id == whose_or_none(), GrantAttempt.session_hash == session_hash)
        .values(session_hash=token_hash(token))
        .execution_options(synchronize_session=False)
    )
    return token


def who(token: str, *, by_itself: bool = False) -> SignedIn | None:
    """Whose session this is; from here on the database shows that merchant's rows.  None where it is over.

    `by_itself` is that a page asks for news, which is no sign of life of the person before it.
    """
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
    if user.disabled_at is not None or session.ends_at < moment or session.seen_at + idle(user) < moment:
        return None
    if session.stage is SessionStage.HALF:
        return SignedIn(user, None, None, hashed, session.fresh_at, session.stage)
    if not by_itself and session.seen_at + SEEN_EVERY < moment:
        _saw(hashed, moment)
    act_for(session.merchant_id, user.id)
    if session.merchant_id is None:
        return SignedIn(user, None, None, hashed, session.fresh_at)
    row = db.session.execute(
        sa.select(Merchant, Membership.role)
        .join(Membership, Membership.merchant_id == Merchant.id)
        .where(Merchant.id == session.merchant_id, Membership.user_id == user.id)
    ).first()
    return None if row is None else SignedIn(user, row[0], row[1], hashed, session.fresh_at)


def _saw(hashed: bytes, moment: datetime) -> None:
    # By a connection of its own, so that a request which is refused or fails still counts as a sign of life.
    with db.engine.begin() as wire:
        wire.execute(sa.update(LoginSession).where(LoginSession.token_hash == hashed).values(seen_at=moment))


def confirmed(session_hash: bytes) -> None:
    """The person has just shown again who he or she is."""
    db.session.execute(sa.update(LoginSession).where(LoginSession.token_hash == session_hash).values(fresh_at=now()))
    db.session.commit()


def open_ones(user_id: uuid.UUID) -> list[LoginSession]:
    """The sessions of a person that go on, the one that was seen last first."""
    user = db.session.get_one(User, user_id)
    moment = now()
    query = sa.select(LoginSession).where(
        LoginSession.user_id == user_id,
        LoginSession.stage == SessionStage.OPEN,
        LoginSession.ends_at > moment,
        LoginSession.seen_at > moment - idle(user),
    )
    return list(db.session.scalars(query.order_by(LoginSession.seen_at.desc(), LoginSession.id)))


def end(user_id: uuid.UUID, session_id: uuid.UUID, by: By) -> bool:
    """End one session of a person; says whether there was such a one."""
    ended = db.session.execute(
        sa.delete(LoginSession)
        .where(LoginSession.user_id == user_id, LoginSession.id == session_id)
        .returning(LoginSession.agent, LoginSession.address)
    ).first()
    if ended is not None:
        _note(by, "session_ended", user_id, {"agent": ended.agent, "address": ended.address})
    db.session.commit()
    return ended is not None


def end_all(user_id: uuid.UUID, but: bytes | None = None) -> int:
    """End the sessions of a person in the open transaction, but for the one with this hash; says how many."""
    wanted = [LoginSession.user_id == user_id]
    if but is not None:
        wanted.append(LoginSession.token_hash != but)
    return len(db.session.execute(sa.delete(LoginSession).where(*wanted).returning(LoginSession.id)).all())


def end_others(user_id: uuid.UUID, but: bytes, by: By) -> int:
    """End every other session of a person, and note it; says how many there were."""
    number = end_all(user_id, but)
    if number:
        _note(by, "sessions_ended", user_id, {"number": number})
    db.session.commit()
    return number


def _note(by: By, what: str, user_id: uuid.UUID, after: Mapping[str, Any]) -> None:
    memberships.note(by, what, db.session.get_one(User, user_id), after)


def sign_out(session_hash: bytes, by: By | None = None) -> None:
    """End a session on the server."""
    user_id = db.session.scalar(
        sa.delete(LoginSession).where(LoginSession.token_hash == session_hash).returning(LoginSession.user_id)
    )
    if user_id is not None and by is not None:
        _note(by, "signed_out", user_id, {})
    db.session.commit()


def forget_old() -> None:
    """Remove sessions that are over."""
    moment = now()
    staff = sa.select(User.id).where(User.is_staff)
    db.session.execute(
        sa.delete(LoginSession).where(
            sa.or_(
                LoginSession.ends_at < moment,
                LoginSession.seen_at < moment - IDLE,
                sa.and_(LoginSession.seen_at < moment - STAFF_IDLE, LoginSession.user_id.in_(staff)),
            )
        )
    )
    db.session.commit()
