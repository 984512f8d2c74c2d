"""Why an order goes where it goes, on its page; and what a person can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import routing
from portal.flows.routing import BY_HAND, Deed, Move
from portal.flows.routing_facts import LET_GO
from portal.flows.rule_conditions import Field
from portal.flows.rule_rehearsal import Place
from portal.kit import masking
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import UNSENT, Connection, Order, OrderStage, RoutingDecision, Shipment, ShipmentOrder
from portal.web import routing_words, rule_words, rules_pages
from portal.web.doors import Needs, Support, by, find, may_see_places, needs
from portal.web.refusals import sentence
from portal.web.rules_pages import Names
from portal.web.show import go, show

bp = Blueprint("order_routing", __name__)

LOOSE = (OrderStage.PENDING, OrderStage.CONFIRM, OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED, OrderStage.ASSIGNED)
DEEDS = frozenset({"hold", "exclude", "let_go", "confirm", "route_again", "send_to"})
# What rules know of an order that tells where its buyer lives.
PLACES = {Field.POSTCODE.value}
AGAIN = (OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED, OrderStage.ASSIGNED)


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was tried: what it was called then, how it fared, and whether it took the order."""

    name: str
    fared: str
    took: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """Why an order stands where it does, and what can be done about it.

    `elsewhere` is where the rules of now would send it, "" where that is no other place.
    """

    stage: str
    why: str
    more: str
    decision: RoutingDecision | None
    tried: list[Tried]
    deeds: frozenset[str]
    plugins: list[tuple[str, str]]
    elsewhere: str


def of(order: Order) -> Routing:
    """What the page of an order shows of its routing."""
    names, decision = rules_pages.names_of(order.store_id), last_decision(order)
    deeds = _deeds(order)
    moves = routing.preview_again([order]) if "route_again" in deeds else []
    return Routing(
        stage=routing_words.stages()[order.stage],
        why=_why(order, decision, names),
        more=_more(order, decision, names),
        decision=decision,
        tried=[_tried(each, decision, names) for each in _shown(decision)] if decision else [],
        deeds=deeds,
        plugins=list(names.plugins.items()) if "send_to" in deeds else [],
        elsewhere=_elsewhere(order, decision, moves[0], names) if moves else "",
    )


def _elsewhere(order: Order, decision: RoutingDecision | None, move: Move, names: Names) -> str:
    """Where the rules of now would send an order; "" where that is the plugin it went to, which did not take it."""
    place = Place.of(move.to.decision)
    refused = decision is not None and decision.stage is OrderStage.ASSIGNED and order.stage is OrderStage.BLOCKED
    same = refused and decision is not None and place.plugin == decision.connection_id
    return "" if same else rules_pages.place(place, names)


def last_decision(order: Order) -> RoutingDecision | None:
    """The newest decision about an order."""
    query = sa.select(RoutingDecision).where(
        RoutingDecision.merchant_id == whose(), RoutingDecision.order_id == order.id
    )
    return db.session.scalars(query.order_by(RoutingDecision.at.desc(), RoutingDecision.id.desc()).limit(1)).first()


def as_json(order: Order) -> dict[str, Any]:
    """Where an order stands and why, as JSON."""
    decision = last_decision(order)
    said: dict[str, Any] = {"stage": order.stage, "why": order.stage_why, "decision": None}
    if decision is not None:
        said["decision"] = {
            "stage": decision.stage,
            "rule": decision.rule_id,
            "rule_version": decision.rule_version,
            "plugin": decision.connection_id,
            "cause": decision.cause,
            "text": decision.text,
            "tried": _shown(decision),
            "who": decision.who,
            "at": decision.at,
        }
    return said


def _shown(decision: RoutingDecision) -> list[dict[str, Any]]:
    """The rules that were tried, as whoever is signed in may see them: what tells where a buyer lives is masked."""
    return decision.tried if may_see_places() else [_without_place(each) for each in decision.tried]


def _without_place(said: dict[str, Any]) -> dict[str, Any]:
    failed = said.get("failed")
    if not failed or failed["field"] not in PLACES or not failed["had"]:
        return said
    return {**said, "failed": {**failed, "had": masking.HIDDEN}}


def _why(order: Order, decision: RoutingDecision | None, names: Names) -> str:
    """In one sentence, who or what decided."""
    if decision is None:
        return _undecided(order)
    plugin = names.plugins.get(str(decision.connection_id), "") or _("a plugin that is gone")
    taking = next((each for each in decision.tried if each["rule"] == str(decision.rule_id)), None)
    if decision.cause == BY_HAND:
        return _by_hand(decision, plugin)
    if decision.cause == LET_GO:
        return _("%(name)s let it go.", name=decision.who)
    return _by_rule(decision, taking, plugin)


def _by_rule(decision: RoutingDecision, taking: Mapping[str, Any] | None, plugin: str) -> str:
    if taking is None:
        if decision.stage is OrderStage.NEEDS_PLUGIN:
            return _("No rule takes it, and the store has no default plugin.")
        return _("No rule takes it, so it goes to the default plugin, %(plugin)s.", plugin=plugin)
    named = {"place": taking["place"], "name": taking["name"]}
    if decision.stage is OrderStage.ASSIGNED:
        return _("Rule %(place)s “%(name)s” chose %(plugin)s.", plugin=plugin, **named)
    if decision.stage is OrderStage.BLOCKED:
        return _("Rule %(place)s “%(name)s” chose %(plugin)s, which cannot send it.", plugin=plugin, **named)
    if decision.stage is OrderStage.HELD:
        return _("Rule %(place)s “%(name)s” holds it: %(reason)s.", reason=decision.text, **named)
    return _("Rule %(place)s “%(name)s” leaves it out: %(reason)s.", reason=decision.text, **named)


def _undecided(order: Order) -> str:
    if order.stage is OrderStage.CONFIRM:
        return _("Its channel asks first: confirm it, then it is routed.")
    if order.stage is OrderStage.DONE:
        return _("It was over when it came in, so it was not routed.")
    reason = routing.waits_for(order)
    return routing_words.waits(reason) if reason else _("It is routed in a moment.")


def _by_hand(decision: RoutingDecision, plugin: str) -> str:
    if decision.stage is OrderStage.ASSIGNED:
        return _("%(name)s sent it to %(plugin)s.", name=decision.who, plugin=plugin)
    if decision.stage is OrderStage.HELD:
        return _("%(name)s put it on hold: %(reason)s.", name=decision.who, reason=decision.text)
    return _("%(name)s left it out: %(reason)s.", name=decision.who, reason=decision.text)


def _more(order: Order, decision: RoutingDecision | None, names: Names) -> str:
    """What stands in the way, where something does."""
    if decision is None or decision.cause not in routing_words.HINDRANCES:
        return ""
    asked = names.plugins.get(str(decision.connection_id), "")
    if decision.stage is OrderStage.ASSIGNED:
        return _("The plugin that the rule names could not send it, so the default plugin has it.")
    return routing_words.hindrance(decision.cause, asked, decision.text) if order.stage is OrderStage.BLOCKED else ""


def _tried(said: dict[str, Any], decision: RoutingDecision, names: Names) -> Tried:
    name = f"{said['place']} · {said['name']}"
    return Tried(name, rule_words.fared(said, names.channels), said["rule"] == str(decision.rule_id))


def _deeds(order: Order) -> frozenset[str]:
    """What a person can do about where an order goes."""
    if order.stage is OrderStage.DONE or order.by_channel or order.status not in routing.ROUTED or _is_sent(order):
        return frozenset()
    found = {"hold", "exclude"} if order.stage in LOOSE else {"let_go"}
    if order.stage is OrderStage.CONFIRM:
        found.add("confirm")
    if order.stage in AGAIN:
        found.add("route_again")
    return frozenset(found | {"send_to"})


def _is_sent(order: Order) -> bool:
    query = (
        sa.select(Shipment.id)
        .join(
            ShipmentOrder,
            sa.and_(ShipmentOrder.merchant_id == Shipment.merchant_id, ShipmentOrder.shipment_id == Shipment.id),
        )
        .where(
            ShipmentOrder.merchant_id == whose(),
            ShipmentOrder.order_id == order.id,
            ShipmentOrder.live,
            Shipment.state.not_in(UNSENT),
        )
    )
    return db.session.scalar(query.limit(1)) is not None


@bp.post("/orders/<public_id>/routing")
@needs(Needs.MANAGE, support=Support.ACTS)
def act(public_id: str) -> Response:
    """Hold, leave out, let go, confirm, route again, or send to a plugin."""
    order = find(Order, public_id)
    deed = request.form.get("deed", "")
    try:
        done = _do(order, deed)
    except Refusal as why:
        return show("orders/routing_why.html", status=422, order=order, deed=deed, problem=sentence(why))
    return go("orders.detail", public_id=order.id, say=_said(done), kind="ok" if done.done else "warn")


def _do(order: Order, deed: str) -> Deed:
    if deed not in DEEDS:
        abort(404)
    why = request.form.get("why", "")
    match deed:
        case "hold":
            return routing.hold([order], why, by())
        case "exclude":
            return routing.exclude([order], why, by())
        case "let_go":
            return routing.let_go([order], by())
        case "confirm":
            return routing.confirm([order], by())
        case "route_again":
            return routing.route_again([order], by())
        case _:
            return routing.send_to([order], find(Connection, request.form.get("plugin", "")), by())


def _said(done: Deed) -> str:
    if done.done:
        return _("Done. The order stands there now.")
    reason = next(iter(done.left), "")
    return _("Nothing was changed: %(reason)s.", reason=routing_words.against(reason, 1))
