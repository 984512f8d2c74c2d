"""What a merchant reads of support staff: the visits, and of one the pages that were seen and what was changed."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, SupportPage, SupportSession
from portal.web.activity_words import REFUSALS
from portal.web.downloads import walk

MOST_CHANGES = 500
SIZE_OF_PIECE = 500
# What the trail keeps of a visit itself, which is told by the page and is no change of the merchant's things.
OF_THE_VISIT = (
    "support_started",
    "support_asked",
    "support_acted",
    "support_extended",
    "support_ended",
)
REVEALED = "buyer_revealed"


@dataclass(frozen=True, slots=True)
class Visit:
    """One session with its numbers: pages that were opened or sent, changes, and buyers whose data was looked at."""

    session: SupportSession
    pages: int
    changes: int
    reveals: int

    @property
    def is_open(self) -> bool:
        """Whether it goes on; one whose time is over opens nothing, even where nobody has noted its end yet."""
        return self.session.ended_at is None and self.session.ends_at > now()

    @property
    def asks(self) -> bool:
        """Whether an answer is waited for."""
        session = self.session
        asked = session.asked_at is not None and session.granted_at is None and session.refused_at is None
        return self.is_open and asked


def _numbered() -> sa.Select[Any]:
    pages = _number_of(SupportPage, SupportPage.session_id, SupportPage.merchant_id)
    notes = (AuditNote.support_id == SupportSession.id, AuditNote.merchant_id == SupportSession.merchant_id)
    changed = sa.select(sa.func.count()).where(*notes, AuditNote.what.not_in((*OF_THE_VISIT, *REFUSALS, REVEALED)))
    revealed = sa.select(sa.func.count()).where(*notes, AuditNote.what == REVEALED)
    return sa.select(
        SupportSession,
        pages.label("pages"),
        changed.correlate(SupportSession).scalar_subquery().label("changes"),
        revealed.correlate(SupportSession).scalar_subquery().label("reveals"),
    ).where(SupportSession.merchant_id == whose())


def _number_of(model: Any, session: Any, merchant: Any) -> Any:
    query = sa.select(sa.func.count()).select_from(model)
    query = query.where(session == SupportSession.id, merchant == SupportSession.merchant_id)
    return query.correlate(SupportSession).scalar_subquery()


def _visit(row: Any) -> Visit:
    return Visit(row.SupportSession, row.pages, row.changes, row.reveals)


def _goes_on() -> sa.ColumnElement[bool]:
    return sa.and_(SupportSession.ended_at.is_(None), SupportSession.ends_at > now())


def here_now() -> list[Visit]:
    """The visits that go on, the one that began last first."""
    query = _numbered().where(_goes_on()).order_by(SupportSession.started_at.desc(), SupportSession.id)
    return [_visit(row) for row in db.session.execute(query)]


def past(cursor: str | None) -> Slice[Visit]:
    """A page of the visits that are over, the one that began last first."""
    keys = (SupportSession.started_at, SupportSession.id)
    found = slice_of(
        db.session(),
        _numbered().where(sa.not_(_goes_on())),
        keys,
        cursor,
        lambda row: (row.SupportSession.started_at, row.SupportSession.id),
        descending=True,
    )
    return Slice([_visit(row) for row in found.rows], found.after, found.before)


def number_past() -> Count:
    """How many visits are over."""
    query = sa.select(SupportSession.id).where(SupportSession.merchant_id == whose(), sa.not_(_goes_on()))
    return count_of(db.session(), query)


def visit_of(session: SupportSession) -> Visit:
    """One visit with its numbers."""
    return _visit(db.session.execute(_numbered().where(SupportSession.id == session.id)).one())


def pages_of(session_id: uuid.UUID, cursor: str | None) -> Slice[SupportPage]:
    """A page of what was opened and sent in a visit, the last first."""
    query = sa.select(SupportPage).where(SupportPage.merchant_id == whose(), SupportPage.session_id == session_id)
    found = slice_of(db.session(), query, (SupportPage.id,), cursor, lambda row: (row.SupportPage.id,), descending=True)
    return Slice([row.SupportPage for row in found.rows], found.after, found.before)


def notes_of(session_id: uuid.UUID) -> list[AuditNote]:
    """What was changed and whose data was looked at in a visit, in order."""
    query = sa.select(AuditNote).where(
        AuditNote.merchant_id == whose(),
        AuditNote.support_id == session_id,
        AuditNote.what.not_in(OF_THE_VISIT),
    )
    return list(db.session.scalars(query.order_by(AuditNote.at, AuditNote.id).limit(MOST_CHANGES)))


HEAD = ("session", "agent", "as whom", "reason", "ticket", "mode", "at (UTC)", "kind", "what", "answer")


def as_rows() -> Iterator[Sequence[str]]:
    """Every visit with each page and each note of it, for a file; the visit that began first comes first."""
    return _rows(whose(), walk(_sessions_after, lambda each: each.id))


def _rows(merchant_id: uuid.UUID, sessions: Iterator[SupportSession]) -> Iterator[Sequence[str]]:
    yield HEAD
    for session in sessions:
        first = _first_cells(session)
        yield (*first, _utc(session.started_at), "start", session.note, "")
        with acting_for(merchant_id):
            pages = walk(partial(_pages_after, session.id), lambda each: each.id)
            notes = walk(partial(_notes_after, session.id), lambda each: each.id)
        for page in pages:
            yield (*first, _utc(page.at), "page", f"{page.method} {page.path}", str(page.status))
        for note in notes:
            yield (*first, _utc(note.at), "note", f"{note.what} {note.subject} {note.name}".strip(), "")
        if session.ended_at is not None and session.end is not None:
            yield (*first, _utc(session.ended_at), "end", session.end.value, session.ended_by)


def _first_cells(session: SupportSession) -> tuple[str, ...]:
    return (
        str(session.id),
        session.agent_name,
        session.whom_name,
        session.reason.value,
        session.ticket,
        session.mode.value,
    )


def _utc(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _sessions_after(after: uuid.UUID | None) -> list[SupportSession]:
    query = sa.select(SupportSession).where(SupportSession.merchant_id == whose())
    return _piece(query, SupportSession, after)


def _pages_after(session_id: uuid.UUID, after: uuid.UUID | None) -> list[SupportPage]:
    query = sa.select(SupportPage).where(SupportPage.merchant_id == whose(), SupportPage.session_id == session_id)
    return _piece(query, SupportPage, after)


def _notes_after(session_id: uuid.UUID, after: uuid.UUID | None) -> list[AuditNote]:
    query = sa.select(AuditNote).where(AuditNote.merchant_id == whose(), AuditNote.support_id == session_id)
    return _piece(query, AuditNote, after)


def _piece(query: sa.Select[Any], model: Any, after: uuid.UUID | None) -> list[Any]:
    """The next rows behind an id; they are read whole, for the transaction does not stay open."""
    if after is not None:
        query = query.where(model.id > after)
    found = list(db.session.scalars(query.order_by(model.id).limit(SIZE_OF_PIECE)))
    for each in found:
        db.session.expunge(each)
    return found
