"""For which merchants a person works, and what each of them reads of the person's account."""

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from portal.flows import audit, staff_notes
from portal.flows.audit import By
from portal.kit import log
from portal.kit.db import acting_for, db
from portal.models import Membership, User

say = log.logger(__name__)


def of(user_id: uuid.UUID) -> list[uuid.UUID]:
    """The merchants of a person, the one that he or she joined first first."""
    with acting_for(None, user_id):
        query = sa.select(Membership.merchant_id).where(Membership.user_id == user_id)
        return list(db.session.scalars(query.order_by(Membership.created_at, Membership.merchant_id)))


def first_of(user_id: uuid.UUID) -> uuid.UUID | None:
    """The merchant for whom a person signs in, None for whoever works for none."""
    return next(iter(of(user_id)), None)


def note(by: By, what: str, user: User, after: Mapping[str, Any] | None = None) -> None:
    """Note something about a person's account in every merchant of the person, in the open transaction.

    Support staff work for no merchant and have notes of their own; whoever else has left all stands in the log.
    """
    user_id, name = user.id, user.name
    found = of(user_id)
    if user.is_staff:
        staff_notes.note(by, what, user, after)
    elif not found:
        say.info("an account without a merchant", what=what, person=str(user_id), after=dict(after or {}))
    # In one order, so that two who write in the chains of the same merchants never wait for each other.
    for merchant_id in sorted(found):
        with acting_for(merchant_id, user_id):
            audit.note(by, what, "user", user_id, name=name, after=after)
            db.session.flush()  # Written while the walls are open for this merchant.
