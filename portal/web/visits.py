"""Visits of support staff to a merchant, as the merchant and the staff read them: one count of what came of each."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.flows.support import SUBJECT
from portal.kit.clock import now
from portal.models import AuditNote, SupportEnd, SupportPage, SupportSession
from portal.web.activity_words import LOOKS, REFUSALS, SIGN_INS

IS_REVEAL, IS_REFUSAL = AuditNote.what.in_(LOOKS), AuditNote.what.in_(REFUSALS)
# What an agent did: neither what a visit says of itself (its start, its questions, its end), nor what was refused.
IS_DEED = sa.and_(AuditNote.what.not_in(REFUSALS | SIGN_INS), AuditNote.subject != SUBJECT)


@dataclass(frozen=True, slots=True)
class Visit:
    """One session with its numbers: pages that were opened or sent, things that were changed, buyers that were looked
    at, and what was refused.  `merchant` is the name, "" where everybody knows whose it is."""

    session: SupportSession
    pages: int
    changes: int
    reveals: int
    refused: int
    merchant: str = field(default="", kw_only=True)

    @property
    def is_open(self) -> bool:
        """Whether it goes on; one whose time is over opens nothing, even where nobody has noted its end yet."""
        return self.session.ended_at is None and self.session.ends_at > now()

    @property
    def asks(self) -> bool:
        """Whether an answer of the merchant is waited for."""
        return self.is_open and self.session.asks

    @property
    def ended_at(self) -> datetime | None:
        """When it was over; a session that nobody touched again was over when its time was."""
        return None if self.is_open else self.session.ended_at or self.session.ends_at

    @property
    def end(self) -> SupportEnd | None:
        """How it ended, None while it goes on."""
        return None if self.is_open else self.session.end or SupportEnd.TIME

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return ((self.ended_at or now()) - self.session.started_at).total_seconds()


def goes_on() -> sa.ColumnElement[bool]:
    """Whether a session of a statement goes on."""
    return sa.and_(SupportSession.ended_at.is_(None), SupportSession.ends_at > now())


def counted(
    look: Session, sessions: Sequence[SupportSession], merchants: Mapping[uuid.UUID, str] | None = None
) -> list[Visit]:
    """The sessions with their numbers, in two statements however many there are; `merchants` are names by id."""
    keys = [(each.merchant_id, each.id) for each in sessions]
    opened = sa.select(SupportPage.session_id, sa.func.count()).group_by(SupportPage.session_id)
    opened = opened.where(sa.tuple_(SupportPage.merchant_id, SupportPage.session_id).in_(keys))
    count = sa.func.count()
    noted = (
        sa.select(
            AuditNote.support_id, count.filter(IS_DEED, ~IS_REVEAL), count.filter(IS_REVEAL), count.filter(IS_REFUSAL)
        )
        .where(sa.tuple_(AuditNote.merchant_id, AuditNote.support_id).in_(keys))
        .group_by(AuditNote.support_id)
    )
    pages = {row[0]: row[1] for row in look.execute(opened)}
    notes = {row[0]: tuple(row[1:]) for row in look.execute(noted)}
    names = merchants or {}
    return [
        Visit(each, pages.get(each.id, 0), *notes.get(each.id, (0, 0, 0)), merchant=names.get(each.merchant_id, ""))
        for each in sessions
    ]


def deeds(session: SupportSession) -> sa.Select[AuditNote]:
    """What was changed and whose data was looked at in one session, in order."""
    return (
        sa.select(AuditNote)
        .where(AuditNote.merchant_id == session.merchant_id, AuditNote.support_id == session.id, IS_DEED)
        .order_by(AuditNote.at, AuditNote.id)
    )
