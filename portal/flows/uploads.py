"""Products by file, as the merchant decides: a file is taken in, its columns named, imported, undone or dropped.

The reading is in `upload_reading`, the import in `upload_import`; a worker does both.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import audit, work
from portal.flows.audit import By
from portal.flows.upload_columns import FIELDS
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Upload, UploadPart, UploadRow, UploadState, UploadUse
from portal.models.uploads import AT_WORK, OPEN

LARGEST = 32 * 1024 * 1024
PIECE = 256 * 1024
MOST_OPEN = 20
LONGEST_NAME = 200
READ, IMPORT = "read_upload", "import_upload"
VERB_OF = {
    UploadState.WAITING: READ,
    UploadState.CHECKING: READ,
    UploadState.IMPORTING: IMPORT,
    UploadState.UNDOING: IMPORT,
}
# Whoever has not decided after a week will bring a newer file.
UNDECIDED = timedelta(days=7)
OLD_PROBLEMS = timedelta(days=30)


def receive(name: str, use: UploadUse, pieces: Iterable[bytes], by: By) -> Upload:
    """Take a file in, piece by piece; a worker reads it.  Raises Refusal: empty, too large, too many open."""
    _room_for_one_more()
    made = Upload(merchant_id=whose(), id=new_id(), use=use, name=_plain(name), made_by=by.name)
    db.session.add(made)
    db.session.flush()  # The parts belong to it.
    made.size = 0
    for number, piece in enumerate(pieces, 1):
        made.size += len(piece)
        if made.size > LARGEST:
            db.session.rollback()
            raise Refusal("file_too_large", "file", most=LARGEST // 1024 // 1024)
        db.session.execute(
            sa.insert(UploadPart).values(merchant_id=whose(), id=new_id(), upload_id=made.id, number=number, data=piece)
        )
    if not made.size:
        db.session.rollback()
        raise Refusal("file_is_empty", "file")
    _give_to_a_worker(made, by)
    audit.note(by, "file_received", "upload", made.id, name=made.name)
    db.session.commit()
    return made


def check_products(by: By) -> Upload:
    """Look through the codes of the products here; the result stands where that of a file would."""
    _room_for_one_more()
    made = Upload(
        merchant_id=whose(), id=new_id(), use=UploadUse.OWN, name="", state=UploadState.CHECKING, made_by=by.name
    )
    db.session.add(made)
    _give_to_a_worker(made, by)
    audit.note(by, "products_checked", "upload", made.id)
    db.session.commit()
    return made


def _room_for_one_more() -> None:
    query = sa.select(sa.func.count()).select_from(Upload).where(Upload.merchant_id == whose(), Upload.state.in_(OPEN))
    if (db.session.scalar(query) or 0) >= MOST_OPEN:
        raise Refusal("too_many_files", most=MOST_OPEN)


def _plain(name: str) -> str:
    """The name of a file without its folders, and without what no page should show."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable()).strip()[-LONGEST_NAME:] or "file"


def _give_to_a_worker(upload: Upload, by: By) -> None:
    db.session.flush()
    kind = VERB_OF[upload.state]
    work.add(kind, work.house_lane(whose()), str(upload.id), {"upload": str(upload.id)}, priority=4, asked_by=by.name)


def locked(upload_id: uuid.UUID) -> Upload | None:
    """The row as it is now, held until the transaction ends; None where it was dropped."""
    query = sa.select(Upload).where(Upload.merchant_id == whose(), Upload.id == upload_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _in_state(upload: Upload, *states: UploadState) -> Upload:
    row = locked(upload.id)
    if row is None or row.state not in states:
        raise Refusal("file_moved_on")
    return row


def name_columns(upload: Upload, columns: Mapping[str, int], by: By, *, repair: bool) -> None:
    """Confirm which column is what, and have every row checked.  Raises Refusal: no SKU, or a column twice."""
    row = _in_state(upload, UploadState.COLUMNS, UploadState.CHECKED)
    chosen = {field: columns[field] for field in FIELDS if field in columns}
    if "sku" not in chosen:
        raise Refusal("no_sku_column", "sku")
    if not all(0 <= place < len(row.head) for place in chosen.values()):
        raise Refusal("file_moved_on")
    for field, place in chosen.items():
        if list(chosen.values()).count(place) > 1 and field != "sku":
            raise Refusal("column_twice", field, name=row.head[place])
    db.session.execute(sa.delete(UploadRow).where(UploadRow.merchant_id == whose(), UploadRow.upload_id == row.id))
    row.columns, row.repair, row.state = chosen, repair, UploadState.CHECKING
    row.cursor = row.bad = row.warned = row.known = 0
    row.problems = {}
    _give_to_a_worker(row, by)
    audit.note(by, "columns_named", "upload", row.id, name=row.name, after={"columns": chosen, "repair": repair})
    db.session.commit()


def begin(upload: Upload, by: By, *, whole: bool) -> None:
    """Import the good rows; with `whole` only where there is no bad one.  Raises Refusal."""
    row = _in_state(upload, UploadState.CHECKED)
    if row.use is not UploadUse.IMPORT:
        raise Refusal("file_moved_on")
    if whole and row.bad:
        raise Refusal("bad_rows", "how", number=row.bad)
    if not row.good:
        raise Refusal("no_good_row")
    row.state, row.cursor = UploadState.IMPORTING, 0
    after = {"rows": row.good, "left_out": row.bad, "known": row.known}
    audit.note(by, "products_imported", "upload", row.id, name=row.name, after=after)
    _give_to_a_worker(row, by)
    db.session.commit()


def undo(upload: Upload, by: By) -> None:
    """Take away the products that an import created, where nobody has built on them since.  Raises Refusal."""
    row = _in_state(upload, UploadState.DONE)
    if not row.fresh:
        raise Refusal("nothing_created")
    row.state, row.mark = UploadState.UNDOING, ""
    audit.note(by, "import_undone", "upload", row.id, name=row.name, before={"created": row.fresh})
    _give_to_a_worker(row, by)
    db.session.commit()


def drop(upload: Upload, by: By) -> None:
    """Forget a file that was not imported, with everything that was read from it.  Raises Refusal."""
    row = _in_state(
        upload,
        *(UploadState.WAITING, UploadState.COLUMNS, UploadState.CHECKING, UploadState.CHECKED, UploadState.FAILED),
    )
    for kind in (READ, IMPORT):
        work.withdraw(kind, str(row.id))
    audit.note(by, "file_dropped", "upload", row.id, name=row.name)
    db.session.delete(row)
    db.session.commit()


def is_stuck(upload: Upload) -> bool:
    """Whether its work has ended without a result: a fault of ours, after which somebody has to press the button."""
    if upload.state not in AT_WORK or work.unfinished(VERB_OF[upload.state], str(upload.id)) is not None:
        return False
    # The work may have ended well between the two looks; then the file has moved on with it.
    own = sa.select(Upload.state).where(Upload.merchant_id == whose(), Upload.id == upload.id)
    return db.session.scalar(own) == upload.state


def again(upload: Upload, by: By) -> None:
    """Give a stuck file to a worker once more; it goes on where it stopped."""
    row = _in_state(upload, *AT_WORK)
    _give_to_a_worker(row, by)
    audit.note(by, "file_tried_again", "upload", row.id, name=row.name)
    db.session.commit()


def forget_old() -> None:
    """In the open transaction: files nobody decided about, the parts of those that are done, old problems."""
    open_ones = [UploadState.COLUMNS, UploadState.CHECKED, UploadState.FAILED]
    db.session.execute(
        sa.delete(Upload).where(
            Upload.merchant_id == whose(), Upload.state.in_(open_ones), Upload.made_at < now() - UNDECIDED
        )
    )
    old = sa.select(Upload.id).where(Upload.merchant_id == whose(), Upload.ended_at < now() - OLD_PROBLEMS)
    db.session.execute(sa.delete(UploadRow).where(UploadRow.merchant_id == whose(), UploadRow.upload_id.in_(old)))
