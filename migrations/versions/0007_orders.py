"""Orders"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, wall

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "orders",
    "order_event",
    "order_line",
)


def upgrade() -> None:
    _orders()
    _order_event()
    _order_line()
    for table in TENANT_TABLES:
        wall(table)
    append_only("order_event")


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("status_word", sa.Text(), nullable=False),
        sa.Column("status_text", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "unpaid",
                "to_ship",
                "ready_to_ship",
                "partly_shipped",
                "shipped",
                "delivered",
                "completed",
                "delivery_failed",
                "on_hold",
                "cancelled",
                "refunded",
                "returned",
                "unfulfillable",
                "keep",
                name="known_order_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ship_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remote_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=True),
        sa.Column("freight_minor", sa.BigInteger(), nullable=True),
        sa.Column("discount_minor", sa.BigInteger(), nullable=True),
        sa.Column("payment_word", sa.Text(), nullable=False),
        sa.Column("paid_on_delivery", sa.Boolean(), nullable=False),
        sa.Column("by_channel", sa.Boolean(), nullable=False),
        sa.Column("gift", sa.Boolean(), nullable=False),
        sa.Column("shipping_service", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("postcode", sa.Text(), nullable=False),
        sa.Column("buyer_shown", sa.Text(), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.Column("customer_key", sa.LargeBinary(), nullable=True),
        sa.Column("recipient_key", sa.LargeBinary(), nullable=True),
        sa.Column("notes_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("tracking", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(total_minor, freight_minor, discount_minor) = 0 or currency <> ''",
            name=op.f("an_orders_money_has_a_currency"),
        ),
        sa.CheckConstraint("status is distinct from 'keep'", name=op.f("keep_is_no_status_of_an_order")),
        sa.CheckConstraint("pieces > 0", name=op.f("an_order_is_of_something")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_orders_merchant_id_connection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["store.merchant_id", "store.id"],
            name=op.f("fk_orders_merchant_id_store_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_orders_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_orders")),
    )
    op.create_index("ix_orders_connection", "orders", ["merchant_id", "connection_id", "placed_at", "id"])
    op.create_index(
        "ix_orders_flagged", "orders", ["merchant_id", "placed_at", "id"], postgresql_where=sa.text("flagged")
    )
    op.create_index("ix_orders_list", "orders", ["merchant_id", "placed_at", "id"])
    op.create_index("ix_orders_number", "orders", ["merchant_id", "number"])
    op.create_index("ix_orders_remote", "orders", ["merchant_id", "remote_id"])
    op.create_index("ix_orders_status", "orders", ["merchant_id", "status", "placed_at", "id"])
    op.create_index("ix_orders_store", "orders", ["merchant_id", "store_id", "placed_at", "id"])
    op.create_index(
        "ix_orders_tracking", "orders", ["merchant_id", "tracking"], postgresql_where=sa.text("tracking <> ''")
    )
    op.create_index(
        "ix_orders_unmapped", "orders", ["merchant_id", "placed_at", "id"], postgresql_where=sa.text("status is null")
    )
    op.create_index(
        "one_order_per_remote_id",
        "orders",
        ["merchant_id", "connection_id", "remote_id"],
        unique=True,
        postgresql_where=sa.text("connection_id is not null"),
    )


def _order_event() -> None:
    op.create_table(
        "order_event",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("values", postgresql.JSONB(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_order_event_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_order_event_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_order_event")),
    )
    op.create_index("ix_order_event_order", "order_event", ["merchant_id", "order_id", "at", "id"])


def _order_line() -> None:
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("remote_listing_id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("a_line_is_of_whole_pieces")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "listing_id"],
            ["listing.merchant_id", "listing.id"],
            name=op.f("fk_order_line_merchant_id_listing_id"),
            ondelete="SET NULL (listing_id)",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_order_line_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_order_line_merchant_id_product_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_order_line_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_order_line")),
        sa.UniqueConstraint("merchant_id", "order_id", "remote_id", name="one_line_per_remote_id"),
    )
    op.create_index("ix_order_line_listing", "order_line", ["merchant_id", "listing_id"])
    op.create_index("ix_order_line_product", "order_line", ["merchant_id", "product_id"])
    op.create_index("ix_order_line_sku", "order_line", ["merchant_id", "sku"])
    op.create_index(
        "ix_order_line_unlinked",
        "order_line",
        ["merchant_id", "remote_listing_id"],
        postgresql_where=sa.text("product_id is null"),
    )


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
