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


class SupportConsent(StrEnum):
    """What a merchant asks of support staff who want to change something: to be asked each time, once in 24 hours,
    never, or that nobody may."""

    ASK = "ask"
    DAY = "day"
    ALWAYS = "always"
    NEVER = "never"


class Mailed(StrEnum):
    """Which notices a person gets by e-mail: none, those that stop something, or every one."""

    NONE = "none"
    GRAVE = "grave"
    ALL = "all"


class SessionStage(StrEnum):
    """HALF is a session whose person has still to show a second factor: it opens nothing else."""

    OPEN = "open"
    HALF = "half"


class Merchant(Base):
    """A tenant: one business."""

    __tablename__ = "merchant"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    locale: Mapped[str] = mapped_column(default="en")
    currency: Mapped[str]
    time_zone: Mapped[str]
    support_consent: Mapped[SupportConsent] = mapped_column(words(SupportConsent), default=SupportConsent.ASK)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (sa.CheckConstraint("length(btrim(name)) between 1 and 80", name="a_merchant_has_a_name"),)


class User(Base):
    """A person who signs in.  Staff have no membership; `may_view_as` is their right to work as a merchant.

    `second_factor` is the sealed secret of a time-based one-time password (RFC 6238), None where there is none, and
    `second_factor_step` the last time step that was accepted: each step counts once.
    """

    __tablename__ = "person"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    password_at: Mapped[datetime] = mapped_column(default=now)
    second_factor: Mapped[bytes | None]
    second_factor_at: Mapped[datetime | None]
    second_factor_step: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    mailed: Mapped[Mailed] = mapped_column(words(Mailed), default=Mailed.GRAVE)
    is_staff: Mapped[bool] = mapped_column(default=False)
    may_view_as: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.CheckConstraint("second_factor_at is null or second_factor is not null", name="a_factor_has_its_secret"),
        sa.CheckConstraint("is_staff or not may_view_as", name="only_staff_work_as_a_merchant"),
        sa.Index("one_person_per_email", sa.text("lower(email)"), unique=True),
    )

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
    """A signed-in browser.  The cookie's token is known here by its SHA-256 only; `id` is what pages call it.

    `fresh_at` is when the person last showed who he or she is, `address` where the browser was when it signed in.
    """

    __tablename__ = "login_session"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    merchant_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("merchant.id", ondelete="CASCADE"))
    stage: Mapped[SessionStage] = mapped_column(words(SessionStage), default=SessionStage.OPEN)
    agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    fresh_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("id", name="one_session_per_id"),
        sa.Index("ix_login_session_user_id", "user_id"),
        sa.Index("ix_login_session_ends_at", "ends_at"),
    )


class RecoveryCode(Base):
    """A code that stands in for a lost second factor, once.  Known by its SHA-256 only."""

    __tablename__ = "recovery_code"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes]
    used_at: Mapped[datetime | None]

    __table_args__ = (sa.UniqueConstraint("user_id", "code_hash", name="one_recovery_code_per_person"),)


class PasswordReset(Base):
    """A link by which a person chooses a new password.  Its token is made when the letter is sent, and known by its
    SHA-256 only; None until then."""

    __tablename__ = "password_reset"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_password_reset_user_id", "user_id"),
        sa.Index("one_reset_per_token", "token_hash", unique=True),
    )


class Attempt(Base):
    """A try at something that is limited: `kind` is what, `account` the SHA-256 of whose, `address` from where.

    `user_id` is the person who has still to be told of it: None where there is nobody, and once that was done.
    """

    __tablename__ = "attempt"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    account: Mapped[bytes]
    address: Mapped[str]
    user_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.Index("ix_attempt_account", "kind", "account", "at"),
        sa.Index("ix_attempt_address", "kind", "address", "at"),
        sa.Index("ix_attempt_at", "at"),
        sa.Index("ix_attempt_untold", "user_id", postgresql_where=sa.text("user_id is not null")),
    )


class SentForm(Base):
    """A form that was sent, by a SHA-256 of its one-time mark, its session and what it held.

    A second sending gets the `answer` of the first, None while that is still being worked on.  It is encrypted with a
    key that is made of what was sent and stands nowhere, so that only whoever sends the same again can read it.
    """

    __tablename__ = "sent_form"

    mark: Mapped[bytes] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    answer: Mapped[bytes | None]

    __table_args__ = (sa.Index("ix_sent_form_at", "at"),)


class Invitation(Tenant, Base):
    """That somebody was asked to join.  The token is made when the letter is sent, and known by its SHA-256 only."""

    __tablename__ = "invitation"

    email: Mapped[str]
    role: Mapped[Role] = mapped_column(words(Role))
    token_hash: Mapped[bytes | None]
    invited_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None]
    ends_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("accepted_at is null or revoked_at is null", name="an_invitation_ends_one_way"),
        sa.Index(
            "one_open_invitation_per_email",
            "merchant_id",
            sa.text("lower(email)"),
            unique=True,
            postgresql_where=sa.text("accepted_at is null and revoked_at is null"),
        ),
        sa.Index("ix_invitation_token", "merchant_id", "token_hash"),
    )
