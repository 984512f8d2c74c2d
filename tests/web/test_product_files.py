"""Products by file, as a person goes through it: upload, columns, check, import, undo, export."""

from __future__ import annotations

import csv
import io
import re
import uuid

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from portal.flows import linking, upload_checks, uploads, work
from portal.flows.audit import By
from portal.kit import tables
from portal.kit.db import db
from portal.models import Product, Upload
from portal.web import upload_words
from tests.cast import Cast
from tests.goods import listing, product, row, take_in
from tests.web.shelf import Browser, at, lantern, turned_on
from workers.jobs import VERBS

GOODS = b"SKU,Title,Barcode\nA-1,Cup,690\nA-2,Lamp,\n,No code,\nA-1,Cup again,\n"
GOOD = b"SKU,Title,Barcode\nA-1,Cup,690\nA-2,Lamp,\n"


FORM = "multipart/form-data; boundary=half-way-up"


def form_of(content: bytes, name: str) -> bytes:
    """The form as a browser sends it; the client of the tests would leave a large one lying about as a file."""
    head = f'--half-way-up\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--half-way-up--\r\n"


def upload(browser: Browser, content: bytes, name: str = "goods.csv", use: str = "") -> TestResponse:
    url = f"/products/import?use={use}" if use else "/products/import"
    return browser.post(url, form_of(content, name), content_type=FORM)


def worked(cast: Cast) -> None:
    """What a worker would do."""
    with lantern(cast):
        work.drain_all(VERBS)


def columns_of(cast: Cast, browser: Browser, content: bytes, name: str = "goods.csv") -> str:
    """The address of a file that asks for its columns."""
    answer = upload(browser, content, name)
    assert answer.status_code == 303, answer.text
    worked(cast)
    return str(answer.location)


def checked(cast: Cast, browser: Browser, content: bytes, **chosen: str) -> str:
    """The address of a file whose rows are checked."""
    url = columns_of(cast, browser, content)
    said = {"sku": "0", "title": "1", "barcode": "2", **chosen}
    assert browser.post(f"{url}/columns", said).status_code == 303
    worked(cast)
    return url


def skus(cast: Cast) -> set[str]:
    with lantern(cast):
        return set(db.session.scalars(sa.select(Product.sku)))


def test_a_merchant_imports_a_file_step_by_step_without_scripts(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert 'type="file"' in mei.get("/products/import").text
    answer = upload(mei, GOOD)
    assert answer.status_code == 303
    url = answer.location
    waiting = mei.get(url).text
    assert "The file is being read." in waiting
    assert '<meta http-equiv="refresh"' in waiting
    worked(cast)
    asks = mei.get(url).text
    assert "Which column is what?" in asks
    assert re.search(r'<option selected value="0">A · SKU</option>', asks)
    assert "<td>Lamp</td>" in asks
    assert mei.post(f"{url}/columns", {"sku": "0", "title": "1", "barcode": ""}).status_code == 303
    worked(cast)
    ready = mei.get(url).text
    assert "Import 2 rows" in ready
    assert skus(cast) == set()
    assert mei.post(f"{url}/begin").status_code == 303
    worked(cast)
    done = mei.get(url).text
    assert "products created" in done
    assert "Take away the 2 that were created" in done
    assert skus(cast) == {"A-1", "A-2"}
    assert mei.post(f"{url}/undo").status_code == 303
    worked(cast)
    assert "2 products were taken away." in mei.get(url).text
    assert skus(cast) == set()


def test_bad_rows_are_listed_narrowed_and_downloaded(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = checked(cast, mei, GOODS)
    page = mei.get(url).text
    for words in ("Empty SKU", "SKU more than once", "Other rows have the same SKU: 5.", "rows worth a look"):
        assert (words in page) == (words != "rows worth a look"), words
    only = mei.get(f"{url}?cause=no_sku").text
    assert "The row has no SKU" in only
    assert "Other rows have the same SKU" not in only
    told = list(csv.reader(io.StringIO(mei.get(f"{url}/problems.csv").data.decode("utf-8-sig"))))
    assert told[0] == ["Row", "SKU", "Column", "Imported", "What is wrong"]
    assert [each[:4] for each in told[1:]] == [
        ["2", "A-1", "SKU", "No"],
        ["4", "", "SKU", "No"],
        ["5", "A-1", "SKU", "No"],
    ]
    assert mei.json(url)["rows"] == {"all": 4, "bad": 3, "warned": 0, "known": 0}


def test_good_rows_or_all_or_none_is_the_merchants_choice(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = checked(cast, mei, GOODS)
    assert "Import the good rows and leave the others out" in mei.get(url).text
    refused = mei.post(f"{url}/begin", {"how": "whole"})
    assert refused.status_code == 422
    assert "3 rows cannot be imported, so nothing was." in refused.text
    assert mei.post(f"{url}/begin", {"how": "good"}).status_code == 303
    worked(cast)
    assert skus(cast) == {"A-2"}


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "goods.csv", "There is nothing in this file."),
        (b"x", "", "Choose a file."),
    ],
)
def test_no_file_and_an_empty_file_are_refused_at_the_field(cast: Cast, content: bytes, name: str, words: str) -> None:
    answer = upload(Browser(cast, cast.mei), content, name)
    assert answer.status_code == 422
    assert words in answer.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SKU,Title\n", "no rows below them"),
        (b"SKU,Title\nA,\0\n", "Line 2 holds a character that no text has"),
        (b'SKU,Title\nA,"x\n', "begins in line 2 do not pair up"),
        (b"PK\x03\x04broken", "This workbook is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "of the old kind (.xls)"),
        ((",".join(["x"] * 2000)).encode(), "Row 1 has 2000 columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(cast: Cast, content: bytes, words: str) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get(columns_of(cast, mei, content)).text
    assert "This file cannot be read." in page
    assert words in page
    assert "Upload another file" in page


def test_a_file_of_many_megabytes_is_taken_here_and_nowhere_else(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    large = GOOD + b"".join(b"B-%d,%s,\n" % (number, b"x" * 500) for number in range(8_000))
    assert len(large) > 4_000_000
    assert upload(mei, large).status_code == 303
    assert mei.post("/stores/new", form_of(large, "x.csv"), content_type=FORM).status_code == 413
    stranger = Browser(cast, None)
    assert upload(stranger, large).location == "/products/import"
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 1


def test_a_file_beyond_the_cap_is_refused_in_words(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 3 * 1024 * 1024)
    mei = Browser(cast, cast.mei)
    answer = upload(mei, b"x" * (3 * 1024 * 1024 + 1))
    assert answer.status_code == 422
    assert "larger than 3 MB" in answer.text
    assert upload(mei, b"x" * (33 * 1024 * 1024), use="check").location == "/products/check"
    assert "larger than 3 MB" in mei.get("/products/check").text
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 0


def test_columns_may_be_chosen_otherwise_and_wrong_choices_are_told(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = columns_of(cast, mei, b"Code,SKU,SKU,Text\nX,A-1,B-1,Cup\n")
    page = mei.get(url).text
    assert "Several columns are called “SKU”: B, C." in page
    assert "Choose the column that holds the SKU." in mei.post(f"{url}/columns", {"sku": "", "title": "3"}).text
    twice = mei.post(f"{url}/columns", {"sku": "2", "title": "2"})
    assert twice.status_code == 422
    assert "is chosen twice" in twice.text
    assert mei.post(f"{url}/columns", {"sku": "9"}).status_code == 422
    assert mei.post(f"{url}/columns", {"sku": "2", "title": "3"}).status_code == 303
    worked(cast)
    assert 'name="repair"' not in mei.get(f"{url}?columns=1").text
    mei.post(f"{url}/begin")
    worked(cast)
    assert skus(cast) == {"B-1"}


def test_mixed_up_texts_are_shown_before_and_after_and_repaired_by_one_tick(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    mixed = "Café crème".encode().decode("cp1252")
    url = columns_of(cast, mei, f"SKU,Title\nA-1,{mixed}\n".encode())
    page = mei.get(url).text
    assert f"“{mixed}” → <strong>“Café crème”</strong>" in page
    assert mei.post(f"{url}/columns", {"sku": "0", "title": "1", "repair": "y"}).status_code == 303
    worked(cast)
    mei.post(f"{url}/begin")
    worked(cast)
    assert "Café crème" in mei.get("/products").text


def test_what_a_file_says_is_shown_as_text(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = columns_of(cast, mei, b"SKU,<b>Title</b>\n<i>A</i>,<script>x</script>\n<i>A</i>,x\n", "<u>x</u>.csv")
    page = mei.get(url).text
    mei.post(f"{url}/columns", {"sku": "0", "title": "1"})
    worked(cast)
    page += mei.get(url).text
    for tag in ("<b>Title", "<i>A", "<script>x", "<u>x"):
        assert tag not in page


def test_progress_asks_again_while_it_works_and_loads_the_page_when_it_is_done(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = str(upload(mei, GOOD).location)
    asked = {"HX-Request": "true", "HX-Target": "upload_progress"}
    block = mei.get(url, headers=asked)
    assert "hx-trigger" in block.text
    assert "<html" not in block.text
    worked(cast)
    assert mei.get(url, headers=asked).headers.get("HX-Refresh") == "true"


def test_a_file_whose_work_broke_off_says_so_and_goes_on(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = str(upload(mei, GOOD).location)
    with lantern(cast):
        db.session.execute(sa.text("update work set status = 'dead', ended_at = now() where kind = 'read_upload'"))
        db.session.commit()
    page = mei.get(url).text
    assert "This stopped because of a fault on our side." in page
    assert 'hx-trigger="load' not in page
    assert mei.post(f"{url}/again").status_code == 303
    worked(cast)
    assert "Which column is what?" in mei.get(url).text


def test_a_discarded_file_is_gone(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    url = columns_of(cast, mei, GOOD)
    assert mei.post(f"{url}/drop").status_code == 303
    assert "was discarded" in mei.get("/products/import").text
    assert mei.get(url).status_code == 404


def test_a_viewer_sees_files_and_changes_nothing(cast: Cast) -> None:
    mei, vera = Browser(cast, cast.mei), Browser(cast, cast.vera)
    url = checked(cast, mei, GOODS)
    assert 'type="file"' not in vera.get("/products/import").text
    page = vera.get(url).text
    assert "Empty SKU" in page
    assert "Import 1 row" not in page
    for verb in ("columns", "begin", "undo", "drop", "again"):
        assert vera.post(f"{url}/{verb}").status_code == 403
    assert upload(vera, GOOD).status_code == 403


def test_a_page_costs_the_same_for_few_and_for_many_problems(cast: Cast, statements) -> None:  # type: ignore[no-untyped-def]
    mei = Browser(cast, cast.mei)
    costs = []
    for number in (3, 300):
        url = checked(cast, mei, b"SKU,Title,Barcode\nX,x,x\n" + b",x,x\n" * number)
        with statements() as sent:
            page = mei.get(url).text
        assert page.count('role="rowheader"') == min(number, 50)
        costs.append(len(sent))
    assert costs[0] == costs[1]


def test_every_cause_has_words(cast: Cast) -> None:
    assert upload_words.ROWS.keys() >= upload_checks.BAD
    with cast.app.test_request_context("/"):
        for key, said in upload_words.ROWS.items():
            assert all((said.title(), said.field(), said.sentence("7"))), key


# --- checking codes ---------------------------------------------------------------------------------------------------


def test_skus_are_checked_before_anything_is_connected(cast: Cast) -> None:
    with lantern(cast):
        product("Cup-1")
    mei = Browser(cast, cast.mei)
    assert "Check your SKUs before you connect a channel." in mei.get("/products").text
    answer = upload(mei, b"Seller SKU,Price\ncup-1,1\nD,3\nD,4\n,5\n", use="check")
    worked(cast)
    assert mei.post(f"{answer.location}/columns", {"sku": "0"}).status_code == 303
    worked(cast)
    page = mei.get(answer.location).text
    for words in (
        "Only letter case differs from a product",
        "SKU more than once",
        "Empty SKU",
        "Nothing was imported.",
    ):
        assert words in page, words
    assert skus(cast) == {"Cup-1"}
    assert [each["state"] for each in mei.json("/products/check")["items"]] == ["done"]


def test_the_products_here_are_checked_by_one_button(cast: Cast) -> None:
    with lantern(cast):
        for sku in ("A-1", "a-1", "B"):
            product(sku)
    mei = Browser(cast, cast.mei)
    answer = mei.post("/products/check")
    assert answer.status_code == 303
    worked(cast)
    page = mei.get(answer.location).text
    assert page.count("A product here has the SKU") == 2
    assert "Your products" in page


# --- export -----------------------------------------------------------------------------------------------------------


def exported(browser: Browser, query: str) -> tuple[TestResponse, list[list[str]]]:
    answer = browser.get(f"/products/export/file?{query}")
    table = tables.open_table(io.BytesIO(answer.data))
    return answer, [row.cells for row in table.rows]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_exported_and_imported_again_changes_nothing(cast: Cast, kind: str) -> None:
    odd = ["-1", "=1+1", "'-1", "''=x", "0012", "1E+5", " space ", "保温杯", "a;b", 'q"q', "two\nlines", "@x", "\tx"]
    with lantern(cast):
        for number, sku in enumerate(odd):
            made = product(sku)
            made.title, made.barcode = f"+{sku}" if number % 2 else "", sku.strip()
        db.session.commit()
        everything = sa.text("select sku, title, barcode, image, xmin::text from product order by sku")
        before = db.session.execute(everything).all()
    mei = Browser(cast, cast.mei)
    answer = mei.get(f"/products/export/file?kind={kind}&column=title&column=barcode&column=image")
    assert 'filename="products-20' in answer.headers["Content-Disposition"]
    url = columns_of(cast, mei, answer.data, f"products.{kind}")
    mei.post(f"{url}/columns", {"sku": "0", "title": "1", "barcode": "2", "image": "3"})
    worked(cast)
    mei.post(f"{url}/begin")
    worked(cast)
    told = mei.json(url)
    assert told["rows"]["bad"] == 0
    assert told["products"] == {"created": 0, "changed": 0, "unchanged": len(odd), "taken_back": 0}
    with lantern(cast):
        assert db.session.execute(everything).all() == before


def test_no_cell_of_an_exported_csv_begins_like_a_formula(cast: Cast) -> None:
    with lantern(cast):
        product("=HYPERLINK(1)").title = "@SUM(A1)"
        db.session.commit()
    text = Browser(cast, cast.mei).get("/products/export/file?kind=csv&column=title").data.decode("utf-8-sig")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}]


def test_an_export_names_the_listings_of_each_product_and_nothing_of_another_merchant(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        product("A-1")
        product("A-2")
        take_in(jd, [listing("r-1", "A-1"), listing("r-9", "NEW")])
        linking.link(
            row(jd, "r-9"), db.session.scalars(sa.select(Product).where(Product.sku == "A-1")).one(), By("Mei")
        )
        jd_id, name = jd.id, at(jd.id).name
    _, cells = exported(Browser(cast, cast.mei), f"kind=csv&column={jd_id}")
    assert cells == [["SKU", f"Listings: {name}, Lantern Shanghai"], ["A-1", "r-1; r-9"], ["A-2", ""]]
    _, theirs = exported(Browser(cast, cast.rex), f"kind=csv&column={jd_id}&column=title")
    assert theirs == [["SKU", "Title"]]


def test_an_export_walks_all_products_in_pieces(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal.web import product_export

    monkeypatch.setattr(product_export, "PIECE", 7)
    with lantern(cast):
        for number in range(50):
            product(f"P-{number:03d}")
    _, cells = exported(Browser(cast, cast.vera), "kind=xlsx")
    assert [each[0] for each in cells] == ["SKU", *(f"P-{number:03d}" for number in range(50))]


def test_without_a_kind_the_export_asks(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert mei.get("/products/export/file").location == "/products/export"
    assert mei.get("/products/export/file?kind=exe").status_code == 303
    assert "Download XLSX" in mei.get("/products/export").text


def test_a_file_of_another_merchant_answers_like_one_that_does_not_exist(cast: Cast) -> None:
    mei, rex = Browser(cast, cast.mei), Browser(cast, cast.rex)
    url = checked(cast, mei, GOODS)
    there = url.rpartition("/")[2]
    for page in ("/products/import/{}", "/products/import/{}/problems.csv"):
        assert rex.not_there(page, there) == rex.not_there(page, uuid.uuid4())
