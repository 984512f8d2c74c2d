"""Plugins: what was checked, what the warehouse says, links to connect by"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT_TABLES = ("warehouse_stock", "document", "connect_link")
SHIPMENT_STATUSES = (
    *("sent", "processing", "packed", "dispatched", "delivered", "delivery_failed", "returned"),
    *("cancelling", "cancelled", "on_hold", "keep"),
)


def upgrade() -> None:
    _connections()
    _warehouses()
    _links()
    for table in TENANT_TABLES:
        wall(table)


def _connections() -> None:
    for name, empty in (("statuses", "{}"), ("checks", "{}"), ("trouble_offers", "[]")):
        op.add_column("connection", sa.Column(name, postgresql.JSONB(), nullable=False, server_default=empty))
        op.alter_column("connection", name, server_default=None)
    op.add_column("connection", sa.Column("trouble_said", sa.Text(), nullable=False, server_default=""))
    op.alter_column("connection", "trouble_said", server_default=None)
    op.add_column("connection", sa.Column("stock_key", sa.Text(), nullable=True))
    op.add_column("connection", sa.Column("pushes", sa.Boolean(), nullable=True))
    op.add_column("connection", sa.Column("hook_hash", sa.LargeBinary(), nullable=True))
    op.create_index(
        "one_active_plugin_per_stock",
        "connection",
        ["merchant_id", "integration", "stock_key"],
        unique=True,
        postgresql_where=sa.text("stock_key is not null and state in ('activating', 'active')"),
    )
    op.create_index(
        "one_connection_per_hook",
        "connection",
        ["merchant_id", "hook_hash"],
        unique=True,
        postgresql_where=sa.text("hook_hash is not null"),
    )


def _tenant(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{name}")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f(f"fk_{name}_merchant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f(f"fk_{name}_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _warehouses() -> None:
    figures = ("available", "on_hand", "reserved", "locked", "inbound")
    _tenant(
        "warehouse_stock",
        *map(_text, ("remote_id", "sku", "title", "warehouse", "told")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in figures),
        _moment("read_at"),
        _moment("changed_at"),
        _moment("gone_since", nullable=True),
        sa.UniqueConstraint("merchant_id", "connection_id", "remote_id", name="one_stock_per_remote_id"),
        sa.CheckConstraint(
            " and ".join(f"{name} >= 0" for name in figures), name=op.f("a_warehouse_has_no_negative_stock")
        ),
        sa.CheckConstraint(
            "gone_since is null or on_hand = 0 and available = 0", name=op.f("what_is_gone_counts_as_none")
        ),
    )
    op.create_index("ix_warehouse_stock_sku", "warehouse_stock", ["merchant_id", "sku"])
    _tenant(
        "document",
        sa.Column(
            "direction",
            sa.Enum("out", "in", name="known_direction", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        *map(_text, ("remote_id", "reference", "status_word", "status_text", "warehouse", "carrier", "tracking")),
        sa.Column(
            "status",
            sa.Enum(
                *SHIPMENT_STATUSES,
                name="known_shipment_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        _moment("status_at", nullable=True),
        sa.Column("pieces", postgresql.JSONB(), nullable=False),
        _moment("asked_at"),
        _moment("changed_at"),
        _moment("created_at"),
        sa.UniqueConstraint(
            "merchant_id", "connection_id", "direction", "remote_id", name="one_document_per_remote_id"
        ),
    )
    op.create_index("ix_document_reference", "document", ["merchant_id", "reference"])


def _links() -> None:
    _tenant(
        "connect_link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _text("made_by"),
        _moment("made_at"),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
        _moment("revoked_at", nullable=True),
        sa.UniqueConstraint("merchant_id", "token_hash", name="a_link_has_its_own_token"),
    )
    op.create_index("ix_connect_link_connection", "connect_link", ["merchant_id", "connection_id", "id"])
    op.alter_column("grant_attempt", "user_id", nullable=True)
    op.add_column("grant_attempt", sa.Column("link_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_grant_attempt_merchant_id_link_id"),
        "grant_attempt",
        "connect_link",
        ["merchant_id", "link_id"],
        ["merchant_id", "id"],
        ondelete="CASCADE",
    )
    op.create_check_constraint(
        op.f("a_trip_is_begun_by_a_user_or_by_a_link"), "grant_attempt", "num_nonnulls(user_id, link_id) = 1"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("a_trip_is_begun_by_a_user_or_by_a_link"), "grant_attempt", type_="check")
    op.drop_constraint(op.f("fk_grant_attempt_merchant_id_link_id"), "grant_attempt", type_="foreignkey")
    op.execute("delete from grant_attempt where user_id is null")
    op.drop_column("grant_attempt", "link_id")
    op.alter_column("grant_attempt", "user_id", nullable=False)
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.drop_index("one_connection_per_hook", "connection")
    op.drop_index("one_active_plugin_per_stock", "connection")
    for name in ("hook_hash", "pushes", "stock_key", "trouble_said", "trouble_offers", "checks", "statuses"):
        op.drop_column("connection", name)
