"""Rules, shipments and what channels are told of them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, wall

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "rule",
    "shipment",
    "confirmation",
    "parcel",
    "routing_decision",
    "shipment_order",
)


def upgrade() -> None:
    _columns()
    _rule()
    _shipment()
    _confirmation()
    _parcel()
    _routing_decision()
    _shipment_order()
    for table in TENANT_TABLES:
        wall(table)
    append_only("routing_decision")


def _columns() -> None:
    op.add_column("orders", sa.Column("stage", sa.String(length=20), server_default="pending", nullable=False))
    op.create_check_constraint(
        "known_order_stage",
        "orders",
        "stage in ('pending', 'confirm', 'held', 'excluded', 'needs_plugin', 'blocked', 'assigned', 'done')",
    )
    op.add_column("orders", sa.Column("stage_why", sa.Text(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("completed", sa.LargeBinary(), nullable=True))
    op.create_index("ix_orders_stage", "orders", ["merchant_id", "stage", "placed_at", "id"])
    op.add_column("connection", sa.Column("carriers", postgresql.JSONB(), server_default="{}", nullable=False))
    op.alter_column("connection", "carriers", server_default=None)


def _rule() -> None:
    op.create_table(
        "rule",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("conditions", postgresql.JSONB(), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "assign",
                "hold",
                "exclude",
                "tag",
                name="known_rule_action",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fall_back", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(action = 'assign') = (connection_id is not null)", name=op.f("only_assigning_names_a_plugin")
        ),
        sa.CheckConstraint("action = 'assign' or text <> ''", name=op.f("a_hold_an_exclusion_and_a_tag_have_words")),
        sa.CheckConstraint(
            "jsonb_array_length(conditions) between 1 and 10", name=op.f("a_rule_has_one_to_ten_conditions")
        ),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name=op.f("a_rule_has_a_name")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_rule_merchant_id_connection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["store.merchant_id", "store.id"],
            name=op.f("fk_rule_merchant_id_store_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_rule_merchant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_rule")),
        sa.UniqueConstraint(
            "merchant_id", "store_id", "rank", deferrable=True, initially="DEFERRED", name="one_rule_per_rank"
        ),
    )


def _shipment() -> None:
    op.create_table(
        "shipment",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "unsure",
                "accepted",
                "cancelling",
                "left",
                "done",
                "refused",
                "cancelled",
                name="known_shipment_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("merge_key", sa.LargeBinary(), nullable=True),
        sa.Column("send_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("status_word", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "sent",
                "processing",
                "packed",
                "dispatched",
                "delivered",
                "delivery_failed",
                "returned",
                "cancelling",
                "cancelled",
                "on_hold",
                "keep",
                name="known_shipment_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("cancel_why", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(state = 'planned') <= (sent_at is null)", name=op.f("what_is_planned_was_not_sent")),
        sa.CheckConstraint("length(reference) between 1 and 50", name=op.f("a_reference_is_short")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_shipment_merchant_id_connection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["store.merchant_id", "store.id"],
            name=op.f("fk_shipment_merchant_id_store_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_shipment_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("merchant_id", "reference", name="a_shipment_has_its_own_reference"),
    )
    op.create_index(
        "ix_shipment_merge",
        "shipment",
        ["merchant_id", "merge_key"],
        postgresql_where=sa.text("state = 'planned' and merge_key is not null"),
    )
    op.create_index("ix_shipment_open", "shipment", ["merchant_id", "connection_id", "state", "id"])
    op.create_index(
        "ix_shipment_short",
        "shipment",
        ["merchant_id", "id"],
        postgresql_where=sa.text("state = 'planned' and cause = 'short'"),
    )


def _confirmation() -> None:
    op.create_table(
        "confirmation",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("shipment_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "due",
                "waiting",
                "unsure",
                "done",
                "refused",
                name="known_confirmation_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("carrier_name", sa.Text(), nullable=False),
        sa.Column("tracking", postgresql.JSONB(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(state = 'done') = (told_at is not null)", name=op.f("what_is_done_was_told")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_confirmation_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shipment_id"],
            ["shipment.merchant_id", "shipment.id"],
            name=op.f("fk_confirmation_merchant_id_shipment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_confirmation_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_confirmation")),
        sa.UniqueConstraint("merchant_id", "order_id", name="one_confirmation_per_order"),
    )
    op.create_index(
        "ix_confirmation_open",
        "confirmation",
        ["merchant_id", "state", "id"],
        postgresql_where=sa.text("state <> 'done'"),
    )


def _parcel() -> None:
    op.create_table(
        "parcel",
        sa.Column("shipment_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("tracking", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("pieces", postgresql.JSONB(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shipment_id"],
            ["shipment.merchant_id", "shipment.id"],
            name=op.f("fk_parcel_merchant_id_shipment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_parcel_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_parcel")),
        sa.UniqueConstraint("merchant_id", "shipment_id", "remote_id", name="one_parcel_per_remote_id"),
    )
    op.create_index(
        "ix_parcel_tracking", "parcel", ["merchant_id", "tracking"], postgresql_where=sa.text("tracking <> ''")
    )


def _routing_decision() -> None:
    op.create_table(
        "routing_decision",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "pending",
                "confirm",
                "held",
                "excluded",
                "needs_plugin",
                "blocked",
                "assigned",
                "done",
                name="known_order_stage",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tried", postgresql.JSONB(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_routing_decision_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_routing_decision_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_routing_decision")),
    )
    op.create_index("ix_routing_decision_order", "routing_decision", ["merchant_id", "order_id", "at", "id"])
    op.create_index(
        "ix_routing_decision_rule",
        "routing_decision",
        ["merchant_id", "rule_id"],
        postgresql_where=sa.text("rule_id is not null"),
    )


def _shipment_order() -> None:
    op.create_table(
        "shipment_order",
        sa.Column("shipment_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_shipment_order_merchant_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shipment_id"],
            ["shipment.merchant_id", "shipment.id"],
            name=op.f("fk_shipment_order_merchant_id_shipment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_shipment_order_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shipment_order")),
        sa.UniqueConstraint("merchant_id", "shipment_id", "order_id", name="an_order_stands_in_a_shipment_once"),
    )
    op.create_index("ix_shipment_order_order", "shipment_order", ["merchant_id", "order_id"])
    op.create_index(
        "one_live_shipment_per_order",
        "shipment_order",
        ["merchant_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("live"),
    )


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.drop_column("connection", "carriers")
    op.drop_column("orders", "completed")
    op.drop_column("orders", "stage_why")
    op.drop_column("orders", "stage")
