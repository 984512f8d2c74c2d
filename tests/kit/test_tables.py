"""Files of tables: whatever people's programs write is read as it was meant, or refused with a cause."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.kit import encodings, tables, workbook
from portal.kit.tables import Row, Unreadable

CHINESE = "SKU,标题\nA-1,保温杯 蓝色 500ml\nA-2,不锈钢水壶\n"
WESTERN = "SKU;Titel\nA-1;Größe für café à la crème\nA-2;naïve Kühlbox\n"


def read(content: bytes) -> list[list[str]]:
    return [row.cells for row in rows(content)]


def rows(content: bytes) -> list[Row]:
    return list(tables.open_table(io.BytesIO(content)).rows)


def refused(content: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as why:
        rows(content)
    return why.value


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
def test_chinese_is_read_in_every_encoding_that_programs_write(encoding: str) -> None:
    assert read(CHINESE.encode(encoding)) == [["SKU", "标题"], ["A-1", "保温杯 蓝色 500ml"], ["A-2", "不锈钢水壶"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "latin-1"])
def test_western_letters_are_not_taken_for_chinese_ones(encoding: str) -> None:
    assert read(WESTERN.encode(encoding))[1:] == [["A-1", "Größe für café à la crème"], ["A-2", "naïve Kühlbox"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out_even_where_cells_hold_the_others(separator: str) -> None:
    text = (
        separator.join(["SKU", "Title", "Note"]) + "\n" + separator.join(["A", '"one, two; three"', "x|y" * 0]) + "\n"
    )
    assert read(text.encode()) == [["SKU", "Title", "Note"], ["A", "one, two; three", ""]]


def test_a_file_that_names_its_separator_is_believed() -> None:
    assert read(b"sep=;\r\nSKU;Price\r\nA;1,5\r\n") == [["SKU", "Price"], ["A", "1,5"]]


def test_cells_over_several_lines_and_quotation_marks_in_cells_are_kept() -> None:
    found = rows(b'SKU,Title\nA,"two\r\nlines"\n\nB,"say ""hello"""\nC,5" screen\n')
    assert [row.cells for row in found[1:]] == [["A", "two\r\nlines"], ["B", 'say "hello"'], ["C", '5" screen']]
    assert [row.number for row in found] == [1, 2, 4, 5]  # As a spreadsheet counts: the empty row is one.


def test_a_quotation_mark_too_many_is_told_with_its_line() -> None:
    why = refused(b'SKU,Title\nA,fine\nB,"never closed\nC,lost\n')
    assert (why.cause, why.values) == ("quotation_marks", {"line": 3})


def test_files_that_are_no_tables_are_told_apart() -> None:
    assert refused(b"").cause == "empty_file"
    assert refused(b"SKU,Title\nA\0B,x\n").values == {"line": 2}
    assert refused(b"%PDF-1.7 ...").cause == "no_table"
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....").cause == "old_excel"
    assert refused(b"PK\x03\x04 nothing").cause == "damaged"
    assert refused(b"x" * (2 * 1024 * 1024)).cause == "line_too_long"


def test_too_many_columns_are_refused_with_their_number() -> None:
    why = refused((",".join(["c"] * 2000) + "\n").encode())
    assert (why.cause, why.values["number"]) == ("too_many_columns", 2000)


# --- mixed up text ----------------------------------------------------------------------------------------------------


def as_western(text: str) -> str:
    return "".join(chr(byte) if byte in encodings.SLOPPY else bytes([byte]).decode("cp1252") for byte in text.encode())


@pytest.mark.parametrize("text", ["保温杯", "保温杯 blue", "Café crème", "Gelas “besar”", "Größe", "ノート – 白"])
def test_text_that_was_read_in_the_wrong_letters_is_repaired(text: str) -> None:
    assert encodings.repaired(as_western(text)) == text
    assert encodings.repaired(text) is None


def test_utf8_that_was_read_as_chinese_is_repaired_and_told_where_a_character_was_lost() -> None:
    assert encodings.repaired("保温杯蓝".encode().decode("gb18030")) == "保温杯蓝"
    lost = "保温杯".encode().decode("gb18030", "replace")
    assert encodings.repaired(lost) is None
    assert encodings.garbled(lost)


@given(st.text(alphabet=st.sampled_from("保温杯蓝色不锈钢水壶联通电脑儿童书包abc 12-")))
def test_real_chinese_is_never_repaired(text: str) -> None:
    assert encodings.repaired(text) is None
    assert not encodings.garbled(text)


# --- workbooks --------------------------------------------------------------------------------------------------------

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    f'<styleSheet {MAIN}><numFmts count="3"><numFmt numFmtId="164" formatCode="0000"/>'
    '<numFmt numFmtId="165" formatCode="dd/mm/yyyy"/>'
    '<numFmt numFmtId="166" formatCode="d&quot; de &quot;mmm"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/>'
    '<xf numFmtId="16"/><xf numFmtId="165"/><xf numFmtId="49"/><xf numFmtId="166"/></cellXfs></styleSheet>'
)


def book(sheet: str, shared: str = "", **parts: str) -> bytes:
    """A workbook with these cells, as a spreadsheet program writes one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(
            "xl/workbook.xml",
            f'<workbook {MAIN} xmlns:r="{RELATED}"><sheets><sheet name="Secret" state="hidden" r:id="r9"/>'
            '<sheet name="Goods" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        made.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="r1" Target="worksheets/sheet7.xml"/><Relationship Id="r9" Target="worksheets/s.xml"/>'
            "</Relationships>",
        )
        made.writestr("xl/styles.xml", STYLES)
        if shared:
            made.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{shared}</sst>")
        made.writestr(
            "xl/worksheets/sheet7.xml",
            parts.get("whole") or f"<worksheet {MAIN}><sheetData>{sheet}</sheetData></worksheet>",
        )
    return out.getvalue()


def cell(inner: str, reference: str = "A1") -> bytes:
    return book(f'<row r="1"><c r="{reference}" {inner}</c></row>')


def test_a_workbook_is_read_with_shared_texts_gaps_and_row_numbers() -> None:
    shared = (
        "<si><t>SKU</t></si><si><r><t>Cup </t></r><r><t>blue</t></r><rPh><t>reading aloud</t></rPh></si>"
        "<si><t>two_x000D_lines &amp; more</t></si>"
    )
    sheet = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>Title</t></is></c></row>'
        '<row r="4"><c r="A4" t="str"><f>A1</f><v>A-1</v></c><c r="C4" t="s"><v>1</v></c></row>'
        '<row r="5"><c r="A5"/></row><row r="6"><c t="s"><v>2</v></c><c t="b"><v>1</v></c></row>'
    )
    table = tables.open_table(io.BytesIO(book(sheet, shared)))
    assert table.sheet == "Goods"
    assert [(row.number, row.cells) for row in table.rows] == [
        (1, ["SKU", "", "Title"]),
        (4, ["A-1", "", "Cup blue"]),
        (6, ["two\rlines & more", "TRUE"]),
    ]


@pytest.mark.parametrize(
    ("inner", "text", "note"),
    [
        ('s="1"><v>12</v>', "0012", "number"),
        ("><v>12</v>", "12", "number"),
        ("><v>1.0E+12</v>", "1000000000000", "number"),
        ("><v>1.2345678901234599E+17</v>", "123456789012346000", "digits"),
        ("><v>0.1</v>", "0.1", "number"),
        ('s="2"><v>45323</v>', "1-Feb", "date"),
        ('s="3"><v>45323</v>', "01/02/2024", "date"),
        ('s="5"><v>45323</v>', "1 de Feb", "date"),
        ('t="e"><v>#N/A</v>', "#N/A", "error"),
        ('s="4" t="inlineStr"><is><t>0012</t></is>', "0012", ""),
    ],
)
def test_a_cell_is_read_as_it_shows_and_says_where_that_may_not_be_what_was_typed(
    inner: str, text: str, note: str
) -> None:
    (row,) = rows(cell(inner))
    assert (row.cells, row.notes.get(0, "")) == ([text], note)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    huge = book("<row>" + "<c/>" * 2_000_000 + "</row>")
    assert len(huge) < 200_000
    assert refused(huge).cause == "unpacks_too_large"


def test_a_tag_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LARGEST_RATIO", 10_000)
    monkeypatch.setattr(workbook, "LONGEST_TAG", 200_000)
    assert refused(book("", whole=f'<worksheet {MAIN} x="' + "y" * 900_000)).cause == "unpacks_too_large"


def test_entities_are_never_expanded() -> None:
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet {MAIN}><sheetData/></worksheet>'
    assert refused(book("", whole=bomb)).cause == "damaged"


@pytest.mark.parametrize(
    "sheet",
    [
        '<row r="1"><c t="s"><v>99</v></c></row>',
        '<row r="1"><c t="s"><v>x</v></c></row>',
        '<row r="x"><c/></row>',
        "<row><c><v>NaN</v></c></row>",
        "<row>",
    ],
)
def test_a_damaged_sheet_is_told_as_such(sheet: str) -> None:
    assert refused(book(sheet)).cause == "damaged"


def test_half_a_workbook_is_told_as_damaged() -> None:
    whole = book("".join(f"<row><c><v>{n * 7919}</v></c></row>" for n in range(5000)))
    for end in range(100, len(whole), len(whole) // 20):
        assert refused(whole[:end]).cause == "damaged"


# --- writing ----------------------------------------------------------------------------------------------------------

DANGEROUS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'-1", "''=x", "＝1", "=cmd|' /C calc'!A0"]


def written(kind: str, made: Iterable[Sequence[str]]) -> bytes:
    return b"".join(tables.written(kind, made, "Products"))


def test_no_cell_of_a_csv_begins_like_a_formula() -> None:
    text = written("csv", [["SKU"], *[[each] for each in DANGEROUS]]).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(text, newline="")):
        assert row[0][0] not in "=+-@\t\r＝", row


def test_every_cell_of_a_workbook_is_text_and_what_looks_like_a_formula_stays_text_when_edited() -> None:
    made = written("xlsx", [["SKU"], ["0012"], ["=1+1"]])
    with zipfile.ZipFile(io.BytesIO(made)) as made_book:
        sheet = made_book.read("xl/worksheets/sheet1.xml").decode()
        styles = made_book.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count('t="inlineStr"') == 3
    assert '<c s="2" t="inlineStr"><is><t xml:space="preserve">=1+1' in sheet
    assert styles.count("quotePrefix='1'") == 1


CELLS = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@'\t\r\n\"_x000D,;| 0a"), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    ),
    max_size=12,
)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@given(made=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_to_the_letter(kind: str, made: list[list[str]]) -> None:
    found = [[tables.armed(each) for each in row] for row in read(written(kind, [["SKU", "Title"], *made]))]
    padded = [row + [""] * (2 - len(row)) for row in found]
    assert padded == [["SKU", "Title"], *[row for row in made if any(row)]]


def test_a_large_file_is_written_in_small_pieces() -> None:
    for kind in ("csv", "xlsx"):
        pieces = list(tables.written(kind, (["x" * 50, str(number)] for number in range(20_000)), "Products"))
        assert len(pieces) > 10
        assert max(map(len, pieces)) < 100_000
