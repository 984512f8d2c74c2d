"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import PERSON, append_only, door, wall

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "audit_note",
    "logo",
    "membership",
    "notice",
    "product",
    "store",
    "work",
    "connection",
    "grant_attempt",
    "link_batch",
    "listing",
    "run",
    "secret",
    "run_page",
    "run_problem",
)


def upgrade() -> None:
    op.create_table(
        "merchant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name=op.f("a_merchant_has_a_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_index("one_person_per_email", "person", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "audit_note",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_audit_note_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_note")),
    )
    op.create_index("ix_audit_note_list", "audit_note", ["merchant_id", "at", "id"], unique=False)
    op.create_index("ix_audit_note_store", "audit_note", ["merchant_id", "store_id", "id"], unique=False)
    op.create_index("ix_audit_note_subject", "audit_note", ["merchant_id", "subject_id", "id"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_login_session_merchant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_login_session_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_session")),
    )
    op.create_index("ix_login_session_ends_at", "login_session", ["ends_at"], unique=False)
    op.create_index("ix_login_session_user_id", "login_session", ["user_id"], unique=False)
    op.create_table(
        "logo",
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(png) <= 1048576", name=op.f("a_logo_is_small")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_logo_merchant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_logo")),
    )
    op.create_table(
        "membership",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "viewer", "manager", "owner", name="known_role", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_membership_merchant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_membership_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_membership")),
        sa.UniqueConstraint("merchant_id", "user_id", name="one_membership_per_person"),
    )
    op.create_index("ix_membership_user_id", "membership", ["user_id"], unique=False)
    op.create_table(
        "notice",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("grave", sa.Boolean(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_notice_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_notice")),
    )
    op.create_index(
        "one_open_notice_per_cause",
        "notice",
        ["merchant_id", "subject", "subject_id", "cause"],
        unique=True,
        postgresql_where=sa.text("cleared_at is null"),
    )
    op.create_table(
        "product",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("sku_near", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("sku_near <> ''", name=op.f("a_product_has_a_sku")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_product_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_product")),
        sa.UniqueConstraint("merchant_id", "sku", name="one_product_per_sku"),
    )
    op.create_index(
        "ix_product_batch",
        "product",
        ["merchant_id", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id is not null"),
    )
    op.create_index("ix_product_near", "product", ["merchant_id", "sku_near"], unique=False)
    op.create_index(
        "ix_product_title",
        "product",
        ["title"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
    op.create_table(
        "store",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name=op.f("a_store_has_a_name")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("a_currency_has_three_letters")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_store_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_store")),
    )
    op.create_index("one_store_per_name", "store", ["merchant_id", sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "work",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("natural_key", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open", "done", "dead", name="known_work_status", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(ended_at is null) = (status = 'open')", name=op.f("work_ends_when_its_status_says_so")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_work_merchant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_work")),
    )
    op.create_index(
        "ix_work_dead", "work", ["merchant_id", "kind"], unique=False, postgresql_where=sa.text("status = 'dead'")
    )
    op.create_index("ix_work_ended", "work", ["ended_at"], unique=False, postgresql_where=sa.text("status = 'done'"))
    op.create_index(
        "ix_work_ready",
        "work",
        ["lane", "priority", "not_before", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "one_open_work_per_key",
        "work",
        ["merchant_id", "kind", "natural_key"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "connection",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("integration", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("logo_id", sa.Uuid(), nullable=True),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("audits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("confirmed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "saved",
                "activating",
                "active",
                "failed",
                "paused",
                name="known_connection_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("trouble_detail", sa.Text(), nullable=False),
        sa.Column("trouble_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("shop_name", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewal_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("active_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('marketplace', 'fulfilment')", name=op.f("a_connection_is_a_channel_or_a_plugin")),
        sa.CheckConstraint("not is_default or kind = 'fulfilment'", name=op.f("only_a_plugin_is_default")),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name=op.f("a_connection_has_a_name")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["store.merchant_id", "store.id"],
            name=op.f("fk_connection_merchant_id_store_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_connection_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_connection")),
    )
    op.create_index(
        "one_connection_per_name",
        "connection",
        ["merchant_id", "store_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_index(
        "one_default_plugin_per_store",
        "connection",
        ["merchant_id", "store_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "grant_attempt",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("shop_name", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_grant_attempt_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_grant_attempt_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_grant_attempt")),
        sa.UniqueConstraint("merchant_id", "state_hash", name="a_state_is_used_once"),
    )
    op.create_table(
        "link_batch",
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("chosen", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("listings", sa.Integer(), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'done', 'undoing', 'undone')", name=op.f("a_batch_has_a_known_state")
        ),
        sa.CheckConstraint(
            "verb in ('create', 'confirm', 'leave_out', 'take_back')", name=op.f("a_batch_has_a_known_verb")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_link_batch_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_link_batch_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_link_batch")),
    )
    op.create_table(
        "listing",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("sku_near", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("parent_title", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("status_word", sa.Text(), nullable=False),
        sa.Column("on_sale", sa.Boolean(), nullable=False),
        sa.Column("audit_word", sa.Text(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("remote_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "link_state",
            sa.Enum(
                "linked",
                "sku_changed",
                "matched",
                "new",
                "empty",
                "duplicate",
                "ambiguous",
                "near",
                "reissued",
                "waiting",
                "left_out",
                name="known_link_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column(
            "link_how",
            sa.Enum(
                "sku", "hand", "suggestion", name="known_link_how", native_enum=False, create_constraint=True, length=20
            ),
            nullable=True,
        ),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("linked_sku", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(price_minor is null) or (currency <> '')", name=op.f("a_price_has_a_currency")),
        sa.CheckConstraint(
            "(product_id is not null) = (link_state in ('linked', 'sku_changed'))",
            name=op.f("a_link_leads_to_a_product"),
        ),
        sa.CheckConstraint("(product_id is null) = (link_how is null)", name=op.f("a_link_knows_how_it_came_about")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_listing_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["product.merchant_id", "product.id"],
            name=op.f("fk_listing_merchant_id_product_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_listing_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_listing")),
        sa.UniqueConstraint("merchant_id", "connection_id", "remote_id", name="one_listing_per_remote_id"),
    )
    op.create_index(
        "ix_listing_batch",
        "listing",
        ["merchant_id", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id is not null"),
    )
    op.create_index("ix_listing_near", "listing", ["merchant_id", "sku_near", "connection_id"], unique=False)
    op.create_index(
        "ix_listing_product",
        "listing",
        ["merchant_id", "product_id"],
        unique=False,
        postgresql_where=sa.text("product_id is not null"),
    )
    op.create_index("ix_listing_sku", "listing", ["merchant_id", "sku"], unique=False)
    op.create_index("ix_listing_state", "listing", ["merchant_id", "connection_id", "link_state", "id"], unique=False)
    op.create_index(
        "ix_listing_title",
        "listing",
        ["title"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
    op.create_table(
        "run",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                "stopped",
                name="known_run_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("fresh", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("groups", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("slowed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(ended_at is null) = (state in ('waiting', 'running'))", name=op.f("a_run_ends_when_its_state_says_so")
        ),
        sa.CheckConstraint("fresh + changed <= kept", name=op.f("news_is_part_of_what_was_kept")),
        sa.CheckConstraint("kept + refused = seen", name=op.f("every_item_is_accounted_for")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_run_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_run_merchant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_list", "run", ["merchant_id", "created_at", "id"], unique=False)
    op.create_index("ix_run_connection", "run", ["merchant_id", "connection_id", "id"], unique=False)
    op.create_index("ix_run_state", "run", ["merchant_id", "state", "id"], unique=False)
    op.create_index(
        "one_open_run",
        "run",
        ["merchant_id", "connection_id", "resource"],
        unique=True,
        postgresql_where=sa.text("state in ('waiting', 'running')"),
    )
    op.create_table(
        "secret",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(ending) <= 4", name=op.f("at_most_four_characters_show")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f("fk_secret_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_secret_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_secret")),
        sa.UniqueConstraint("merchant_id", "connection_id", "field", name="one_secret_per_field"),
    )
    op.create_table(
        "run_page",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("remote_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "run_id"],
            ["run.merchant_id", "run.id"],
            name=op.f("fk_run_page_merchant_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_run_page_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_run_page")),
    )
    op.create_index("ix_run_page_run", "run_page", ["merchant_id", "run_id"], unique=False)
    op.create_table(
        "run_problem",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "run_id"],
            ["run.merchant_id", "run.id"],
            name=op.f("fk_run_problem_merchant_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_run_problem_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_run_problem")),
    )
    op.create_index("ix_run_problem_run", "run_problem", ["merchant_id", "run_id", "cause"], unique=False)

    for table in TENANT_TABLES:
        wall(table)
    wall("merchant", "id")
    # A person who has just signed in sees where he or she belongs, before one merchant is chosen.
    door("membership", "mine", f"user_id = {PERSON}")
    door("merchant", "mine", f"id in (select merchant_id from membership where user_id = {PERSON})")
    # The relay and a claiming worker look across merchants, at nothing but the work and its lease.
    op.execute("grant select on work to lintas_relay")
    op.execute("grant update (lease, lease_until, attempts) on work to lintas_relay")
    door("work", "relay", "true", role="lintas_relay")
    door("work", "claim", "true", role="lintas_relay", verb="update")
    append_only("audit_note")


def downgrade() -> None:
    op.execute("drop policy mine on merchant")
    op.drop_index("ix_run_problem_run", table_name="run_problem")
    op.drop_table("run_problem")
    op.drop_index("ix_run_page_run", table_name="run_page")
    op.drop_table("run_page")
    op.drop_table("secret")
    op.drop_index("one_open_run", table_name="run", postgresql_where=sa.text("state in ('waiting', 'running')"))
    op.drop_index("ix_run_connection", table_name="run")
    op.drop_index("ix_run_state", table_name="run")
    op.drop_index("ix_run_list", table_name="run")
    op.drop_table("run")
    op.drop_index(
        "ix_listing_title", table_name="listing", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}
    )
    op.drop_index("ix_listing_state", table_name="listing")
    op.drop_index("ix_listing_sku", table_name="listing")
    op.drop_index("ix_listing_product", table_name="listing", postgresql_where=sa.text("product_id is not null"))
    op.drop_index("ix_listing_near", table_name="listing")
    op.drop_index("ix_listing_batch", table_name="listing", postgresql_where=sa.text("batch_id is not null"))
    op.drop_table("listing")
    op.drop_table("link_batch")
    op.drop_table("grant_attempt")
    op.drop_index("one_default_plugin_per_store", table_name="connection", postgresql_where=sa.text("is_default"))
    op.drop_index("one_connection_per_name", table_name="connection")
    op.drop_table("connection")
    op.drop_index("one_open_work_per_key", table_name="work", postgresql_where=sa.text("status = 'open'"))
    op.drop_index("ix_work_ready", table_name="work", postgresql_where=sa.text("status = 'open'"))
    op.drop_index("ix_work_ended", table_name="work", postgresql_where=sa.text("status = 'done'"))
    op.drop_index("ix_work_dead", table_name="work", postgresql_where=sa.text("status = 'dead'"))
    op.drop_table("work")
    op.drop_index("one_store_per_name", table_name="store")
    op.drop_table("store")
    op.drop_index(
        "ix_product_title", table_name="product", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}
    )
    op.drop_index("ix_product_near", table_name="product")
    op.drop_index("ix_product_batch", table_name="product", postgresql_where=sa.text("batch_id is not null"))
    op.drop_table("product")
    op.drop_index("one_open_notice_per_cause", table_name="notice", postgresql_where=sa.text("cleared_at is null"))
    op.drop_table("notice")
    op.drop_index("ix_membership_user_id", table_name="membership")
    op.drop_table("membership")
    op.drop_table("logo")
    op.drop_index("ix_login_session_user_id", table_name="login_session")
    op.drop_index("ix_login_session_ends_at", table_name="login_session")
    op.drop_table("login_session")
    op.drop_index("ix_audit_note_subject", table_name="audit_note")
    op.drop_index("ix_audit_note_store", table_name="audit_note")
    op.drop_index("ix_audit_note_list", table_name="audit_note")
    op.drop_table("audit_note")
    op.drop_index("one_person_per_email", table_name="person")
    op.drop_table("person")
    op.drop_table("merchant")
