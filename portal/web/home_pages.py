"""What the start page counts: the steps of the setup guide, what waits for the merchant, and what ran last."""

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Kind
from portal.kit.db import db, whose
from portal.kit.paging import Count, count_of
from portal.models import (
    TO_SHIP,
    Connection,
    ConnectionState,
    LinkState,
    Listing,
    Notice,
    Order,
    OrderStage,
    Run,
    RunState,
    Stock,
    Store,
)
from portal.web import sync_pages

# Listings about which only the merchant can decide: all but those that are linked, left out, or not passed yet.
TO_LINK = frozenset(LinkState) - {LinkState.LINKED, LinkState.WAITING, LinkState.LEFT_OUT}
OPEN = (RunState.WAITING, RunState.RUNNING)
SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class Setup:
    """How far a merchant has come.  `unfinished` is a sales channel that was added and never turned on."""

    stores: bool
    unfinished: uuid.UUID | None
    connected: bool
    imported: bool
    linked: bool
    syncing: bool
    rests: uuid.UUID | None

    @property
    def done(self) -> bool:
        """Whether the guide has nothing more to say."""
        return self.stores and self.connected and self.linked and self.syncing


# How far a merchant without a store has come.
NOTHING = Setup(stores=False, unfinished=None, connected=False, imported=False, linked=False, syncing=False, rests=None)


def setup(to_link: Count) -> Setup:
    """The steps of the guide; `to_link` is how many listings wait for a decision."""
    channels = _channels()
    begun = [each for each in channels if each.active_since is not None]
    running = [each for each in begun if each.state not in (ConnectionState.SAVED, ConnectionState.DRAFT)]
    imported = bool(begun) and _any(sa.select(Run.id).where(Run.state == RunState.DONE), Run)
    linked = imported and (to_link.number == 0 or _any(sa.select(Listing.id).where(_is_linked()), Listing))
    return Setup(
        stores=_any(sa.select(Store.id), Store),
        unfinished=next((each.id for each in channels if each.active_since is None), None),
        connected=bool(begun),
        imported=imported,
        linked=linked,
        syncing=bool(running),
        rests=next((each.id for each in begun if each not in running), None),
    )


def _channels() -> list[Any]:
    query = sa.select(Connection.id, Connection.state, Connection.active_since).where(
        Connection.merchant_id == whose(), Connection.kind == Kind.MARKETPLACE.value
    )
    return list(db.session.execute(query.order_by(Connection.id.desc())))


def _is_linked() -> sa.ColumnElement[bool]:
    return Listing.link_state == LinkState.LINKED


def _any(query: sa.Select[Any], model: type[Run] | type[Listing] | type[Store]) -> bool:
    # In the order of the index, so that the first row of many is not sought in the table itself.
    return db.session.scalar(query.where(model.merchant_id == whose()).order_by(model.id).limit(1)) is not None


def to_link() -> Count:
    """How many live listings wait for a decision about their link."""
    query = sa.select(Listing.id).where(
        Listing.merchant_id == whose(), Listing.link_state.in_(sorted(TO_LINK)), Listing.missing_since.is_(None)
    )
    return count_of(db.session(), query)


def orders_to_ship() -> Count:
    """How many orders have to leave and are not on their way."""
    query = sa.select(Order.id).where(
        Order.merchant_id == whose(),
        Order.status.in_(sorted(TO_SHIP)),
        Order.by_channel.is_(False),
        Order.stage.not_in([OrderStage.DONE, OrderStage.EXCLUDED]),
    )
    return count_of(db.session(), query)


def orders_stuck() -> Count:
    """How many orders wait for the merchant: no plugin, blocked, or a status word that nobody has given a meaning."""
    stuck = sa.or_(Order.stage.in_([OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED]), Order.status.is_(None))
    return count_of(db.session(), sa.select(Order.id).where(Order.merchant_id == whose(), stuck))


def oversold() -> Count:
    """How many products are promised to more orders than there are pieces of them."""
    query = sa.select(Stock.id).where(Stock.merchant_id == whose(), Stock.reserved > Stock.on_hand)
    return count_of(db.session(), query)


def runs_open() -> Count:
    """How many syncs run or wait for their turn."""
    return count_of(db.session(), sa.select(Run.id).where(Run.merchant_id == whose(), Run.state.in_(OPEN)))


def problems() -> Count:
    """How many notices are open."""
    query = sa.select(Notice.id).where(Notice.merchant_id == whose(), Notice.cleared_at.is_(None))
    return count_of(db.session(), query)


@dataclass(frozen=True, slots=True)
class RecentRun:
    """One run in the list of the start page."""

    run: Run
    connection: str
    letters: str
    store: str
    zone: str
    badge: sync_pages.Badge


def recent_runs() -> list[RecentRun]:
    """The runs that were asked for last, with the names of their connection and store."""
    query = (
        sa.select(Run, Connection.name, Connection.integration, Store.name.label("store"), Store.time_zone)
        .join(Connection, sa.and_(Connection.merchant_id == Run.merchant_id, Connection.id == Run.connection_id))
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(Run.merchant_id == whose())
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(SHOWN_RUNS)
    )
    known = integrations.all_integrations()
    return [
        RecentRun(
            run=row.Run,
            connection=row.name,
            letters=known[row.integration].tile if row.integration in known else row.integration[:2],
            store=row.store,
            zone=row.time_zone,
            badge=sync_pages.badge(row.Run),
        )
        for row in db.session.execute(query)
    ]
