"""What a merchant says to support staff who work as one of its members: who may act, and that it is over."""

import uuid
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import audit, notices, support
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Merchant, SupportConsent, SupportEnd, SupportMode, SupportSession

DAY = timedelta(hours=24)


def consents(session: SupportSession, setting: SupportConsent) -> bool:
    """Whether the merchant lets this session change something, as its setting and its answers stand now."""
    match setting:
        case SupportConsent.NEVER:
            return False
        case SupportConsent.ALWAYS:
            return True
        case SupportConsent.DAY:
            return session.granted_at is not None or _granted_of_late()
        case SupportConsent.ASK:
            return session.granted_at is not None


def _granted_of_late() -> bool:
    """Whether somebody of the merchant allowed a session within 24 hours, and nobody refused one since."""
    granted, refused = db.session.execute(
        sa.select(sa.func.max(SupportSession.granted_at), sa.func.max(SupportSession.refused_at)).where(
            SupportSession.merchant_id == whose()
        )
    ).one()
    return granted is not None and granted > now() - DAY and (refused is None or refused < granted)


def grant(session: SupportSession, by: By) -> None:
    """Let a session that asked change something.  Raises Refusal."""
    found = _asking(session.id)
    found.granted_at, found.granted_by = now(), by.name
    _answered(found, "support_granted", by)


def refuse(session: SupportSession, by: By) -> None:
    """Do not let a session that asked change anything; it goes on looking.  Raises Refusal."""
    found = _asking(session.id)
    found.refused_at, found.refused_by = now(), by.name
    _answered(found, "support_refused", by)


def _asking(session_id: uuid.UUID) -> SupportSession:
    session = support.locked(session_id)
    if not session.asks:
        raise Refusal("support_not_asked")
    return session


def _answered(session: SupportSession, what: str, by: By) -> None:
    audit.note(by, what, support.SUBJECT, session.id, name=session.agent_name)
    notices.clear(support.SUBJECT, session.id, support.ASKS)
    db.session.commit()


def end(session: SupportSession, by: By) -> None:
    """Send the agent away; from the next request on nothing opens any more."""
    support.end(session.id, SupportEnd.MERCHANT, by)


def set_consent(merchant: Merchant, setting: SupportConsent, by: By) -> None:
    """What is asked of support staff who want to change something.  Holds at once for sessions that go on, too."""
    before = merchant.support_consent
    if before is setting:
        return
    merchant.support_consent = setting
    audit.note(
        by,
        "support_consent",
        "merchant",
        merchant.id,
        name=merchant.name,
        before={"consent": before.value},
        after={"consent": setting.value},
    )
    _hold_to(setting, by)
    db.session.commit()


def _hold_to(setting: SupportConsent, by: By) -> None:
    """Sessions that go on keep to what was chosen, in the open transaction.

    Where nobody may any more, a yes that was given and a question that waits are answered with it, so that neither
    comes back with the next choice.  Whoever acts without consent leaves now and not with the next page.
    """
    going_on = sa.select(SupportSession).where(SupportSession.merchant_id == whose(), SupportSession.ended_at.is_(None))
    held = going_on.order_by(SupportSession.id).with_for_update(key_share=True)
    for session in db.session.scalars(held.execution_options(populate_existing=True)):
        if setting is SupportConsent.NEVER and session.asked_at is not None and session.refused_at is None:
            session.granted_at, session.granted_by = None, ""
            session.refused_at, session.refused_by = now(), by.name
            notices.clear(support.SUBJECT, session.id, support.ASKS)
        if session.mode is SupportMode.ACT and not consents(session, setting):
            support.finish(session, SupportEnd.CONSENT, by)


def seen(session: SupportSession, by: By) -> None:
    """Somebody of the merchant has looked at a session that is over: its notice goes.  Raises Refusal."""
    if session.ended_at is None and session.ends_at > now():
        raise Refusal("support_goes_on")
    notices.clear(support.SUBJECT, session.id, support.HERE)
    audit.note(by, "support_seen", support.SUBJECT, session.id, name=session.agent_name)
    db.session.commit()
