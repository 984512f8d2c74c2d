"""Who did what: written in the transaction of the change itself."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.kit.db import db, whose
from portal.models import AuditNote, Connection, Order


@dataclass(frozen=True, slots=True)
class Behalf:
    """That support staff act as a member of the merchant: who, as whom, in which session and why."""

    agent: str
    whom: str
    support_id: uuid.UUID
    reason: str


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a person in a request, or the house itself.

    `name` is what stands beside the change; where support staff act as somebody it holds both names.  `address` is
    where the request came from.
    """

    name: str
    user_id: uuid.UUID | None = None
    request_id: str = ""
    address: str = ""
    behalf: Behalf | None = None


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
    behalf = by.behalf
    db.session.add(
        AuditNote(
            merchant_id=whose(),
            who=behalf.agent if behalf else by.name,
            user_id=by.user_id,
            what=what,
            subject=subject,
            subject_id=subject_id,
            store_id=store_id,
            name=name,
            before=dict(before or {}),
            after=dict(after or {}),
            request_id=by.request_id,
            as_whom=behalf.whom if behalf else "",
            support_id=behalf.support_id if behalf else None,
            reason=behalf.reason if behalf else "",
            address=by.address,
        )
    )


def note_connection(by: By, what: str, connection: Connection) -> None:
    """Add a note about a connection to the open transaction."""
    note(by, what, "connection", connection.id, name=connection.name, store_id=connection.store_id)


def note_orders(by: By, what: str, orders: Iterable[Order]) -> None:
    """Add a note for each store of these orders to the open transaction, with their numbers."""
    found = list(orders)
    for store_id in sorted({each.store_id for each in found}):
        numbers = [each.number for each in found if each.store_id == store_id]
        name = ", ".join(numbers[:3]) + ("…" if len(numbers) > 3 else "")
        note(by, what, "store", store_id, name=name, store_id=store_id, after={"orders": numbers})


def fingerprint(secret: str) -> str:
    """Enough to see that a secret changed, too little to find it."""
    return hashlib.sha256(b"lintas audit " + secret.encode()).hexdigest()[:8]
