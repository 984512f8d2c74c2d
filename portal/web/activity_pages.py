"""What the Activity page shows: notes of the audit trail, newest first, by person, kind, support staff and day."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, Membership, User
from portal.web import activity_changes, activity_words

SHOWN = 30
PIECE = 500
# Who is named beside a note without a person's id.
THE_HOUSE = "lintas"
KINDS = {
    "changes": AuditNote.what.not_in(activity_words.SIGN_INS | activity_words.REFUSALS | activity_words.LOOKS),
    "sign-ins": AuditNote.what.in_(activity_words.SIGN_INS),
    "refusals": AuditNote.what.in_(activity_words.REFUSALS),
    "looks": AuditNote.what.in_(activity_words.LOOKS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the page filters by: a person's id or the house, a kind, support staff only, and days in a zone.

    Both days are whole and count in.
    """

    who: str = ""
    kind: str = ""
    support: bool = False
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"

    @property
    def number(self) -> int:
        """How many filters are set."""
        return sum(map(bool, (self.who, self.kind, self.support, self.since, self.until)))


@dataclass(frozen=True, slots=True)
class Line:
    """One note in words.

    `reason` is why support staff were there; `address` is where the request came from and `request_id` its number, ""
    for what the house did by itself.
    """

    id: uuid.UUID
    at: datetime
    what: str
    who: str
    user_id: uuid.UUID | None
    changes: str
    reason: str
    address: str
    request_id: str
    mark: str
    by_support: bool


def page(wanted: Wanted, cursor: str | None) -> tuple[Slice[Line], Count]:
    """One page of what was noted, newest first, and how much there is."""
    query = _query(wanted)
    keys = [AuditNote.at, AuditNote.id]
    found = slice_of(
        db.session(), query, keys, cursor, lambda row: (row.AuditNote.at, row.AuditNote.id), size=SHOWN, descending=True
    )
    lines = told([row.AuditNote for row in found.rows])
    return Slice(lines, after=found.after, before=found.before), count_of(db.session(), query)


def piece(wanted: Wanted, after: Line | None) -> list[Line]:
    """The next lines behind one, for a file; the first ones for None."""
    query = _query(wanted).order_by(AuditNote.at.desc(), AuditNote.id.desc()).limit(PIECE)
    if after is not None:
        behind = sa.tuple_(sa.literal(after.at), sa.literal(after.id))
        query = query.where(sa.tuple_(AuditNote.at, AuditNote.id) < behind)
    return told(db.session.scalars(query).all())


def told(notes: Sequence[AuditNote]) -> list[Line]:
    """The notes in words."""
    changes = activity_changes.of(notes)
    return [
        Line(
            id=each.id,
            at=each.at,
            what=activity_words.sentence(each),
            who=activity_words.who(each),
            user_id=each.user_id,
            changes=changes[each.id],
            reason=activity_words.reason(each),
            address=each.address,
            request_id=each.request_id,
            mark=activity_words.mark(each),
            by_support=each.support_id is not None,
        )
        for each in notes
    ]


def people() -> dict[str, str]:
    """Who can be asked for: the members by name, and the house."""
    query = sa.select(User.id, User.name).join(Membership, Membership.user_id == User.id)
    query = query.where(Membership.merchant_id == whose()).order_by(sa.func.lower(User.name), User.id)
    return {**{str(row.id): row.name for row in db.session.execute(query)}, THE_HOUSE: _("Lintas itself")}


def name_of(who: str) -> str:
    """The name of somebody who did something here and may have left; "" for anything else."""
    try:
        user_id = uuid.UUID(who)
    except ValueError:
        return ""
    query = sa.select(AuditNote.who).where(AuditNote.merchant_id == whose(), AuditNote.user_id == user_id)
    return db.session.scalar(query.order_by(AuditNote.at.desc(), AuditNote.id.desc()).limit(1)) or ""


def _query(wanted: Wanted) -> sa.Select[Any]:
    query = sa.select(AuditNote).where(AuditNote.merchant_id == whose())
    if wanted.who == THE_HOUSE:
        query = query.where(AuditNote.user_id.is_(None))
    elif wanted.who:
        query = query.where(AuditNote.user_id == uuid.UUID(wanted.who))
    if wanted.kind:
        query = query.where(KINDS[wanted.kind])
    if wanted.support:
        query = query.where(AuditNote.support_id.is_not(None))
    if wanted.since:
        query = query.where(AuditNote.at >= _begins(wanted.since, wanted.zone))
    if wanted.until and wanted.until < date.max:
        query = query.where(AuditNote.at < _begins(wanted.until + timedelta(days=1), wanted.zone))
    return query


def _begins(day: date, zone: str) -> datetime:
    """When a day begins where the reader is."""
    try:
        return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:  # The first day of all, east of Greenwich.
        return datetime.combine(day, time.min, UTC)


def kinds() -> Mapping[str, str]:
    """The kinds with their words."""
    return {
        "changes": _("Changes"),
        "sign-ins": _("Sign-ins"),
        "refusals": _("Refusals"),
        "looks": _("Looks at buyers’ data"),
    }
