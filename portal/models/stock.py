"""How many pieces of each product there are, whom they are promised to, and what each listing was told to show."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class StockWhy(StrEnum):
    """Why a number of pieces moved."""

    COUNT = "count"
    IN = "in"
    OUT = "out"
    WAREHOUSE = "warehouse"
    SOURCE_ENDED = "source_ended"
    RESERVE = "reserve"
    RELEASE = "release"
    SHIP = "ship"
    RECEIPT = "receipt"


class ReservationState(StrEnum):
    """OPEN ones count as reserved; SHIPPED pieces have left, RELEASED ones were given back."""

    OPEN = "open"
    SHIPPED = "shipped"
    RELEASED = "released"


class ExportStage(StrEnum):
    """How far a channel's export is let out: nothing, a first lot that is read back, all; or stopped by the brake."""

    HELD = "held"
    FIRST = "first"
    OPEN = "open"
    BRAKED = "braked"


class BundlePart(Tenant, Base):
    """A product that is made of others: one part, and how many pieces of it are in one bundle."""

    __tablename__ = "bundle_part"

    product_id: Mapped[uuid.UUID]
    part_id: Mapped[uuid.UUID]
    quantity: Mapped[int]

    __table_args__ = (
        belongs_to("product", "product_id"),
        belongs_to("product", "part_id", ondelete="RESTRICT"),
        sa.UniqueConstraint("merchant_id", "product_id", "part_id", name="a_part_stands_in_a_bundle_once"),
        sa.CheckConstraint("quantity between 1 and 1000000", name="a_bundle_holds_whole_parts"),
        sa.CheckConstraint("product_id <> part_id", name="a_bundle_is_not_its_own_part"),
        sa.Index("ix_bundle_part_part", "merchant_id", "part_id"),
    )


class Stock(Tenant, Base):
    """The pieces of one product; a bundle has none of its own.

    `on_hand` is counted, `reserved` promised to open orders; more may be promised than is there, for what a channel has
    sold is sold.  `available` may still be sold; it is below 0 where more is promised than is there.  `version` counts
    the moves.  `buffer` and `max_level` are the product's own where they are not None.
    """

    __tablename__ = "stock"

    product_id: Mapped[uuid.UUID]
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)
    # Kept and not reckoned, for the walls let an index serve no reckoning.
    available: Mapped[int] = mapped_column(sa.Computed("on_hand - reserved", persisted=True))
    version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    buffer: Mapped[int | None]
    max_level: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("product", "product_id"),
        sa.UniqueConstraint("merchant_id", "product_id", name="one_stock_per_product"),
        sa.CheckConstraint("on_hand >= 0", name="nobody_has_less_than_nothing_on_hand"),
        sa.CheckConstraint("reserved >= 0", name="nobody_promises_less_than_nothing"),
        sa.CheckConstraint("buffer >= 0 and max_level >= 0", name="a_products_limits_are_not_negative"),
        sa.Index("ix_stock_oversold", "merchant_id", "product_id", postgresql_where=sa.text("reserved > on_hand")),
        sa.Index("ix_stock_available", "merchant_id", "available", "product_id"),
    )


class StockSource(Tenant, Base):
    """What one plugin's warehouse counts for in a product's number on hand, as of `read_at`.

    `available` is what the warehouse would still sell, `kept` what it keeps for orders of ours that it has accepted:
    together they are on hand.
    """

    __tablename__ = "stock_source"

    product_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID]
    available: Mapped[int]
    kept: Mapped[int]
    read_at: Mapped[datetime]

    __table_args__ = (
        belongs_to("product", "product_id"),
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "product_id", "connection_id", name="one_source_per_product_and_plugin"),
        sa.CheckConstraint("available >= 0 and kept >= 0", name="a_source_has_no_negative_stock"),
        sa.Index("ix_stock_source_connection", "merchant_id", "connection_id"),
    )


class StockMove(Tenant, Base):
    """One change of a product's stock.  The balance is the sum of all of them.  Append only.

    `subject` and `subject_id` name what caused it: an order, a shipment, a connection, a file.
    """

    __tablename__ = "stock_move"

    product_id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(sa.BigInteger)
    why: Mapped[StockWhy] = mapped_column(words(StockWhy))
    on_hand: Mapped[int]
    reserved: Mapped[int]
    subject: Mapped[str] = mapped_column(default="")
    subject_id: Mapped[uuid.UUID | None]
    note: Mapped[str] = mapped_column(default="")
    who: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("product", "product_id"),
        sa.UniqueConstraint("merchant_id", "product_id", "version", name="one_move_per_version"),
        sa.CheckConstraint("on_hand <> 0 or reserved <> 0", name="a_move_moves_something"),
        sa.Index(
            "ix_stock_move_subject", "merchant_id", "subject_id", postgresql_where=sa.text("subject_id is not null")
        ),
    )


class Reservation(Tenant, Base):
    """Pieces of one product that one line of an order is promised.

    A line of a bundle has one for each part.  `at` is when the line was first promised them: who came first is served
    first; `firm` ones are at a warehouse already and go before all others.  What is OPEN stands in one row; of what is
    SHIPPED there is one for each leaving, `by_parcel` where a known parcel holds it and not only the channel says so.
    """

    __tablename__ = "reservation"

    order_id: Mapped[uuid.UUID]
    line_id: Mapped[uuid.UUID]
    product_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
    state: Mapped[ReservationState] = mapped_column(words(ReservationState), default=ReservationState.OPEN)
    firm: Mapped[bool] = mapped_column(default=False)
    by_parcel: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("orders", "order_id"),
        belongs_to("order_line", "line_id"),
        belongs_to("product", "product_id", ondelete="RESTRICT"),
        sa.CheckConstraint("quantity > 0", name="a_reservation_holds_pieces"),
        sa.CheckConstraint("(ended_at is null) = (state = 'open')", name="a_reservation_ends_when_its_state_says_so"),
        sa.CheckConstraint("state = 'shipped' or not by_parcel", name="only_what_left_is_in_a_parcel"),
        sa.Index(
            "a_line_reserves_a_product_once",
            "merchant_id",
            "line_id",
            "product_id",
            unique=True,
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index("ix_reservation_order", "merchant_id", "order_id"),
        sa.Index(
            "ix_reservation_open", "merchant_id", "product_id", "at", "id", postgresql_where=sa.text("state = 'open'")
        ),
    )


class Push(Tenant, Base):
    """What one listing at a channel shall show, was sent, and has said.

    `wanted` counts the reasons to send; `sent` and `acked` are the count that the last sending and the last answer go
    back to, so `sent < wanted` means that there is something to send, and `acked < sent` that nobody knows whether a
    sending arrived.  Levels are numbers of pieces.  `cause` is why the channel did not take it, "" where it did.
    `drift` is what the difference between the number read back and the one that was sent comes from.
    """

    __tablename__ = "push"

    listing_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID]
    wanted: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    wanted_at: Mapped[datetime] = mapped_column(default=now)
    sent: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    sent_level: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    acked: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    acked_level: Mapped[int | None]
    acked_at: Mapped[datetime | None]
    read_level: Mapped[int | None]
    read_at: Mapped[datetime | None]
    drift: Mapped[str] = mapped_column(default="")
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    refused_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("listing", "listing_id"),
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "listing_id", name="one_push_per_listing"),
        sa.CheckConstraint("acked <= sent and sent <= wanted", name="nothing_is_sent_that_nobody_wanted"),
        sa.CheckConstraint("sent_level >= 0 and acked_level >= 0", name="no_listing_shows_less_than_nothing"),
        sa.Index("ix_push_due", "merchant_id", "connection_id", "wanted_at", postgresql_where=sa.text("sent < wanted")),
        sa.Index("ix_push_unsure", "merchant_id", "connection_id", postgresql_where=sa.text("acked < sent")),
        sa.Index(
            "ix_push_trouble", "merchant_id", "connection_id", postgresql_where=sa.text("cause <> '' or drift <> ''")
        ),
        sa.Index("ix_push_connection", "merchant_id", "connection_id", "id"),
    )


class Rehearsal(Tenant, Base):
    """What would change at a channel if its export were let out: made, looked at, and released or dropped.

    `listings` is how many were compared, `changes` how many would change, `zeroed` how many that show something would
    show 0, `shown` how many show something now.  `braked` is whether that is more than the merchant allows at once.
    """

    __tablename__ = "rehearsal"

    connection_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default="waiting")
    made_by: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    ready_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(default="")
    listings: Mapped[int] = mapped_column(default=0)
    changes: Mapped[int] = mapped_column(default=0)
    zeroed: Mapped[int] = mapped_column(default=0)
    shown: Mapped[int] = mapped_column(default=0)
    braked: Mapped[bool] = mapped_column(default=False)
    cause: Mapped[str] = mapped_column(default="")
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.CheckConstraint(
            "state in ('waiting', 'reading', 'ready', 'first', 'released', 'dropped', 'failed')",
            name="a_rehearsal_has_a_known_state",
        ),
        sa.Index(
            "one_open_rehearsal",
            "merchant_id",
            "connection_id",
            unique=True,
            postgresql_where=sa.text("state in ('waiting', 'reading', 'ready', 'first')"),
        ),
        sa.Index("ix_rehearsal_list", "merchant_id", "connection_id", "id"),
    )


class RehearsalRow(Tenant, Base):
    """One listing of a rehearsal: what its channel shows, and what it would show."""

    __tablename__ = "rehearsal_row"

    rehearsal_id: Mapped[uuid.UUID]
    listing_id: Mapped[uuid.UUID]
    shows: Mapped[int | None]
    would: Mapped[int]

    __table_args__ = (
        belongs_to("rehearsal", "rehearsal_id"),
        belongs_to("listing", "listing_id"),
        sa.UniqueConstraint("merchant_id", "rehearsal_id", "listing_id", name="a_rehearsal_names_a_listing_once"),
        sa.CheckConstraint("would >= 0", name="no_listing_would_show_less_than_nothing"),
    )
