"""Prices"""

import sqlalchemy as sa
from alembic import op

from migrations.walls import wall

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "price",
    "price_push",
)


def upgrade() -> None:
    _price()
    _price_push()
    for table in TENANT_TABLES:
        wall(table)


def _price() -> None:
    op.create_table(
        "price",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("a_price_names_its_currency")),
        sa.CheckConstraint("minor > 0", name=op.f("a_price_is_more_than_nothing")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_price_merchant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_price_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_price")),
        sa.UniqueConstraint("merchant_id", "product_id", "currency", name="one_price_per_product_and_currency"),
    )


def _price_push() -> None:
    op.create_table(
        "price_push",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("sent_minor", sa.BigInteger(), nullable=True),
        sa.Column("acked", sa.BigInteger(), nullable=False),
        sa.Column("acked_minor", sa.BigInteger(), nullable=True),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("acked <= sent and sent <= wanted", name=op.f("no_price_is_sent_that_nobody_wanted")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_price_push_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "listing_id"],
            ["listing.merchant_id", "listing.id"],
            name=op.f("fk_price_push_merchant_id_listing_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_price_push_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_price_push")),
        sa.UniqueConstraint("merchant_id", "listing_id", name="one_price_push_per_listing"),
    )
    op.create_index(
        "ix_price_push_due",
        "price_push",
        ["merchant_id", "connection_id", "wanted_at"],
        postgresql_where=sa.text("acked < wanted and cause = ''"),
    )
    op.create_index(
        "ix_price_push_refused", "price_push", ["merchant_id", "connection_id"], postgresql_where=sa.text("cause <> ''")
    )


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
