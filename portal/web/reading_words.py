"""How pages speak of what a sync reads: products, stock, orders, goods that come in."""

from collections.abc import Callable, Mapping

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.contract.definition import Resource
from portal.models import Run
from portal.web import languages, words

# Said when a page is drawn, so that each is in the language of the page.
TITLES: Mapping[Resource, Callable[[], str]] = {
    Resource.PRODUCTS: lambda: _("Reading products"),
    Resource.STOCK: lambda: _("Reading stock"),
    Resource.OUTBOUND: lambda: _("Reading orders"),
    Resource.INBOUND: lambda: _("Reading incoming goods"),
}
NAMES: Mapping[str, Callable[[], str]] = {
    Resource.PRODUCTS: lambda: _("Products"),
    Resource.STOCK: lambda: _("Stock"),
    Resource.OUTBOUND: lambda: _("Orders"),
    Resource.INBOUND: lambda: _("Incoming goods"),
}
FROM: Mapping[str, Callable[[str], str]] = {
    Resource.PRODUCTS: lambda channel: _("Products from %(channel)s", channel=channel),
    Resource.ORDERS: lambda channel: _("Orders from %(channel)s", channel=channel),
    Resource.STOCK: lambda channel: _("Stock from %(channel)s", channel=channel),
    Resource.OUTBOUND: lambda channel: _("Orders at %(channel)s", channel=channel),
    Resource.INBOUND: lambda channel: _("Incoming goods at %(channel)s", channel=channel),
}
THINGS: Mapping[str, Callable[[int, str], str]] = {
    Resource.PRODUCTS: lambda number, shown: ngettext("%(shown)s listing", "%(shown)s listings", number, shown=shown),
    Resource.ORDERS: lambda number, shown: ngettext("%(shown)s order", "%(shown)s orders", number, shown=shown),
    Resource.STOCK: lambda number, shown: ngettext("%(shown)s SKU", "%(shown)s SKUs", number, shown=shown),
    Resource.OUTBOUND: lambda number, shown: ngettext("%(shown)s order", "%(shown)s orders", number, shown=shown),
    Resource.INBOUND: lambda number, shown: ngettext("%(shown)s delivery", "%(shown)s deliveries", number, shown=shown),
}


def counted(resource: str, number: int) -> str:
    """A number of what is read, in words: "3 orders"."""
    shown = words.number(number, languages.chosen())
    said = THINGS.get(resource)
    return said(number, shown) if said else shown


def things(run: Run, number: int) -> str:
    """A number of what a run reads, in words."""
    return counted(run.resource, number)


def name(run: Run) -> str:
    """What a run reads."""
    said = NAMES.get(run.resource)
    return said() if said else run.resource


def so_far(run: Run) -> str:
    """How much of it has come in, in words."""
    locale = languages.chosen()
    seen = words.number(run.seen, locale)
    if run.total:
        total = words.number(run.total, locale)
        return _("%(done)s of %(total)s SKUs", done=seen, total=total)
    return ngettext("%(shown)s SKU so far", "%(shown)s SKUs so far", run.seen, shown=seen)


def looked_at(run: Run) -> str:
    """How much a run that is over has seen, in words."""
    shown = words.number(run.seen, languages.chosen())
    return ngettext("%(shown)s SKU read", "%(shown)s SKUs read", run.seen, shown=shown)
