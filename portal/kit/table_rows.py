"""What a table in a file is made of, whichever kind of file it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_COLUMNS = 256
LONGEST_CELL = 32_767

CSV, XLSX = "csv", "xlsx"

# What a spreadsheet takes for the beginning of a formula, in all its spellings.
FORMULA = re.compile("[=+\\-@\t\r\n＝＋－＠]")
DISARMED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


class Unreadable(Exception):
    """A file that cannot be read as a table: `cause` is a slug, `values` what its sentence names."""

    def __init__(self, cause: str, **values: object) -> None:
        super().__init__(cause)
        self.cause = cause
        self.values = values


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    `number` is the one that a spreadsheet shows at its left, beginning with 1.  `notes` say of single cells, by their
    place, that what they show may not be what was once typed: `number`, `date`, `digits` (some were lost), `error`.
    """

    number: int
    cells: list[str]
    notes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """An open file.  `rows` gives every row that is not empty, the head first, and may be walked once."""

    kind: str
    rows: Iterator[Row]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


def disarmed(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: an apostrophe is put before it where one could.

    A text that already looks disarmed gets another one, so that `armed` gives back every text as it was.
    """
    return "'" + text if FORMULA.match(text) or DISARMED.match(text) else text


def armed(text: str) -> str:
    """The text as it was before `disarmed`."""
    return text[1:] if DISARMED.match(text) else text


def column_name(place: int) -> str:
    """The letters over a column, whose place begins with 0."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name
