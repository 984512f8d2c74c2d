"""What the pages of people and roles read."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import abort

from portal.flows import invitations, letters
from portal.flows.letters import Standing
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Invitation, LoginSession, Membership, Role, User


@dataclass(frozen=True, slots=True)
class Member:
    """One person who works for the merchant.  `seen_at` is the last sign of life in a session that is still known."""

    id: uuid.UUID
    user_id: uuid.UUID
    name: str
    email: str
    role: Role
    since: datetime
    second_factor: bool
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One invitation that nobody has answered: whether it is over, and how its letter stands where it is not out."""

    invitation: Invitation
    over: bool
    letter: Standing | None


def _members() -> sa.Select[Any]:
    seen = (
        sa.select(sa.func.max(LoginSession.seen_at))
        .where(LoginSession.user_id == Membership.user_id, LoginSession.merchant_id == Membership.merchant_id)
        .correlate(Membership)
        .scalar_subquery()
    )
    query: Any = sa.select(Membership, User, seen).join(User, User.id == Membership.user_id)
    found: sa.Select[Any] = query.where(Membership.merchant_id == whose())
    return found.order_by(sa.func.lower(User.name), User.id)


def _member(row: Any) -> Member:
    membership, user, seen = row
    return Member(
        id=membership.id,
        user_id=user.id,
        name=user.name,
        email=user.email,
        role=membership.role,
        since=membership.created_at,
        second_factor=user.second_factor_at is not None,
        seen_at=seen,
    )


def members() -> Sequence[Member]:
    """Everybody who works for the merchant: the owners first, then by name."""
    found = [_member(row) for row in db.session.execute(_members())]
    return sorted(found, key=lambda each: -each.role.rank)


def member(place: Membership) -> Member:
    """One of them; whoever was removed a moment ago is not there (404)."""
    row = db.session.execute(_members().where(Membership.id == place.id)).one_or_none()
    if row is None:
        abort(404)
    return _member(row)


def owners() -> int:
    """How many owners there are."""
    query = sa.select(sa.func.count()).where(Membership.merchant_id == whose(), Membership.role == Role.OWNER)
    return db.session.scalar(query) or 0


def waiting() -> Sequence[Waiting]:
    """The invitations that nobody has answered, the newest first."""
    found = invitations.open_ones()
    out = letters.standing(invitations.LETTER, [each.id for each in found])
    return [Waiting(each, each.ends_at <= now(), out.get(each.id)) for each in found]
