"""Orders in words: their statuses, what happened to them, what comes next.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal import integrations
from portal.contract.records import OrderStatus
from portal.flows import order_events
from portal.models import Order, OrderEvent
from portal.web import languages, routing_words, shipment_words


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a badge shows it."""

    kind: str
    word: str


STATUS: Mapping[OrderStatus, Callable[[], str]] = {
    OrderStatus.UNPAID: lambda: _("Unpaid"),
    OrderStatus.TO_SHIP: lambda: _("To ship"),
    OrderStatus.READY_TO_SHIP: lambda: _("Ready to ship"),
    OrderStatus.PARTLY_SHIPPED: lambda: _("Partly shipped"),
    OrderStatus.SHIPPED: lambda: _("Shipped"),
    OrderStatus.DELIVERED: lambda: _("Delivered"),
    OrderStatus.COMPLETED: lambda: _("Completed"),
    OrderStatus.DELIVERY_FAILED: lambda: _("Delivery failed"),
    OrderStatus.ON_HOLD: lambda: _("On hold"),
    OrderStatus.CANCELLED: lambda: _("Cancelled"),
    OrderStatus.REFUNDED: lambda: _("Refunded"),
    OrderStatus.RETURNED: lambda: _("Returned"),
    OrderStatus.UNFULFILLABLE: lambda: _("Cannot be fulfilled"),
    OrderStatus.KEEP: lambda: _("Changes nothing"),
}
KIND: Mapping[OrderStatus, str] = {
    OrderStatus.UNPAID: "mute",
    OrderStatus.TO_SHIP: "accent",
    OrderStatus.READY_TO_SHIP: "accent",
    OrderStatus.PARTLY_SHIPPED: "info",
    OrderStatus.SHIPPED: "ok",
    OrderStatus.DELIVERED: "ok",
    OrderStatus.COMPLETED: "ok",
    OrderStatus.DELIVERY_FAILED: "bad",
    OrderStatus.ON_HOLD: "warn",
}


def status(meaning: OrderStatus | str | None) -> str:
    """A status in words; None is one that nobody has given a meaning."""
    return STATUS[OrderStatus(meaning)]() if meaning else _("Needs mapping")


def badge(order: Order) -> Badge:
    """The status of an order as a badge."""
    if order.status is None:
        return Badge("warn", status(None))
    return Badge(KIND.get(order.status, "mute"), status(order.status))


def theirs(order: Order, integration: str) -> str:
    """What the channel calls the status: in the language of the page where its words are known, else as it told it.

    Some channels tell a bare number, which says nothing to a person.
    """
    one = integrations.all_integrations().get(integration)
    known = one.status_texts.get(order.status_word) if one else None
    return known.said(languages.chosen()) if known else order.status_text or order.status_word


def next_step(order: Order, short: bool) -> str:
    """What happens next with an order, or what the merchant has to do."""
    said = {
        None: lambda: _("Say what the channel's status word means; until then nothing is sent."),
        OrderStatus.UNPAID: lambda: _("Waits for the payment. Its pieces are reserved meanwhile."),
        OrderStatus.ON_HOLD: lambda: _("The channel holds it. It can be shipped once the channel lets it go."),
        OrderStatus.PARTLY_SHIPPED: lambda: _("A part has left. The rest is still to be shipped."),
        OrderStatus.SHIPPED: lambda: _("On its way. Nothing to do."),
        OrderStatus.DELIVERY_FAILED: lambda: _(
            "The delivery failed. Agree with the buyer or the carrier what follows."
        ),
        OrderStatus.RETURNED: lambda: _("Came back. Stock rises only when you say which pieces are usable."),
        OrderStatus.UNFULFILLABLE: lambda: _("It cannot be shipped from here. Nothing is reserved for it."),
    }
    if order.by_channel:
        return _("The channel ships this order itself. Nothing is reserved here and nothing is to do.")
    if order.status in _TO_SHIP:
        if order.flagged:
            return _("Link the listings without a product first: their pieces cannot be reserved or sent before.")
        if short:
            return _("Some pieces are not in stock. Ship it once they are there, or cancel it at the channel.")
        return _("Ready to be shipped.")
    return said[order.status]() if order.status in said else _("Done. Nothing to do.")


_TO_SHIP = (OrderStatus.TO_SHIP, OrderStatus.READY_TO_SHIP)


def event(found: OrderEvent, channel: str) -> str:
    """One thing that happened to an order, as a sentence."""
    said = found.values
    return EVENTS.get(found.what, lambda values, name: found.what)(said, channel)


def _status_changed(said: Mapping[str, Any], channel: str) -> str:
    word = said.get("word") or _("(empty)")
    if said.get("kept"):
        return _("%(channel)s said “%(word)s”, which changes nothing here.", channel=channel, word=word)
    return _(
        "%(before)s became %(after)s. %(channel)s said “%(word)s”.",
        before=status(said.get("from")),
        after=status(said.get("to")),
        channel=channel,
        word=word,
    )


def _mapped(said: Mapping[str, Any], channel: str) -> str:
    return _(
        "“%(word)s” was given a meaning: %(before)s became %(after)s.",
        word=said.get("word") or _("(empty)"),
        before=status(said.get("from")),
        after=status(said.get("to")),
    )


def _imported(said: Mapping[str, Any], channel: str) -> str:
    pieces = int(said.get("pieces", 0))
    return ngettext(
        "Came in from %(channel)s with %(num)s piece: %(status)s.",
        "Came in from %(channel)s with %(num)s pieces: %(status)s.",
        pieces,
        channel=channel,
        status=status(said.get("status")),
    )


def _flagged(said: Mapping[str, Any], channel: str) -> str:
    if said.get("flagged"):
        return _("A line names a listing that is linked to no product.")
    return _("Every line is linked to a product now.")


EVENTS: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    **routing_words.EVENTS,
    **shipment_words.EVENTS,
    order_events.IMPORTED: _imported,
    order_events.STATUS: _status_changed,
    order_events.MAPPED: _mapped,
    order_events.FLAGGED: _flagged,
    order_events.LINES: lambda said, channel: ngettext(
        "The lines changed: %(num)s piece now.", "The lines changed: %(num)s pieces now.", int(said.get("pieces", 0))
    ),
    order_events.MADE: lambda said, channel: _("Entered by hand."),
    order_events.RECEIVED: lambda said, channel: ngettext(
        "%(num)s piece of %(sku)s came back into the stock.",
        "%(num)s pieces of %(sku)s came back into the stock.",
        int(said.get("pieces", 0)),
        sku=said.get("sku", ""),
    ),
    order_events.REVEALED: lambda said, channel: _("The buyer's name and address were shown."),
    order_events.CANCELLED: lambda said, channel: _("Cancelled: %(why)s", why=said.get("why", "")),
    order_events.SHIPPED: lambda said, channel: _(
        "Marked as shipped: %(carrier)s %(tracking)s",
        carrier=said.get("carrier", ""),
        tracking=said.get("tracking", ""),
    ),
}
