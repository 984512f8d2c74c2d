"""What can be wrong with a row of a file: row by row as it is read, then row against row and against the products."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from portal.flows import linking
from portal.kit import encodings
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.kit.tables import Row, armed
from portal.kit.text import invisible, near
from portal.models import Upload, UploadRow, UploadUse

LONGEST = {"sku": 255, "title": 2_000, "barcode": 64, "image": 2_000}

# With one of these a row cannot be imported; with any other it can, and should be looked at.
BAD = frozenset(
    {
        "no_sku",
        "sku_too_long",
        "sku_error",
        "sku_garbled",
        "double",
        "no_title",
        "title_too_long",
        "barcode_too_long",
        "image_too_long",
        "image_scheme",
        "unkeepable",
    }
)
SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d{2,3}")
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
LIKE_A_DATE = re.compile(rf"(?i)\d{{1,2}}-(?:{MONTHS})|(?:{MONTHS})-\d{{2}}|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}")
SCHEME = re.compile(r"(?i)\s*([a-z][a-z0-9+.-]*):")
OF_NOTES = {"number": "sku_number", "date": "sku_date", "digits": "sku_digits", "error": "sku_error"}
MOST_TOLD = 10


@dataclass(slots=True)
class Checked:
    """One row as it will be kept, with what there is to say of it: cause → detail."""

    number: int
    sku: str
    title: str = ""
    barcode: str = ""
    image: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def bad(self) -> bool:
        """Whether it cannot be imported."""
        return not BAD.isdisjoint(self.problems)


def read(row: Row, columns: Mapping[str, int], width: int, *, repair: bool) -> Checked:
    """A row of a file by the columns that the merchant confirmed; `width` is the number of columns of the head."""
    texts: dict[str, str] = {}
    mixed = False
    for name, place in columns.items():
        text = armed(row.cells[place]) if place < len(row.cells) else ""
        whole = None if text.isascii() else encodings.repaired(text)
        mixed = mixed or (whole is not None and not repair)
        texts[name] = whole if whole is not None and repair else text
    told = {name: text for name, text in texts.items() if text.strip()}
    made = Checked(row.number, **{"sku": "", **told})  # type: ignore[arg-type]  # Every text has a field of its name.
    made.problems = {**_of_sku(made.sku, row.notes.get(columns["sku"], "")), **_of_the_rest(made)}
    if mixed:
        made.problems["mixed"] = ""
    if any(each.strip() for each in row.cells[width:]):
        made.problems["more_cells"] = ""
    _make_keepable(made)
    return made


def _of_sku(sku: str, note: str) -> dict[str, str]:
    if not near(sku):
        return {"no_sku": ""}
    found = {OF_NOTES[note]: ""} if note else {}
    if encodings.garbled(sku):
        found["sku_garbled"] = ""
    found |= _of_code(sku)
    return found


def _of_code(sku: str) -> dict[str, str]:
    found = {}
    if max(len(sku), len(near(sku))) > LONGEST["sku"]:
        found["sku_too_long"] = str(len(sku))
    if sku != sku.strip():
        found["sku_space"] = ""
    if not sku.isascii() and (unseen := invisible(sku.strip())):
        found["sku_invisible"] = ", ".join(dict.fromkeys(unseen[:MOST_TOLD]))
    elif sku.isascii() and not sku.strip().isprintable():
        found["sku_invisible"] = ", ".join(dict.fromkeys(invisible(sku.strip())[:MOST_TOLD]))
    if SCIENTIFIC.fullmatch(sku.strip()):
        found["sku_scientific"] = ""
    elif LIKE_A_DATE.fullmatch(sku.strip()):
        found["sku_date"] = ""
    return found


def _of_the_rest(made: Checked) -> dict[str, str]:
    found = {}
    for name in ("title", "barcode", "image"):
        text = getattr(made, name)
        if len(text) > LONGEST[name]:
            found[f"{name}_too_long"] = str(len(text))
    if encodings.garbled(made.title):
        found["title_garbled"] = ""
    scheme = SCHEME.match(made.image)
    if scheme and scheme[1].lower() not in {"http", "https"}:
        found["image_scheme"] = scheme[1][:20]
    if made.barcode and SCIENTIFIC.fullmatch(made.barcode.strip()):
        found["barcode_scientific"] = ""
    return found


def _make_keepable(made: Checked) -> None:
    """What no table can hold is replaced, and the row is refused; what is far too long is cut, for it is only shown."""
    for name, longest in LONGEST.items():
        text = getattr(made, name)
        if "\0" in text:
            made.problems["unkeepable"] = ""
        setattr(made, name, text.replace("\0", "\ufffd")[: longest + 1])


COLUMNS = ("id", "number", "sku", "sku_near", "title", "barcode", "image", "bad", "problems")
KINDS = {"id": "uuid", "number": "int", "bad": "bool"}
KEEP = sa.text(
    f"""
    insert into upload_row (merchant_id, upload_id, {", ".join(COLUMNS)})
    select :merchant, :upload, {", ".join(COLUMNS[:-1])}, cast(problems as jsonb)
    from unnest({", ".join(f"cast(:{name} as {KINDS.get(name, 'text')}[])" for name in COLUMNS)})
        as r({", ".join(COLUMNS)})
    on conflict (merchant_id, upload_id, number) do nothing
    """  # noqa: S608 - the names are this file's own.
)


def keep(upload_id: uuid.UUID, rows: Sequence[Checked]) -> None:
    """Keep rows that were read, in the open transaction."""
    if not rows:
        return
    db.session.execute(
        KEEP,
        {
            "merchant": whose(),
            "upload": upload_id,
            "id": array(new_id() for _ in rows),
            **{name: array(getattr(each, name) for each in rows) for name in ("number", "sku", "title", "barcode")},
            # What is too long is compared with nothing: it was cut.
            "sku_near": array("" if "sku_too_long" in each.problems else near(each.sku) for each in rows),
            "image": array(each.image for each in rows),
            "bad": array(each.bad for each in rows),
            "problems": array(json.dumps(each.problems) if each.problems else None for each in rows),
        },
    )


# By their own ids only: while a file is read the planner knows nothing of its rows and would join each with each.
TELL = sa.text(
    """
    update upload_row set bad = id = any(cast(:bad as uuid[])),
        problems = coalesce(problems, '{}'::jsonb) || (cast(:news as jsonb) -> cast(id as text))
    where merchant_id = :merchant and id = any(cast(:ids as uuid[]))
    """
)
PIECE = 2_000


def compare(upload: Upload) -> None:
    """Compare all rows with each other and with the products here, in the open transaction.

    The rows come once, in the order of their codes, so that those that are alike stand side by side.
    """
    query = (
        sa.select(UploadRow.id, UploadRow.number, UploadRow.sku, UploadRow.sku_near, UploadRow.title, UploadRow.bad)
        .where(UploadRow.merchant_id == whose(), UploadRow.upload_id == upload.id, UploadRow.sku_near != "")
        .order_by(UploadRow.sku_near, UploadRow.sku, UploadRow.number)
    )
    piece: list[Any] = []
    for _, alike in groupby(db.session.execute(query, execution_options={"yield_per": PIECE}), attrgetter("sku_near")):
        piece += alike
        if len(piece) >= PIECE:
            _compare(upload, piece)
            piece = []
    _compare(upload, piece)


def _compare(upload: Upload, rows: Sequence[Any]) -> None:
    """Compare some rows; all that are alike are among them."""
    here = linking.products_like(list({each.sku_near for each in rows}))
    numbers: dict[str, list[int]] = {}
    skus: dict[str, dict[str, None]] = {}
    for each in rows:
        numbers.setdefault(each.sku, []).append(each.number)
        skus.setdefault(each.sku_near, {})[each.sku] = None
    news: dict[str, dict[str, str]] = {}
    bad = []
    for each in rows:
        found = _within(each, numbers[each.sku], list(skus[each.sku_near]))
        alike = here.get(each.sku_near, {})
        upload.known += each.sku in alike
        if each.sku not in alike:
            found |= _of_stranger(upload, each, list(alike))
        if found:
            news[str(each.id)] = found
            bad += [each.id] if each.bad or not BAD.isdisjoint(found) else []
    if news:
        values = {"merchant": whose(), "ids": array(news), "bad": array(bad), "news": json.dumps(news)}
        db.session.execute(TELL, values)


def _within(row: Any, numbers: Sequence[int], skus: Sequence[str]) -> dict[str, str]:
    """What other rows of the file say about a row: the numbers of those with its SKU, and the SKUs near it.

    The same SKU in several rows: which of them is meant nobody can know, so none of them is taken.  Some are told: a
    code that stands in every row must not be told a hundred thousand times over.
    """
    found = {}
    if len(numbers) > 1:
        found["double"] = ", ".join(str(each) for each in numbers[: MOST_TOLD + 1] if each != row.number)
    if len(skus) > 1:
        found["near_in_file"] = ", ".join(each for each in skus[: MOST_TOLD + 1] if each != row.sku)
    return found


def _of_stranger(upload: Upload, row: Any, others: Sequence[str]) -> dict[str, str]:
    """What there is to say of a row whose SKU no product has; `others` are the SKUs near it that products have."""
    found = _near(row.sku, others)
    if upload.use is UploadUse.IMPORT and not row.title:
        found["no_title"] = ""
    return found


def _near(sku: str, others: Sequence[str]) -> dict[str, str]:
    if not others:
        return {}
    cause = "case_product" if sku.lower() in {each.lower() for each in others} else "near_product"
    return {cause: ", ".join(sorted(others)[:MOST_TOLD])}


COUNT = sa.text(
    """
    select each.cause, count(*) as number from upload_row r cross join lateral jsonb_object_keys(r.problems) each(cause)
    where r.merchant_id = :merchant and r.upload_id = :upload and r.problems is not null group by each.cause
    """
)


def count(upload: Upload) -> None:
    """Count the rows by what is wrong with them, in the open transaction."""
    values = {"merchant": whose(), "upload": upload.id}
    upload.problems = {row.cause: row.number for row in db.session.execute(COUNT, values)}
    bad, troubled = db.session.execute(
        sa.select(sa.func.count().filter(UploadRow.bad), sa.func.count()).where(
            UploadRow.merchant_id == whose(), UploadRow.upload_id == upload.id, UploadRow.problems.is_not(None)
        )
    ).one()
    upload.bad, upload.warned = bad, troubled - bad


def of_products(rows: Sequence[Any], first: int) -> list[Checked]:
    """Those of some products whose code deserves a look.

    The rows have `sku`, `sku_near` and `title`, and are numbered from `first`.
    """
    alike = linking.products_like([each.sku_near for each in rows])
    found = []
    for number, each in enumerate(rows, first):
        others = [sku for sku in alike.get(each.sku_near, ()) if sku != each.sku]
        if problems := {**_of_code(each.sku), **_near(each.sku, others)}:
            found.append(Checked(number, each.sku, each.title[: LONGEST["title"]], problems=problems))
    return found
