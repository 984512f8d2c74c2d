"""The sentences of what befalls a sync: why it ended, and what of it needs a look.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.contract.definition import Resource
from portal.web import reading_words
from portal.web.cause_about import About, Turn, Words


def unknown_audit_word(a: About) -> Words:
    found = [str(each) or _("(empty)") for each in a.arguments.get("words", ())]
    return Words(
        title=_(
            "%(remote)s uses a word for its quality check that we do not know: %(words)s",
            remote=a.remote,
            words=", ".join(found) or "–",
        ),
        why=_("Products with this word wait and are not linked until you say what it means."),
        todo=_("Say whether such products passed, wait or were refused."),
        turn=Turn.YOURS_LATER,
        actions=("audits",),
    )


def many_gone(a: About) -> Words:
    gone, live = int(a.arguments.get("gone", 0)), int(a.arguments.get("live", 0))
    if a.arguments.get("resource") == Resource.STOCK:
        return _many_without_stock(a, gone, live)
    title = (
        _("%(remote)s listed %(gone)d of %(live)d products no more.", remote=a.remote, gone=gone, live=live)
        if live
        else _("%(remote)s listed most of the products no more.", remote=a.remote)
    )
    return Words(
        title=title,
        why=_("That is more than we believe at once, so nothing was marked as gone and every link stays."),
        todo=_("Look at %(remote)s. If they are really gone, sync once more: the second time counts.", remote=a.remote),
        turn=Turn.YOURS_LATER,
        actions=("sync", "open"),
    )


def _many_without_stock(a: About, gone: int, live: int) -> Words:
    return Words(
        title=_("%(remote)s told no stock for %(gone)d of %(live)d SKUs.", remote=a.remote, gone=gone, live=live),
        why=_("That is more than we believe at once, so every figure stays as it was."),
        todo=_("Look at %(remote)s. If they are really gone, sync once more: the second time counts.", remote=a.remote),
        turn=Turn.YOURS_LATER,
        actions=("sync", "open"),
    )


def unreadable_item(a: About) -> Words:
    number, resource = int(a.arguments.get("number", 1)), str(a.arguments.get("resource", Resource.PRODUCTS))
    # What a shop shows, its people can correct; of an order or a shelf they cannot.
    todo = (
        _("Correct them at %(remote)s. The next sync takes them in.", remote=a.remote)
        if resource == Resource.PRODUCTS
        else _("See to them at %(remote)s, and send us what stands under Details for support.", remote=a.remote)
    )
    return Words(
        title=_("%(things)s could not be read.", things=reading_words.counted(resource, number)),
        why=_("Something is missing there that we cannot do without, such as an id or a readable price."),
        todo=todo,
        turn=Turn.YOURS_LATER,
    )


def stopped_by_hand(a: About) -> Words:
    who = str(a.arguments.get("by", ""))
    return Words(
        title=_("%(who)s stopped this sync.", who=who) if who else _("This sync was stopped by hand."),
        why=_("What came in before is kept."),
        todo=_("Nothing to do. The next sync goes over everything again."),
        turn=Turn.THEIRS,
        actions=("sync",),
    )


def turned_off(a: About) -> Words:
    return Words(
        title=_("%(name)s was turned off.", name=a.name or a.remote),
        why=_("The sync ended with it. What came in before is kept."),
        todo=_("Turn it on when products are to come in again."),
        turn=Turn.YOURS_LATER,
        actions=("open",),
    )


def import_turned_off(a: About) -> Words:
    return Words(
        title=_("This import was turned off."),
        why=_("The sync ended with it. What came in before is kept."),
        todo=_("Turn it on when more is to come in."),
        turn=Turn.YOURS_LATER,
        actions=("open",),
    )


def removed(a: About) -> Words:
    return Words(
        title=_("%(name)s was disconnected.", name=a.name or a.remote),
        why=_("The sync ended with it. Your products stay."),
        todo=_("Nothing to do."),
        turn=Turn.THEIRS,
    )


WORDS: dict[str, Callable[[About], Words]] = {
    "unknown_audit_word": unknown_audit_word,
    "many_gone": many_gone,
    "unreadable_item": unreadable_item,
    "stopped_by_hand": stopped_by_hand,
    "connection_is_off": turned_off,
    "turned_off": turned_off,
    "import_turned_off": import_turned_off,
    "removed": removed,
}
