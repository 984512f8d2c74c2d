"""What the pages of stores show: the list in a constant number of statements, and who changed what in one store."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, Connection, LinkState, Listing, Store
from portal.web import channels_pages, orders_pages, standing
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
    return Slice([_deed(row.AuditNote) for row in found.rows], after=found.after, before=found.before)


def _deed(note: AuditNote) -> Deed:
    said = SAID.get(note.what)
    return Deed(
        what=said(note.name) if said else _("%(what)s: %(name)s", what=note.what.replace("_", " "), name=note.name),
        who=_("Through a link made by %(name)s", name=note.who) if note.what == "granted_by_link" else note.who,
        at=note.at,
        changes=_changes(note.before, note.after) if note.what == "store_changed" else "",
        mark=MARKS.get(note.what, "pencil"),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a change replaced by what, such as "Kiosk → Kiosk Jakarta"."""
    changed = [(before.get(key), value) for key, value in after.items() if before.get(key) != value]
    return ", ".join(f"{old} → {new}" for old, new in changed)


# Said when a page is drawn, so that each sentence is in the language of the page.
SAID = {
    "store_added": lambda name: _("Added the store %(name)s", name=name),
    "store_changed": lambda name: _("Changed the details of the store"),
    "store_turned_on": lambda name: _("Turned the store on"),
    "store_turned_off": lambda name: _("Turned the store off"),
    "connection_added": lambda name: _("Added %(name)s", name=name),
    "connection_removed": lambda name: _("Disconnected %(name)s", name=name),
    "settings_saved": lambda name: _("Saved the settings of %(name)s", name=name),
    "options_saved": lambda name: _("Saved the options of %(name)s", name=name),
    "audit_words_saved": lambda name: _("Saved what the quality words of %(name)s mean", name=name),
    "status_words_saved": lambda name: _("Saved what the status words of %(name)s mean", name=name),
    "rule_added": lambda name: _("Added the rule %(name)s", name=name),
    "rule_changed": lambda name: _("Changed the rule %(name)s", name=name),
    "rule_moved": lambda name: _("Moved the rule %(name)s", name=name),
    "rule_turned_on": lambda name: _("Turned the rule %(name)s on", name=name),
    "rule_turned_off": lambda name: _("Turned the rule %(name)s off", name=name),
    "rule_removed": lambda name: _("Removed the rule %(name)s", name=name),
    "orders_routed_by_hand": lambda name: _("Decided by hand where orders go: %(name)s", name=name),
    "orders_confirmed": lambda name: _("Confirmed orders: %(name)s", name=name),
    "order_made": lambda name: _("Entered order %(name)s by hand", name=name),
    "order_cancelled": lambda name: _("Cancelled order %(name)s", name=name),
    "order_shipped": lambda name: _("Marked order %(name)s as shipped", name=name),
    "buyer_revealed": lambda name: _("Looked at the buyer of order %(name)s", name=name),
    "goods_received": lambda name: _("Took goods of order %(name)s back into the stock", name=name),
    "connect_link_made": lambda name: _("Made a connect link for %(name)s", name=name),
    "connect_link_revoked": lambda name: _("Took the connect link of %(name)s back", name=name),
    "granted_by_link": lambda name: _("Access was given for %(name)s", name=name),
    "made_default": lambda name: _("Made %(name)s the default plugin", name=name),
    "default_taken": lambda name: _("%(name)s is no longer the default plugin", name=name),
    "hook_opened": lambda name: _("Made an address for messages to %(name)s", name=name),
    "hook_rolled": lambda name: _("Gave %(name)s another address for messages", name=name),
    "hook_closed": lambda name: _("Closed the address for messages to %(name)s", name=name),
    "push_key_rolled": lambda name: _("Made a new key for messages to %(name)s", name=name),
    "granted": lambda name: _("Signed in at the channel for %(name)s", name=name),
    "tested": lambda name: _("Tested the connection %(name)s", name=name),
    "turned_on": lambda name: _("Turned %(name)s on", name=name),
    "turned_off": lambda name: _("Turned %(name)s off", name=name),
    "sync_asked": lambda name: _("Started a sync of %(name)s", name=name),
    "store_limits_saved": lambda name: _("Saved the stock limits of the store"),
    "address_completed": lambda name: _("Completed the address of order %(name)s", name=name),
    "carriers_saved": lambda name: _("Saved the carriers of %(name)s", name=name),
    "export_rehearsed": lambda name: _("Compared what an export to %(name)s would change", name=name),
    "export_first_lot": lambda name: _("Sent the first numbers to %(name)s", name=name),
    "export_let_out": lambda name: _("Let the export to %(name)s out", name=name),
    "export_turned_off": lambda name: _("Turned the export to %(name)s off", name=name),
    "export_braked": lambda name: _("The brake stopped the export to %(name)s", name=name),
    "brake_set": lambda name: _("Set the brake of %(name)s", name=name),
    "stock_read_back": lambda name: _("Read back what %(name)s shows", name=name),
    "stock_sent_again": lambda name: _("Sent the stock of %(name)s again", name=name),
}
MARKS = {
    "store_added": "plus",
    "connection_added": "plus",
    "connection_removed": "x",
    "store_turned_on": "check",
    "turned_on": "check",
    "store_turned_off": "pause",
    "turned_off": "pause",
    "tested": "check",
    "granted": "key",
    "granted_by_link": "key",
    "connect_link_made": "link",
    "connect_link_revoked": "x",
    "hook_opened": "hook",
    "hook_rolled": "hook",
    "hook_closed": "hook",
    "push_key_rolled": "key",
    "sync_asked": "sync",
}
