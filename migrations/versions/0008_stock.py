"""Stock, and what is sent of it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, wall

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "bundle_part",
    "stock",
    "stock_move",
    "rehearsal",
    "stock_source",
    "push",
    "rehearsal_row",
    "reservation",
)


def upgrade() -> None:
    _columns()
    _bundle_part()
    _stock()
    _stock_move()
    _rehearsal()
    _stock_source()
    _push()
    _rehearsal_row()
    _reservation()
    for table in TENANT_TABLES:
        wall(table)
    append_only("stock_move")


def _columns() -> None:
    _filled("connection", sa.Column("export_stage", sa.String(length=20), nullable=False), "'held'")
    op.create_check_constraint(
        "known_export_stage", "connection", "export_stage in ('held', 'first', 'open', 'braked')"
    )
    _filled("document", sa.Column("parcels", postgresql.JSONB(), nullable=False), "'[]'")
    op.add_column("document", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("store", sa.Column("buffer", sa.Integer(), nullable=True))
    op.add_column("store", sa.Column("max_level", sa.Integer(), nullable=True))
    op.create_check_constraint("a_stores_limits_are_not_negative", "store", "buffer >= 0 and max_level >= 0")


def _filled(table: str, column: sa.Column[object], value: str) -> None:
    """A new column whose existing rows get a value."""
    column.server_default = sa.DefaultClause(sa.text(value))
    op.add_column(table, column)
    op.alter_column(table, column.name, server_default=None)


def _bundle_part() -> None:
    op.create_table(
        "bundle_part",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("product_id <> part_id", name=op.f("a_bundle_is_not_its_own_part")),
        sa.CheckConstraint("quantity between 1 and 1000000", name=op.f("a_bundle_holds_whole_parts")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "part_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_bundle_part_merchant_id_part_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_bundle_part_merchant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_bundle_part_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_bundle_part")),
        sa.UniqueConstraint("merchant_id", "product_id", "part_id", name="a_part_stands_in_a_bundle_once"),
    )
    op.create_index("ix_bundle_part_part", "bundle_part", ["merchant_id", "part_id"])


def _stock() -> None:
    op.create_table(
        "stock",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), sa.Computed("on_hand - reserved", persisted=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("buffer", sa.Integer(), nullable=True),
        sa.Column("max_level", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("buffer >= 0 and max_level >= 0", name=op.f("a_products_limits_are_not_negative")),
        sa.CheckConstraint("on_hand >= 0", name=op.f("nobody_has_less_than_nothing_on_hand")),
        sa.CheckConstraint("reserved >= 0", name=op.f("nobody_promises_less_than_nothing")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_stock_merchant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_stock_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock")),
        sa.UniqueConstraint("merchant_id", "product_id", name="one_stock_per_product"),
    )
    op.create_index("ix_stock_available", "stock", ["merchant_id", "available", "product_id"])
    op.create_index(
        "ix_stock_oversold", "stock", ["merchant_id", "product_id"], postgresql_where=sa.text("reserved > on_hand")
    )


def _stock_move() -> None:
    op.create_table(
        "stock_move",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column(
            "why",
            sa.Enum(
                "count",
                "in",
                "out",
                "warehouse",
                "source_ended",
                "reserve",
                "release",
                "ship",
                "receipt",
                name="known_stock_why",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("on_hand <> 0 or reserved <> 0", name=op.f("a_move_moves_something")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_stock_move_merchant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_stock_move_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock_move")),
        sa.UniqueConstraint("merchant_id", "product_id", "version", name="one_move_per_version"),
    )
    op.create_index(
        "ix_stock_move_subject",
        "stock_move",
        ["merchant_id", "subject_id"],
        postgresql_where=sa.text("subject_id is not null"),
    )


def _rehearsal() -> None:
    op.create_table(
        "rehearsal",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=False),
        sa.Column("listings", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("zeroed", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("braked", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cursor", postgresql.JSONB(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'reading', 'ready', 'first', 'released', 'dropped', 'failed')",
            name=op.f("a_rehearsal_has_a_known_state"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_rehearsal_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_rehearsal_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_rehearsal")),
    )
    op.create_index("ix_rehearsal_list", "rehearsal", ["merchant_id", "connection_id", "id"])
    op.create_index(
        "one_open_rehearsal",
        "rehearsal",
        ["merchant_id", "connection_id"],
        unique=True,
        postgresql_where=sa.text("state in ('waiting', 'reading', 'ready', 'first')"),
    )


def _stock_source() -> None:
    op.create_table(
        "stock_source",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("available >= 0 and kept >= 0", name=op.f("a_source_has_no_negative_stock")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_stock_source_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_stock_source_merchant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_stock_source_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_stock_source")),
        sa.UniqueConstraint("merchant_id", "product_id", "connection_id", name="one_source_per_product_and_plugin"),
    )
    op.create_index("ix_stock_source_connection", "stock_source", ["merchant_id", "connection_id"])


def _push() -> None:
    op.create_table(
        "push",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("sent_level", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acked", sa.BigInteger(), nullable=False),
        sa.Column("acked_level", sa.Integer(), nullable=True),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_level", sa.Integer(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drift", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("acked <= sent and sent <= wanted", name=op.f("nothing_is_sent_that_nobody_wanted")),
        sa.CheckConstraint("sent_level >= 0 and acked_level >= 0", name=op.f("no_listing_shows_less_than_nothing")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_push_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "listing_id"],
            ["listing.merchant_id", "listing.id"],
            name=op.f("fk_push_merchant_id_listing_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_push_merchant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_push")),
        sa.UniqueConstraint("merchant_id", "listing_id", name="one_push_per_listing"),
    )
    op.create_index("ix_push_connection", "push", ["merchant_id", "connection_id", "id"])
    op.create_index(
        "ix_push_due", "push", ["merchant_id", "connection_id", "wanted_at"], postgresql_where=sa.text("sent < wanted")
    )
    op.create_index(
        "ix_push_trouble",
        "push",
        ["merchant_id", "connection_id"],
        postgresql_where=sa.text("cause <> '' or drift <> ''"),
    )
    op.create_index(
        "ix_push_unsure", "push", ["merchant_id", "connection_id"], postgresql_where=sa.text("acked < sent")
    )


def _rehearsal_row() -> None:
    op.create_table(
        "rehearsal_row",
        sa.Column("rehearsal_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("shows", sa.Integer(), nullable=True),
        sa.Column("would", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("would >= 0", name=op.f("no_listing_would_show_less_than_nothing")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "listing_id"],
            ["listing.merchant_id", "listing.id"],
            name=op.f("fk_rehearsal_row_merchant_id_listing_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "rehearsal_id"],
            ["rehearsal.merchant_id", "rehearsal.id"],
            name=op.f("fk_rehearsal_row_merchant_id_rehearsal_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_rehearsal_row_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_rehearsal_row")),
        sa.UniqueConstraint("merchant_id", "rehearsal_id", "listing_id", name="a_rehearsal_names_a_listing_once"),
    )


def _reservation() -> None:
    op.create_table(
        "reservation",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "shipped",
                "released",
                name="known_reservation_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("firm", sa.Boolean(), nullable=False),
        sa.Column("by_parcel", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(ended_at is null) = (state = 'open')", name=op.f("a_reservation_ends_when_its_state_says_so")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("a_reservation_holds_pieces")),
        sa.CheckConstraint("state = 'shipped' or not by_parcel", name=op.f("only_what_left_is_in_a_parcel")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "line_id"],
            ["order_line.merchant_id", "order_line.id"],
            name=op.f("fk_reservation_merchant_id_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_reservation_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_reservation_merchant_id_product_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_reservation_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_reservation")),
    )
    op.create_index(
        "a_line_reserves_a_product_once",
        "reservation",
        ["merchant_id", "line_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_reservation_open",
        "reservation",
        ["merchant_id", "product_id", "at", "id"],
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_reservation_order", "reservation", ["merchant_id", "order_id"])


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.drop_column("store", "max_level")
    op.drop_column("store", "buffer")
    op.drop_column("document", "left_at")
    op.drop_column("document", "parcels")
    op.drop_column("connection", "export_stage")
