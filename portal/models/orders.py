"""What buyers ordered: orders, their lines, and what happened to them."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from portal.contract.records import OrderStatus
from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words
from portal.models.routing import OrderStage

# While an order is in one of these, or in none that anybody has given a meaning, its pieces are promised to it.
RESERVING = (
    OrderStatus.UNPAID,
    OrderStatus.TO_SHIP,
    OrderStatus.READY_TO_SHIP,
    OrderStatus.PARTLY_SHIPPED,
    OrderStatus.ON_HOLD,
)
# In these the pieces of an order have left.
LEFT = (
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.COMPLETED,
    OrderStatus.DELIVERY_FAILED,
    OrderStatus.RETURNED,
)
# In these there is something to ship.
TO_SHIP = (OrderStatus.TO_SHIP, OrderStatus.READY_TO_SHIP, OrderStatus.PARTLY_SHIPPED)


class Order(Tenant, Base):
    """One order of one buyer at one channel; one that was typed here has no connection.

    `status` is what the channel's word means, None while nobody has given it a meaning.  The consignee, the notes, the
    buyer's account and what the channel sent lie in `sealed`; `buyer_shown` is the name with most of it masked.
    `customer_key` and `recipient_key` are keyed hashes by which orders of one buyer, and those to one recipient at one
    address, are found; `notes_key` is that of the notes, None where there are none.  `by_channel` means that the
    channel ships it itself.  `flagged` is whether a line names a listing that is not linked.  `digest` is a hash of
    what the channel told, so that an order that did not change is not written again.  `stage` is where the order stands
    in this house, and `stage_why` the cause or the words for that.  `completed` is the consignee as the merchant
    completed it where the channel hides or lacks something, sealed as well.  `buyer_gone_at` is when all of that was
    removed, since the order has long been over; then `sealed` is empty, as it stays until the channel tells it anew.
    """

    __tablename__ = "orders"

    store_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID | None]
    remote_id: Mapped[str]
    number: Mapped[str]
    status_word: Mapped[str]
    status_text: Mapped[str] = mapped_column(default="")
    status: Mapped[OrderStatus | None] = mapped_column(words(OrderStatus))
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    ship_by: Mapped[datetime | None]
    remote_updated_at: Mapped[datetime | None]
    currency: Mapped[str] = mapped_column(default="")
    total_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    freight_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    discount_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    payment_word: Mapped[str] = mapped_column(default="")
    paid_on_delivery: Mapped[bool] = mapped_column(default=False)
    by_channel: Mapped[bool] = mapped_column(default=False)
    gift: Mapped[bool] = mapped_column(default=False)
    shipping_service: Mapped[str] = mapped_column(default="")
    country: Mapped[str] = mapped_column(default="")
    province: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    postcode: Mapped[str] = mapped_column(default="")
    buyer_shown: Mapped[str] = mapped_column(default="")
    masked: Mapped[bool] = mapped_column(default=False)
    customer_key: Mapped[bytes | None]
    recipient_key: Mapped[bytes | None]
    notes_key: Mapped[bytes | None]
    sealed: Mapped[bytes]
    completed: Mapped[bytes | None]
    buyer_gone_at: Mapped[datetime | None]
    carrier: Mapped[str] = mapped_column(default="")
    tracking: Mapped[str] = mapped_column(default="")
    tags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()), default=list)
    stage: Mapped[OrderStage] = mapped_column(
        words(OrderStage), default=OrderStage.PENDING, server_default=OrderStage.PENDING.value
    )
    stage_why: Mapped[str] = mapped_column(default="", server_default="")
    pieces: Mapped[int]
    flagged: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[bytes]
    asked_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("store", "store_id", ondelete="RESTRICT"),
        belongs_to("connection", "connection_id", ondelete="RESTRICT"),
        sa.Index(
            "one_order_per_remote_id",
            "merchant_id",
            "connection_id",
            "remote_id",
            unique=True,
            postgresql_where=sa.text("connection_id is not null"),
        ),
        sa.CheckConstraint("status is distinct from 'keep'", name="keep_is_no_status_of_an_order"),
        sa.CheckConstraint("pieces > 0", name="an_order_is_of_something"),
        sa.CheckConstraint(
            "num_nonnulls(total_minor, freight_minor, discount_minor) = 0 or currency <> ''",
            name="an_orders_money_has_a_currency",
        ),
        sa.Index("ix_orders_list", "merchant_id", "placed_at", "id"),
        sa.Index("ix_orders_status", "merchant_id", "status", "placed_at", "id"),
        sa.Index("ix_orders_connection", "merchant_id", "connection_id", "placed_at", "id"),
        sa.Index("ix_orders_store", "merchant_id", "store_id", "placed_at", "id"),
        sa.Index("ix_orders_number", "merchant_id", "number"),
        sa.Index("ix_orders_remote", "merchant_id", "remote_id"),
        sa.Index("ix_orders_tracking", "merchant_id", "tracking", postgresql_where=sa.text("tracking <> ''")),
        sa.Index("ix_orders_unmapped", "merchant_id", "placed_at", "id", postgresql_where=sa.text("status is null")),
        sa.Index("ix_orders_stage", "merchant_id", "stage", "placed_at", "id"),
        sa.Index("ix_orders_flagged", "merchant_id", "placed_at", "id", postgresql_where=sa.text("flagged")),
    )


class OrderLine(Tenant, Base):
    """One line of an order: a listing, as long as it is known here, and the product that it is linked to.

    `title` is what the buyer saw.  `product_id` stays what it was when the line was promised its pieces.
    """

    __tablename__ = "order_line"

    order_id: Mapped[uuid.UUID]
    remote_id: Mapped[str]
    place: Mapped[int]
    remote_listing_id: Mapped[str]
    listing_id: Mapped[uuid.UUID | None]
    product_id: Mapped[uuid.UUID | None]
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int]
    price_minor: Mapped[int | None] = mapped_column(sa.BigInteger)

    __table_args__ = (
        belongs_to("orders", "order_id"),
        belongs_to("listing", "listing_id", ondelete="SET NULL"),
        belongs_to("product", "product_id", ondelete="RESTRICT"),
        sa.UniqueConstraint("merchant_id", "order_id", "remote_id", name="one_line_per_remote_id"),
        sa.CheckConstraint("quantity >= 0", name="a_line_is_of_whole_pieces"),
        sa.Index("ix_order_line_sku", "merchant_id", "sku"),
        sa.Index("ix_order_line_listing", "merchant_id", "listing_id"),
        sa.Index("ix_order_line_product", "merchant_id", "product_id"),
        sa.Index(
            "ix_order_line_unlinked",
            "merchant_id",
            "remote_listing_id",
            postgresql_where=sa.text("product_id is null"),
        ),
    )


class OrderEvent(Tenant, Base):
    """One thing that happened to an order, in the order it happened.  `values` never hold a buyer's data."""

    __tablename__ = "order_event"

    order_id: Mapped[uuid.UUID]
    what: Mapped[str]
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    who: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("orders", "order_id"),
        sa.Index("ix_order_event_order", "merchant_id", "order_id", "at", "id"),
    )
