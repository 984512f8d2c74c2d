"""XLSX, read row by row: the first sheet that is shown, every cell as the text that it shows.

Written against ECMA-376, part 1, chapters 18.3 (sheets) and 18.4 (shared strings).  The parser is told of no document
type, so no entity is ever expanded; what a file unpacks to is bounded before and while it is unpacked.
"""

import posixpath
import re
import tempfile
import zipfile
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from portal.kit.cell_formats import shown
from portal.kit.table_rows import LONGEST_CELL, MOST_COLUMNS, XLSX, Row, Table, Unreadable

LARGEST_UNPACKED = 256 * 1024 * 1024
# Repetitive sheets are packed to a fiftieth; what is packed to much less was made to fill memory.
LARGEST_RATIO, RATIO_COUNTS_FROM = 200, 4 * 1024 * 1024
MOST_ENTRIES = 2_000
MOST_ROWS = 1_048_576  # So many rows a sheet has.
# The parser keeps what it has not understood yet, and a single tag without an end could be the whole file.
LONGEST_TAG = 1024 * 1024
PIECE = 64 * 1024

ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
REFERENCE = re.compile(r"([A-Z]{1,3})(\d+)")
BROKEN = (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError, KeyError, OSError)

Handlers = tuple[Callable[[str, dict[str, str]], None], Callable[[str], None], Callable[[str], None]]


def opened(file: BinaryIO) -> Table:
    """A workbook as a table.  Raises Unreadable; so may walking its rows."""
    try:
        book = zipfile.ZipFile(file)
        _check(book)
        sheet, path = _first_sheet(book)
        return Table(XLSX, _faults_told(_rows(book, path)), sheet=sheet)
    except BROKEN:
        raise Unreadable("damaged") from None


def _faults_told(rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except BROKEN:
        raise Unreadable("damaged") from None


def _check(book: zipfile.ZipFile) -> None:
    """Refuse what would unpack to more than a table of a shop ever is."""
    entries = book.infolist()
    if any(each.flag_bits & 1 for each in entries):
        raise Unreadable("locked")
    if len(entries) > MOST_ENTRIES or sum(each.file_size for each in entries) > LARGEST_UNPACKED:
        raise Unreadable("unpacks_too_large")
    for each in entries:
        if each.file_size > RATIO_COUNTS_FROM and each.file_size > each.compress_size * LARGEST_RATIO:
            raise Unreadable("unpacks_too_large")


def _parse(book: zipfile.ZipFile, path: str, handlers: Handlers) -> Iterator[None]:
    """Run through a part of the book, giving way after each piece so that whoever listens may hand on what it heard."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_document_type
    start, end, text = handlers
    parser.StartElementHandler = lambda name, marks: start(name.rpartition(" ")[2], marks)
    parser.EndElementHandler = lambda name: end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = text
    fed = 0
    with book.open(path) as part:
        while piece := part.read(PIECE):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > LONGEST_TAG:
                raise Unreadable("unpacks_too_large")
            yield
        parser.Parse(b"", True)
        yield


def _no_document_type(*_: object) -> None:
    raise Unreadable("damaged")


def _elements(book: zipfile.ZipFile, path: str) -> list[tuple[str, dict[str, str]]]:
    """The elements of one of the small parts, flat."""
    if book.getinfo(path).file_size > RATIO_COUNTS_FROM:
        raise Unreadable("unpacks_too_large")
    found: list[tuple[str, dict[str, str]]] = []
    for _ in _parse(book, path, (lambda name, marks: found.append((name, marks)), lambda _: None, lambda _: None)):
        pass
    return found


def _first_sheet(book: zipfile.ZipFile) -> tuple[str, str]:
    """Name and path of the first sheet that is not hidden."""
    if "xl/workbook.xml" not in book.namelist():
        raise Unreadable("no_table")
    leads = {
        marks["Id"]: posixpath.normpath(posixpath.join("/xl", marks["Target"])).lstrip("/")
        for name, marks in _elements(book, "xl/_rels/workbook.xml.rels")
        if name == "Relationship"
    }
    for name, marks in _elements(book, "xl/workbook.xml"):
        if name == "sheet" and marks.get("state", "visible") == "visible":
            relation = next((value for key, value in marks.items() if key.endswith(" id")), "")
            return marks.get("name", ""), leads[relation]
    raise Unreadable("no_table")


def _styles(book: zipfile.ZipFile) -> list[str | int]:
    """The number format of each style of a cell: its own code, or the number of a built-in one."""
    if "xl/styles.xml" not in book.namelist():
        return []
    codes: dict[str, str] = {}
    styles: list[str | int] = []
    inside = False
    for name, marks in _elements(book, "xl/styles.xml"):
        if name == "numFmt":
            codes[marks["numFmtId"]] = marks["formatCode"]
        elif name in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            inside = name == "cellXfs"
        elif name == "xf" and inside:
            number = marks.get("numFmtId", "0")
            styles.append(codes.get(number) or int(number))
    return styles


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold are written by their number; half a surrogate pair is no character."""
    if "_x" not in text:
        return text
    plain = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Strings:
    """The texts that cells share, kept in a file: there may be more of them than memory should hold."""

    def __init__(self, book: zipfile.ZipFile) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the texts do; see `close`.
        self._ends = array("Q", [0])
        self._text = ""
        self._aside = self._inside = False
        if "xl/sharedStrings.xml" in book.namelist():
            for _ in _parse(book, "xl/sharedStrings.xml", (self._start, self._end, self._hear)):
                pass
        self._file.flush()

    def _start(self, name: str, marks: dict[str, str]) -> None:
        if name == "si":
            self._text = ""
        # How a name is read aloud stands beside the name itself.
        self._aside = self._aside or name == "rPh"
        self._inside = name == "t" and not self._aside

    def _end(self, name: str) -> None:
        self._inside = False
        if name == "rPh":
            self._aside = False
        elif name == "si":
            text = _unescaped(self._text)[: LONGEST_CELL + 1].encode()
            self._file.write(text)
            self._ends.append(self._ends[-1] + len(text))

    def _hear(self, text: str) -> None:
        if self._inside and len(self._text) <= LONGEST_CELL:
            self._text += text

    def __getitem__(self, place: int) -> str:
        if not 0 <= place < len(self._ends) - 1:
            raise Unreadable("damaged")
        self._file.seek(self._ends[place])
        return self._file.read(self._ends[place + 1] - self._ends[place]).decode()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Sheet:
    """Listens to a sheet and keeps the rows that are complete."""

    def __init__(self, strings: Strings, styles: list[str | int]) -> None:
        self.ready: deque[Row] = deque()
        self._strings, self._styles = strings, styles
        self._number = 0
        self._cells: list[str] = []
        self._notes: dict[int, str] = {}
        self._column, self._kind, self._style = 0, "n", 0
        self._text = ""
        self._inside = self._aside = False

    def start(self, name: str, marks: dict[str, str]) -> None:
        """An element begins."""
        if name == "row":
            self._number, last = int(marks.get("r") or self._number + 1), self._number
            if not last < self._number <= MOST_ROWS:
                raise Unreadable("damaged")
            self._cells, self._notes, self._column = [], {}, 0
        elif name == "c":
            place = REFERENCE.fullmatch(marks.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            if self._column > MOST_COLUMNS:
                raise Unreadable("too_many_columns", number=self._column, most=MOST_COLUMNS, row=self._number)
            self._kind, self._style = marks.get("t", "n"), int(marks.get("s") or 0)
            self._text = ""
        self._aside = self._aside or name == "rPh"
        self._inside = name == "v" or (name == "t" and not self._aside)

    def end(self, name: str) -> None:
        """An element ends."""
        self._inside = False
        if name == "rPh":
            self._aside = False
        elif name == "c":
            self._keep(self._text)
        elif name == "row" and any(self._cells):
            self.ready.append(Row(self._number, self._cells, self._notes))

    def hear(self, text: str) -> None:
        """Text of the element."""
        if self._inside and len(self._text) <= LONGEST_CELL:
            self._text += text

    def _keep(self, raw: str) -> None:
        text, note = self._read(raw)
        if len(text) > LONGEST_CELL:
            raise Unreadable("cell_too_long", row=self._number)
        self._cells += [""] * (self._column - len(self._cells))
        self._cells[self._column - 1] = text
        if note:
            self._notes[self._column - 1] = note

    def _read(self, raw: str) -> tuple[str, str]:
        """What a cell shows, and what is to be known of it."""
        match self._kind:
            case "s":
                return (self._strings[int(raw)], "") if raw else ("", "")
            case "str" | "inlineStr":
                return _unescaped(raw), ""
            case "b":
                return ("TRUE" if raw == "1" else "FALSE") if raw else "", ""
            case "e":
                return raw, "error"
            case "d":
                return raw, "date"
        style = self._styles[self._style] if self._style < len(self._styles) else 0
        return shown(raw, style) if raw else ("", "")


def _column(letters: str) -> int:
    number = 0
    for each in letters:
        number = number * 26 + ord(each) - 64
    return number


def _rows(book: zipfile.ZipFile, path: str) -> Iterator[Row]:
    strings = Strings(book)
    try:
        sheet = Sheet(strings, _styles(book))
        for _ in _parse(book, path, (sheet.start, sheet.end, sheet.hear)):
            while sheet.ready:
                yield sheet.ready.popleft()
    except ValueError:  # A number that is none, where the format asks for one.
        raise Unreadable("damaged") from None
    finally:
        strings.close()
