"""What happened to the accounts of the support staff, who belong to no merchant and so stand in no merchant's trail."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from portal.flows.audit import By
from portal.kit.db import db, same_word
from portal.models import StaffNote, User

MOST = 200
# Whoever types commands at the server.
OPERATOR = By("operator")


def note(by: By, what: str, user: User, after: Mapping[str, Any] | None = None) -> None:
    """Add a note about one of the staff to the open transaction."""
    db.session.add(
        StaffNote(
            user_id=user.id,
            email=user.email,
            name=user.name,
            who=by.name,
            what=what,
            after=dict(after or {}),
            request_id=by.request_id,
            address=by.address,
        )
    )


def newest(email: str = "") -> Sequence[StaffNote]:
    """The newest notes, of one account where its address is given, as it was written then."""
    query = sa.select(StaffNote).order_by(StaffNote.at.desc(), StaffNote.id.desc()).limit(MOST)
    if email:
        query = query.where(same_word(StaffNote.email, email.strip()))
    return db.session.scalars(query).all()
