"""The sentences of what befalls numbers on their way to a channel and back.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.web.cause_about import About, Turn, Words


def _number(a: About, key: str) -> int:
    return int(a.arguments.get(key) or 0)


def stock_refused(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(remote)s did not take the stock of %(num)s listing.",
            "%(remote)s did not take the stock of %(num)s listings.",
            _number(a, "number"),
            remote=a.remote,
        ),
        why=_("It shows the number that it had. All other listings are up to date."),
        todo=_("Open the listings to see what %(remote)s says, correct it there, then send again.", remote=a.remote),
        turn=Turn.YOURS_LATER,
        actions=("export",),
    )


def price_refused(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(remote)s did not take the price of %(num)s listing.",
            "%(remote)s did not take the price of %(num)s listings.",
            _number(a, "number"),
            remote=a.remote,
        ),
        why=_("It shows the price that it had. All other listings are up to date."),
        todo=_("Open the prices of the product, see what %(remote)s says, then set the price again.", remote=a.remote),
        turn=Turn.YOURS_LATER,
        actions=("export",),
    )


def export_braked(a: About) -> Words:
    zeroed, shown = _number(a, "zeroed"), _number(a, "shown")
    return Words(
        title=ngettext(
            "Stopped: %(num)s of %(shown)s listing at %(name)s would have shown 0.",
            "Stopped: %(num)s of %(shown)s listings at %(name)s would have shown 0.",
            zeroed,
            shown=shown,
            name=a.name or a.remote,
        ),
        why=_("So many at once are often a wrong warehouse or file. Nothing more is sent until you have looked."),
        todo=_("Look at every number that would change, then let them out or correct the stock first."),
        actions=("export",),
    )


def rehearsal_ready(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(num)s number at %(name)s would change.",
            "%(num)s numbers at %(name)s would change.",
            _number(a, "changes"),
            name=a.name or a.remote,
        ),
        why=_("Nothing was sent yet. Each number is listed with what %(remote)s shows now.", remote=a.remote),
        todo=_("Look at the list, then send the first 20 or all."),
        turn=Turn.YOURS_LATER,
        actions=("export",),
    )


def stock_drift(a: About) -> Words:
    differed = sum(_number(a, key) for key in ("edited", "failed", "order", "link", "edited_again"))
    asks = _number(a, "asks")
    return Words(
        title=ngettext(
            "%(num)s listing at %(name)s showed another number than ours.",
            "%(num)s listings at %(name)s showed another number than ours.",
            differed,
            name=a.name or a.remote,
        ),
        why=_drift_why(a),
        todo=ngettext(
            "Look at %(num)s listing that we did not touch.", "Look at %(num)s listings that we did not touch.", asks
        )
        if asks
        else _("Nothing to do. Our numbers were sent again."),
        turn=Turn.YOURS_LATER if asks else Turn.THEIRS,
        actions=("export",),
    )


def _drift_why(a: About) -> str:
    told = [
        (_("edited there: %(number)d"), _number(a, "edited")),
        (_("did not arrive: %(number)d"), _number(a, "failed")),
        (_("perhaps an order that is not here yet: %(number)d"), _number(a, "order")),
        (_("not known there any more: %(number)d"), _number(a, "link")),
        (_("edited there again and again: %(number)d"), _number(a, "edited_again")),
    ]
    return "; ".join(text % {"number": number} for text, number in told if number) + "."


WORDS: dict[str, Callable[[About], Words]] = {
    "stock_refused": stock_refused,
    "price_refused": price_refused,
    "export_braked": export_braked,
    "rehearsal_ready": rehearsal_ready,
    "stock_drift": stock_drift,
}


def drift(word: str, remote: str) -> str:
    """Where the difference at one listing comes from, "" where there is none."""
    return {
        "edited": _("Somebody edited the number at %(remote)s. Ours was sent again.", remote=remote),
        "failed": _("Our last number did not arrive at %(remote)s. The current one is sent.", remote=remote),
        "order": _("Perhaps an order at %(remote)s that is not here yet. We look again when it is.", remote=remote),
        "link": _("%(remote)s does not know this listing. It may have been deleted there.", remote=remote),
        "edited_again": _("Somebody edits this number at %(remote)s again and again. We left it.", remote=remote),
    }.get(word, "")
