"""What is said about links: the tabs of the workbench, the badge of a state, the verbs and their results."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import LinkBatch, LinkHow, LinkState

# The order of the tabs: what is easy first, what needs thought after it, what is settled last.
TABS: dict[str, tuple[LinkState, ...]] = {
    "matched": (LinkState.MATCHED, LinkState.LINKED),
    "new": (LinkState.NEW,),
    "near": (LinkState.NEAR,),
    "duplicate": (LinkState.DUPLICATE,),
    "empty": (LinkState.EMPTY,),
    "ambiguous": (LinkState.AMBIGUOUS,),
    "sku_changed": (LinkState.SKU_CHANGED,),
    "reissued": (LinkState.REISSUED,),
    "waiting": (LinkState.WAITING,),
    "left_out": (LinkState.LEFT_OUT,),
}
TAB_OF = {state: tab for tab, states in TABS.items() for state in states}


@dataclass(frozen=True, slots=True)
class Badge:
    """How a state looks."""

    kind: str
    word: str


def badge(state: LinkState) -> Badge:
    """The badge of a link state."""
    words: dict[LinkState, tuple[str, str]] = {
        LinkState.LINKED: ("ok", _("Linked")),
        LinkState.MATCHED: ("accent", _("To confirm")),
        LinkState.NEW: ("mute", _("New")),
        LinkState.EMPTY: ("bad", _("Empty SKU")),
        LinkState.DUPLICATE: ("bad", _("Duplicate")),
        LinkState.AMBIGUOUS: ("bad", _("Ambiguous")),
        LinkState.NEAR: ("warn", _("Near match")),
        LinkState.WAITING: ("info", _("Waiting for QC")),
        LinkState.SKU_CHANGED: ("warn", _("SKU changed")),
        LinkState.REISSUED: ("warn", _("Re-issued")),
        LinkState.LEFT_OUT: ("mute", _("Left out")),
    }
    return Badge(*words[state])


def tab_label(tab: str) -> str:
    """The word of a tab."""
    return _("Matched") if tab == "matched" else badge(TABS[tab][0]).word


SAYS: dict[LinkState, Callable[[], str]] = {
    LinkState.LINKED: lambda: _(
        "Each of these is linked to one of your products. Their orders reserve its stock, and its stock is sent to "
        "the channel."
    ),
    LinkState.MATCHED: lambda: _(
        "The SKU is exactly that of one of your products, and automatic linking is off. Until you confirm, orders "
        "come in flagged and no stock is sent."
    ),
    LinkState.NEW: lambda: _(
        "None of your products has this SKU. Create products from them or link them to others; until then orders "
        "come in flagged and no stock is sent."
    ),
    LinkState.EMPTY: lambda: _(
        "These have no SKU at the channel, and we never make one up. Give them one there, or link them by hand; until "
        "then orders come in flagged and no stock is sent."
    ),
    LinkState.DUPLICATE: lambda: _(
        "Several listings of one channel have the same SKU, so none is linked by itself. Link one, or all on purpose; "
        "until then orders come in flagged and no stock is sent."
    ),
    LinkState.AMBIGUOUS: lambda: _(
        "The SKU could mean more than one of your products. Choose the right one; until then orders come in flagged "
        "and no stock is sent."
    ),
    LinkState.NEAR: lambda: _(
        "The SKU is that of a product but for letter case, spaces, full-width letters or the kind of dash. Until you "
        "confirm, orders come in flagged and no stock is sent."
    ),
    LinkState.WAITING: lambda: _(
        "The channel has not passed their quality check. Nothing to do: we look again at every sync. Orders come in "
        "if there are any, and no stock is sent."
    ),
    LinkState.SKU_CHANGED: lambda: _(
        "Their SKU was changed at the channel after they were linked. The links still hold: orders reserve stock and "
        "stock is sent. Say whether each link is still right."
    ),
    LinkState.REISSUED: lambda: _(
        "The channel gave a listing that you had linked a new number. Replace the link and it goes on; until then "
        "orders come in flagged and no stock is sent."
    ),
    LinkState.LEFT_OUT: lambda: _(
        "You decided that these are linked to nothing. Orders come in flagged, and no stock is sent. Take one back "
        "and it is judged again."
    ),
}


def says(state: LinkState) -> str:
    """What a state means, and what happens to orders and stock of its listings."""
    return SAYS[state]()


def how(link: LinkHow | None) -> str:
    """How a link came about."""
    words = {LinkHow.SKU: _("Equal SKU"), LinkHow.HAND: _("By hand"), LinkHow.SUGGESTION: _("Confirmed suggestion")}
    return words[link] if link else ""


def bulk_label(verb: str, number: int) -> str:
    """The button that carries out a bulk decision."""
    match verb:
        case "create":
            return ngettext("Create %(num)s product", "Create %(num)s products", number)
        case "confirm":
            return ngettext("Link %(num)s listing", "Link %(num)s listings", number)
        case "leave_out":
            return ngettext("Leave %(num)s listing out", "Leave %(num)s listings out", number)
        case _:
            return ngettext("Take %(num)s listing back", "Take %(num)s listings back", number)


def bulk_title(verb: str) -> str:
    """The name of a bulk decision before its number is known."""
    words = {
        "create": _("Create products"),
        "confirm": _("Confirm links"),
        "leave_out": _("Leave out"),
        "take_back": _("Take back"),
    }
    return words[verb]


def batch_says(batch: LinkBatch) -> str:
    """What a batch did."""
    number = batch.listings
    linked = ngettext("%(num)s listing linked.", "%(num)s listings linked.", number)
    match batch.verb:
        case "create":
            made = ngettext("%(num)s product created.", "%(num)s products created.", batch.products)
            return f"{made} {linked}"
        case "confirm":
            return linked
        case "leave_out":
            return ngettext("%(num)s listing left out.", "%(num)s listings left out.", number)
        case _:
            return ngettext("%(num)s listing taken back.", "%(num)s listings taken back.", number)


def done(verb: str, sku: str) -> str:
    """What one decision did."""
    match verb:
        case "create":
            return _("Product %(sku)s created and linked.", sku=sku)
        case "link":
            return _("Linked to %(sku)s.", sku=sku)
        case "only":
            return _("Linked to %(sku)s. The others with this SKU are left out.", sku=sku)
        case "every":
            return _("All listings with this SKU are linked to %(sku)s.", sku=sku)
        case "keep":
            return _("The link stays, with the new SKU.")
        case "leave_out":
            return _("Left out.")
        case "take_back":
            return _("Taken back.")
        case _:
            return _("Unlinked, and left out of automatic linking.")
