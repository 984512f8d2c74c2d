"""Listings that a sync leaves to somebody: the sentences of each group on the page of a run."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import LinkState
from portal.web.channel_names import Channel
from portal.web.sync_pages import Asked


@dataclass(frozen=True, slots=True)
class Said:
    """A group in words.

    `turn` is one of the macro's: yours, later, theirs.  `button` is empty where nothing is to do.
    """

    turn: str
    title: str
    why: str
    todo: str
    button: str = ""


def said(group: Asked, channel: Channel) -> Said:
    """What is true of a group, why, and what to do."""
    return WORDS[group.state](group.number.number, channel.remote)


def _sku_changed(number: int, remote: str) -> Said:
    return Said(
        "later",
        ngettext(
            "The SKU of %(num)s linked listing was changed", "The SKUs of %(num)s linked listings were changed", number
        ),
        _("The link still holds, and orders and stock go on as before."),
        _("Say whether each link is still right."),
        ngettext("Check %(num)s link", "Check %(num)s links", number),
    )


def _reissued(number: int, remote: str) -> Said:
    return Said(
        "yours",
        ngettext(
            "%(num)s listing has a new number at %(remote)s",
            "%(num)s listings have a new number at %(remote)s",
            number,
            remote=remote,
        ),
        _("The old one is gone, and the new one has its SKU. No stock is sent until the link is replaced."),
        _("Replace the link."),
        ngettext("Replace %(num)s link", "Replace %(num)s links", number),
    )


def _duplicate(number: int, remote: str) -> Said:
    return Said(
        "yours",
        ngettext(
            "%(num)s listing shares its SKU with another", "%(num)s listings share their SKU with another", number
        ),
        _("We cannot know which one is meant, so none is linked and no stock is sent."),
        _("Link one of each group, or all on purpose."),
        ngettext("Sort out %(num)s listing", "Sort out %(num)s listings", number),
    )


def _empty(number: int, remote: str) -> Said:
    return Said(
        "yours",
        ngettext("%(num)s listing has no SKU", "%(num)s listings have no SKU", number),
        _("Without one nothing is linked and no stock is sent. We never make a SKU up."),
        _("Give each a SKU at %(remote)s, or link it by hand.", remote=remote),
        ngettext("Link %(num)s listing by hand", "Link %(num)s listings by hand", number),
    )


def _ambiguous(number: int, remote: str) -> Said:
    return Said(
        "yours",
        ngettext(
            "%(num)s SKU could mean several of your products",
            "%(num)s SKUs could mean several of your products",
            number,
        ),
        _("Until you choose, nothing is linked and no stock is sent."),
        _("Choose the product of each."),
        ngettext("Choose %(num)s product", "Choose %(num)s products", number),
    )


def _near(number: int, remote: str) -> Said:
    return Said(
        "later",
        ngettext("%(num)s SKU is nearly that of a product", "%(num)s SKUs are nearly those of products", number),
        _("The two differ in letter case, spaces, full-width letters or the kind of dash, so we ask first."),
        _("Confirm those that are right."),
        ngettext("Check %(num)s match", "Check %(num)s matches", number),
    )


def _matched(number: int, remote: str) -> Said:
    return Said(
        "later",
        ngettext("%(num)s listing can be linked", "%(num)s listings can be linked", number),
        _("The SKU is exactly that of a product, and automatic linking is off."),
        _("Confirm the links."),
        ngettext("Confirm %(num)s link", "Confirm %(num)s links", number),
    )


def _waiting(number: int, remote: str) -> Said:
    return Said(
        "theirs",
        ngettext(
            "%(num)s listing is being checked by %(remote)s",
            "%(num)s listings are being checked by %(remote)s",
            number,
            remote=remote,
        ),
        _("No stock is sent for a listing while its quality check runs."),
        _("We look again at every sync, and go on when %(remote)s has approved it.", remote=remote),
    )


WORDS: dict[LinkState, Callable[[int, str], Said]] = {
    LinkState.SKU_CHANGED: _sku_changed,
    LinkState.REISSUED: _reissued,
    LinkState.DUPLICATE: _duplicate,
    LinkState.EMPTY: _empty,
    LinkState.AMBIGUOUS: _ambiguous,
    LinkState.NEAR: _near,
    LinkState.MATCHED: _matched,
    LinkState.WAITING: _waiting,
}
