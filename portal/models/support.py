"""Support staff at work as a merchant: what they may, how long, and what they did."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words
from portal.models.people import Role


class SupportMode(StrEnum):
    """VIEW looks and changes nothing; ACT changes what the list of what staff may never do leaves open."""

    VIEW = "view"
    ACT = "act"


class SupportReason(StrEnum):
    """Why somebody works as a merchant; OTHER needs a note."""

    CONNECTION = "connection"
    IMPORT = "import"
    LINKS = "links"
    STOCK = "stock"
    ORDERS = "orders"
    SETTINGS = "settings"
    QUESTION = "question"
    OTHER = "other"


class SupportEnd(StrEnum):
    """How a session as a merchant ended: by the agent, by the merchant, by the clock, since the agent lost the right
    (or was disabled, or signed out), or since the merchant no longer allows it."""

    STOPPED = "stopped"
    MERCHANT = "merchant"
    TIME = "time"
    RIGHT = "right"
    CONSENT = "consent"


class SupportSession(Tenant, Base):
    """One agent, working as one member of a merchant.

    `token_hash` is the SHA-256 of its own cookie, `parent_hash` of the agent's.  `ends_at` is at most 30 minutes after
    the start, once extended at most 60.  The consent to act was asked for at `asked_at` with the words `asked_why`, and
    given or refused by somebody of the merchant.
    """

    __tablename__ = "support_session"

    agent_id: Mapped[uuid.UUID]
    agent_name: Mapped[str]
    whom_id: Mapped[uuid.UUID]
    whom_name: Mapped[str]
    role: Mapped[Role] = mapped_column(words(Role))
    mode: Mapped[SupportMode] = mapped_column(words(SupportMode), default=SupportMode.VIEW)
    reason: Mapped[SupportReason] = mapped_column(words(SupportReason))
    ticket: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    token_hash: Mapped[bytes]
    parent_hash: Mapped[bytes]
    started_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime]
    extended_at: Mapped[datetime | None]
    extended_why: Mapped[str] = mapped_column(default="")
    asked_at: Mapped[datetime | None]
    asked_why: Mapped[str] = mapped_column(default="")
    granted_at: Mapped[datetime | None]
    granted_by: Mapped[str] = mapped_column(default="")
    refused_at: Mapped[datetime | None]
    refused_by: Mapped[str] = mapped_column(default="")
    acted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(default="")
    end: Mapped[SupportEnd | None] = mapped_column(words(SupportEnd))

    @property
    def asks(self) -> bool:
        """Whether the merchant was asked for its consent and has not answered."""
        return self.asked_at is not None and self.granted_at is None and self.refused_at is None

    __table_args__ = (
        sa.CheckConstraint('(ended_at is null) = ("end" is null)', name="a_support_session_ends_somehow"),
        sa.CheckConstraint("ends_at <= started_at + interval '60 minutes'", name="at_most_an_hour_as_a_merchant"),
        sa.CheckConstraint("reason <> 'other' or note <> ''", name="another_reason_has_a_note"),
        sa.CheckConstraint("mode = 'view' or acted_at is not null", name="acting_has_a_beginning"),
        sa.Index("ix_support_session_list", "merchant_id", "started_at", "id"),
        sa.Index("ix_support_session_agent", "agent_id", "started_at"),
        # Staff look at the sessions of every merchant.
        sa.Index("ix_support_session_all", "started_at", "id"),
        sa.Index("ix_support_session_id", "id"),
        sa.Index("ix_support_session_token", "token_hash"),
    )


class SupportPage(Tenant, Base):
    """A page that an agent opened or sent as a merchant: its address without what was asked of it, and the answer."""

    __tablename__ = "support_page"

    session_id: Mapped[uuid.UUID]
    at: Mapped[datetime] = mapped_column(default=now)
    method: Mapped[str]
    path: Mapped[str]
    status: Mapped[int]

    __table_args__ = (
        belongs_to("support_session", "session_id"),
        sa.Index("ix_support_page_session", "merchant_id", "session_id", "id"),
    )
