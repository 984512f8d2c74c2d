"""What the support staff see of their sessions as merchants: all of them, one with its pages, and a month's report."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from portal.kit.clock import now
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, Merchant, SupportPage, SupportSession, User
from portal.web import visits
from portal.web.activity_words import LOOKS
from portal.web.visits import Visit

LISTED, MOST_DEEDS = 10, 200
# A ticket number has digits, and perhaps a few letters and a mark before them: 48213, #4711, SUP-4711.
TICKET = r"^#?([A-Za-z]{1,10}[-_# ]{0,2})?[0-9]{2,12}$"
# What the hat may read of a session: not what it is opened by.
OF_A_SESSION = load_only(
    SupportSession.id,
    SupportSession.merchant_id,
    SupportSession.agent_id,
    SupportSession.agent_name,
    SupportSession.whom_id,
    SupportSession.whom_name,
    SupportSession.role,
    SupportSession.mode,
    SupportSession.reason,
    SupportSession.ticket,
    SupportSession.note,
    SupportSession.started_at,
    SupportSession.ends_at,
    SupportSession.extended_at,
    SupportSession.extended_why,
    SupportSession.asked_at,
    SupportSession.asked_why,
    SupportSession.granted_at,
    SupportSession.granted_by,
    SupportSession.refused_at,
    SupportSession.refused_by,
    SupportSession.acted_at,
    SupportSession.ended_at,
    SupportSession.ended_by,
    SupportSession.end,
    raiseload=True,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the list is asked for: sessions of one agent, with one merchant, that go on."""

    words: str = ""
    agent: uuid.UUID | None = None
    merchant: uuid.UUID | None = None
    open_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A month of sessions as merchants."""

    number: int
    acted: int
    without_number: int
    without: Sequence[Visit]
    longest: Sequence[Visit]
    revealing: Sequence[Visit]
    opening: Sequence[Visit]


def agents(look: Session) -> dict[uuid.UUID, str]:
    """Everybody who has a session on record, and the staff of today, by name."""
    staff = sa.select(User.id, User.name).where(User.is_staff)
    past = sa.select(SupportSession.agent_id, sa.func.max(SupportSession.agent_name)).group_by(SupportSession.agent_id)
    known = {row[0]: row[1] for query in (past, staff) for row in look.execute(query)}
    return dict(sorted(known.items(), key=lambda item: item[1].lower()))


def sessions(look: Session, asked: Asked, cursor: str | None) -> tuple[Slice[Visit], Count]:
    """One page of sessions, the newest first, and how many there are."""
    query = _with_merchant()
    if asked.words:
        found = [SupportSession.agent_name, SupportSession.whom_name, SupportSession.ticket, Merchant.name]
        query = query.where(sa.or_(*[each.icontains(asked.words, autoescape=True) for each in found]))
    if asked.agent:
        query = query.where(SupportSession.agent_id == asked.agent)
    if asked.merchant:
        query = query.where(SupportSession.merchant_id == asked.merchant)
    if asked.open_only:
        query = query.where(visits.goes_on())
    page = slice_of(
        look,
        query,
        [SupportSession.started_at, SupportSession.id],
        cursor,
        lambda row: [row.SupportSession.started_at, row.SupportSession.id],
        descending=True,
    )
    return Slice(_rows(look, page.rows), after=page.after, before=page.before), count_of(look, query)


def of_merchant(look: Session, merchant_id: uuid.UUID) -> list[Visit]:
    """The last sessions with one merchant."""
    query = _with_merchant().where(SupportSession.merchant_id == merchant_id)
    newest = query.order_by(SupportSession.started_at.desc(), SupportSession.id.desc()).limit(LISTED)
    return _rows(look, look.execute(newest).all())


def one(look: Session, session_id: uuid.UUID) -> Visit | None:
    """The session of this id."""
    found = look.execute(_with_merchant().where(SupportSession.id == session_id)).first()
    return _rows(look, [found])[0] if found else None


def pages(look: Session, visit: Visit, cursor: str | None) -> Slice[SupportPage]:
    """What an agent opened and sent in one session, in that order."""
    kept = load_only(SupportPage.at, SupportPage.method, SupportPage.path, SupportPage.status, raiseload=True)
    query = (
        sa.select(SupportPage)
        .options(kept)
        .where(SupportPage.merchant_id == visit.session.merchant_id, SupportPage.session_id == visit.session.id)
    )
    page = slice_of(
        look,
        query,
        [SupportPage.at, SupportPage.id],
        cursor,
        lambda found: [found.SupportPage.at, found.SupportPage.id],
    )
    return Slice([found.SupportPage for found in page.rows], after=page.after, before=page.before)


def deeds(look: Session, visit: Visit) -> Sequence[AuditNote]:
    """What was changed and whose data was looked at in one session, in order."""
    kept = load_only(AuditNote.what, AuditNote.subject, AuditNote.name, AuditNote.at, raiseload=True)
    return look.scalars(visits.deeds(visit.session).options(kept).limit(MOST_DEEDS)).all()


def report(look: Session, since: datetime, until: datetime) -> Report:
    """The sessions that began in a time: how many, and those that somebody should look at."""
    inside = [SupportSession.started_at >= since, SupportSession.started_at < until]
    query = _with_merchant().where(*inside)
    bare, count = SupportSession.ticket.op("!~")(TICKET), sa.func.count()
    number, acted, without_number = look.execute(
        sa.select(count, sa.func.count(SupportSession.acted_at), count.filter(bare))
        .select_from(SupportSession)
        .where(*inside)
    ).one()
    ended = sa.func.coalesce(SupportSession.ended_at, sa.func.least(SupportSession.ends_at, now()))
    return Report(
        number=number,
        acted=acted,
        without_number=without_number,
        without=_listed(look, query.where(bare), SupportSession.started_at.desc()),
        longest=_listed(look, query, (ended - SupportSession.started_at).desc()),
        revealing=[each for each in _listed(look, query, _notes(*LOOKS).desc()) if each.reveals],
        opening=[each for each in _listed(look, query, _opened().desc()) if each.pages],
    )


def _with_merchant() -> sa.Select[Any]:
    query: Any = sa.select(SupportSession, Merchant.name.label("merchant")).select_from(SupportSession)
    found: sa.Select[Any] = query.options(OF_A_SESSION).join(Merchant, Merchant.id == SupportSession.merchant_id)
    return found


def _listed(look: Session, query: sa.Select[Any], order: sa.ColumnElement[Any]) -> list[Visit]:
    return _rows(look, look.execute(query.order_by(order, SupportSession.id).limit(LISTED)).all())


def _notes(*what: str) -> sa.ScalarSelect[Any]:
    return (
        sa.select(sa.func.count())
        .where(
            AuditNote.merchant_id == SupportSession.merchant_id,
            AuditNote.support_id == SupportSession.id,
            AuditNote.what.in_(what),
        )
        .correlate(SupportSession)
        .scalar_subquery()
    )


def _opened() -> sa.ScalarSelect[Any]:
    return (
        sa.select(sa.func.count())
        .where(SupportPage.merchant_id == SupportSession.merchant_id, SupportPage.session_id == SupportSession.id)
        .correlate(SupportSession)
        .scalar_subquery()
    )


def _rows(look: Session, found: Sequence[Any]) -> list[Visit]:
    names = {each.SupportSession.merchant_id: each.merchant for each in found}
    return visits.counted(look, [each.SupportSession for each in found], names)
