"""One intended effect, a row that a worker claims."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, words


class WorkStatus(StrEnum):
    """OPEN rows are claimed; DEAD ones wait for a person."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class Work(Tenant, Base):
    """`lane` is one app key at one remote, or one kind of inner work of one merchant.  `body` holds ids only.

    `lease` is the fencing number: whoever finishes must hold the number that was given out last.
    """

    __tablename__ = "work"

    lane: Mapped[str]
    kind: Mapped[str]
    natural_key: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[WorkStatus] = mapped_column(words(WorkStatus), default=WorkStatus.OPEN)
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=5)
    lease: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime] = mapped_column(default=now)
    error: Mapped[str] = mapped_column(default="")
    asked_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("(ended_at is null) = (status = 'open')", name="work_ends_when_its_status_says_so"),
        sa.Index(
            "one_open_work_per_key",
            "merchant_id",
            "kind",
            "natural_key",
            unique=True,
            postgresql_where=sa.text("status = 'open'"),
        ),
        sa.Index("ix_work_ready", "lane", "priority", "not_before", "id", postgresql_where=sa.text("status = 'open'")),
        sa.Index("ix_work_dead", "merchant_id", "kind", postgresql_where=sa.text("status = 'dead'")),
        sa.Index("ix_work_ended", "ended_at", postgresql_where=sa.text("status = 'done'")),
    )


def work_key(kind: str, *parts: uuid.UUID | str | int) -> str:
    """The natural key of work: its kind is kept beside it, so the parts alone make it unique."""
    return "/".join(str(each) for each in parts) or kind
