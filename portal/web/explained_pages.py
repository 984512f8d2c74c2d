"""The explained number: where what a listing shows comes from, what of it was sent and read back, what blocks it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal import integrations
from portal.flows import drift, levels, pushes
from portal.kit.db import db, whose
from portal.models import (
    BundlePart,
    Connection,
    ConnectionState,
    ExportStage,
    Listing,
    Order,
    Product,
    Push,
    Reservation,
    ReservationState,
    Stock,
    StockSource,
    Store,
)
from portal.web import export_words

MOST_ORDERS = 50
WIDEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Source:
    """What one warehouse counts for, and when it said so."""

    connection_id: uuid.UUID
    name: str
    available: int
    kept: int
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Promise:
    """Pieces that one order is promised."""

    order_id: uuid.UUID
    number: str
    product_id: uuid.UUID
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bundle: how many go into one, what is there of it, and how many bundles that makes."""

    product_id: uuid.UUID
    sku: str
    quantity: int
    on_hand: int
    reserved: int

    @property
    def makes(self) -> int:
        """How many whole bundles this part is enough for."""
        return max(0, self.on_hand - self.reserved) // self.quantity


@dataclass(frozen=True, slots=True)
class Derivation:
    """The numbers of one listing's level, from which it re-computes.

    `more_orders` is how many pieces are promised to orders beyond those that are listed.
    """

    shown: levels.Shown
    sources: Sequence[Source]
    promises: Sequence[Promise]
    more_orders: int
    parts: Sequence[Part]

    @property
    def available(self) -> int:
        """What may be sold, from the lowest numbers up."""
        if self.parts:
            return min(part.makes for part in self.parts)
        return self.shown.on_hand - sum(each.quantity for each in self.promises) - self.more_orders

    @property
    def level(self) -> int:
        """What the listing shows by these numbers."""
        left = max(0, self.available - (self.shown.buffer or 0))
        return left if self.shown.max_level is None else min(self.shown.max_level, left)


def derivation(listing_id: uuid.UUID) -> Derivation | None:
    """How the level of a listing comes about; None where it has none."""
    shown = levels.of([listing_id]).get(listing_id)
    if shown is None:
        return None
    parts = _parts(shown.product_id) if shown.bundle else []
    products = [part.product_id for part in parts] or [shown.product_id]
    promises, more = _promises(products)
    return Derivation(shown, _sources(products), promises, more, parts)


def _sources(products: Sequence[uuid.UUID]) -> list[Source]:
    query = (
        sa.select(
            StockSource.connection_id, Connection.name, StockSource.available, StockSource.kept, StockSource.read_at
        )
        .join(
            Connection,
            sa.and_(Connection.merchant_id == StockSource.merchant_id, Connection.id == StockSource.connection_id),
        )
        .where(StockSource.merchant_id == whose(), StockSource.product_id.in_(products))
    )
    return [Source(*row) for row in db.session.execute(query.order_by(Connection.name))]


def _promises(products: Sequence[uuid.UUID]) -> tuple[list[Promise], int]:
    """The oldest orders that are promised pieces, and how many pieces the others hold."""
    is_open = [
        Reservation.merchant_id == whose(),
        Reservation.product_id.in_(products),
        Reservation.state == ReservationState.OPEN,
    ]
    query = (
        sa.select(
            Reservation.order_id,
            sa.func.coalesce(sa.func.nullif(Order.number, ""), Order.remote_id).label("number"),
            Reservation.product_id,
            Reservation.quantity,
            Reservation.at,
        )
        .join(Order, sa.and_(Order.merchant_id == Reservation.merchant_id, Order.id == Reservation.order_id))
        .where(*is_open)
        .order_by(Reservation.at, Reservation.id)
        .limit(MOST_ORDERS)
    )
    found = [Promise(*row) for row in db.session.execute(query)]
    total = db.session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Reservation.quantity), 0)).where(*is_open)) or 0
    return found, int(total) - sum(each.quantity for each in found)


def _parts(product_id: uuid.UUID) -> list[Part]:
    query = (
        sa.select(
            BundlePart.part_id,
            Product.sku,
            BundlePart.quantity,
            sa.func.coalesce(Stock.on_hand, 0),
            sa.func.coalesce(Stock.reserved, 0),
        )
        .join(Product, sa.and_(Product.merchant_id == BundlePart.merchant_id, Product.id == BundlePart.part_id))
        .outerjoin(Stock, sa.and_(Stock.merchant_id == BundlePart.merchant_id, Stock.product_id == BundlePart.part_id))
        .where(BundlePart.merchant_id == whose(), BundlePart.product_id == product_id)
    )
    return [Part(*row) for row in db.session.execute(query.order_by(Product.sku))]


def push_of(listing_id: uuid.UUID) -> Push | None:
    """What was wanted, sent, said and read back of a listing."""
    query = sa.select(Push).where(Push.merchant_id == whose(), Push.listing_id == listing_id)
    return db.session.scalars(query).one_or_none()


def set_at(where: str) -> str:
    """In which place a limit is set, in words."""
    return {
        levels.PRODUCT: _("set for this product"),
        levels.CHANNEL: _("set for this channel"),
        levels.STORE: _("set for the store"),
    }.get(where, _("set nowhere"))


@dataclass(frozen=True, slots=True)
class Block:
    """Why a number does not go out: a word for scripts, the sentence, and where to do something about it."""

    key: str
    text: str
    url: tuple[str, dict[str, Any]] | None = None
    label: str = ""


def blocks(listing: Listing, connection: Connection, push: Push | None) -> list[Block]:
    """What keeps the number of a listing from going out, what is nearest to the merchant first."""
    one = integrations.get(connection.integration)
    found: list[Block] = []
    if one.stock_out is None:
        return [Block("takes_none", _("%(remote)s takes no numbers of stock from here.", remote=one.name))]
    if listing.product_id is None:
        found.append(
            Block(
                "not_linked",
                _("It is not linked to a product, so it is never sent a number, not even 0."),
                ("catalogue.listing", {"public_id": listing.id}),
                _("Link it"),
            )
        )
    if listing.missing_since is not None:
        found.append(Block("missing", _("%(remote)s does not list it any more.", remote=one.name)))
    elif not listing.passed:
        found.append(Block("waiting", _("Its quality check at %(remote)s is not passed yet.", remote=one.name)))
    return found + _blocks_of_channel(connection) + _blocks_of_push(push, one.name)


def _blocks_of_channel(connection: Connection) -> list[Block]:
    to_channel = ("connections.detail", {"public_id": connection.id})
    to_export = ("rehearsals.index", {"public_id": connection.id})
    if connection.state is not ConnectionState.ACTIVE:
        word = _("%(name)s is paused or off.", name=connection.name)
        return [Block("channel_off", word, to_channel, _("Open %(name)s", name=connection.name))]
    store = db.session.get_one(Store, (whose(), connection.store_id))
    if not store.is_active:
        place = ("stores.detail", {"public_id": store.id})
        return [Block("store_off", _("The store %(name)s is off.", name=store.name), place, _("Open the store"))]
    if not connection.known_options.export:
        return [Block("export_off", _("The stock export is off."), to_export, _("Show what would change"))]
    if connection.export_stage is ExportStage.HELD:
        return [Block("export_held", _("The export waits for your look."), to_export, _("Look at every number"))]
    if connection.export_stage is ExportStage.BRAKED:
        return [Block("export_braked", _("The export was stopped."), to_export, _("Look at every number"))]
    if connection.export_stage is ExportStage.FIRST:
        return [Block("export_first", _("Only the first lot is sent so far."), to_export, _("Send the rest"))]
    return []


def _blocks_of_push(push: Push | None, remote: str) -> list[Block]:
    if push is None:
        return []
    if push.cause:
        return [
            Block("refused", _("%(remote)s did not take the last number: %(said)s", remote=remote, said=push.detail))
        ]
    if push.acked < push.sent:
        return [Block("unsure", _("Nobody knows whether the last number arrived. It is sent again by itself."))]
    return []


def next_step(found: Sequence[Block], push: Push | None, level: int | None) -> str:
    """What happens next, or what to do, in a sentence."""
    if found:
        return found[0].text
    if push is None or level is None:
        return _("It is sent when its stock changes for the first time.")
    if push.sent < push.wanted:
        return _("A new number is on its way.")
    if push.acked_level == level:
        return _("Nothing to do: the channel shows this number.")
    return _("The number is sent with the next change.")


@dataclass(frozen=True, slots=True)
class Line:
    """One listing in short, for the page of its product."""

    listing_id: uuid.UUID
    channel: str
    remote_id: str
    level: int
    shows: int | None
    state: str


def of_product(product_id: uuid.UUID) -> list[Line]:
    """What every listing of a product, and of the bundles that hold it, shows and shall show; for its stock page."""
    found = levels.of_products([product_id])
    query = (
        sa.select(Push, Connection.name)
        .join(Connection, sa.and_(Connection.merchant_id == Push.merchant_id, Connection.id == Push.connection_id))
        .where(Push.merchant_id == whose(), Push.listing_id.in_(found))
    )
    pushed = {row.Push.listing_id: row for row in db.session.execute(query)}
    of_these = sa.select(Connection.id, Connection.name).where(
        Connection.merchant_id == whose(), Connection.id.in_({each.connection_id for each in found.values()})
    )
    names: Mapping[uuid.UUID, str] = {row.id: row.name for row in db.session.execute(of_these)}
    return [
        Line(
            each.listing_id,
            names[each.connection_id],
            each.remote_id,
            each.level,
            row.Push.acked_level if (row := pushed.get(each.listing_id)) else None,
            _state(row.Push if row else None, each.level),
        )
        for each in sorted(found.values(), key=lambda one: (names[one.connection_id], one.remote_id))
    ]


def _state(push: Push | None, level: int) -> str:
    """A word for how a listing stands: never, refused, drift, unsure, due, same."""
    if push is None or (push.sent == 0 and push.acked_level is None):
        return "never"
    if push.cause:
        return "refused"
    if push.drift in {drift.Drift.LINK, drift.Drift.AGAIN, drift.Drift.ORDER}:
        return "drift"
    if push.acked < push.sent:
        return "unsure"
    return "same" if push.acked_level == level else "due"


def said_drift(push: Push | None, remote: str) -> str:
    """Where a difference that was read back comes from, "" where there is none."""
    return export_words.drift(push.drift, remote) if push is not None else ""


def sends(connection: Connection) -> bool:
    """Whether numbers go out to a connection now."""
    return pushes.sends(connection) is not None
