"""What the page of an export reads: the rehearsal, its lines by how much they change, and what the list offers."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import integrations
from portal.kit.db import begins, db, whose
from portal.kit.paging import Slice, slice_of
from portal.models import Connection, ExportStage, Listing, Product, Rehearsal, RehearsalRow
from portal.web import words
from portal.web.standing import Badge

VIEWS = ("changes", "zero", "falls", "rises", "unchanged")
PIECE = 1_000

_ROW, _WAS = RehearsalRow, sa.func.coalesce(RehearsalRow.shows, 0)
ZERO = sa.and_(_ROW.would == 0, _ROW.shows > 0)
FALLS = sa.and_(_ROW.would < _ROW.shows, _ROW.would > 0)
RISES = sa.or_(_ROW.would > _ROW.shows, sa.and_(_ROW.shows.is_(None), _ROW.would >= 0))
SAME = _ROW.would == _ROW.shows
FOUND_BY = {
    "changes": sa.not_(sa.func.coalesce(SAME, False)),
    "zero": ZERO,
    "falls": FALLS,
    "rises": RISES,
    "unchanged": SAME,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One listing: what the channel shows, None where it knows none, and what it would show."""

    listing_id: uuid.UUID
    sku: str
    title: str
    shows: int | None
    would: int

    @property
    def kind(self) -> str:
        """How it changes: zero, falls, rises or unchanged."""
        if self.shows is None:
            return "rises"
        if self.would == self.shows:
            return "unchanged"
        if self.would == 0:
            return "zero"
        return "falls" if self.would < self.shows else "rises"


def changes(rehearsal: Rehearsal, view: str, text: str, cursor: str | None) -> Slice[Any]:
    """The lines of a rehearsal in a view, what falls most first, those that come to 0 before all."""
    rank = sa.type_coerce(sa.case((ZERO, 0), (FALLS, 1), (RISES, 2), else_=3), sa.Integer)
    size = sa.type_coerce(-sa.func.abs(_ROW.would - _WAS), sa.Integer)
    query = _query(rehearsal.id).add_columns(rank.label("rank"), size.label("size")).where(FOUND_BY[view])
    if text:
        query = query.where(sa.or_(begins(Product.sku, text), begins(Listing.sku, text)))
    keys = (rank, size, _ROW.listing_id)
    found = slice_of(db.session(), query, keys, cursor, lambda row: (row.rank, row.size, row.listing_id))
    return Slice([_change(row) for row in found.rows], found.after, found.before)


def _query(rehearsal_id: uuid.UUID) -> Any:
    return (
        sa.select(_ROW.listing_id, Product.sku, Listing.title, _ROW.shows, _ROW.would)
        .join(Listing, sa.and_(Listing.merchant_id == _ROW.merchant_id, Listing.id == _ROW.listing_id))
        .join(Product, sa.and_(Product.merchant_id == Listing.merchant_id, Product.id == Listing.product_id))
        .where(_ROW.merchant_id == whose(), _ROW.rehearsal_id == rehearsal_id)
    )


def _change(row: Any) -> Change:
    return Change(row.listing_id, row.sku, row.title, row.shows, row.would)


def piece(rehearsal_id: uuid.UUID, after: uuid.UUID | None) -> Sequence[Change]:
    """The next lines behind one, by the order of their making; for the file."""
    query = _query(rehearsal_id).order_by(_ROW.listing_id).limit(PIECE)
    query = query.where(_ROW.listing_id > after) if after is not None else query
    return [_change(row) for row in db.session.execute(query)]


def counts(rehearsal: Rehearsal) -> dict[str, int]:
    """How many lines each view has."""
    query = sa.select(*[sa.func.count().filter(FOUND_BY[view]).label(view) for view in VIEWS])
    row = db.session.execute(query.where(_ROW.merchant_id == whose(), _ROW.rehearsal_id == rehearsal.id)).one()
    return dict(row._mapping)


def read_so_far(rehearsal: Rehearsal) -> tuple[int, int]:
    """How many listings were compared already, and of how many."""
    done = sa.select(sa.func.count()).where(_ROW.merchant_id == whose(), _ROW.rehearsal_id == rehearsal.id)
    of = sa.select(sa.func.count()).where(
        Listing.merchant_id == whose(),
        Listing.connection_id == rehearsal.connection_id,
        Listing.product_id.is_not(None),
        Listing.missing_since.is_(None),
        Listing.passed,
    )
    return db.session.scalar(done) or 0, db.session.scalar(of) or 0


def labels() -> dict[str, str]:
    """The names of the views."""
    return {
        "changes": _("Every change"),
        "zero": _("To 0"),
        "falls": _("Falls"),
        "rises": _("Rises"),
        "unchanged": _("Unchanged"),
    }


def summary(rehearsal: Rehearsal) -> str:
    """The whole rehearsal in one sentence."""
    if not rehearsal.listings:
        return _("No listing is linked yet, so nothing would be sent.")
    if not rehearsal.changes:
        return ngettext(
            "%(num)s listing was compared, and it shows our number already.",
            "%(num)s listings were compared, and all show our numbers already.",
            rehearsal.listings,
        )
    told = ngettext(
        "%(changes)s of %(num)s listing would show another number.",
        "%(changes)s of %(num)s listings would show another number.",
        rehearsal.listings,
        changes=words.number(rehearsal.changes, words.current_locale()),
    )
    if not rehearsal.zeroed:
        return told + " " + _("None of them would go to 0.")
    return (
        told
        + " "
        + ngettext(
            "%(num)s that can be bought now would show 0.",
            "%(num)s that can be bought now would show 0.",
            rehearsal.zeroed,
        )
    )


def mark(connection: Connection) -> Badge | None:
    """The warning mark of a channel that could be sent numbers and is not, None where all is let out."""
    if integrations.get(connection.integration).stock_out is None or not connection.is_active:
        return None
    if connection.known_options.export and connection.export_stage is ExportStage.BRAKED:
        return Badge("bad", _("Export stopped"))
    if connection.known_options.export and connection.export_stage in {ExportStage.OPEN, ExportStage.FIRST}:
        return None
    return Badge("warn", _("Export held") if connection.known_options.export else _("Export off"), "warn")


def stage(connection: Connection) -> tuple[str, str, str]:
    """How far the export is: the kind of a badge, its word, and the sentence beside it."""
    on = connection.known_options.export
    if not on:
        return (
            "mute",
            _("Off"),
            _("Nothing is sent. The numbers there stay as you set them there."),
        )
    return {
        ExportStage.HELD: (
            "warn",
            _("Held"),
            _("Nothing is sent until you have looked at what would change and let it out."),
        ),
        ExportStage.FIRST: ("info", _("First 20"), _("Only the first lot is sent. The rest waits for you.")),
        ExportStage.OPEN: ("ok", _("On"), _("Every change of stock goes out as it happens, falls first.")),
        ExportStage.BRAKED: (
            "bad",
            _("Stopped"),
            _("Too many listings would have gone to 0 at once, so nothing more is sent until you have looked."),
        ),
    }[connection.export_stage]
