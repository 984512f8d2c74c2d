"""Tables that people keep in files: CSV and XLSX, read row by row and written piece by piece.

Nothing here holds a whole file in memory, whatever its size.  A file that cannot be read raises `Unreadable` with a
word for the cause; the sentence is made where the language of the reader is known.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from portal.kit import delimited, workbook, workbook_out
from portal.kit.table_rows import CSV, XLSX, Row, Table, Unreadable, armed, column_name, disarmed

__all__ = ["CSV", "XLSX", "Row", "Table", "Unreadable", "armed", "column_name", "disarmed", "open_table", "written"]

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
OTHER_KINDS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"\x1f\x8b", b"7z\xbc\xaf")


def open_table(file: BinaryIO) -> Table:
    """The table in a file that can be moved about in; its kind is told by its content.  Raises Unreadable.

    Walking the rows may raise it too.
    """
    file.seek(0)
    first = file.read(8)
    file.seek(0)
    if not first:
        raise Unreadable("empty_file")
    if first.startswith(ZIP):
        return workbook.opened(file)
    if first.startswith(OLD_EXCEL):
        raise Unreadable("old_excel")
    if first.startswith(OTHER_KINDS):
        raise Unreadable("no_table")
    return delimited.opened(file)


def written(kind: str, rows: Iterable[Sequence[str]], name: str) -> Iterator[bytes]:
    """The rows as a file of this kind, in pieces; `name` is what a workbook calls its sheet."""
    return workbook_out.written(rows, name) if kind == XLSX else delimited.written(rows)
