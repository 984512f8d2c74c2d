"""Counts of stock from a file: read at once, checked row by row, and set together.

A count says what is on hand, so the same file a second time changes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import sqlalchemy as sa

from portal.flows import stock_counts, stock_ledger, stock_sources, upload_columns
from portal.flows.audit import By
from portal.flows.stock_counts import Counted
from portal.kit import tables
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.kit.tables import Row
from portal.kit.text import storable

LARGEST = 4 * 1024 * 1024
MOST_ROWS = 10_000
WHOLE = re.compile(r"\d{1,8}(?:[.,]0+)?")
# Compared without case, spaces and signs, as the columns of products are.
NUMBERS = (
    *("onhand", "quantity", "qty", "stock", "count", "number", "pieces", "stocklevel", "inventory", "quantityonhand"),
    *("stok", "jumlah", "jumlahstok", "stoktersedia", "kuantitas"),
    *("库存", "数量", "库存数量", "现有库存", "盘点数量"),
)
REASONS = ("reason", "note", "comment", "remark", "alasan", "catatan", "keterangan", "原因", "备注", "说明")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that cannot be used: its number in the file, its SKU, a word for why, and a detail."""

    row: int
    sku: str
    cause: str
    detail: str = ""


@dataclass(slots=True)
class Read:
    """What a file says: the counts that can be set, and the rows that cannot be used."""

    good: list[Counted] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    row: int
    sku: str
    number: str
    note: str


def read(file: BinaryIO, name: str) -> Read:
    """The counts of a file; `name` is what rows without a reason are noted with.

    Raises `tables.Unreadable` for what is no table, and Refusal where a column is missing.
    """
    table = tables.open_table(file)
    head = next(table.rows, None)
    if head is None:
        raise tables.Unreadable("empty_file")
    places = _places([tables.armed(each) for each in head.cells])
    lines = []
    for number, row in enumerate(table.rows, 1):
        if number > MOST_ROWS:
            raise tables.Unreadable("too_many_rows", most=MOST_ROWS)
        lines.append(_line(row, places))
    if not lines:
        raise tables.Unreadable("no_rows")
    return _checked(lines, name[: stock_counts.LONGEST_NOTE])


def _places(head: Sequence[str]) -> dict[str, int]:
    names = [upload_columns.plain(each) for each in head]
    known: Mapping[str, Sequence[str]] = {
        "sku": upload_columns.KNOWN["sku"],
        "number": NUMBERS,
        "note": REASONS,
    }
    found = {}
    for what, likely in known.items():
        there = [names.index(each) for each in likely if each in names]
        if there:
            found[what] = there[0]
    if not {"sku", "number"} <= found.keys():
        raise Refusal("stock_columns", "file")
    return found


def _line(row: Row, places: Mapping[str, int]) -> _Line:
    def text(what: str) -> str:
        place = places.get(what, len(row.cells))
        return tables.armed(row.cells[place]).strip() if place < len(row.cells) else ""

    return _Line(row.number, text("sku"), text("number"), text("note"))


FOUND = sa.text(
    """
    select p.sku, p.id from unnest(cast(:skus as text[])) as wanted(sku)
    cross join lateral (select sku, id from product where merchant_id = :merchant and sku = wanted.sku offset 0) p
    """
)


def _checked(lines: Sequence[_Line], name: str) -> Read:
    keepable = {each.sku for each in lines if storable(each.sku)}
    rows = db.session.execute(FOUND, {"merchant": whose(), "skus": array(keepable)})
    products = {row.sku: row.id for row in rows}
    followed = stock_sources.followed(products.values())
    bundles = stock_counts.bundles(list(products.values()))
    made, seen = Read(), dict[str, int]()
    for each in lines:
        product_id = products.get(each.sku)
        cause, detail = _cause(each, seen.get(each.sku))
        if cause:
            pass
        elif product_id is None:
            cause = "unknown_sku"
        elif product_id in bundles:
            cause = "bundle"
        elif product_id in followed:
            cause, detail = "follows", followed[product_id]
        seen.setdefault(each.sku, each.row)
        if cause or product_id is None:
            made.wrong.append(Wrong(each.row, each.sku.replace("\0", "\ufffd")[:80], cause, detail))
        else:
            number = int(re.split("[.,]", each.number)[0])
            made.good.append(Counted(product_id, number, each.note or name))
    return made


def _cause(line: _Line, earlier: int | None) -> tuple[str, str]:
    """What is wrong with a row by itself, "" where nothing is."""
    if not line.sku:
        return "no_sku", ""
    if earlier is not None:
        return "double", str(earlier)
    if not WHOLE.fullmatch(line.number) or int(re.split("[.,]", line.number)[0]) > stock_ledger.MOST:
        return "no_number", line.number[:20].replace("\0", "\ufffd")
    if len(line.note) > stock_counts.LONGEST_NOTE or not storable(line.note):
        return "long_reason", ""
    return "", ""


def take_over(counted: Read, by: By, *, whole: bool) -> tuple[int, int]:
    """Set the counts: how many numbers moved, and how many were so already.

    With `whole` only where every row can be used.  Raises Refusal.
    """
    if whole and counted.wrong:
        raise Refusal("stock_file_rows", "how", number=len(counted.wrong))
    if not counted.good:
        raise Refusal("no_good_row")
    return stock_counts.count_many(counted.good, by)
