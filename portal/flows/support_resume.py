"""Whether a session as a merchant still holds: asked anew on every request."""

import uuid
from dataclasses import dataclass, replace

import sqlalchemy as sa

from portal.flows import audit, support
from portal.flows.sessions import SignedIn
from portal.flows.support_consent import consents
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import act_for, acting_for, db
from portal.models import Membership, Merchant, Role, SessionStage, SupportEnd, SupportMode, SupportSession, User


@dataclass(frozen=True, slots=True)
class Over:
    """That the session which a browser names does not hold, and how it ended; None where there never was one."""

    how: SupportEnd | None


def resume(signed: SignedIn | None, token: str) -> SignedIn | Over:
    """Whose session this is, as the member as whom the agent works; from here on the database shows that merchant.

    Whatever it stands on is looked at: the agent (enabled, staff, with the right), the own sign-in, the time, the
    member, and the merchant's consent where it acts.  What does not hold any more is ended at once.
    """
    found = passes.read(token)
    if found is None:
        return Over(None)
    merchant_id, hashed = found
    agent_id = signed.user.id if signed else None
    with acting_for(merchant_id, agent_id):
        row = db.session.execute(
            sa.select(SupportSession, Merchant)
            .join(Merchant, Merchant.id == SupportSession.merchant_id)
            .where(SupportSession.merchant_id == merchant_id, SupportSession.token_hash == hashed)
        ).first()
        if row is None:
            return Over(None)
        session, merchant = row
        role = _role_of(merchant_id, session.whom_id)
        consent = consents(session, merchant.support_consent)
        how = session.end or _broken(session, signed, role, consent)
        if how is not None:
            _end(session, how)
            return Over(how)
    act_for(merchant_id, agent_id)
    if signed is None or role is None:
        return Over(None)
    return replace(signed, merchant=merchant, role=role, acting=support.acting_of(session, merchant, consent))


def _role_of(merchant_id: uuid.UUID, user_id: uuid.UUID) -> Role | None:
    """What the member is today; None for whoever left, is disabled, or has become staff."""
    return db.session.scalar(
        sa.select(Membership.role)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.merchant_id == merchant_id,
            Membership.user_id == user_id,
            User.disabled_at.is_(None),
            User.is_staff.is_(False),
        )
    )


def _broken(session: SupportSession, signed: SignedIn | None, role: Role | None, consent: bool) -> SupportEnd | None:
    """Why the session holds no longer, None where it does."""
    if session.ends_at <= now():
        return SupportEnd.TIME
    if not _is_the_agent(session, signed) or role is None:
        return SupportEnd.RIGHT
    if session.mode is SupportMode.ACT and not consent:
        return SupportEnd.CONSENT
    return None


def _is_the_agent(session: SupportSession, signed: SignedIn | None) -> bool:
    """Whether the browser is the agent's own, signed in as at the start, with the right that it takes."""
    return (
        signed is not None
        and signed.stage is SessionStage.OPEN
        and signed.user.is_active
        and signed.user.is_staff
        and signed.user.may_view_as
        and signed.user.id == session.agent_id
        and signed.session_hash == session.parent_hash
    )


def _end(session: SupportSession, how: SupportEnd) -> None:
    if session.ended_at is None:
        support.end(session.id, how, audit.LINTAS)
