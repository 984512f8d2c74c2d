"""Reading a file that was taken in: first its head, for the merchant to say which column is what; then every row."""

import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import sqlalchemy as sa

from portal.flows import upload_checks, upload_columns, uploads, work
from portal.flows.upload_checks import Checked
from portal.flows.work import Again, Claim, Outcome
from portal.kit import encodings, tables
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.tables import Row, Table, Unreadable
from portal.models import Product, Upload, UploadPart, UploadRow, UploadState, UploadUse

MOST_ROWS = 200_000
PIECE = 2_000
# Other work of the merchant waits in the same lane, and no job may take two minutes.
LONGEST_TURN = 30.0
SAMPLE, LONGEST_SHOWN = 5, 120
PAIRS = 5


def carry_out(claimed: Claim) -> Outcome:
    """Work: read a file up to where the merchant is asked something."""
    upload = uploads.locked(uuid.UUID(claimed.body["upload"]))
    if upload is None or upload.state not in {UploadState.WAITING, UploadState.CHECKING}:
        return None
    upload_id, waiting, own = upload.id, upload.state is UploadState.WAITING, upload.use is UploadUse.OWN
    db.session.commit()  # Nothing stays locked while the file is read.
    if own:
        return _walk_products(claimed, upload_id)
    try:
        with _file_of(upload_id) as file:
            table = tables.open_table(file)
            return _read_head(upload_id, table) if waiting else _read_rows(claimed, upload_id, table)
    except Unreadable as why:
        return _fail(upload_id, why)


@contextmanager
def _file_of(upload_id: uuid.UUID) -> Iterator[BinaryIO]:
    """The file put together again, on the disk."""
    mine = UploadPart.merchant_id == whose(), UploadPart.upload_id == upload_id
    with tempfile.TemporaryFile() as file:
        for number in db.session.scalars(sa.select(UploadPart.number).where(*mine).order_by(UploadPart.number)).all():
            file.write(db.session.scalars(sa.select(UploadPart.data).where(*mine, UploadPart.number == number)).one())
        db.session.commit()
        file.seek(0)
        yield cast("BinaryIO", file)


def _fail(upload_id: uuid.UUID, why: Unreadable) -> Outcome:
    upload = uploads.locked(upload_id)
    if upload is None:
        return None
    upload.state, upload.cause, upload.cause_values, upload.ended_at = UploadState.FAILED, why.cause, why.values, now()
    _forget_file(upload_id)
    return None


def _forget_file(upload_id: uuid.UUID) -> None:
    db.session.execute(
        sa.delete(UploadPart).where(UploadPart.merchant_id == whose(), UploadPart.upload_id == upload_id)
    )


def _read_head(upload_id: uuid.UUID, table: Table) -> Outcome:
    """Walk the whole file once: whatever makes it unreadable is told before anybody is asked anything."""
    head = next(table.rows, None)
    if head is None:
        raise Unreadable("empty_file")
    number, sample, mixed = 0, [], Mixed()
    for number, row in enumerate(table.rows, 1):
        if number > MOST_ROWS:
            raise Unreadable("too_many_rows", most=MOST_ROWS)
        if number <= SAMPLE:
            sample.append([_shown(each) for each in row.cells[: len(head.cells)]])
        mixed.look(row)
    if not number:
        raise Unreadable("no_rows")
    upload = uploads.locked(upload_id)
    if upload is None:
        return None
    names = [_mended(tables.armed(each)) for each in head.cells]
    upload.kind, upload.encoding, upload.delimiter, upload.sheet = (
        table.kind,
        table.encoding,
        table.delimiter,
        _shown(table.sheet),
    )
    upload.head = [_shown(each.strip()) for each in names]
    upload.sample, upload.mixed, upload.rows = sample, mixed.told(), number
    upload.columns, upload.state = upload_columns.guessed(names), UploadState.COLUMNS
    return None


def _shown(text: str) -> str:
    return text.replace("\0", "\ufffd")[:LONGEST_SHOWN]


def _mended(text: str) -> str:
    """Names of columns are recognised even where they were read in the wrong letters."""
    return text if text.isascii() else encodings.repaired(text) or text


class Mixed:
    """Counts the cells that were read in the wrong letters before the file came here, and keeps some of them."""

    def __init__(self) -> None:
        self._number = 0
        self._pairs: list[list[str]] = []

    def look(self, row: Row) -> None:
        """Look at the cells of a row."""
        for cell in row.cells:
            whole = None if cell.isascii() else encodings.repaired(cell)
            if whole is None:
                continue
            self._number += 1
            if len(self._pairs) < PAIRS:
                self._pairs.append([_shown(cell), _shown(whole)])

    def told(self) -> dict[str, object]:
        """As kept with the file; nothing where nothing was mixed up."""
        return {"number": self._number, "pairs": self._pairs} if self._number else {}


def _read_rows(claimed: Claim, upload_id: uuid.UUID, table: Table) -> Outcome:
    """Keep and check every row, in pieces; whoever takes over goes on behind the last piece."""
    head = next(table.rows, None)
    width = len(head.cells) if head else 0
    upload = db.session.get(Upload, (whose(), upload_id))
    if upload is None:
        return None
    columns, repair = dict(upload.columns), upload.repair
    done = _last_kept(upload_id)
    db.session.commit()
    ends, piece = time.monotonic() + LONGEST_TURN, list[Checked]()
    for row in table.rows:
        if row.number <= done:
            continue
        piece.append(upload_checks.read(row, columns, width, repair=repair))
        if len(piece) == PIECE:
            claimed = _keep(claimed, upload_id, piece)
            piece = []
            if time.monotonic() > ends:
                return Again()
    _keep(claimed, upload_id, piece)
    return _compare(claimed, upload_id)


def _last_kept(upload_id: uuid.UUID) -> int:
    query = sa.select(sa.func.max(UploadRow.number))
    return db.session.scalar(query.where(UploadRow.merchant_id == whose(), UploadRow.upload_id == upload_id)) or 0


def _keep(claimed: Claim, upload_id: uuid.UUID, piece: list[Checked]) -> Claim:
    """Keep a piece, and say so; one transaction for each."""
    upload_checks.keep(upload_id, piece)
    if piece:
        told = {"cursor": piece[-1].number}
        db.session.execute(
            sa.update(Upload).where(Upload.merchant_id == whose(), Upload.id == upload_id).values(**told)
        )
    held = work.hold(claimed, progress=True)
    db.session.commit()
    return held


def _compare(claimed: Claim, upload_id: uuid.UUID) -> Outcome:
    """All rows are there: compare them with each other and with the products.  One transaction, so that it is done
    once or not at all."""
    upload = uploads.locked(upload_id)
    if upload is None or upload.state is not UploadState.CHECKING:
        return None
    upload.known = 0
    upload_checks.compare(upload)
    upload_checks.count(upload)
    return _checked(upload)


def _checked(upload: Upload) -> Outcome:
    upload.state, upload.cursor = UploadState.CHECKED, 0
    if upload.use is not UploadUse.IMPORT:
        upload.state, upload.ended_at = UploadState.DONE, now()
        _forget_file(upload.id)
        clean = UploadRow.merchant_id == whose(), UploadRow.upload_id == upload.id, UploadRow.problems.is_(None)
        db.session.execute(sa.delete(UploadRow).where(*clean))
    return None


def _walk_products(claimed: Claim, upload_id: uuid.UUID) -> Outcome:
    """Look through the products here by SKU, in pieces."""
    ends = time.monotonic() + LONGEST_TURN
    while time.monotonic() < ends:
        upload = uploads.locked(upload_id)
        if upload is None or upload.state is not UploadState.CHECKING:
            return None
        query = sa.select(Product.sku, Product.sku_near, Product.title).where(Product.merchant_id == whose())
        if upload.mark:
            query = query.where(Product.sku > upload.mark)
        rows = db.session.execute(query.order_by(Product.sku).limit(PIECE)).all()
        if not rows:
            upload_checks.count(upload)
            return _checked(upload)
        upload_checks.keep(upload_id, upload_checks.of_products(rows, upload.rows + 1))
        upload.rows += len(rows)
        upload.known, upload.mark, upload.cursor = upload.rows, rows[-1].sku, upload.rows
        claimed = work.hold(claimed, progress=True)
        db.session.commit()
    return Again()
