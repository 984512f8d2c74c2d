"""Indexes that let every list cost the same at any length"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_listing_state", "listing")
    op.create_index(
        "ix_listing_state",
        "listing",
        ["merchant_id", "link_state", "connection_id", "id"],
        postgresql_include=["missing_since"],
    )
    op.create_index(
        "ix_listing_every_state",
        "listing",
        ["merchant_id", "link_state", "id"],
        postgresql_include=["missing_since"],
    )
    op.create_index(
        "ix_listing_missing", "listing", ["merchant_id", "id"], postgresql_where=sa.text("missing_since is not null")
    )
    op.create_index(
        "ix_listing_off_sale",
        "listing",
        ["merchant_id", "id"],
        postgresql_where=sa.text("missing_since is null and on_sale is false"),
    )
    op.create_index(
        "ix_product_barcode", "product", ["merchant_id", "barcode"], postgresql_where=sa.text("barcode <> ''")
    )
    op.create_index("ix_run_ended", "run", ["merchant_id", "connection_id", "ended_at"])


def downgrade() -> None:
    op.drop_index("ix_run_ended", "run")
    op.drop_index("ix_product_barcode", "product")
    op.drop_index("ix_listing_off_sale", "listing")
    op.drop_index("ix_listing_missing", "listing")
    op.drop_index("ix_listing_every_state", "listing")
    op.drop_index("ix_listing_state", "listing")
    op.create_index("ix_listing_state", "listing", ["merchant_id", "connection_id", "link_state", "id"])
