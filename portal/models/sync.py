"""One sync of one resource of one connection, with honest progress."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class RunState(StrEnum):
    """WAITING before the first page and while the remote asks for patience; the last three are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


OPEN = (RunState.WAITING, RunState.RUNNING)


class Run(Tenant, Base):
    """`seen` items came, `kept` were taken in (`fresh` for the first time, `changed` with news), `refused` were not.

    `since` is None for a run over everything.  `held` counts kept listings whose quality check is not passed.
    `groups` are the counts of the link states of the connection when a run over everything ended.  `asked_again` is who
    asked while the run was under way already, and so may have passed what he or she looks for.
    """

    __tablename__ = "run"

    connection_id: Mapped[uuid.UUID]
    resource: Mapped[str]
    state: Mapped[RunState] = mapped_column(words(RunState), default=RunState.WAITING)
    since: Mapped[datetime | None]
    cursor: Mapped[str | None]
    pages: Mapped[int] = mapped_column(default=0)
    seen: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    fresh: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    groups: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    slowed_until: Mapped[datetime | None]
    asked_by: Mapped[str] = mapped_column(default="")
    asked_again: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.CheckConstraint("kept + refused = seen", name="every_item_is_accounted_for"),
        sa.CheckConstraint("fresh + changed <= kept", name="news_is_part_of_what_was_kept"),
        sa.CheckConstraint(
            "(ended_at is null) = (state in ('waiting', 'running'))", name="a_run_ends_when_its_state_says_so"
        ),
        sa.Index(
            "one_open_run",
            "merchant_id",
            "connection_id",
            "resource",
            unique=True,
            postgresql_where=sa.text("state in ('waiting', 'running')"),
        ),
        sa.Index("ix_run_list", "merchant_id", "created_at", "id"),
        sa.Index("ix_run_state", "merchant_id", "state", "id"),
        sa.Index("ix_run_ended", "merchant_id", "connection_id", "ended_at"),
        sa.Index("ix_run_connection", "merchant_id", "connection_id", "id"),
    )

    @property
    def is_open(self) -> bool:
        """Whether the run goes on."""
        return self.state in OPEN


class RunPage(Tenant, Base):
    """Which remote ids a page of an open run held, so that its end knows what is gone at the remote."""

    __tablename__ = "run_page"

    run_id: Mapped[uuid.UUID]
    remote_ids: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()))

    __table_args__ = (belongs_to("run", "run_id"), sa.Index("ix_run_page_run", "merchant_id", "run_id"))


class RunProblem(Tenant, Base):
    """An item of a run that could not be taken in: which, and why: `cause` for the merchant, `detail` for support."""

    __tablename__ = "run_problem"

    run_id: Mapped[uuid.UUID]
    cause: Mapped[str]
    remote_id: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (belongs_to("run", "run_id"), sa.Index("ix_run_problem_run", "merchant_id", "run_id", "cause"))
