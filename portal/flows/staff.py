"""The support staff themselves: who they are, whether they may sign in, and whether they may work as a merchant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.flows import people, sessions, staff_notes, support
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import LoginSession, SupportEnd, User


@dataclass(frozen=True, slots=True)
class Agent:
    """One of the staff; `seen_at` is the last sign of life of a session that is kept."""

    email: str
    name: str
    may_view_as: bool
    second_factor: bool
    disabled: bool
    seen_at: datetime | None


def everybody() -> Sequence[Agent]:
    """All of the staff by name."""
    seen = sa.select(sa.func.max(LoginSession.seen_at)).where(LoginSession.user_id == User.id).scalar_subquery()
    query = sa.select(User, seen.label("seen")).where(User.is_staff).order_by(sa.func.lower(User.name), User.id)
    return [
        Agent(
            row.User.email,
            row.User.name,
            row.User.may_view_as,
            row.User.second_factor_at is not None,
            row.User.disabled_at is not None,
            row.seen,
        )
        for row in db.session.execute(query)
    ]


def disable(email: str) -> int:
    """Let one of the staff in no more: every session ends at once, that as a merchant too; how many sign-ins ended.

    Raises Refusal.
    """
    user = _of_staff(email)
    user.disabled_at = user.disabled_at or now()
    ended = sessions.end_all(user.id)
    staff_notes.note(staff_notes.OPERATOR, "disabled", user, {"sessions": ended})
    # Committed first: whatever happens to the rest, the next request of a disabled agent opens nothing.
    db.session.commit()
    support.end_all(user.id, SupportEnd.RIGHT, LINTAS)
    return ended


def enable(email: str) -> None:
    """Let one of the staff sign in again.  Raises Refusal."""
    user = _of_staff(email)
    user.disabled_at = None
    staff_notes.note(staff_notes.OPERATOR, "enabled", user)
    db.session.commit()


def let_view_as(email: str, may: bool) -> None:
    """Give or take the right to work as a merchant; when it is taken, a session that goes on ends.  Raises Refusal."""
    user = _of_staff(email)
    user.may_view_as = may
    staff_notes.note(staff_notes.OPERATOR, "right_given" if may else "right_taken", user)
    db.session.commit()
    if not may:
        support.end_all(user.id, SupportEnd.RIGHT, LINTAS)


def _of_staff(email: str) -> User:
    user = people.by_email(email)
    if user is None:
        raise Refusal("unknown_person", "email", email=email)
    if not user.is_staff:
        raise Refusal("not_of_staff", "email", email=email)
    return user
