"""What the pages of files read: a constant number of statements, however many rows a file has."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from portal.kit.db import db, whose
from portal.kit.paging import Slice, slice_of
from portal.models import Upload, UploadRow, UploadState, UploadUse
from portal.web import downloads

AT_ONCE = 1_000


def files(cursor: str | None, *uses: UploadUse) -> Slice[Any]:
    """The files of the merchant, the newest first; each row has `Upload`."""
    query: Any = sa.select(Upload).where(Upload.merchant_id == whose(), Upload.use.in_(uses))
    return slice_of(
        db.session(),
        query,
        [Upload.made_at, Upload.id],
        cursor,
        lambda row: [row.Upload.made_at, row.Upload.id],
        size=10,
        descending=True,
    )


def troubled_rows(upload: Upload, cause: str, cursor: str | None) -> Slice[Any]:
    """The rows of a file that have a problem, or this one; each row has `UploadRow`."""
    query: Any = sa.select(UploadRow).where(*_troubled(upload, cause))
    return slice_of(db.session(), query, [UploadRow.number], cursor, lambda row: [row.UploadRow.number])


def all_troubled_rows(upload: Upload) -> Iterator[Any]:
    """Every row that has a problem, in pieces, so that a long list is never held as a whole."""
    query = sa.select(UploadRow.number, UploadRow.sku, UploadRow.bad, UploadRow.problems)
    query = query.where(*_troubled(upload, "")).order_by(UploadRow.number).limit(AT_ONCE)

    def piece(after: int | None) -> Sequence[Any]:
        return db.session.execute(query if after is None else query.where(UploadRow.number > after)).all()

    return downloads.walk(piece, lambda row: row.number)


def _troubled(upload: Upload, cause: str) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [
        UploadRow.merchant_id == whose(),
        UploadRow.upload_id == upload.id,
        UploadRow.problems.is_not(None),
    ]
    if cause:
        found.append(UploadRow.problems.op("?", is_comparison=True)(cause))
    return found


def done_of(upload: Upload) -> tuple[int, int]:
    """How much of the present pass is done, and of how much."""
    if upload.state is UploadState.IMPORTING:
        return upload.imported, upload.good
    if upload.state is UploadState.UNDOING:
        return upload.taken_back, upload.fresh
    if upload.state is UploadState.CHECKING and upload.use is not UploadUse.OWN:
        # The cursor counts as a spreadsheet does: the head is its first row, and empty rows have numbers too.
        return min(max(upload.cursor - 1, 0), upload.rows), upload.rows
    return 0, 0


def as_json(upload: Upload) -> dict[str, Any]:
    """What scripts read of a file."""
    return {
        "id": upload.id,
        "use": upload.use,
        "state": upload.state,
        "name": upload.name,
        "size": upload.size,
        "kind": upload.kind,
        "columns": upload.columns,
        "head": upload.head,
        "rows": {"all": upload.rows, "bad": upload.bad, "warned": upload.warned, "known": upload.known},
        "problems": upload.problems,
        "products": {
            "created": upload.fresh,
            "changed": upload.changed,
            "unchanged": upload.unchanged,
            "taken_back": upload.taken_back,
        },
        "cause": upload.cause,
        "made_at": upload.made_at,
        "made_by": upload.made_by,
        "ended_at": upload.ended_at,
    }


def row_as_json(row: UploadRow) -> dict[str, Any]:
    """What scripts read of a row with a problem."""
    return {"row": row.number, "sku": row.sku, "title": row.title, "bad": row.bad, "problems": row.problems}
