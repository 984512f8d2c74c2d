"""What the warehouses of plugins say: how many pieces of each SKU there are, and how far orders have come there."""

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


class Direction(StrEnum):
    """Whether a document's goods leave the warehouse or come in."""

    OUT = "out"
    IN = "in"


class WarehouseStock(Tenant, Base):
    """The figures of one SKU at the warehouse of one connection, in pieces, as they stood at `read_at`.

    `gone_since` is set while a complete run no longer finds the SKU; all its figures are 0 then.  `told` are the
    numbers as they came where one of them was below 0.
    """

    __tablename__ = "warehouse_stock"

    connection_id: Mapped[uuid.UUID]
    remote_id: Mapped[str]
    sku: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    warehouse: Mapped[str]
    available: Mapped[int]
    on_hand: Mapped[int]
    reserved: Mapped[int]
    locked: Mapped[int]
    inbound: Mapped[int]
    told: Mapped[str] = mapped_column(default="")
    read_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    gone_since: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "connection_id", "remote_id", name="one_stock_per_remote_id"),
        sa.CheckConstraint(
            "available >= 0 and on_hand >= 0 and reserved >= 0 and locked >= 0 and inbound >= 0",
            name="a_warehouse_has_no_negative_stock",
        ),
        sa.CheckConstraint("gone_since is null or on_hand = 0 and available = 0", name="what_is_gone_counts_as_none"),
        sa.Index("ix_warehouse_stock_sku", "merchant_id", "sku"),
    )


class Document(Tenant, Base):
    """An order as a warehouse keeps it, goods out or goods in.

    `status` is what the warehouse's word means for us, None where nobody knows yet; `asked_at` is when it said so.
    """

    __tablename__ = "document"

    connection_id: Mapped[uuid.UUID]
    direction: Mapped[Direction] = mapped_column(words(Direction))
    remote_id: Mapped[str]
    reference: Mapped[str]
    status_word: Mapped[str]
    status_text: Mapped[str] = mapped_column(default="")
    status: Mapped[ShipmentStatus | None] = mapped_column(words(ShipmentStatus))
    status_at: Mapped[datetime | None]
    warehouse: Mapped[str] = mapped_column(default="")
    carrier: Mapped[str] = mapped_column(default="")
    tracking: Mapped[str] = mapped_column(default="")
    pieces: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    parcels: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    left_at: Mapped[datetime | None]
    asked_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint(
            "merchant_id", "connection_id", "direction", "remote_id", name="one_document_per_remote_id"
        ),
        sa.Index("ix_document_reference", "merchant_id", "reference"),
    )
