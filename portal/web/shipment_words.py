"""Shipments in words: their states, what happened to orders on their way, and the causes that merchants see to.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import ShipmentState
from portal.web import words
from portal.web.cause_about import About, Turn, Words

Said = Mapping[str, Any]
STATES: Mapping[ShipmentState, tuple[str, Callable[[], str]]] = {
    ShipmentState.PLANNED: ("info", lambda: _("Planned")),
    ShipmentState.UNSURE: ("warn", lambda: _("Being asked about")),
    ShipmentState.ACCEPTED: ("accent", lambda: _("At the warehouse")),
    ShipmentState.CANCELLING: ("warn", lambda: _("Being cancelled")),
    ShipmentState.LEFT: ("ok", lambda: _("On its way")),
    ShipmentState.DONE: ("ok", lambda: _("Done")),
    ShipmentState.REFUSED: ("bad", lambda: _("Not taken")),
    ShipmentState.CANCELLED: ("mute", lambda: _("Cancelled")),
}


def state(found: ShipmentState) -> tuple[str, str]:
    """A state as a badge shows it: its kind and its word."""
    kind, word = STATES[found]
    return kind, word()


def moment(told: str, zone: str) -> str:
    """A moment of an event or a notice, in the zone of the order's store; "" where none is known."""
    return words.full(datetime.fromisoformat(told), words.current_locale(), words.current_zone(zone)) if told else ""


# --- what happened ----------------------------------------------------------------------------------------------------


def _plugin(said: Said) -> str:
    return str(said.get("plugin") or _("The warehouse"))


def _left(said: Said, channel: str) -> str:
    numbers = ", ".join(f"{each['carrier']} {each['tracking']}".strip() for each in said.get("parcels", ()))
    if said.get("whole", True):
        return _("Left %(plugin)s: %(numbers)s", plugin=_plugin(said), numbers=numbers or "–")
    return _("A part left %(plugin)s: %(numbers)s", plugin=_plugin(said), numbers=numbers or "–")


def _too_late(said: Said, channel: str) -> str:
    left_at = moment(said.get("left_at", ""), said.get("zone", "UTC"))
    if left_at:
        return _("Too late to stop it: it left %(plugin)s at %(moment)s.", plugin=_plugin(said), moment=left_at)
    return _("%(plugin)s does not stop it any more.", plugin=_plugin(said))


def _merged(said: Said, channel: str) -> str:
    return _("Travels in one parcel with others: %(numbers)s", numbers=", ".join(said.get("numbers", ())))


EVENTS: Mapping[str, Callable[[Said, str], str]] = {
    "planned": lambda said, channel: _("Planned for %(plugin)s.", plugin=_plugin(said)),
    "merged": _merged,
    "unmerged": lambda said, channel: _("Travels alone. It does not merge by itself again."),
    "taken_out": lambda said, channel: _("Taken out of its shipment before anything was sent."),
    "sent_to": lambda said, channel: _(
        "Sent to %(plugin)s as %(reference)s.", plugin=_plugin(said), reference=said.get("reference", "")
    ),
    "unsure": lambda said, channel: _("The warehouse gave no answer. It is asked before anything is sent again."),
    "accepted": lambda said, channel: _(
        "%(plugin)s has it as %(number)s.",
        plugin=_plugin(said),
        number=said.get("remote") or said.get("reference", ""),
    ),
    "send_refused": lambda said, channel: _(
        "%(plugin)s did not take it. %(said)s", plugin=_plugin(said), said=said.get("said", "")
    ),
    "short": lambda said, channel: ngettext(
        "Waits for %(num)s piece that is not in stock.",
        "Waits for %(num)s pieces that are not in stock.",
        int(said.get("missing", 0)),
    ),
    "processing": lambda said, channel: _("%(plugin)s is picking it.", plugin=_plugin(said)),
    "packed": lambda said, channel: _("%(plugin)s has packed it.", plugin=_plugin(said)),
    "left": _left,
    "left_short": lambda said, channel: _("%(plugin)s sent fewer pieces than were ordered.", plugin=_plugin(said)),
    "delivered": lambda said, channel: _("Delivered."),
    "delivery_failed": lambda said, channel: _("The delivery failed."),
    "returned": lambda said, channel: _("Came back to %(plugin)s.", plugin=_plugin(said)),
    "plugin_on_hold": lambda said, channel: _(
        "%(plugin)s stopped it with the status %(word)s.", plugin=_plugin(said), word=said.get("word", "")
    ),
    "stopping": lambda said, channel: _("%(plugin)s is about to cancel it.", plugin=_plugin(said)),
    "cancel_asked": lambda said, channel: _("%(plugin)s was asked to stop it.", plugin=_plugin(said)),
    "cancel_failed": lambda said, channel: _("%(plugin)s could not stop it.", plugin=_plugin(said)),
    "cancelled_at_plugin": lambda said, channel: _("%(plugin)s will not send it.", plugin=_plugin(said)),
    "cancelled_but_there": lambda said, channel: _(
        "%(plugin)s still has it, although it counts as cancelled. It is called back.", plugin=_plugin(said)
    ),
    "too_late": _too_late,
    "address_completed": lambda said, channel: _("The address was completed."),
    "confirmed": lambda said, channel: _(
        "%(channel)s was told: %(carrier)s %(numbers)s",
        channel=said.get("channel", channel),
        carrier=said.get("carrier", ""),
        numbers=", ".join(said.get("tracking", ())),
    ),
    "confirm_asked": lambda said, channel: _("What has left is to be confirmed."),
    "confirm_refused": lambda said, channel: _(
        "%(channel)s did not take the confirmation. %(said)s",
        channel=said.get("channel", channel),
        said=said.get("said", ""),
    ),
    "not_confirmed": lambda said, channel: _("Not confirmed: %(channel)s had ended the order.", channel=channel),
    "carrier_unknown": lambda said, channel: _(
        "%(channel)s is told once it is clear which of its carriers “%(carrier)s” is.",
        channel=said.get("channel", channel),
        carrier=said.get("carrier", ""),
    ),
}


# --- causes -----------------------------------------------------------------------------------------------------------


def _numbers(a: About) -> str:
    return ", ".join(map(str, a.arguments.get("numbers", ()))) or str(a.arguments.get("number", ""))


def _count(a: About) -> int:
    return int(a.arguments.get("count", 1))


def _blocked(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(num)s order was not taken by %(name)s.", "%(num)s orders were not taken by %(name)s.", _count(a),
            name=a.name,
        ),
        why=_("Nothing of them was sent, and none is sent again by itself."),
        todo=_("Open each of them: it says what to change. Then send it again."),
        actions=("blocked_orders",),
    )  # fmt: skip


def _short(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(num)s order for %(name)s waits for stock.", "%(num)s orders for %(name)s wait for stock.", _count(a),
            name=a.name,
        ),
        why=_("More pieces are promised than are there. Each goes out as soon as its pieces are in stock."),
        todo=_("Receive the goods, or cancel what cannot be sent."),
        turn=Turn.YOURS_LATER,
        actions=("open",),
    )  # fmt: skip


def _unsure(a: About) -> Words:
    return Words(
        title=_("Nobody knows whether %(name)s has order %(numbers)s.", name=a.name, numbers=_numbers(a)),
        why=_("It gave no answer, several times. The order is not sent a second time until it has said so."),
        todo=_("Look whether %(name)s can be reached, then press Ask again on the order.", name=a.name),
    )


def _cancel_unsure(a: About) -> Words:
    return Words(
        title=_("Nobody knows whether %(name)s stops order %(numbers)s.", name=a.name, numbers=_numbers(a)),
        why=_("It did not answer the cancellation, several times."),
        todo=_("Call the warehouse if it is urgent, or take the order back once more."),
    )


def _on_hold(a: About) -> Words:
    return Words(
        title=_("%(name)s stopped order %(numbers)s on its way out.", name=a.name, numbers=_numbers(a)),
        why=_("Goods are missing or damaged there. The pieces stay reserved."),
        todo=_("Ask the warehouse what is wrong, or take the order back."),
    )


def _partly(a: About) -> Words:
    return Words(
        title=_("A part of order %(numbers)s has left %(name)s.", name=a.name, numbers=_numbers(a)),
        why=_("The rest is still there. The channel is told when all of it has left."),
        todo=_("Nothing to do. If the rest does not come, ask the warehouse for it."),
        turn=Turn.THEIRS,
    )


def _left_short(a: About) -> Words:
    return Words(
        title=_("%(name)s sent fewer pieces of order %(numbers)s than were ordered.", name=a.name, numbers=_numbers(a)),
        why=_("The channel was not told that it is complete."),
        todo=_("Agree with the buyer, then confirm what has left on the page of the order."),
    )


def _plugin_cancelled(a: About) -> Words:
    return Words(
        title=_("%(name)s cancelled order %(numbers)s of itself.", name=a.name, numbers=_numbers(a)),
        why=_("Nobody here asked for it. The order is held, and nothing is sent again by itself."),
        todo=_("Ask the warehouse why, then let the order go or cancel it at the channel."),
    )


def _stop(a: About) -> Words:
    return Words(
        title=_("Order %(numbers)s is at %(name)s, and its channel no longer wants it sent.", name=a.name,
                numbers=_numbers(a)),
        why=_("The channel holds it or says that it was shipped already. It was not cancelled, so it is still sent."),
        todo=_("Ask %(name)s to stop it on the page of the order, or leave it.", name=a.name),
    )  # fmt: skip


def _is_too_late(a: About) -> Words:
    left_at = moment(str(a.arguments.get("left_at", "")), str(a.arguments.get("zone", "UTC")))
    title = (
        _("Too late: order %(numbers)s left %(name)s at %(moment)s.", numbers=_numbers(a), name=a.name, moment=left_at)
        if left_at
        else _("Too late: %(name)s does not stop order %(numbers)s any more.", numbers=_numbers(a), name=a.name)
    )
    return Words(
        title=title,
        why=_("It was to be stopped, and goes to the buyer all the same. An ended order is not confirmed."),
        todo=_("Ask the carrier to bring it back, or agree with the buyer."),
    )


def _alive(a: About) -> Words:
    return Words(
        title=_("%(name)s still has order %(numbers)s, which counts as cancelled.", name=a.name, numbers=_numbers(a)),
        why=_("It is being called back."),
        todo=_("Call the warehouse if it has been sent out already."),
    )


def _carrier(a: About) -> Words:
    names = ", ".join(str(each) or _("(none)") for each in a.arguments.get("names", ()))
    return Words(
        title=_("%(name)s does not know the carrier: %(carriers)s", name=a.name, carriers=names or "–"),
        why=_("Orders that went with it are not confirmed until you say which one of its own list it is."),
        todo=_("Choose the carrier once; it holds for all orders."),
        actions=("carriers",),
    )


def _confirms(a: About) -> Words:
    return Words(
        title=ngettext(
            "%(name)s did not take the confirmation of %(num)s order.",
            "%(name)s did not take the confirmation of %(num)s orders.",
            _count(a),
            name=a.name,
        ),
        why=_("The parcels are on their way; the channel does not know it yet."),
        todo=_("Open each order: it has the channel's own words and Try again."),
        actions=("open",),
    )


def _confirm_unsure(a: About) -> Words:
    return Words(
        title=_("Nobody knows whether %(name)s took the confirmation of order %(numbers)s.", name=a.name,
                numbers=_numbers(a)),
        why=_("It gave no answer, several times. Telling it again changes nothing where it has it."),
        todo=_("Press Try again on the order."),
    )  # fmt: skip


def _cancelled_at_channel(a: About) -> Words:
    return Words(
        title=_("%(name)s had ended the order when it left.", name=a.name),
        why=_("An order that its channel has cancelled or refunded is not confirmed there."),
        todo=_("Ask the carrier to bring the parcel back, or agree with the buyer."),
    )


WORDS: dict[str, Callable[[About], Words]] = {
    "cancelled_at_channel": _cancelled_at_channel,
    "orders_blocked": _blocked,
    "orders_short": _short,
    "shipments_unsure": _unsure,
    "cancel_unsure": _cancel_unsure,
    "plugin_on_hold": _on_hold,
    "left_partly": _partly,
    "left_short": _left_short,
    "plugin_cancelled": _plugin_cancelled,
    "stop_shipment": _stop,
    "too_late": _is_too_late,
    "cancelled_but_there": _alive,
    "carrier_unknown": _carrier,
    "confirms_refused": _confirms,
    "confirm_unsure": _confirm_unsure,
}

REFUSALS: dict[str, Callable[..., str]] = {
    "not_merged": lambda: _("This order travels alone already."),
    "already_sent": lambda: _("The warehouse has it already, or may have it. Take it back instead."),
    "has_left": lambda: _("It has left the warehouse and cannot be taken back from here."),
    "nothing_to_take_back": lambda: _("This order is at no warehouse, so there is nothing to take back."),
    "nothing_to_confirm": lambda: _("There is nothing to tell the channel about this order."),
    "address_not_open": lambda: _("The address cannot be changed now: the warehouse has it, or may have it."),
    "unknown_carrier": lambda: _("This carrier is not on the channel's list any more. Choose another one."),
    "too_many_carriers": lambda most: _("More than %(most)d carriers cannot be kept.", most=most),
    "merge_needs_two": lambda most: _("Choose at least two orders to merge."),
    "merge_too_many": lambda most: _("At most %(most)d orders travel in one parcel.", most=most),
    "merge_not_planned": lambda: _("Only orders that are planned and still to be shipped can be merged."),
    "merge_is_one": lambda most: _("These orders travel in one parcel already."),
    "merge_too_late": lambda most: _("One of them was sent already, so they cannot be merged."),
    "merge_never": lambda most: _("Gifts, orders entered by hand and orders that the channel ships are never merged."),
    "merge_no_recipient": lambda most: _("The recipient of one of them is not known well enough to merge it."),
    "merge_other_channel": lambda most: _("They are of different stores or channels, so they cannot be merged."),
    "merge_other_currency": lambda most: _("They are in different currencies, so they cannot be merged."),
    "merge_other_service": lambda most: _("They want different shipping services, so they cannot be merged."),
    "merge_other_payment": lambda most: _("One is paid on delivery and another is not, so they cannot be merged."),
    "merge_other_address": lambda most: _("They go to different recipients or addresses, so they cannot be merged."),
    "merge_other_notes": lambda most: _("Their notes differ, so they cannot be merged."),
    "merge_other_plugin": lambda most: _("They go to different warehouses, so they cannot be merged."),
}
