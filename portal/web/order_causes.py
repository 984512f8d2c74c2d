"""The sentences of what concerns orders: words without a meaning, lines without a product, a start too far back.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.web import words
from portal.web.cause_about import About, Turn, Words


def unknown_order_word(a: About) -> Words:
    found = [str(each) or _("(empty)") for each in a.arguments.get("words", ())]
    return Words(
        title=_(
            "%(name)s uses an order status that has no meaning here yet: %(words)s",
            name=a.name,
            words=", ".join(found) or "–",
        ),
        why=_("Orders with it came in and reserve their pieces, but they are not sent, and nothing is guessed."),
        todo=_("Say what it means."),
        actions=("statuses",),
    )


def order_lines_unlinked(a: About) -> Words:
    number = int(a.arguments.get("count", 1))
    return Words(
        title=ngettext(
            "%(num)s order of %(name)s has a line that is linked to no product.",
            "%(num)s orders of %(name)s have a line that is linked to no product.",
            number,
            name=a.name,
        ),
        why=_("Such lines reserve nothing and cannot be sent to a plugin."),
        todo=_("Link the listings; the orders follow at once."),
        actions=("links",),
    )


def orders_clipped(a: About) -> Words:
    since = _moment(a.arguments.get("since"))
    return Words(
        title=_("%(remote)s shows orders only from %(moment)s on.", remote=a.remote, moment=since)
        if since
        else _("%(remote)s shows no orders that lie so far back.", remote=a.remote),
        why=_("You wanted earlier ones too, but it does not give them out. Later orders all come in."),
        todo=_("Enter earlier orders by hand where they still have to be shipped."),
        turn=Turn.YOURS_LATER,
    )


def _moment(text: object) -> str:
    if not isinstance(text, str) or not text:
        return ""
    return words.full(datetime.fromisoformat(text), words.current_locale(), words.current_zone())


WORDS: dict[str, Callable[[About], Words]] = {
    "unknown_order_word": unknown_order_word,
    "order_lines_unlinked": order_lines_unlinked,
    "orders_clipped": orders_clipped,
}
