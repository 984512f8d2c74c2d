"""What comes next with an order, or what the merchant has to do: the one sentence at the head of its page."""

from collections.abc import Callable, Mapping

from flask_babel import gettext as _

from portal.contract.records import OrderStatus
from portal.models import TO_SHIP, ConfirmationState, Order, OrderStage, ShipmentState
from portal.web import order_words
from portal.web.shipments_pages import Shown

WAITS: Mapping[OrderStage, Callable[[], str]] = {
    OrderStage.CONFIRM: lambda: _("Confirm it below. Until then it is not routed and nothing is sent."),
    OrderStage.HELD: lambda: _("You hold it. It goes on when you let it go."),
    OrderStage.EXCLUDED: lambda: _("You left it out, so it is not sent anywhere."),
    OrderStage.NEEDS_PLUGIN: lambda: _("Choose the plugin that ships it."),
    OrderStage.BLOCKED: lambda: _("Its plugin cannot send it as it is. See why below, then route it again."),
}
GONE = (ShipmentState.LEFT, ShipmentState.DONE)
UNDER_WAY: Mapping[ShipmentState, Callable[[str], str]] = {
    ShipmentState.UNSURE: lambda plugin: _(
        "%(plugin)s gave no answer. It is asked before anything is sent again. Nothing to do.", plugin=plugin
    ),
    ShipmentState.ACCEPTED: lambda plugin: _("%(plugin)s has it and will ship it. Nothing to do.", plugin=plugin),
    ShipmentState.CANCELLING: lambda plugin: _(
        "%(plugin)s was asked to stop it. Its answer decides what happens. Nothing to do.", plugin=plugin
    ),
    ShipmentState.REFUSED: lambda plugin: _(
        "%(plugin)s did not take it. See why below, then try again.", plugin=plugin
    ),
}


def next_step(order: Order, short: bool, shown: Shown | None) -> str:
    """What happens next; `short` is whether pieces are missing, `shown` its live shipment.

    What the channel says comes first where the order is not ours to ship, then what the shipment waits for, then what
    keeps the order from having one.
    """
    gone = shown is not None and shown.shipment.state in GONE
    if shown is not None and gone and order.status is OrderStatus.ON_HOLD:
        return _(
            "It left %(plugin)s before the channel held it. Agree with the buyer what follows.",
            plugin=shown.plugin.name,
        )
    if order.status not in TO_SHIP or order.by_channel or order.flagged:
        return order_words.next_step(order, short)
    if shown is not None and gone:
        return _gone(shown)
    if shown is not None and shown.shipment.state in UNDER_WAY:
        return UNDER_WAY[shown.shipment.state](shown.plugin.name)
    if short or (shown is not None and shown.short):
        return order_words.next_step(order, short=True)
    if shown is not None:
        return _("It goes to %(plugin)s by itself. Nothing to do.", plugin=shown.plugin.name)
    if order.stage in WAITS:
        return WAITS[order.stage]()
    return order_words.next_step(order, short)


def _gone(shown: Shown) -> str:
    """What is left to do when the goods have left: the channel has to be told of it."""
    told, plugin = shown.told, shown.plugin.name
    if told is None:
        return _("It left %(plugin)s. The channel is told when all of it has left.", plugin=plugin)
    channel = told.channel.name
    if told.state == ConfirmationState.WAITING.value:
        return _(
            "It left %(plugin)s. Say which carrier it is, so that %(channel)s can be told.",
            plugin=plugin,
            channel=channel,
        )
    if told.state == ConfirmationState.REFUSED.value:
        return _(
            "It left %(plugin)s, but %(channel)s did not take the confirmation. See why below.",
            plugin=plugin,
            channel=channel,
        )
    if told.state == ConfirmationState.DONE.value:
        return _("It left %(plugin)s and %(channel)s was told. Nothing to do.", plugin=plugin, channel=channel)
    return _("It left %(plugin)s. %(channel)s is being told. Nothing to do.", plugin=plugin, channel=channel)
