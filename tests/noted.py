"""A listener of the tests: every unsafe request that changed something must leave a note in the audit trail.

It hears the SQL of each request through the portal, whatever the test is about, and keeps the endpoints that changed a
row and noted nothing.  What is rolled back changed nothing, and so did a statement that met no row.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, g, has_request_context, request

import portal.models  # noqa: F401 - the tables register themselves.
from portal.kit.db import Base

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
TRAIL = "audit_note"
WRITES = re.compile(
    r"\b(?:insert\s+into|delete\s+from|update(?!\s+(?:of|skip|set)\b))\s+(?:only\s+)?\"?(\w+)\"?", re.IGNORECASE
)
# What the house writes down for itself at a request, whoever sent it and whatever came of it.
BOOKKEEPING = {
    "login_session": "that somebody is here, and since when",
    "attempt": "that somebody tried to sign in",
    "sent_form": "that a form was sent once",
    "staff_note": "a note",
    "support_page": "that support staff opened a page: a trail of its own",
}
# Endpoints whose changes need no note, each with the reason.
EXCUSED = {
    "hooks.receive": "a machine speaks, and what it says is kept whole as a delivery",
    "people.login": "it is noted where the person works, and a password that is kept in another way is still the same",
    "people.language": "the own language of a person, which changes nothing of a merchant's",
}


class Listener:
    """Hears what each request writes and commits."""

    def __init__(self) -> None:
        self.silent: list[str] = []
        self._open: dict[int, set[str]] = defaultdict(set)

    def wrote(self, wire: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not has_request_context() or cursor.rowcount == 0:
            return
        tables = {each.lower() for each in WRITES.findall(statement)} & set(Base.metadata.tables)
        self._open[id(wire)] |= tables

    def committed(self, wire: Any) -> None:
        tables = self._open.pop(id(wire), set())
        if tables and has_request_context():
            g.setdefault("tables_written", set()).update(tables)

    def rolled_back(self, wire: Any) -> None:
        self._open.pop(id(wire), None)

    def answered(self, answer: Response) -> Response:
        tables = g.get("tables_written", set()) - set(BOOKKEEPING)
        changed = request.method in UNSAFE and answer.status_code < 400 and tables
        if changed and TRAIL not in tables and request.endpoint not in EXCUSED and not _of_staff():
            self.silent.append(f"{request.method} {request.url_rule} ({request.endpoint}) wrote {sorted(tables)}")
        return answer

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every engine of this process."""
        events = (
            ("after_cursor_execute", self.wrote),
            ("commit", self.committed),
            ("rollback", self.rolled_back),
        )
        for name, heard in events:
            sa.event.listen(sa.Engine, name, heard)
        try:
            yield
        finally:
            for name, heard in events:
                sa.event.remove(sa.Engine, name, heard)

    def attend(self, app: Flask) -> None:
        """Look at every answer of the portal, after everything else did."""
        app.after_request_funcs.setdefault(None, []).insert(0, self.answered)


def _of_staff() -> bool:
    """Whether support staff changed their own account: they work for no merchant, so it stands in the log instead."""
    who = g.get("signed_in")
    return who is not None and who.merchant is None and request.blueprint in {"security", "confirm"}
