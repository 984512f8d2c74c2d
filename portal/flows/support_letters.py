"""Letters to the owners of a merchant about support staff at work there.  Nobody can switch them off."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from portal.flows import letters
from portal.flows.letters import Letter
from portal.kit.db import db, whose
from portal.models import Membership, Role, SupportSession, User

STARTED, ASKED = "support_started", "support_asked"


@letters.kind(STARTED)
def _started(session_id: uuid.UUID) -> Sequence[Letter]:
    session = db.session.get(SupportSession, (whose(), session_id))
    return () if session is None else _to_owners(session, STARTED)


@letters.kind(ASKED)
def _asked(session_id: uuid.UUID) -> Sequence[Letter]:
    """Nothing where it was answered meanwhile, or is over."""
    session = db.session.get(SupportSession, (whose(), session_id))
    if session is None or session.ended_at is not None or session.granted_at or session.refused_at:
        return ()
    return _to_owners(session, ASKED)


def _to_owners(session: SupportSession, template: str) -> Sequence[Letter]:
    query = (
        sa.select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.merchant_id == whose(), Membership.role == Role.OWNER, User.disabled_at.is_(None))
        .order_by(Membership.created_at)
    )
    return [
        letters.to(
            owner,
            template,
            agent=session.agent_name,
            whom=session.whom_name,
            reason=session.reason.value,
            ticket=session.ticket,
            note=session.note,
            asked=session.asked_why,
            session_id=session.id,
            ends_at=session.ends_at,
        )
        for owner in db.session.scalars(query)
    ]
