"""CSV in whatever dialect: the encoding and the separator are found out, the rows come one by one."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

from portal.kit import encodings
from portal.kit.table_rows import CSV, LONGEST_CELL, MOST_COLUMNS, Row, Table, Unreadable, disarmed

SEPARATORS = ",;\t|"
PIECE = 256 * 1024
# Long enough for as many cells as there may be; a file without any line end must not become one text.
LONGEST_LINE = 1024 * 1024
SAMPLE_LINES = 20
SAYS_ITSELF = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def opened(file: BinaryIO) -> Table:
    """A file of text as a table.  Raises Unreadable; so may walking its rows."""
    encoding = encodings.detect(_pieces(file))
    if encoding is None:
        raise Unreadable("unknown_encoding")
    sample = _sample(file, encoding)
    said = SAYS_ITSELF.fullmatch(sample[0]) if sample else None
    separator = said[1] if said else separator_of(sample)
    return Table(CSV, _rows(_lines(file, encoding), separator, skip=1 if said else 0), encoding, separator)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def _lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    file.seek(0)
    # Detached at the end, for the wrapper would close a file that is not its own.
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        number = 0
        while line := text.readline(LONGEST_LINE):
            number += 1
            if len(line) >= LONGEST_LINE and not line.endswith(("\n", "\r")):
                raise Unreadable("line_too_long", line=number)
            if "\0" in line:
                raise Unreadable("nul", line=number)
            yield line
    finally:
        with suppress(ValueError):  # The file may have been closed meanwhile, and needs nothing then.
            text.detach()


def _sample(file: BinaryIO, encoding: str) -> list[str]:
    """The first lines; a fault in one of them is told when the rows are walked."""
    lines = _lines(file, encoding)
    found = []
    try:
        found = [line for _, line in zip(range(SAMPLE_LINES), lines, strict=False)]
    except Unreadable as why:
        if why.cause == "line_too_long":
            raise
    lines.close()  # type: ignore[attr-defined]  # A generator, which gives the file back here.
    return found


def separator_of(lines: Sequence[str]) -> str:
    """The separator that cuts the lines most evenly into most cells."""

    def evenness(separator: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        width, number = max(widths.items(), key=lambda pair: (pair[0] > 1, pair[1], pair[0]), default=(1, 0))
        return (number if width > 1 else 0, width)

    csv.field_size_limit(LONGEST_LINE)
    return max(SEPARATORS, key=evenness)


def _rows(lines: Iterable[str], separator: str, *, skip: int) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_LINE)
    # Strict, for otherwise one quotation mark too many swallows the rest of the file without a word.
    reader = csv.reader(lines, delimiter=separator, strict=True)
    began, number = 1, 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unreadable("quotation_marks", line=began) from None
        number, began = number + 1, reader.line_num + 1
        if number <= skip or not any(cells):
            continue
        if len(cells) > MOST_COLUMNS:
            raise Unreadable("too_many_columns", number=len(cells), most=MOST_COLUMNS, row=number)
        if max(map(len, cells)) > LONGEST_CELL:
            raise Unreadable("cell_too_long", row=number)
        yield Row(number, cells)


def written(rows: Iterable[Sequence[str]], lines_at_once: int = 200) -> Iterator[bytes]:
    """The rows as CSV in UTF-8 with its mark, which spreadsheets need, in pieces; nothing in it is a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    out.write("\ufeff")
    for number, row in enumerate(rows, 1):
        writer.writerow([disarmed(each) for each in row])
        if number % lines_at_once == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
