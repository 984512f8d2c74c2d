"""XLSX, written piece by piece: one sheet in which every cell is text, so that no code loses its zeros."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from portal.kit.table_rows import DISARMED, FORMULA

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ROWS_AT_ONCE = 500
# Style 1 is text; style 2 is text that stays text even when somebody edits it; style 3 is the bold head.
TEXT, QUOTED, BOLD = 1, 2, 3

PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KIND}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
        "</fill></fills><borders count='1'><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
        "<cellStyleXfs count='1'><xf numFmtId='0' fontId='0' fillId='0' borderId='0'/></cellStyleXfs>"
        "<cellXfs count='4'><xf numFmtId='0' fontId='0' fillId='0' borderId='0' xfId='0'/>"
        "<xf numFmtId='49' fontId='0' fillId='0' borderId='0' xfId='0' applyNumberFormat='1'/>"
        "<xf numFmtId='49' fontId='0' fillId='0' borderId='0' xfId='0' applyNumberFormat='1' quotePrefix='1'/>"
        "<xf numFmtId='49' fontId='1' fillId='0' borderId='0' xfId='0' applyNumberFormat='1' applyFont='1'/>"
        "</cellXfs></styleSheet>"
    ),
}
# What XML cannot hold, and what would be read back as such.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class Sink(io.RawIOBase):
    """Where a workbook is written to: what was written is taken out piece by piece, and nothing is kept."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def write(self, piece: object) -> int:
        """Keep a piece until it is taken."""
        taken = bytes(piece)  # type: ignore[call-overload]  # Whatever the archive writes is bytes.
        self._pieces.append(taken)
        return len(taken)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def written(rows: Iterable[Sequence[str]], sheet: str) -> Iterator[bytes]:
    """The rows as a workbook, in pieces; the first row is the head.  The name of the sheet has up to 31 characters."""
    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as book:
        for path, text in PARTS.items():
            book.writestr(path, HEAD + text)
        book.writestr("xl/workbook.xml", HEAD + _book(sheet))
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            out = io.TextIOWrapper(part, "utf-8", newline="")
            out.write(HEAD + _before_rows())
            for number, row in enumerate(rows, 1):
                out.write(_row(number, row))
                if number % ROWS_AT_ONCE == 0:
                    out.flush()
                    yield sink.take()
            out.write("</sheetData></worksheet>")
            out.flush()
            out.detach()
    yield sink.take()


def _book(sheet: str) -> str:
    name = escape(re.sub(r"[\[\]:*?/\\]", " ", sheet)[:31], {'"': "&quot;"})
    return (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="{name}" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    )


def _before_rows() -> str:
    return (
        f'<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
    )


def _row(number: int, row: Sequence[str]) -> str:
    cells = "".join(_cell(each, BOLD if number == 1 else TEXT) for each in row)
    return f'<row r="{number}">{cells}</row>'


def _cell(text: str, style: int) -> str:
    if not text:
        return f'<c s="{style}"/>'
    if FORMULA.match(text):
        style = QUOTED
    elif DISARMED.match(text):
        text = "'" + text  # So that reading gives it back: see `tables.disarmed`.
    held = UNFIT.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(held)}</t></is></c>'
