"""Something the merchant should know, with the thing to do."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant


class Notice(Tenant, Base):
    """Open until its cause is gone; `arguments` are the numbers and names of its sentence.

    `letter_id` is the letter by which people were told of it, None where none went out.
    """

    __tablename__ = "notice"

    subject: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    cause: Mapped[str]
    grave: Mapped[bool] = mapped_column(default=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    since: Mapped[datetime] = mapped_column(default=now)
    cleared_at: Mapped[datetime | None]
    letter_id: Mapped[uuid.UUID | None]

    __table_args__ = (
        sa.Index(
            "one_open_notice_per_cause",
            "merchant_id",
            "subject",
            "subject_id",
            "cause",
            unique=True,
            postgresql_where=sa.text("cleared_at is null"),
        ),
    )
