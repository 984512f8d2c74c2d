"""What remotes pushed to us: the deliveries that are believed, and how many were not."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.contract.webhooks import Reason
from portal.kit.db import Base, Tenant, belongs_to, words


class DeliveryState(StrEnum):
    """WAITING ones were not looked at yet, or wait for their connection; DEAD ones wait for a person."""

    WAITING = "waiting"
    APPLIED = "applied"
    DEAD = "dead"


class Delivery(Tenant, Base):
    """One push whose signature held, kept once however often it came.

    `digest` is the SHA-256 of what it says, by which a repetition is told from a forgery.  `sealed` are the bytes of
    the body, None when they were removed; `headers` are those of the first copy, masked.  `hint` is what it tells
    (resource and keys), empty until it was read; `changes` are the remote ids of the records that changed by it.
    `cause` says why it waits, why it is dead, or why it was applied without asking.
    """

    __tablename__ = "delivery"

    connection_id: Mapped[uuid.UUID]
    event_id: Mapped[str]
    topic: Mapped[str] = mapped_column(default="")
    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState), default=DeliveryState.WAITING)
    digest: Mapped[bytes]
    sealed: Mapped[bytes | None]
    size: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hint: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changes: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    copies: Mapped[int] = mapped_column(default=1)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    last_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "connection_id", "event_id", name="an_event_is_kept_once"),
        sa.CheckConstraint("(settled_at is null) = (state = 'waiting')", name="a_delivery_settles_when_its_state_says"),
        sa.CheckConstraint("copies >= 1", name="a_delivery_came_at_least_once"),
        sa.CheckConstraint("length(event_id) between 1 and 200", name="an_event_has_an_id"),
        sa.Index("ix_delivery_received", "merchant_id", "received_at", "id"),
        sa.Index("ix_delivery_connection", "merchant_id", "connection_id", "received_at", "id"),
        sa.Index(
            "ix_delivery_unsettled",
            "merchant_id",
            "state",
            "received_at",
            "id",
            postgresql_where=sa.text("state <> 'applied'"),
        ),
        sa.Index("ix_delivery_body", "merchant_id", "received_at", postgresql_where=sa.text("sealed is not null")),
    )


class DeliveryRefusal(Tenant, Base):
    """How many pushes of one hour were not believed for one reason.

    One row however many came, so that nobody fills the disk by forging.  `headers` (masked), `size` and `detail` are
    those of the last one; nothing is kept of a body.
    """

    __tablename__ = "delivery_refusal"

    connection_id: Mapped[uuid.UUID]
    reason: Mapped[Reason] = mapped_column(words(Reason))
    hour: Mapped[datetime]
    number: Mapped[int]
    size: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    detail: Mapped[str] = mapped_column(default="")
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "connection_id", "reason", "hour", name="refusals_of_an_hour_are_one_row"),
        sa.CheckConstraint("number >= 1", name="a_refusal_happened"),
        sa.Index("ix_delivery_refusal_hour", "merchant_id", "hour", "id"),
    )
