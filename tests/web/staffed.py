"""The staff area, as its tests go about it: what a page shows, and a session of Sam as Mei that is on record."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

from portal.flows.audit import Behalf, By, note
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import Role, SupportEnd, SupportPage, SupportReason, SupportSession
from tests.cast import Cast


def row_of(page: str, name: str) -> str:
    """The row of a table that names this, without its tags."""
    found = next(row.partition("</tr>")[0] for row in page.split("<tr ")[1:] if name in row)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


def card(page: str, name: str) -> str:
    """One card of a page."""
    return page.split(f'id="{name}"')[1].partition("</section>")[0]


def visit(cast: Cast, **changed: Any) -> uuid.UUID:
    """A session of Sam as Mei that is over, or whatever is `changed` of it; what came of it by number."""
    pages, changes, reveals, refused = (changed.pop(name, 0) for name in ("pages", "changes", "reveals", "refused"))
    moment = changed.pop("started_at", now() - timedelta(minutes=40))
    values = {
        "merchant_id": cast.lantern,
        "id": new_id(),
        "agent_id": cast.sam.id,
        "agent_name": cast.sam.name,
        "whom_id": cast.mei.id,
        "whom_name": cast.mei.name,
        "role": Role.OWNER,
        "reason": SupportReason.CONNECTION,
        "ticket": "SUP-4711",
        "token_hash": new_id().bytes,
        "parent_hash": b"parent",
        "started_at": moment,
        "ends_at": moment + timedelta(minutes=30),
        "ended_at": moment + timedelta(minutes=12),
        "end": SupportEnd.STOPPED,
    } | changed
    with cast.app.app_context(), acting_for(values["merchant_id"]):
        row = SupportSession(**values)
        db.session.add(row)
        db.session.flush()
        for number in range(pages):
            db.session.add(
                SupportPage(
                    merchant_id=row.merchant_id,
                    id=new_id(),
                    session_id=row.id,
                    method="GET",
                    status=200,
                    path=f"/orders/{number}",
                )
            )
        by = By("Sam Staff / Mei Lin", cast.sam.id, behalf=Behalf("Sam Staff", "Mei Lin", row.id, "connection"))
        note(by, "support_started", "support", row.id)
        for _ in range(changes):
            note(by, "options_saved", "connection", new_id(), name="Lantern at JD")
        for number in range(reveals):
            note(by, "buyer_revealed", "order", new_id(), name=str(number))
        for number in range(refused):
            note(by, "refused", "user", cast.sam.id, name=f"POST /stores/{number}")
        db.session.commit()
        return row.id
