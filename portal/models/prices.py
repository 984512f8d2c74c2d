"""What a product costs in each currency, and what each listing at a channel was told of it."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to


class Price(Tenant, Base):
    """The merchant's own price of one product in one currency, in its minor units."""

    __tablename__ = "price"

    product_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    minor: Mapped[int] = mapped_column(sa.BigInteger)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("product", "product_id"),
        sa.UniqueConstraint("merchant_id", "product_id", "currency", name="one_price_per_product_and_currency"),
        sa.CheckConstraint("minor > 0", name="a_price_is_more_than_nothing"),
        sa.CheckConstraint("length(currency) = 3", name="a_price_names_its_currency"),
    )


class PricePush(Tenant, Base):
    """The price of one listing at a channel: wanted, sent and taken; the counts mean what they mean in `Push`."""

    __tablename__ = "price_push"

    listing_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID]
    wanted: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    wanted_at: Mapped[datetime] = mapped_column(default=now)
    sent: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    sent_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    acked: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    acked_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    acked_at: Mapped[datetime | None]
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("listing", "listing_id"),
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "listing_id", name="one_price_push_per_listing"),
        sa.CheckConstraint("acked <= sent and sent <= wanted", name="no_price_is_sent_that_nobody_wanted"),
        sa.Index(
            "ix_price_push_due",
            "merchant_id",
            "connection_id",
            "wanted_at",
            postgresql_where=sa.text("acked < wanted and cause = ''"),
        ),
        sa.Index("ix_price_push_refused", "merchant_id", "connection_id", postgresql_where=sa.text("cause <> ''")),
    )
