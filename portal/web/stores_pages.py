"""What the pages of stores show: the list in a constant number of statements, and who changed what in one store."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, Connection, LinkState, Listing, Store
from portal.web import activity_changes, activity_words, channels_pages, orders_pages, standing
from portal.web.standing import Badge

LINKED = (LinkState.LINKED, LinkState.SKU_CHANGED)
SHOWN_NOTES = 20
# Counted for every connection on the page, where other pages count once.
LISTINGS_CAP = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One store in the list."""

    store: Store
    standing: str
    badge: Badge
    tiles: list[dict[str, str]]
    linked: Count
    listings: Count
    today: Count


def page(words: str, status: str, cursor: str | None, *, backwards: bool = False) -> tuple[Slice[Row], Count]:
    """One page of stores by name, and how many there are."""
    stands, connections = standing.of_stores()
    name = sa.func.lower(Store.name, type_=sa.Text())
    query = (
        sa.select(Store, name.label("key"), stands.label("standing"), connections.c.running, connections.c.number)
        .outerjoin(connections, connections.c.store_id == Store.id)
        .where(Store.merchant_id == whose())
    )
    if words:
        query = query.where(Store.name.icontains(words, autoescape=True))
    if status:
        query = query.where(stands.in_(standing.FOUND_BY[status]))
    found = slice_of(
        db.session(),
        query,
        [name, Store.id],
        cursor,
        lambda row: (row.key, row.Store.id),
        descending=backwards,
    )
    return Slice(_rows(found.rows), after=found.after, before=found.before), count_of(db.session(), query)


def _rows(found: Any) -> list[Row]:
    ids = [each.Store.id for each in found]
    counted, today = listing_counts(ids), orders_pages.today({each.Store.id: each.Store.time_zone for each in found})
    tiles = channels_pages.tiles(_integrations_of(ids))
    return [
        Row(
            store=each.Store,
            standing=each.standing,
            badge=standing.store_badge(each.standing, each.running or 0, each.number or 0),
            tiles=tiles.get(each.Store.id, []),
            linked=counted.get(each.Store.id, NONE)[0],
            listings=counted.get(each.Store.id, NONE)[1],
            today=today.get(each.Store.id, Count(0)),
        )
        for each in found
    ]


def standing_of(store: Store) -> str:
    """How one store stands, as the list says it."""
    stands, connections = standing.of_stores()
    query = sa.select(stands).select_from(Store).outerjoin(connections, connections.c.store_id == Store.id)
    return str(db.session.scalar(query.where(Store.merchant_id == whose(), Store.id == store.id)))


def badge_of(store: Store) -> Badge:
    """The badge of one store: that of the worst of its connections."""
    stands, connections = standing.of_stores()
    query = sa.select(stands, connections.c.running, connections.c.number).select_from(Store)
    query = query.outerjoin(connections, connections.c.store_id == Store.id)
    row = db.session.execute(query.where(Store.merchant_id == whose(), Store.id == store.id)).one()
    return standing.store_badge(row[0], row.running or 0, row.number or 0)


NONE = (Count(0), Count(0))


def _integrations_of(store_ids: list[uuid.UUID]) -> list[Any]:
    query = (
        sa.select(Connection.store_id, Connection.integration)
        .where(Connection.merchant_id == whose(), Connection.store_id.in_(store_ids))
        .order_by(Connection.id)
    )
    return list(db.session.execute(query))


def listing_counts(store_ids: list[uuid.UUID]) -> dict[uuid.UUID, tuple[Count, Count]]:
    """By store, how many of its live listings are linked, and how many there are.

    Each connection is counted to a cap, so that a list over large catalogues stays quick.
    """
    linked = _counted(Listing.link_state.in_(LINKED), "linked")
    live = _counted(Listing.link_state.in_(list(LinkState)), "live")  # All of them; named, the index of states serves.
    query = (
        sa.select(Connection.store_id, linked.c.number, live.c.number)
        .select_from(Connection)
        .join(linked, sa.true())
        .join(live, sa.true())
        .where(Connection.merchant_id == whose(), Connection.store_id.in_(store_ids))
    )
    found: dict[uuid.UUID, tuple[Count, Count]] = {}
    for store_id, of_linked, of_live in db.session.execute(query):
        before = found.get(store_id, NONE)
        found[store_id] = (_added(before[0], of_linked), _added(before[1], of_live))
    return found


def _counted(wanted: sa.ColumnElement[bool], name: str) -> Any:
    one = (
        sa.select(sa.literal(1).label("one"))
        .select_from(Listing)
        .where(
            Listing.merchant_id == Connection.merchant_id,
            Listing.connection_id == Connection.id,
            Listing.missing_since.is_(None),
            wanted,
        )
        .limit(LISTINGS_CAP + 1)
        .correlate(Connection)
        .subquery()
    )
    return sa.select(sa.func.count().label("number")).select_from(one).lateral(name)


def _added(count: Count, number: int) -> Count:
    return Count(count.number + min(number, LISTINGS_CAP), more=count.more or number > LISTINGS_CAP)


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the activity of a store."""

    what: str
    who: str
    at: datetime
    changes: str
    mark: str


def activity(store_id: uuid.UUID, cursor: str | None) -> Slice[Deed]:
    """One page of what was done in a store, newest first."""
    query = sa.select(AuditNote).where(AuditNote.merchant_id == whose(), AuditNote.store_id == store_id)
    keys = [AuditNote.id]
    found = slice_of(
        db.session(), query, keys, cursor, lambda row: [row.AuditNote.id], size=SHOWN_NOTES, descending=True
    )
    notes = [row.AuditNote for row in found.rows]
    said = activity_changes.of(notes)
    return Slice([_deed(each, said[each.id]) for each in notes], after=found.after, before=found.before)


def _deed(note: AuditNote, changes: str) -> Deed:
    words = activity_words
    return Deed(what=words.sentence(note), who=words.who(note), at=note.at, changes=changes, mark=words.mark(note))
