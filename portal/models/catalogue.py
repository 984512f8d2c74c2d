"""The merchant's own products, what remotes list, and the links between the two."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class LinkState(StrEnum):
    """Where a listing stands towards the products: one row of the decision table."""

    LINKED = "linked"
    SKU_CHANGED = "sku_changed"
    MATCHED = "matched"
    NEW = "new"
    EMPTY = "empty"
    DUPLICATE = "duplicate"
    AMBIGUOUS = "ambiguous"
    NEAR = "near"
    REISSUED = "reissued"
    WAITING = "waiting"
    LEFT_OUT = "left_out"


class LinkHow(StrEnum):
    """How a link came about."""

    SKU = "sku"
    HAND = "hand"
    SUGGESTION = "suggestion"


class Product(Tenant, Base):
    """The merchant's master record.  The SKU is kept exactly as given; `sku_near` serves suggestions only.

    `batch_id` names what created it, as long as nothing but that has shaped it; `changed_at` is None until then.
    """

    __tablename__ = "product"

    sku: Mapped[str]
    sku_near: Mapped[str]
    title: Mapped[str]
    barcode: Mapped[str] = mapped_column(default="")
    image: Mapped[str] = mapped_column(default="")
    batch_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("merchant_id", "sku", name="one_product_per_sku"),
        sa.CheckConstraint("sku_near <> ''", name="a_product_has_a_sku"),
        sa.Index("ix_product_near", "merchant_id", "sku_near"),
        sa.Index("ix_product_barcode", "merchant_id", "barcode", postgresql_where=sa.text("barcode <> ''")),
        sa.Index("ix_product_batch", "merchant_id", "batch_id", postgresql_where=sa.text("batch_id is not null")),
        sa.Index("ix_product_title", "title", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}),
    )


class Listing(Tenant, Base):
    """What a remote sells or stores: one remote SKU at one connection, linked to at most one product.

    `digest` is a hash of what the remote told, so that an unchanged listing is not written again.  `linked_sku` is the
    SKU text that the link was decided on; where the remote's text differs from it, one question is open.
    `missing_since` is set while a complete run no longer finds the listing at the remote.
    """

    __tablename__ = "listing"

    connection_id: Mapped[uuid.UUID]
    remote_id: Mapped[str]
    parent_id: Mapped[str]
    sku: Mapped[str]
    sku_near: Mapped[str]
    title: Mapped[str]
    parent_title: Mapped[str]
    attributes: Mapped[str]
    barcode: Mapped[str]
    image: Mapped[str]
    price_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    quantity: Mapped[int | None]
    status_word: Mapped[str]
    on_sale: Mapped[bool]
    audit_word: Mapped[str | None]
    passed: Mapped[bool]
    digest: Mapped[bytes]
    remote_updated_at: Mapped[datetime | None]
    link_state: Mapped[LinkState] = mapped_column(words(LinkState))
    product_id: Mapped[uuid.UUID | None]
    link_how: Mapped[LinkHow | None] = mapped_column(words(LinkHow))
    linked_at: Mapped[datetime | None]
    linked_by: Mapped[str] = mapped_column(default="")
    linked_sku: Mapped[str | None]
    batch_id: Mapped[uuid.UUID | None]
    missing_since: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    created_at: Mapped[datetime]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        belongs_to("product", "product_id", ondelete="RESTRICT"),
        sa.UniqueConstraint("merchant_id", "connection_id", "remote_id", name="one_listing_per_remote_id"),
        sa.CheckConstraint(
            "(product_id is not null) = (link_state in ('linked', 'sku_changed'))", name="a_link_leads_to_a_product"
        ),
        sa.CheckConstraint("(product_id is null) = (link_how is null)", name="a_link_knows_how_it_came_about"),
        sa.CheckConstraint("(price_minor is null) or (currency <> '')", name="a_price_has_a_currency"),
        # Only the index of the remote ids begins with a connection: while a first import fills the table there are no
        # statistics, and the planner would take any other as well and read the whole connection for each listing.
        sa.Index("ix_listing_near", "merchant_id", "sku_near", "connection_id"),
        sa.Index("ix_listing_sku", "merchant_id", "sku"),
        sa.Index(
            "ix_listing_state",
            "merchant_id",
            "link_state",
            "connection_id",
            "id",
            postgresql_include=["missing_since"],
        ),
        sa.Index("ix_listing_every_state", "merchant_id", "link_state", "id", postgresql_include=["missing_since"]),
        sa.Index("ix_listing_missing", "merchant_id", "id", postgresql_where=sa.text("missing_since is not null")),
        sa.Index(
            "ix_listing_off_sale",
            "merchant_id",
            "id",
            postgresql_where=sa.text("missing_since is null and on_sale is false"),
        ),
        sa.Index("ix_listing_product", "merchant_id", "product_id", postgresql_where=sa.text("product_id is not null")),
        sa.Index("ix_listing_batch", "merchant_id", "batch_id", postgresql_where=sa.text("batch_id is not null")),
        sa.Index("ix_listing_title", "title", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}),
    )


class LinkBatch(Tenant, Base):
    """One bulk decision: what was chosen, how many listings it touched, and whether it was undone."""

    __tablename__ = "link_batch"

    connection_id: Mapped[uuid.UUID | None]
    verb: Mapped[str]
    chosen: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="waiting")
    listings: Mapped[int] = mapped_column(default=0)
    products: Mapped[int] = mapped_column(default=0)
    made_by: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.CheckConstraint("verb in ('create', 'confirm', 'leave_out', 'take_back')", name="a_batch_has_a_known_verb"),
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'done', 'undoing', 'undone')", name="a_batch_has_a_known_state"
        ),
    )
