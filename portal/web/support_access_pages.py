"""What a merchant reads of support staff: the visits, and of one the pages that were seen and what was changed."""

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from portal.kit.db import acting_for, db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, SupportPage, SupportSession
from portal.web import visits
from portal.web.downloads import walk
from portal.web.visits import Visit

MOST_CHANGES = 500
SIZE_OF_PIECE = 500


def here_now() -> list[Visit]:
    """The visits that go on, the one that began last first."""
    query = _sessions().where(visits.goes_on()).order_by(SupportSession.started_at.desc(), SupportSession.id)
    return visits.counted(db.session(), db.session.scalars(query).all())


def past(cursor: str | None) -> Slice[Visit]:
    """A page of the visits that are over, the one that began last first."""
    keys = (SupportSession.started_at, SupportSession.id)
    found = slice_of(
        db.session(),
        _sessions().where(sa.not_(visits.goes_on())),
        keys,
        cursor,
        lambda row: (row.SupportSession.started_at, row.SupportSession.id),
        descending=True,
    )
    counted = visits.counted(db.session(), [row.SupportSession for row in found.rows])
    return Slice(counted, found.after, found.before)


def number_past() -> Count:
    """How many visits are over."""
    return count_of(db.session(), _sessions().where(sa.not_(visits.goes_on())))


def _sessions() -> sa.Select[SupportSession]:
    return sa.select(SupportSession).where(SupportSession.merchant_id == whose())


def visit_of(session: SupportSession) -> Visit:
    """One visit with its numbers."""
    return visits.counted(db.session(), [session])[0]


def pages_of(session_id: uuid.UUID, cursor: str | None) -> Slice[SupportPage]:
    """A page of what was opened and sent in a visit, the last first."""
    query = sa.select(SupportPage).where(SupportPage.merchant_id == whose(), SupportPage.session_id == session_id)
    found = slice_of(db.session(), query, (SupportPage.id,), cursor, lambda row: (row.SupportPage.id,), descending=True)
    return Slice([row.SupportPage for row in found.rows], found.after, found.before)


def notes_of(session: SupportSession) -> Sequence[AuditNote]:
    """What was changed and whose data was looked at in a visit, in order."""
    return db.session.scalars(visits.deeds(session).limit(MOST_CHANGES)).all()


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
    return _piece(_sessions(), SupportSession, after)


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
