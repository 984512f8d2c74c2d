"""What the pages of one's own security show."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.flows import second_factor, sessions
from portal.flows.sessions import SignedIn
from portal.kit.db import db
from portal.models import LoginSession
from portal.web import account_words


@dataclass(frozen=True, slots=True)
class Device:
    """A browser in which the person is signed in; `here` is the one that asks."""

    id: uuid.UUID
    name: str
    address: str
    since: datetime
    seen_at: datetime
    here: bool


def overview(who: SignedIn) -> dict[str, Any]:
    """The state of the account's protection, and the browsers in which it is open, this one first."""
    rows = sessions.open_ones(who.user.id)
    devices = [
        Device(
            id=row.id,
            name=account_words.device(row.agent),
            address=row.address,
            since=row.created_at,
            seen_at=row.seen_at,
            here=row.token_hash == who.session_hash,
        )
        for row in rows
    ]
    return {
        "person": who.user,
        "devices": sorted(devices, key=lambda each: not each.here),
        "needed": second_factor.needed(who),
        "codes_left": second_factor.codes_left(who.user.id),
        "idle_minutes": int(sessions.idle(who.user).total_seconds() // 60),
        "longest_hours": int(sessions.longest(who.user).total_seconds() // 3600),
    }


def session_of(user_id: uuid.UUID, public_id: str) -> LoginSession | None:
    """A session of this person, None where the id names none of them."""
    try:
        key = uuid.UUID(public_id)
    except ValueError:
        return None
    return db.session.scalar(sa.select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id == key))
