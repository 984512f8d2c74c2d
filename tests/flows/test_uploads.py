"""Products by file: read, checked, imported, repeated, undone; whatever happens in between."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa

from portal.flows import linking, upload_import, upload_reading, uploads, work
from portal.flows.audit import By
from portal.kit import tables
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.models import AuditNote, Product, Upload, UploadPart, UploadRow, UploadState, UploadUse
from tests.cast import Cast
from tests.goods import connection, listing, product, row, states, take_in
from tests.web.shelf import at
from workers.jobs import VERBS

MEI = By("Mei Lin")


@pytest.fixture(autouse=True)
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


def file_of(rows: Sequence[Sequence[str]], kind: str = "csv") -> bytes:
    return b"".join(tables.written(kind, [["SKU", "Title", "Barcode", "Image"], *rows], "Products"))


def brought(content: bytes, use: UploadUse = UploadUse.IMPORT, name: str = "goods.csv") -> Upload:
    """A file up to the question which column is what."""
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    return drained(uploads.receive(name, use, pieces, MEI).id)


def drained(upload_id: uuid.UUID) -> Upload:
    """The file after a worker has done all that it can."""
    work.drain_all(VERBS)
    return fresh(upload_id)


def fresh(upload_id: uuid.UUID) -> Upload:
    db.session.rollback()
    return db.session.get_one(Upload, (whose(), upload_id), populate_existing=True)


def checked(content: bytes, use: UploadUse = UploadUse.IMPORT, *, repair: bool = False) -> Upload:
    """A file with all its rows checked, its columns as they were guessed."""
    made = brought(content, use)
    assert made.state is UploadState.COLUMNS, made.cause
    made_id = made.id
    uploads.name_columns(made, made.columns, MEI, repair=repair)
    return drained(made_id)


def imported(content: bytes, *, whole: bool = False) -> Upload:
    made = checked(content)
    made_id = made.id
    uploads.begin(made, MEI, whole=whole)
    return drained(made_id)


def here() -> dict[str, tuple[str, str, str]]:
    rows = db.session.execute(sa.select(Product.sku, Product.title, Product.barcode, Product.image))
    return {sku: (title, barcode, image) for sku, title, barcode, image in rows}


def said_of(upload: Upload) -> dict[int, dict[str, str]]:
    rows = db.session.scalars(sa.select(UploadRow).where(UploadRow.upload_id == upload.id).order_by(UploadRow.number))
    return {each.number: each.problems for each in rows if each.problems}


def numbers(upload: Upload) -> tuple[int, int, int]:
    return upload.fresh, upload.changed, upload.unchanged


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("Title,SKU,Barcode,Image URL", {"title": 0, "sku": 1, "barcode": 2, "image": 3}),
        ("Nama Produk,Kode SKU,Gambar", {"title": 0, "sku": 1, "image": 2}),
        ("商品名称,商家编码,条形码", {"title": 0, "sku": 1, "barcode": 2}),
        ("Nr.;Seller-SKU *;Product name", {"sku": 1, "title": 2}),
        ("One,Two", {}),
        ("SKU,SKU,Name", {"sku": 0, "title": 2}),
    ],
)
def test_columns_are_recognised_by_their_names_in_three_languages(head: str, columns: dict[str, int]) -> None:
    made = brought(f"{head}\na,b,c,d\n".replace(",", ";" if ";" in head else ",").encode())
    assert (made.state, made.columns) == (UploadState.COLUMNS, columns)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"SKU,Title\n", "no_rows"),
        (b"\n\n", "empty_file"),
        (b"SKU,Title\nA,\0\n", "nul"),
        (b'SKU,Title\nA,"x\n', "quotation_marks"),
        (b"%PDF-1.4", "no_table"),
        ((",".join(["x"] * 2000) + "\n").encode(), "too_many_columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing_behind(content: bytes, cause: str) -> None:
    made = brought(content)
    assert (made.state, made.cause) == (UploadState.FAILED, cause)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(UploadPart)) == 0


def test_a_file_with_too_many_rows_is_refused_before_it_fills_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_reading, "MOST_ROWS", 3)
    made = brought(file_of([[f"A-{n}", "x"] for n in range(4)]))
    assert (made.cause, made.cause_values) == ("too_many_rows", {"most": 3})


def test_an_empty_or_too_large_file_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 10)
    for pieces, reason in (([], "file_is_empty"), ([b"12345", b"678901"], "file_too_large")):
        with pytest.raises(Refusal) as why:
            uploads.receive("x.csv", UploadUse.IMPORT, pieces, MEI)
        assert why.value.reason == reason
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 0


def test_no_merchant_fills_the_database_with_files_nobody_decides_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_OPEN", 1)
    brought(file_of([["A", "x"]]))
    with pytest.raises(Refusal, match="too_many_files"):
        uploads.receive("x.csv", UploadUse.IMPORT, [b"SKU\nA\n"], MEI)


# --- checking ---------------------------------------------------------------------------------------------------------


def test_every_bad_row_is_told_with_its_number_and_cause() -> None:
    for sku in ("Cup-1", "KNOWN"):
        product(sku)
    made = checked(
        file_of(
            [
                ["", "no code"],  # 2
                ["D-1", "first"],  # 3
                ["x" * 300, "long"],  # 4
                ["D-1", "second"],  # 5
                ["A\u200b1", "unseen"],  # 6
                ["CUP-1", "other case"],  # 7
                ["ｃｕｐ－１ ", "wide"],  # 8
                ["T-1", ""],  # 9
                ["KNOWN", ""],  # 10
                ["1.0E+12", "number"],  # 11
                ["N-1", "ok", "1", "javascript:alert(1)"],  # 12
                ["GOOD", "fine", "6901234500017", "https://example.com/1.jpg"],  # 13
            ]
        )
    )
    said = said_of(made)
    assert {number: sorted(causes) for number, causes in said.items()} == {
        2: ["no_sku"],
        3: ["double"],
        4: ["sku_too_long"],
        5: ["double"],
        6: ["sku_invisible"],
        7: ["case_product", "near_in_file"],
        8: ["near_in_file", "near_product", "sku_invisible", "sku_space"],
        9: ["no_title"],
        11: ["sku_scientific"],
        12: ["image_scheme"],
    }
    assert said[3]["double"] == "5"
    assert said[7]["case_product"] == "Cup-1"
    assert "ZERO WIDTH SPACE" in said[6]["sku_invisible"]
    assert (made.rows, made.bad, made.warned, made.known) == (12, 6, 4, 1)
    assert made.problems["double"] == 2
    assert here().keys() == {"Cup-1", "KNOWN"}  # Nothing was changed by looking.


def test_numbers_and_dates_of_a_workbook_are_taken_as_shown_and_warned_about() -> None:
    from tests.kit.test_tables import book

    sheet = (
        '<row r="1"><c t="inlineStr"><is><t>SKU</t></is></c><c t="inlineStr"><is><t>Title</t></is></c></row>'
        '<row r="2"><c s="1"><v>12</v></c><c t="inlineStr"><is><t>zeros</t></is></c></row>'
        '<row r="3"><c s="2"><v>45323</v></c><c t="inlineStr"><is><t>date</t></is></c></row>'
        '<row r="4"><c><v>1.0E+12</v></c><c t="inlineStr"><is><t>large</t></is></c></row>'
        '<row r="5"><c t="e"><v>#N/A</v></c><c t="inlineStr"><is><t>fault</t></is></c></row>'
    )
    made = checked(book(sheet))
    assert {number: list(causes) for number, causes in said_of(made).items()} == {
        2: ["sku_number"],
        3: ["sku_date"],
        4: ["sku_number"],
        5: ["sku_error"],
    }
    uploads.begin(made, MEI, whole=False)
    work.drain_all(VERBS)
    assert here().keys() == {"0012", "1-Feb", "1000000000000"}


def test_text_that_was_read_in_the_wrong_letters_is_shown_and_repaired_when_asked() -> None:
    mixed = "Café crème".encode().decode("cp1252")
    made = brought(file_of([["A-1", mixed], ["A-2", "雨伞"]]))
    assert made.mixed == {"number": 1, "pairs": [[mixed, "Café crème"]]}
    made_id, columns = made.id, made.columns
    uploads.name_columns(made, columns, MEI, repair=False)
    assert said_of(drained(made_id)) == {2: {"mixed": ""}}
    uploads.name_columns(fresh(made_id), columns, MEI, repair=True)
    assert said_of(drained(made_id)) == {}
    uploads.begin(fresh(made_id), MEI, whole=True)
    work.drain_all(VERBS)
    assert here()["A-1"][0] == "Café crème"


def test_a_check_kept_by_pieces_goes_on_after_a_kill_and_counts_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_reading, "PIECE", 10)
    made = brought(file_of([[f"A-{n}", "x"] for n in range(95)] + [["A-3", "again"]]))
    made_id = made.id
    uploads.name_columns(made, made.columns, MEI, repair=False)
    keep, calls = upload_reading._keep, []

    def dies(claimed: work.Claim, upload_id: uuid.UUID, piece: list[upload_reading.Checked]) -> work.Claim:
        calls.append(len(piece))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return keep(claimed, upload_id, piece)

    monkeypatch.setattr(upload_reading, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        work.drain(work.house_lane(whose()), VERBS)
    db.session.rollback()
    db.session.execute(sa.text("update work set lease_until = now() - interval '1 second' where status = 'open'"))
    db.session.commit()
    found = drained(made_id)
    assert (found.state, found.rows, found.bad) == (UploadState.CHECKED, 96, 2)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(UploadRow)) == 96
    assert calls[3:] == [10, 10, 10, 10, 10, 10, 10, 6]


@pytest.mark.timeout(60)
def test_a_large_file_is_checked_in_no_time_though_the_planner_knows_only_small_ones(owner_engine: sa.Engine) -> None:
    for number in range(3):
        checked(file_of([[f"S{number}-{n}", "x"] for n in range(40)]))
    with owner_engine.begin() as wire:
        wire.execute(sa.text("analyze upload_row, upload, product"))
    rows = [[f"L-{n}", "x"] for n in range(10_000)] + [["n/a", "x"] for n in range(10_000)]
    made = brought(file_of(rows))
    made_id = made.id
    began = time.monotonic()
    uploads.name_columns(made, made.columns, MEI, repair=False)
    made = drained(made_id)
    assert (made.rows, made.bad, made.problems) == (20_000, 10_000, {"double": 10_000})
    uploads.begin(made, MEI, whole=False)
    drained(made_id)
    again = brought(file_of([[sku, "other"] for sku, _ in rows[:10_000]]))
    again_id = again.id
    uploads.name_columns(again, again.columns, MEI, repair=False)
    uploads.begin(drained(again_id), MEI, whole=True)
    assert numbers(drained(again_id)) == (0, 10_000, 0)
    assert time.monotonic() - began < 30, "each row was compared with each"


def test_the_longest_codes_are_refused_and_break_nothing() -> None:
    made = checked(file_of([["\ufdfa" * 200, "grows when it is compared"], ["𠮷" * 255, "fits"], ["𠮷" * 256, "long"]]))
    assert {number: list(causes) for number, causes in said_of(made).items()} == {
        2: ["sku_too_long"],
        4: ["sku_too_long"],
    }
    made_id = made.id
    uploads.begin(made, MEI, whole=False)
    assert drained(made_id).fresh == 1


# --- importing --------------------------------------------------------------------------------------------------------

GOODS = [["A-1", "Cup", "690", "https://example.com/1.jpg"], ["A-2", "Lamp"], ["-1", "Minus"], ["=B2", "Formula"]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_is_imported_and_the_same_file_again_changes_nothing(kind: str) -> None:
    made = imported(file_of(GOODS, kind), whole=True)
    assert (made.state, numbers(made)) == (UploadState.DONE, (4, 0, 0))
    assert here() == {
        "A-1": ("Cup", "690", "https://example.com/1.jpg"),
        "A-2": ("Lamp", "", ""),
        "-1": ("Minus", "", ""),
        "=B2": ("Formula", "", ""),
    }
    versions = sa.text("select sku, xmin::text, ctid::text from product order by sku")
    before = db.session.execute(versions).all()
    assert numbers(imported(file_of(GOODS, kind))) == (0, 0, 4)
    assert db.session.execute(versions).all() == before
    assert db.session.scalar(sa.select(sa.func.count()).select_from(UploadPart)) == 0


def test_only_what_differs_is_changed_and_an_empty_cell_changes_nothing() -> None:
    imported(file_of(GOODS))
    made = imported(file_of([["A-1", "Cup, blue", "", ""], ["A-2", ""], ["A-3", "New"]]))
    assert numbers(made) == (1, 1, 1)
    assert here()["A-1"] == ("Cup, blue", "690", "https://example.com/1.jpg")
    assert here()["A-2"] == ("Lamp", "", "")


def test_good_rows_are_imported_or_all_or_nothing_as_the_merchant_chooses() -> None:
    made = checked(file_of([["A-1", "Cup"], ["", "no code"]]))
    with pytest.raises(Refusal) as why:
        uploads.begin(made, MEI, whole=True)
    assert (why.value.reason, why.value.values) == ("bad_rows", {"number": 1})
    made_id = made.id
    db.session.rollback()
    assert here() == {}
    uploads.begin(fresh(made_id), MEI, whole=False)
    done = drained(made_id)
    assert here().keys() == {"A-1"}
    assert said_of(done) == {3: {"no_sku": ""}}


def test_new_products_link_the_listings_that_wait_for_them() -> None:
    jd = connection()
    take_in(jd, [listing("r1", "A-1"), listing("r2", "a-2"), listing("r3", "OTHER")])
    jd_id = jd.id
    imported(file_of(GOODS))
    jd = at(jd_id)
    assert states(jd) == {"r1": "linked", "r2": "near", "r3": "new"}
    assert row(jd, "r1").link_how == "sku"


def test_an_import_that_is_killed_between_pieces_goes_on_and_writes_each_product_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload_import, "PIECE", 10)
    made = checked(file_of([[f"A-{n}", "x"] for n in range(45)]))
    made_id = made.id
    uploads.begin(made, MEI, whole=True)
    settle, calls = linking.settle, []

    def dies(nears: set[str], **more: object) -> None:
        calls.append(len(nears))
        if len(calls) == 3:
            raise KeyboardInterrupt
        settle(nears, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(linking, "settle", dies)
    with pytest.raises(KeyboardInterrupt):
        work.drain(work.house_lane(whose()), VERBS)
    db.session.rollback()
    assert (fresh(made_id).imported, len(here())) == (20, 20)
    db.session.execute(sa.text("update work set lease_until = now() - interval '1 second' where status = 'open'"))
    db.session.commit()
    done = drained(made_id)
    assert (done.state, numbers(done), len(here())) == (UploadState.DONE, (45, 0, 0), 45)


def test_an_import_leaves_one_note_that_says_who_and_how_many() -> None:
    made = imported(file_of([*GOODS, ["", "bad"]]))
    of_import = sa.select(AuditNote).where(AuditNote.subject_id == made.id, AuditNote.what.like("products%"))
    notes = db.session.scalars(of_import).all()
    assert [(each.what, each.who, each.name, each.after) for each in notes] == [
        ("products_imported", "Mei Lin", "goods.csv", {"rows": 4, "left_out": 1, "known": 0})
    ]


def test_undoing_takes_away_what_was_created_unless_somebody_built_on_it() -> None:
    jd = connection()
    take_in(jd, [listing("r1", "A-1"), listing("r2", "x-2")])
    jd_id, made_id = jd.id, imported(file_of(GOODS)).id
    by_hand = db.session.scalars(sa.select(Product).where(Product.sku == "A-2")).one()
    linking.link(row(at(jd_id), "r2"), by_hand, MEI)
    imported(file_of([["-1", "Minus, changed later"]]))
    uploads.undo(fresh(made_id), MEI)
    found = drained(made_id)
    assert (found.state, found.taken_back) == (UploadState.UNDONE, 2)
    assert here().keys() == {"A-2", "-1"}
    assert states(at(jd_id)) == {"r1": "new", "r2": "linked"}
    with pytest.raises(Refusal, match="file_moved_on"):
        uploads.undo(found, MEI)


def test_a_file_that_is_dropped_is_gone_with_its_rows_and_its_work() -> None:
    made = uploads.receive("x.csv", UploadUse.IMPORT, [file_of(GOODS)], MEI)
    uploads.drop(made, MEI)
    assert work.drain_all(VERBS) == 0
    for model in (Upload, UploadPart, UploadRow):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0


# --- checking codes only ----------------------------------------------------------------------------------------------


def test_codes_of_a_file_are_checked_without_importing_anything() -> None:
    product("Cup-1")
    made = checked(b"Seller SKU,Price\ncup-1,1\nCup-1,2\nD,3\nD,4\n,5\n", UploadUse.CHECK)
    assert (made.state, made.known) == (UploadState.DONE, 1)
    assert made.problems == {"case_product": 1, "near_in_file": 2, "double": 2, "no_sku": 1}
    assert here().keys() == {"Cup-1"}


def test_the_products_here_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_reading, "PIECE", 2)
    for sku in ("A-1", "a-1", "B\u00a02", "C", "Ｃ", "D", "E ", "F"):
        product(sku)
    found = drained(uploads.check_products(MEI).id)
    assert (found.state, found.rows) == (UploadState.DONE, 8)
    said = {each.sku: sorted(each.problems or ()) for each in db.session.scalars(sa.select(UploadRow))}
    assert said == {
        "A-1": ["case_product"],
        "a-1": ["case_product"],
        "B\u00a02": ["sku_invisible"],
        "C": ["near_product"],
        "Ｃ": ["near_product", "sku_invisible"],
        "E ": ["sku_space"],
    }


def test_what_a_row_says_is_kept_to_the_letter() -> None:
    """Quotation marks, braces and backslashes are what an array of the database is written with."""
    odd = ['"quoted"', "back\\slash", "{brace}", "comma,", "NULL", "'apostrophe", "two\nlines", "😀"]
    made = imported(file_of([[each, f"Title of {each}"] for each in odd]))
    assert made.fresh == len(odd)
    assert here().keys() == set(odd)
    assert json.loads(json.dumps(made.problems)) == {"sku_invisible": 1}


def test_a_file_may_come_in_any_number_of_parts() -> None:
    content = file_of([[f"A-{n}", "x" * 50] for n in range(300)], "xlsx")
    assert io.BytesIO(content).read(2) == b"PK"
    assert imported(content).fresh == 300


def test_a_file_that_moved_on_while_its_page_was_made_is_not_called_stuck(cast: Cast) -> None:
    """The page read the file before the worker was done with it, and asks for its work after."""
    made = uploads.receive("goods.csv", UploadUse.IMPORT, [file_of([["A", "Tea", "", ""]])], MEI)
    made_id = made.id
    before = fresh(made_id)
    assert before.state is UploadState.WAITING

    def work_elsewhere() -> None:
        with cast.app.app_context():
            work.drain_all(VERBS)

    worker = threading.Thread(target=work_elsewhere)
    worker.start()
    worker.join()
    assert before.state is UploadState.WAITING
    assert not uploads.is_stuck(before)
    assert fresh(made_id).state is UploadState.COLUMNS
