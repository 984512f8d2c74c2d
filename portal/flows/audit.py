"""Who did what: written in the transaction of the change itself."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.kit.db import db, whose
from portal.models import AuditNote


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a person in a request, or the house itself."""

    name: str
    user_id: uuid.UUID | None = None
    request_id: str = ""


LINTAS = By("Lintas")


def note(
    by: By,
    what: str,
    subject: str,
    subject_id: uuid.UUID,
    *,
    name: str = "",
    store_id: uuid.UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a note to the open transaction.  `before` and `after` hold no secret: use `fingerprint` for one."""
    db.session.add(
        AuditNote(
            merchant_id=whose(),
            who=by.name,
            user_id=by.user_id,
            what=what,
            subject=subject,
            subject_id=subject_id,
            store_id=store_id,
            name=name,
            before=dict(before or {}),
            after=dict(after or {}),
            request_id=by.request_id,
        )
    )


def fingerprint(secret: str) -> str:
    """Enough to see that a secret changed, too little to find it."""
    return hashlib.sha256(b"lintas audit " + secret.encode()).hexdigest()[:8]
