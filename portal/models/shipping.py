"""What is sent to plugins as one parcel job each, the parcels that came of it, and what channels were told."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.contract.records import ShipmentStatus
from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class ShipmentState(StrEnum):
    """How far a shipment is.

    UNSURE is the honest state after a sending without an answer: the warehouse is asked before anything is repeated.
    REFUSED waits for the merchant; LEFT means that some of it is on its way, DONE that it is over.
    """

    PLANNED = "planned"
    UNSURE = "unsure"
    ACCEPTED = "accepted"
    CANCELLING = "cancelling"
    LEFT = "left"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


# What may follow what.  CANCELLING goes back to ACCEPTED where the warehouse does not stop.
NEXT: dict[ShipmentState, frozenset[ShipmentState]] = {
    ShipmentState.PLANNED: frozenset({ShipmentState.UNSURE, ShipmentState.REFUSED, ShipmentState.CANCELLED}),
    ShipmentState.UNSURE: frozenset(
        {ShipmentState.ACCEPTED, ShipmentState.REFUSED, ShipmentState.CANCELLED, ShipmentState.CANCELLING}
        | {ShipmentState.LEFT, ShipmentState.DONE}
    ),
    ShipmentState.ACCEPTED: frozenset(
        {ShipmentState.CANCELLING, ShipmentState.CANCELLED, ShipmentState.LEFT, ShipmentState.DONE}
    ),
    ShipmentState.CANCELLING: frozenset(
        {ShipmentState.CANCELLED, ShipmentState.ACCEPTED, ShipmentState.LEFT, ShipmentState.DONE}
    ),
    ShipmentState.LEFT: frozenset({ShipmentState.DONE}),
    ShipmentState.DONE: frozenset(),
    ShipmentState.REFUSED: frozenset({ShipmentState.UNSURE, ShipmentState.CANCELLED, ShipmentState.PLANNED}),
    ShipmentState.CANCELLED: frozenset(),
}
# Until here orders can be taken out, and nothing has to be asked of the warehouse.
UNSENT = (ShipmentState.PLANNED, ShipmentState.REFUSED)


class ConfirmationState(StrEnum):
    """DUE ones are told to the channel; UNSURE ones may have arrived; WAITING ones need a carrier from the merchant."""

    DUE = "due"
    WAITING = "waiting"
    UNSURE = "unsure"
    DONE = "done"
    REFUSED = "refused"


class Shipment(Tenant, Base):
    """One parcel job for one plugin, of one order or of several that were merged.

    `reference` is what the warehouse knows it by, constant over all attempts.  `send_after` is when it is sent at the
    earliest: until then orders that agree in `merge_key` may join it.  `status` and `status_word` are the warehouse's.
    `cause` is why it was refused or waits, `said` the warehouse's own words.  `left_at` is when all of it had left.
    """

    __tablename__ = "shipment"

    store_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID]
    reference: Mapped[str]
    state: Mapped[ShipmentState] = mapped_column(words(ShipmentState), default=ShipmentState.PLANNED)
    merge_key: Mapped[bytes | None]
    send_after: Mapped[datetime] = mapped_column(default=now)
    remote_id: Mapped[str] = mapped_column(default="")
    status_word: Mapped[str] = mapped_column(default="")
    status: Mapped[ShipmentStatus | None] = mapped_column(words(ShipmentStatus))
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    said: Mapped[str] = mapped_column(default="")
    cancel_why: Mapped[str] = mapped_column(default="")
    sent_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    cancel_asked_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("connection", "connection_id", ondelete="RESTRICT"),
        sa.UniqueConstraint("merchant_id", "reference", name="a_shipment_has_its_own_reference"),
        sa.CheckConstraint("length(reference) between 1 and 50", name="a_reference_is_short"),
        sa.CheckConstraint("(state = 'planned') <= (sent_at is null)", name="what_is_planned_was_not_sent"),
        sa.Index("ix_shipment_open", "merchant_id", "connection_id", "state", "id"),
        sa.Index(
            "ix_shipment_short",
            "merchant_id",
            "id",
            postgresql_where=sa.text("state = 'planned' and cause = 'short'"),
        ),
        sa.Index(
            "ix_shipment_merge",
            "merchant_id",
            "merge_key",
            postgresql_where=sa.text("state = 'planned' and merge_key is not null"),
        ),
    )

    def move(self, to: ShipmentState) -> None:
        """Go to another state.  Raises ValueError where no step leads there."""
        if to is not self.state and to not in NEXT[self.state]:
            raise ValueError(f"no step leads from {self.state} to {to}")
        self.state = to
        self.changed_at = now()


class ShipmentOrder(Tenant, Base):
    """One order of one shipment; `live` until the shipment is cancelled or the order taken out."""

    __tablename__ = "shipment_order"

    shipment_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    live: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        belongs_to("shipment", "shipment_id"),
        belongs_to("orders", "order_id"),
        sa.Index(
            "one_live_shipment_per_order",
            "merchant_id",
            "order_id",
            unique=True,
            postgresql_where=sa.text("live"),
        ),
        sa.UniqueConstraint("merchant_id", "shipment_id", "order_id", name="an_order_stands_in_a_shipment_once"),
        sa.Index("ix_shipment_order_order", "merchant_id", "order_id"),
    )


class Parcel(Tenant, Base):
    """One parcel of a shipment.  `pieces` are SKU and number as the warehouse told them."""

    __tablename__ = "parcel"

    shipment_id: Mapped[uuid.UUID]
    remote_id: Mapped[str]
    tracking: Mapped[str] = mapped_column(default="")
    carrier: Mapped[str] = mapped_column(default="")
    pieces: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    left_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("shipment", "shipment_id"),
        sa.UniqueConstraint("merchant_id", "shipment_id", "remote_id", name="one_parcel_per_remote_id"),
        sa.Index("ix_parcel_tracking", "merchant_id", "tracking", postgresql_where=sa.text("tracking <> ''")),
    )


class Confirmation(Tenant, Base):
    """What the channel of one order is told of its leaving: carrier and tracking numbers, and whether it took them."""

    __tablename__ = "confirmation"

    order_id: Mapped[uuid.UUID]
    shipment_id: Mapped[uuid.UUID | None]
    state: Mapped[ConfirmationState] = mapped_column(words(ConfirmationState), default=ConfirmationState.DUE)
    carrier: Mapped[str] = mapped_column(default="")
    carrier_name: Mapped[str] = mapped_column(default="")
    tracking: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    said: Mapped[str] = mapped_column(default="")
    told_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("orders", "order_id"),
        belongs_to("shipment", "shipment_id"),
        sa.UniqueConstraint("merchant_id", "order_id", name="one_confirmation_per_order"),
        sa.CheckConstraint("(state = 'done') = (told_at is not null)", name="what_is_done_was_told"),
        sa.Index("ix_confirmation_open", "merchant_id", "state", "id", postgresql_where=sa.text("state <> 'done'")),
    )
