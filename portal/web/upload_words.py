"""What can be wrong with a file and with its rows, in the words of the page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from portal.flows.upload_checks import BAD
from portal.models import Upload, UploadState, UploadUse
from portal.web.link_words import Badge

# --- why a file cannot be read ----------------------------------------------------------------------------------------

FILES: dict[str, Callable[..., str]] = {
    "empty_file": lambda: _("There is nothing in this file. Save it again from your spreadsheet and upload it."),
    "no_rows": lambda: _("The file has names of columns and no rows below them. Add the products and upload it again."),
    "no_table": lambda: _("This is not a table. Save it as XLSX or as CSV and upload it again."),
    "old_excel": lambda: _(
        "This is a workbook of the old kind (.xls), or one with a password. Save it as XLSX without a password and "
        "upload it again."
    ),
    "locked": lambda: _("This workbook has a password. Save it without one and upload it again."),
    "damaged": lambda: _(
        "This workbook is damaged, so its rows cannot be trusted. Open it in your spreadsheet, save it as XLSX and "
        "upload it again."
    ),
    "unpacks_too_large": lambda: _(
        "Unpacked, this workbook is far larger than a list of products. Copy the rows into a new workbook and upload "
        "that one."
    ),
    "unknown_encoding": lambda: _(
        "The letters of this file could not be made out. Save it as “CSV UTF-8” or as XLSX and upload it again."
    ),
    "nul": lambda line: _(
        "Line %(line)d holds a character that no text has (NUL), so this is not a CSV file, or it was damaged on its "
        "way. Export it again.",
        line=line,
    ),
    "quotation_marks": lambda line: _(
        "The quotation marks of the row that begins in line %(line)d do not pair up, so where its cells end is "
        "unclear. Correct that line and upload the file again.",
        line=line,
    ),
    "line_too_long": lambda line: _(
        "Line %(line)d has more than a million characters, so this is not a list of products. Check what was exported.",
        line=line,
    ),
    "cell_too_long": lambda row: _(
        "A cell of row %(row)d has more characters than a spreadsheet can hold. Shorten it and upload the file again.",
        row=row,
    ),
    "too_many_columns": lambda number, most, row: _(
        "Row %(row)d has %(number)d columns; up to %(most)d can be read. Delete the columns that hold no product data "
        "and upload the file again.",
        row=row,
        number=number,
        most=most,
    ),
    "too_many_rows": lambda most: _(
        "The file has more than %(most)d rows. Cut it into several files and upload them one after the other.",
        most=most,
    ),
}


def why_unread(upload: Upload) -> str:
    """Why a file cannot be read, and what to do."""
    return FILES[upload.cause](**upload.cause_values)


# --- what is wrong with a row -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A cause in words: the column that it concerns, a name for all rows that have it, a sentence for one of them."""

    field: Callable[[], str]
    title: Callable[[], str]
    sentence: Callable[[str], str]


def _sku() -> str:
    return _("SKU")


def _title() -> str:
    return _("Title")


def _barcode() -> str:
    return _("Barcode")


def _image() -> str:
    return _("Image")


def _row() -> str:
    return _("Whole row")


ROWS: Mapping[str, Said] = {
    "no_sku": Said(
        _sku, lambda: _("Empty SKU"), lambda _d: _("The row has no SKU, and none is made up. Enter one in the file.")
    ),
    "double": Said(
        _sku,
        lambda: _("SKU more than once"),
        lambda rows: _("Other rows have the same SKU: %(rows)s. Keep one of them in the file.", rows=rows),
    ),
    "sku_too_long": Said(
        _sku,
        lambda: _("SKU too long"),
        lambda number: _("The SKU has %(number)s characters; up to 255 can be kept. Shorten it.", number=number),
    ),
    "sku_error": Said(
        _sku,
        lambda: _("Error instead of a SKU"),
        lambda _d: _("The cell shows an error of the spreadsheet. Correct its formula, or type the SKU."),
    ),
    "sku_garbled": Said(
        _sku,
        lambda: _("Unreadable SKU"),
        lambda _d: _("Characters of the SKU were lost before the file came here. Export it again as UTF-8."),
    ),
    "unkeepable": Said(
        _row,
        lambda: _("Character that cannot be kept"),
        lambda _d: _("A cell holds a character that no text has (NUL). Delete it in the file."),
    ),
    "no_title": Said(
        _title,
        lambda: _("New product without a title"),
        lambda _d: _("No product has this SKU yet, and a new one needs a title. Enter one in the file."),
    ),
    "title_too_long": Said(
        _title,
        lambda: _("Title too long"),
        lambda number: _("The title has %(number)s characters; up to 2,000 can be kept. Shorten it.", number=number),
    ),
    "barcode_too_long": Said(
        _barcode,
        lambda: _("Barcode too long"),
        lambda number: _("The barcode has %(number)s characters; up to 64 can be kept. Shorten it.", number=number),
    ),
    "image_too_long": Said(
        _image,
        lambda: _("Address of the image too long"),
        lambda number: _("The address has %(number)s characters; up to 2,000 can be kept. Shorten it.", number=number),
    ),
    "image_scheme": Said(
        _image,
        lambda: _("Image that is no web address"),
        lambda scheme: _(
            "The address of the image begins with %(scheme)s: and is no web address. Use one that begins with https://.",
            scheme=scheme,
        ),
    ),
    "case_product": Said(
        _sku,
        lambda: _("Only letter case differs from a product"),
        lambda sku: _(
            "A product here has the SKU %(sku)s. Only upper and lower case differ. If both are the same goods, use one "
            "SKU for them.",
            sku=sku,
        ),
    ),
    "near_product": Said(
        _sku,
        lambda: _("Almost the SKU of a product"),
        lambda sku: _(
            "A product here has the SKU %(sku)s. Spaces, dashes, letter case or full-width letters differ. If both are "
            "the same goods, use one SKU for them.",
            sku=sku,
        ),
    ),
    "near_in_file": Said(
        _sku,
        lambda: _("Almost the SKU of another row"),
        lambda sku: _(
            "Another row has the SKU %(sku)s, which is almost the same. Check whether one is meant.", sku=sku
        ),
    ),
    "sku_space": Said(
        _sku,
        lambda: _("Space before or after the SKU"),
        lambda _d: _("A space stands before or after the SKU. It counts: a channel without it has another SKU."),
    ),
    "sku_invisible": Said(
        _sku,
        lambda: _("Unseen or full-width characters"),
        lambda names: _(
            "The SKU holds characters that the eye misses: %(names)s. A channel with the plain ones has another SKU.",
            names=names,
        ),
    ),
    "sku_scientific": Said(
        _sku,
        lambda: _("SKU turned into a power of ten"),
        lambda _d: _("A spreadsheet has rounded a long number. Format the column as text and enter the SKU again."),
    ),
    "sku_date": Said(
        _sku,
        lambda: _("SKU that looks like a date"),
        lambda _d: _("A spreadsheet may have turned the SKU into a date. Compare it with what you typed."),
    ),
    "sku_number": Said(
        _sku,
        lambda: _("SKU kept as a number"),
        lambda _d: _(
            "The cell is a number, so zeros that once stood before it are gone. Compare it with what you typed."
        ),
    ),
    "sku_digits": Said(
        _sku,
        lambda: _("SKU with more digits than a number keeps"),
        lambda _d: _("A workbook keeps 15 digits of a number, and the last ones of this SKU may be zeros instead."),
    ),
    "title_garbled": Said(
        _title,
        lambda: _("Unreadable title"),
        lambda _d: _("Characters of the title were lost before the file came here. Export it again as UTF-8."),
    ),
    "mixed": Said(
        _row,
        lambda: _("Text read in the wrong letters"),
        lambda _d: _(
            "A text of the row was read in the wrong letters. Choose the columns again and let it be repaired."
        ),
    ),
    "more_cells": Said(
        _row,
        lambda: _("More cells than columns"),
        lambda _d: _("The row has cells beyond the last column, so some may stand in the wrong place."),
    ),
    "barcode_scientific": Said(
        _barcode,
        lambda: _("Barcode turned into a power of ten"),
        lambda _d: _("A spreadsheet has rounded the barcode. Format the column as text and enter it again."),
    ),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with rows of a file: how many they are, and whether they can be imported all the same."""

    key: str
    title: str
    number: int
    bad: bool


def causes(problems: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with the rows of a file: what keeps rows out first, then the most frequent."""
    found = [Cause(key, said.title(), problems[key], key in BAD) for key, said in ROWS.items() if key in problems]
    return sorted(found, key=lambda each: (not each.bad, -each.number))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one row."""

    cause: str
    field: str
    title: str
    sentence: str
    bad: bool


def problems(of_row: Mapping[str, Any] | None) -> list[Problem]:
    """What is wrong with a row, what keeps it out first."""
    found = [
        Problem(key, said.field(), said.title(), said.sentence(of_row[key]), key in BAD)
        for key, said in ROWS.items()
        if of_row and key in of_row
    ]
    return sorted(found, key=lambda each: not each.bad)


# --- where a file stands ----------------------------------------------------------------------------------------------


def title(upload: Upload) -> str:
    """What a file is called on its page."""
    return _("Your products") if upload.use is UploadUse.OWN else upload.name


def badge(upload: Upload) -> Badge:
    """How far a file is."""
    if upload.state is UploadState.DONE and upload.use is not UploadUse.IMPORT:
        return Badge("warn", _("Worth a look")) if upload.problems else Badge("ok", _("Nothing found"))
    return {
        UploadState.WAITING: lambda: Badge("info", _("Being read")),
        UploadState.COLUMNS: lambda: Badge("warn", _("Columns to confirm")),
        UploadState.CHECKING: lambda: Badge("info", _("Being checked")),
        UploadState.CHECKED: lambda: Badge("warn", _("Ready to import")),
        UploadState.IMPORTING: lambda: Badge("info", _("Being imported")),
        UploadState.DONE: lambda: Badge("ok", _("Imported")),
        UploadState.UNDOING: lambda: Badge("info", _("Being undone")),
        UploadState.UNDONE: lambda: Badge("mute", _("Undone")),
        UploadState.FAILED: lambda: Badge("bad", _("Not readable")),
    }[upload.state]()


LETTERS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "gb18030": "GB18030",
    "cp1252": "Windows-1252",
}


def read_as(upload: Upload) -> str:
    """As what a file was read: its kind, and the letters and the separator or the sheet."""
    if upload.kind == "xlsx":
        return _("XLSX, sheet “%(sheet)s”", sheet=upload.sheet)
    separators = {",": _("comma"), ";": _("semicolon"), "\t": _("tab"), "|": _("vertical bar")}
    separator = separators.get(upload.delimiter, upload.delimiter)
    letters = LETTERS.get(upload.encoding, upload.encoding)
    return _("CSV in %(letters)s, cells parted by %(separator)s", letters=letters, separator=separator)


def working(upload: Upload) -> str:
    """What is being done with a file."""
    return {
        UploadState.WAITING: lambda: _("The file is being read."),
        UploadState.CHECKING: lambda: (
            _("The SKUs of your products are being checked.")
            if upload.use is UploadUse.OWN
            else _("The rows are being checked.")
        ),
        UploadState.IMPORTING: lambda: _("The rows are being imported."),
        UploadState.UNDOING: lambda: _("The products that this file created are being taken away."),
    }[upload.state]()
