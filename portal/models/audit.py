"""Who did what, kept with the change itself."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant
from portal.kit.ids import new_id


class AuditNote(Tenant, Base):
    """One change, sign-in, refusal or look at a buyer's data.  Secrets stand in `before` and `after` as fingerprints
    only.  Append only.

    `who` is the person, `as_whom` the member of the merchant as whom support staff worked, in the session `support_id`
    and for this `reason`; `address` is where the request came from.
    """

    __tablename__ = "audit_note"

    who: Mapped[str]
    user_id: Mapped[uuid.UUID | None]
    what: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    store_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(default="")
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str] = mapped_column(default="")
    as_whom: Mapped[str] = mapped_column(default="")
    support_id: Mapped[uuid.UUID | None]
    reason: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.Index("ix_audit_note_list", "merchant_id", "at", "id"),
        sa.Index("ix_audit_note_store", "merchant_id", "store_id", "id"),
        sa.Index("ix_audit_note_subject", "merchant_id", "subject_id", "id"),
        sa.Index("ix_audit_note_support", "merchant_id", "support_id", "id"),
        sa.Index("ix_audit_note_who", "merchant_id", "user_id", "at", "id"),
    )


class StaffNote(Base):
    """One change of an account of the support staff, or a sign-in to one.  They belong to no merchant, so this is in
    none of the merchants' trails.  Append only.

    `who` is whoever did it, `name` and `email` are those of the account then.
    """

    __tablename__ = "staff_note"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID]
    email: Mapped[str]
    name: Mapped[str]
    who: Mapped[str]
    what: Mapped[str]
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (sa.Index("ix_staff_note_list", "at", "id"), sa.Index("ix_staff_note_user", "user_id", "at", "id"))


class AuditLink(Tenant, Base):
    """The place of a note, `id`, in the chain of its merchant: `mac` is the SHA-256 over the link before it, `seq`
    and the note.  The database writes it when the note's transaction commits; the application can only read it."""

    __tablename__ = "audit_link"

    seq: Mapped[int] = mapped_column(sa.BigInteger)
    mac: Mapped[bytes]

    __table_args__ = (sa.UniqueConstraint("merchant_id", "seq", name="one_link_per_place"),)


class AuditHead(Tenant, Base):
    """How far the chain of a merchant, `id`, goes.  Written with the newest link; the application can only read it."""

    __tablename__ = "audit_head"

    seq: Mapped[int] = mapped_column(sa.BigInteger)
    mac: Mapped[bytes]
    at: Mapped[datetime]
