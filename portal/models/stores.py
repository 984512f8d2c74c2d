"""A merchant's shops as the merchant sees them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant


class Store(Tenant, Base):
    """A shop that holds connections; one currency, one time zone.

    `buffer` and `max_level` hold for all its channels that say nothing of their own; None means none.
    """

    __tablename__ = "store"

    name: Mapped[str]
    currency: Mapped[str]
    time_zone: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    buffer: Mapped[int | None]
    max_level: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name="a_store_has_a_name"),
        sa.CheckConstraint("length(currency) = 3", name="a_currency_has_three_letters"),
        sa.CheckConstraint("buffer >= 0 and max_level >= 0", name="a_stores_limits_are_not_negative"),
        sa.Index("one_store_per_name", "merchant_id", sa.text("lower(name)"), unique=True),
    )
