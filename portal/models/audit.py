"""Who did what, kept with the change itself."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant


class AuditNote(Tenant, Base):
    """One change.  Secrets stand in `before` and `after` as fingerprints only.  Append only."""

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
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        sa.Index("ix_audit_note_list", "merchant_id", "at", "id"),
        sa.Index("ix_audit_note_store", "merchant_id", "store_id", "id"),
        sa.Index("ix_audit_note_subject", "merchant_id", "subject_id", "id"),
    )
