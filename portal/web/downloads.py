"""Tables that leave as files: made while they are sent, so that no length of a list fills the memory."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flask import Response, g, stream_with_context

from portal.kit import tables
from portal.kit.db import acting_for, db, whose

KINDS = {
    tables.CSV: "text/csv; charset=utf-8",
    tables.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def walk(piece: Callable[[Any], Sequence[Any]], key: Callable[[Any], Any]) -> Iterator[Any]:
    """Rows in pieces: `piece(after)` reads those behind a key, None at the beginning, and `key(row)` is that of a row.

    The merchant of the page is the merchant of every piece, though the answer is sent when the request has ended; no
    transaction stays open while the browser takes its time.
    """
    merchant = whose()

    def go() -> Iterator[Any]:
        after = None
        while True:
            with acting_for(merchant):
                rows = piece(after)
                db.session.rollback()
            if not rows:
                return
            yield from rows
            after = key(rows[-1])

    return go()


def download(rows: Iterator[Sequence[str]], name: str, kind: str) -> Response:
    """The rows as a file that the browser saves; its name is of plain letters, so that no header needs guessing."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "table"
    who = g.get("signed_in")
    for person in (who.user, who.merchant) if who else ():
        # The request's session is gone when the file is made, and each piece ends its transaction; what the rows still
        # ask of whoever is signed in, such as the language, was read already and stays.
        if person is not None and person in db.session:
            db.session.expunge(person)
    answer = Response(stream_with_context(tables.written(kind, rows, name)), content_type=KINDS[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{plain}.{kind}"'
    return answer
