"""Support staff work as a member of a merchant: the agent's side, from the start to the end.

A session looks only, unless the merchant consents and the agent confirms once more.  It ends after 30 minutes, after 60
where it was extended, and at once when whatever it stands on is gone.  What the merchant says to it is
`support_consent`, who is let through on each request is `support_resume`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.flows import audit, letters, notices, support_letters
from portal.flows.acting import Acting
from portal.flows.audit import By
from portal.flows.sessions import SignedIn, token_hash
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id, new_token
from portal.models import (
    LoginSession,
    Membership,
    Merchant,
    Notice,
    Role,
    SupportConsent,
    SupportEnd,
    SupportMode,
    SupportReason,
    SupportSession,
    User,
)

USUAL, LONGEST = timedelta(minutes=30), timedelta(minutes=60)
# What notices of sessions are about, and their causes: that somebody is here, that somebody asks to change something.
SUBJECT, HERE, ASKS = "support", "support_here", "support_asks"
LONGEST_TICKET, LONGEST_WHY = 40, 300
SHORTEST_WHY = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent says at the start: as whom, why, the number of the ticket; `note` where the reason is OTHER."""

    whom_id: uuid.UUID
    reason: SupportReason
    ticket: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a merchant as whom an agent may work."""

    id: uuid.UUID
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant, as far as whoever does not belong to it sees it."""

    id: uuid.UUID
    name: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """The agent's own session under a new token, and when it ends whatever happens."""

    token: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was begun: its token, and the agent's own new one."""

    session_id: uuid.UUID
    token: str
    parent: Renewed


def merchant_of(merchant_id: uuid.UUID) -> Place | None:
    """A merchant by its id, for staff, who belong to none."""
    with acting_for(merchant_id):
        name = db.session.scalar(sa.select(Merchant.name).where(Merchant.id == merchant_id))
    return None if name is None else Place(merchant_id, name)


def members(merchant_id: uuid.UUID) -> Sequence[Member]:
    """The members of a merchant as whom somebody may work, the first owner first: never staff, nobody disabled."""
    with acting_for(merchant_id):
        query = (
            sa.select(User.id, User.name, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.merchant_id == merchant_id, User.disabled_at.is_(None), User.is_staff.is_(False))
            .order_by(Membership.created_at, Membership.id)
        )
        found = [Member(row.id, row.name, row.role) for row in db.session.execute(query)]
    return sorted(found, key=lambda each: -each.role.rank)


def running(agent_id: uuid.UUID) -> SupportSession | None:
    """The session of an agent that goes on; one whose time is over is ended here, in the open transaction."""
    with acting_for(None, agent_id):
        query = sa.select(SupportSession).where(SupportSession.agent_id == agent_id, SupportSession.ended_at.is_(None))
        found = list(db.session.scalars(query))
    for session in found:
        if session.ends_at <= now():
            with acting_for(session.merchant_id):
                finish(session, SupportEnd.TIME, audit.LINTAS)
    return next((each for each in found if each.ended_at is None), None)


def start(signed: SignedIn, merchant_id: uuid.UUID, wish: Wish, by: By) -> Opened:
    """Begin to look as a member of a merchant; the merchant is told.  Raises Refusal.

    The agent gets a new token of the own session too, so that nothing from before the start is of use after it.
    """
    _check(wish)
    # One session per agent: whoever starts two at once does it one after the other.
    db.session.execute(sa.select(User.id).where(User.id == signed.user.id).with_for_update(key_share=True))
    if running(signed.user.id) is not None:
        db.session.commit()
        raise Refusal("support_open")
    whom = next((each for each in members(merchant_id) if each.id == wish.whom_id), None)
    if whom is None:
        raise Refusal("support_whom", "whom")
    with acting_for(merchant_id, signed.user.id):
        parent = renew(signed.session_hash)
        token, hashed = passes.make(merchant_id)
        session = _session(signed.user, whom, wish, hashed, token_hash(parent.token))
        db.session.add(session)
        db.session.flush()
        audit.note(_both(session, by), "support_started", SUBJECT, session.id, name=wish.ticket, after=_said(wish))
        notices.tell(SUBJECT, session.id, HERE, grave=False, **_about(session))
        letters.post(support_letters.STARTED, session.id)
        db.session.commit()
        return Opened(session.id, token, parent)


def _check(wish: Wish) -> None:
    if not 1 <= len(wish.ticket.strip()) <= LONGEST_TICKET:
        raise Refusal("support_ticket", "ticket", most=LONGEST_TICKET)
    if wish.reason is SupportReason.OTHER and len(wish.note.strip()) < SHORTEST_WHY:
        raise Refusal("support_note", "note")
    if len(wish.note) > LONGEST_WHY:
        raise Refusal("support_why_long", "note", most=LONGEST_WHY)


def _session(agent: User, whom: Member, wish: Wish, hashed: bytes, parent: bytes) -> SupportSession:
    moment = now()
    return SupportSession(
        merchant_id=whose(),
        id=new_id(),
        agent_id=agent.id,
        agent_name=agent.name,
        whom_id=whom.id,
        whom_name=whom.name,
        role=whom.role,
        reason=wish.reason,
        ticket=wish.ticket.strip(),
        note=wish.note.strip(),
        token_hash=hashed,
        parent_hash=parent,
        started_at=moment,
        ends_at=moment + USUAL,
    )


def _said(wish: Wish) -> dict[str, str]:
    return {"reason": wish.reason.value, "ticket": wish.ticket.strip(), "note": wish.note.strip()}


def _about(session: SupportSession) -> dict[str, str]:
    """What the notices of a session name."""
    return {
        "agent": session.agent_name,
        "whom": session.whom_name,
        "reason": session.reason.value,
        "ticket": session.ticket,
        "note": session.note,
        "asked": session.asked_why,
    }


def acting_of(session: SupportSession, merchant: Merchant, consents: bool) -> Acting:
    """The session as requests carry it; `consents` is whether the merchant lets it act."""
    return Acting(
        session_id=session.id,
        agent=session.agent_name,
        whom=session.whom_name,
        mode=session.mode,
        reason=session.reason,
        ticket=session.ticket,
        note=session.note,
        ends_at=session.ends_at,
        extended=session.extended_at is not None,
        asked=session.asks,
        granted=consents,
        merchant=merchant.name,
        never=merchant.support_consent is SupportConsent.NEVER,
    )


def _both(session: SupportSession, by: By) -> By:
    """The agent as the audit trail names him or her inside the session."""
    reason = f"{session.reason.value} {session.ticket}"
    behalf = audit.Behalf(session.agent_name, session.whom_name, session.id, reason)
    return By(f"{session.agent_name} / {session.whom_name}", session.agent_id, by.request_id, by.address, behalf)


def renew(session_hash: bytes) -> Renewed:
    """Give the agent's own session a new token, in the open transaction.  Raises Refusal where it is over."""
    token = new_token()
    ends_at = db.session.scalar(
        sa.update(LoginSession)
        .where(LoginSession.token_hash == session_hash)
        .values(token_hash=token_hash(token))
        .returning(LoginSession.ends_at)
    )
    if ends_at is None:
        raise Refusal("support_parent")
    return Renewed(token, ends_at)


def back_to_own(signed: SignedIn) -> Renewed:
    """A new token for the agent's own session, when work as a merchant is over.  Raises Refusal."""
    renewed = renew(signed.session_hash)
    db.session.commit()
    return renewed


def locked(session_id: uuid.UUID) -> SupportSession:
    """A session that goes on, held against a second change.  Raises Refusal where it has ended."""
    session = _held(session_id)
    if session.ended_at is not None or session.ends_at <= now():
        raise Refusal("support_over")
    return session


def _held(session_id: uuid.UUID) -> SupportSession:
    # The weaker lock: pages that are seen meanwhile are still kept, and they point at the session.
    return db.session.get_one(
        SupportSession, (whose(), session_id), with_for_update={"key_share": True}, populate_existing=True
    )


def extend(acting: Acting, why: str, by: By) -> None:
    """Go on until 60 minutes after the start; once, with a new reason.  Raises Refusal."""
    session = locked(acting.session_id)
    if session.extended_at is not None:
        raise Refusal("support_extended")
    session.extended_why = _why(why)
    session.extended_at = now()
    session.ends_at = session.started_at + LONGEST
    audit.note(by, "support_extended", SUBJECT, session.id, name=session.ticket, after={"why": session.extended_why})
    db.session.commit()


def _why(text: str) -> str:
    found = text.strip()
    if len(found) < SHORTEST_WHY:
        raise Refusal("support_why", "why")
    if len(found) > LONGEST_WHY:
        raise Refusal("support_why_long", "why", most=LONGEST_WHY)
    return found


def ask(acting: Acting, why: str, by: By) -> None:
    """Ask the merchant's owners whether this session may change something.  Raises Refusal.

    What the request knew when it began may be out of date, so the rows that are held decide: of two questions at once
    the merchant is told one, and whoever has just chosen that nobody may is not asked any more.
    """
    chosen = sa.select(Merchant.support_consent).where(Merchant.id == whose()).with_for_update(read=True)
    if db.session.scalars(chosen).one() is SupportConsent.NEVER:
        raise Refusal("support_never")
    session = locked(acting.session_id)
    if acting.granted or session.granted_at is not None or session.mode is SupportMode.ACT:
        raise Refusal("support_granted")
    if session.asks:
        raise Refusal("support_asked")
    session.asked_why, session.asked_at = _why(why), now()
    session.refused_at, session.refused_by = None, ""
    audit.note(by, "support_asked", SUBJECT, session.id, name=session.ticket, after={"why": session.asked_why})
    notices.tell(SUBJECT, session.id, ASKS, grave=True, **_about(session))
    letters.post(support_letters.ASKED, session.id)
    db.session.commit()


def act(acting: Acting, by: By) -> str:
    """Begin to act, where the merchant consents; gives the new token of the session.  Raises Refusal."""
    session = locked(acting.session_id)
    if not acting.granted:
        raise Refusal("support_no_consent")
    if session.mode is SupportMode.ACT:
        raise Refusal("support_acts")
    token, session.token_hash = passes.make(whose())
    session.mode, session.acted_at = SupportMode.ACT, now()
    audit.note(by, "support_acted", SUBJECT, session.id, name=session.ticket)
    db.session.commit()
    return token


def stop(acting: Acting, by: By) -> None:
    """The agent ends the session."""
    end(acting.session_id, SupportEnd.STOPPED, by)


def end(session_id: uuid.UUID, how: SupportEnd, by: By) -> None:
    """End a session of the merchant of the moment; one that has ended already stays as it is."""
    session = _held(session_id)
    finish(session, how, by)
    db.session.commit()


def end_all(agent_id: uuid.UUID, how: SupportEnd, by: By) -> int:
    """End whatever session an agent has, with whichever merchant; how many there were.  For `portal staff` too."""
    ended = 0
    while (session := running(agent_id)) is not None:
        with acting_for(session.merchant_id):
            finish(session, how, by)
            db.session.commit()
        ended += 1
    db.session.commit()
    return ended


def close_overdue() -> None:
    """End the sessions of the merchant of the moment whose time is over, in the open transaction."""
    query = sa.select(SupportSession).where(
        SupportSession.merchant_id == whose(), SupportSession.ended_at.is_(None), SupportSession.ends_at <= now()
    )
    for session in db.session.scalars(query.with_for_update(skip_locked=True)):
        finish(session, SupportEnd.TIME, audit.LINTAS)


def finish(session: SupportSession, how: SupportEnd, by: By) -> None:
    """End a session in the open transaction, for the merchant of the moment."""
    if session.ended_at is not None:
        return
    # A session that nobody touched any more was over when its time was, not when somebody noticed.
    session.ended_at = min(session.ends_at, now())
    session.end, session.ended_by = how, by.name
    audit.note(by, "support_ended", SUBJECT, session.id, name=session.ticket, after={"how": how.value})
    notices.clear(SUBJECT, session.id, ASKS)
    # The notice that somebody is here stays until the merchant has seen it, and says from now on that it is over.
    db.session.execute(
        sa.update(Notice)
        .where(
            Notice.merchant_id == whose(),
            Notice.subject == SUBJECT,
            Notice.subject_id == session.id,
            Notice.cause == HERE,
            Notice.cleared_at.is_(None),
        )
        .values(arguments={**_about(session), "over": True})
    )
    db.session.flush()
