"""Merchants, the people who work for them, and their sessions."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, words
from portal.kit.ids import new_id


class Role(StrEnum):
    """A person's place in a merchant, the stronger ones last."""

    VIEWER = "viewer"
    MANAGER = "manager"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """How much the role may do: a higher rank may do all that a lower one may."""
        return list(Role).index(self)


class Merchant(Base):
    """A tenant: one business."""

    __tablename__ = "merchant"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    locale: Mapped[str] = mapped_column(default="en")
    currency: Mapped[str]
    time_zone: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (sa.CheckConstraint("length(btrim(name)) between 1 and 80", name="a_merchant_has_a_name"),)


class User(Base):
    """A person who signs in.  Staff have no membership."""

    __tablename__ = "person"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    locale: Mapped[str | None]
    is_staff: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (sa.Index("one_person_per_email", sa.text("lower(email)"), unique=True),)

    # What Flask-Login asks of a person.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether the person may sign in."""
        return self.disabled_at is None

    def get_id(self) -> str:
        """The person's id as text."""
        return str(self.id)

    @property
    def initials(self) -> str:
        """The first letters of the first two words of the name."""
        return "".join(word[0] for word in self.name.split()[:2]).upper()


class Membership(Tenant, Base):
    """That a person works for a merchant, and as what."""

    __tablename__ = "membership"

    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    role: Mapped[Role] = mapped_column(words(Role))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.UniqueConstraint("merchant_id", "user_id", name="one_membership_per_person"),
        sa.Index("ix_membership_user_id", "user_id"),
    )


class LoginSession(Base):
    """A signed-in browser.  The cookie's token is known here by its SHA-256 only."""

    __tablename__ = "login_session"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    merchant_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("merchant.id", ondelete="CASCADE"))
    agent: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime]

    __table_args__ = (sa.Index("ix_login_session_user_id", "user_id"), sa.Index("ix_login_session_ends_at", "ends_at"))
