"""Why stock moved, in the words of the page; and what is wrong with the rows of a file of counts."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.flows.stock_files import Wrong
from portal.models import StockWhy
from portal.web.cause_about import About, Words

WHYS: dict[StockWhy, Callable[[], str]] = {
    StockWhy.COUNT: lambda: _("Counted"),
    StockWhy.IN: lambda: _("Came in"),
    StockWhy.OUT: lambda: _("Taken out"),
    StockWhy.WAREHOUSE: lambda: _("Told by the warehouse"),
    StockWhy.SOURCE_ENDED: lambda: _("A plugin counts no longer"),
    StockWhy.RESERVE: lambda: _("Promised to an order"),
    StockWhy.RELEASE: lambda: _("Given back by an order"),
    StockWhy.SHIP: lambda: _("Left with an order"),
    StockWhy.RECEIPT: lambda: _("Returned goods received"),
}


def why(kind: StockWhy) -> str:
    """Why a number of pieces moved."""
    return WHYS[kind]()


def signed(number: int) -> str:
    """A difference with its sign, and nothing where there is none."""
    return f"{number:+d}".replace("-", "−") if number else "–"


@dataclass(frozen=True, slots=True)
class View:
    """One view of the list: its key and its name."""

    key: str
    label: str


def views(low: int) -> list[View]:
    """The views of the list, in their order."""
    return [
        View("all", _("All")),
        View("low", _("%(low)d or fewer available", low=low)),
        View("oversold", _("Oversold")),
        View("followed", _("Follows a plugin")),
    ]


WRONG: dict[str, Callable[[str], str]] = {
    "no_sku": lambda detail: _("There is no SKU in this row."),
    "double": lambda detail: _("Row %(row)s has the same SKU. Leave one of the two.", row=detail),
    "no_number": lambda detail: (
        _("“%(text)s” is not a whole number of pieces.", text=detail)
        if detail
        else _("There is no number in this row.")
    ),
    "long_reason": lambda detail: _("The reason is longer than 200 characters."),
    "unknown_sku": lambda detail: _("No product has this SKU."),
    "bundle": lambda detail: _("This product is a bundle. Count its parts."),
    "follows": lambda detail: _("The number follows the warehouse of %(plugin)s.", plugin=detail),
}


def wrong(row: Wrong) -> str:
    """What is wrong with a row, and what helps."""
    return WRONG[row.cause](row.detail)


def oversold(a: About) -> Words:
    """More of a product is promised to orders than is there."""
    missing, together = int(a.arguments.get("missing") or 0), int(a.arguments.get("together") or 1)
    one = ngettext(
        "%(sku)s is oversold by %(num)d piece.",
        "%(sku)s is oversold by %(num)d pieces.",
        missing,
        sku=str(a.arguments.get("sku") or ""),
    )
    many = ngettext("%(num)d product is oversold.", "%(num)d products are oversold.", together)
    return Words(
        title=one if together == 1 else many,
        why=_("Orders are promised more than is on hand. Every channel shows 0 of it until that is over."),
        todo=_("Bring more in, correct the number on hand, or cancel an order; the page Stock says which are waiting."),
    )


WORDS: dict[str, Callable[[About], Words]] = {"oversold": oversold}
