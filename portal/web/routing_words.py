"""Where orders stand and why, in words; and the sentences of notices about routing."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import OrderStage
from portal.web.cause_about import About, Turn, Words


def stages() -> dict[OrderStage, str]:
    """Where an order stands here."""
    return {
        OrderStage.PENDING: _("Not routed yet"),
        OrderStage.CONFIRM: _("Waits for your confirmation"),
        OrderStage.HELD: _("On hold"),
        OrderStage.EXCLUDED: _("Left out"),
        OrderStage.NEEDS_PLUGIN: _("Needs a plugin"),
        OrderStage.BLOCKED: _("Blocked"),
        OrderStage.ASSIGNED: _("Assigned"),
        OrderStage.DONE: _("Done"),
    }


# Why a plugin cannot send an order; each names the plugin, and the SKU where it is about one.
HINDRANCES: dict[str, Callable[[str, str], str]] = {
    "line_unlinked": lambda plugin, sku: (
        _("The SKU %(sku)s is linked to no product yet. Link it, then route the order again.", sku=sku)
        if sku
        else _("A SKU of it is linked to no product yet.")
    ),
    "line_not_at_plugin": lambda plugin, sku: (
        _(
            "%(plugin)s has no listing that is linked to the SKU %(sku)s. Link one, or send the order elsewhere.",
            plugin=plugin,
            sku=sku,
        )
        if sku
        else _("%(plugin)s has no listing that is linked to one of its SKUs.", plugin=plugin)
    ),
    "plugin_off": lambda plugin, sku: _("%(plugin)s is off. Turn it on, then route the order again.", plugin=plugin),
    "plugin_failed": lambda plugin, sku: _(
        "%(plugin)s is not running. Open it to see why, then route the order again.", plugin=plugin
    ),
    "plugin_gone": lambda plugin, sku: _("The plugin that the rule names is gone. Change the rule."),
}

# Why an order that is not routed yet waits.
WAITS: dict[str, Callable[[], str]] = {
    "by_channel": lambda: _("The channel ships this order itself, so it is not routed."),
    "unmapped": lambda: _("Nobody has said yet what the status of this order means. It is routed once that is clear."),
    "unpaid": lambda: _("It is not paid yet. It is routed as soon as the channel says that it is."),
    "on_hold": lambda: _("The channel holds it. It is routed as soon as the channel lets it go."),
    "partly_shipped": lambda: _("A part of it was shipped already, so the rest is not routed by itself."),
}


def hindrance(cause: str, plugin: str, detail: str) -> str:
    """Why a plugin cannot send an order; "" for a cause that is told elsewhere."""
    said = HINDRANCES.get(cause)
    return said(plugin or _("The plugin"), detail) if said else ""


def waits(reason: str) -> str:
    """Why an order is not routed."""
    return WAITS[reason]() if reason in WAITS else _("Its status is not one of an order to be shipped.")


def against(reason: str, number: int) -> str:
    """Why something was not done with so many orders."""
    said = {
        "already_sent": lambda: ngettext(
            "%(num)s is at the warehouse already", "%(num)s are at the warehouse already", number
        ),
        "stays": lambda: ngettext("%(num)s stays where it is", "%(num)s stay where they are", number),
        "by_channel": lambda: ngettext(
            "%(num)s is shipped by its channel", "%(num)s are shipped by their channel", number
        ),
        "other_store": lambda: ngettext("%(num)s belongs to another store", "%(num)s belong to another store", number),
        "line_unlinked": lambda: ngettext(
            "%(num)s has a line without a product", "%(num)s have a line without a product", number
        ),
        "line_not_at_plugin": lambda: ngettext(
            "%(num)s has a SKU that the plugin does not have",
            "%(num)s have a SKU that the plugin does not have",
            number,
        ),
        "plugin_off": lambda: ngettext(
            "%(num)s waits for a plugin that is off", "%(num)s wait for a plugin that is off", number
        ),
        "plugin_failed": lambda: ngettext(
            "%(num)s waits for a plugin that is not running", "%(num)s wait for a plugin that is not running", number
        ),
    }.get(reason)
    return (
        said()
        if said
        else ngettext(
            "%(num)s does not stand so that this can be done", "%(num)s do not stand so that this can be done", number
        )
    )


def needs_plugin(a: About) -> Words:
    number = int(a.arguments.get("count", 0))
    return Words(
        title=ngettext(
            "%(num)s order of %(store)s has no plugin to go to.",
            "%(num)s orders of %(store)s have no plugin to go to.",
            number,
            store=a.name,
        ),
        why=_("No rule takes them and the store has no default plugin. They are not sent to just any plugin."),
        todo=_("Open the plugin that shall have them and set Is default, or add a rule."),
    )


def orders_not_routed(a: About) -> Words:
    number = int(a.arguments.get("count", 0))
    return Words(
        title=ngettext(
            "%(num)s order of %(store)s is blocked.", "%(num)s orders of %(store)s are blocked.", number, store=a.name
        ),
        why=_("The plugin that a rule chose cannot send them now. They wait, because the wrong warehouse is worse."),
        todo=_("Open the orders to see what each lacks, then route them again."),
        turn=Turn.YOURS,
    )


def _routed(said: Mapping[str, Any], channel: str) -> str:
    rule, plugin, why = said.get("rule", ""), said.get("plugin", ""), said.get("why", "")
    match said.get("stage"):
        case OrderStage.ASSIGNED.value if rule:
            return _("The rule “%(rule)s” chose %(plugin)s.", rule=rule, plugin=plugin)
        case OrderStage.ASSIGNED.value:
            return _("Goes to %(plugin)s.", plugin=plugin)
        case OrderStage.BLOCKED.value:
            return _("Blocked: %(reason)s", reason=hindrance(why, plugin, "") or why)
        case OrderStage.HELD.value:
            return _("Put on hold: %(reason)s", reason=why)
        case OrderStage.EXCLUDED.value:
            return _("Left out: %(reason)s", reason=why)
        case OrderStage.PENDING.value:
            return _("Let go: it is routed again.")
        case _:
            return _("No plugin to go to: no rule takes it and there is no default plugin.")


EVENTS: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "routed": _routed,
    "confirmed": lambda said, channel: _("Confirmed: it may be routed."),
}
WORDS: dict[str, Callable[[About], Words]] = {"needs_plugin": needs_plugin, "orders_not_routed": orders_not_routed}
