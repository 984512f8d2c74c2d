"""What the pages of rules show: a store's list in words, what each decided lately, and the outcome of a rehearsal."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.contract.definition import Kind
from portal.flows import rules
from portal.flows.rule_match import RuleText
from portal.flows.rule_rehearsal import Moved, Place, Rehearsal
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, OrderStage, RoutingDecision, Rule, Store
from portal.web import routing_words, rule_words

DAYS = 30


@dataclass(frozen=True, slots=True)
class Names:
    """What the connections of a store are called, by id as text: sales channels and plugins."""

    channels: Mapping[str, str]
    plugins: Mapping[str, str]
    default: str
    default_id: uuid.UUID | None


def names_of(store_id: uuid.UUID) -> Names:
    """The names that sentences about the rules of a store use."""
    query = sa.select(Connection.id, Connection.name, Connection.kind, Connection.is_default).where(
        Connection.merchant_id == whose(), Connection.store_id == store_id
    )
    rows = db.session.execute(query.order_by(sa.func.lower(Connection.name))).all()
    default = next((each for each in rows if each.is_default), None)
    return Names(
        channels={str(each.id): each.name for each in rows if each.kind == Kind.MARKETPLACE.value},
        plugins={str(each.id): each.name for each in rows if each.kind == Kind.FULFILMENT.value},
        default=default.name if default else "",
        default_id=default.id if default else None,
    )


def uuid_of(text: str) -> uuid.UUID | None:
    """The id that a text is, None where it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def stores() -> dict[uuid.UUID, Store]:
    """The merchant's stores by name."""
    query = sa.select(Store).where(Store.merchant_id == whose()).order_by(sa.func.lower(Store.name), Store.id)
    return {each.id: each for each in db.session.scalars(query)}


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of the list: its place, its sentence, and how many orders it decided or tagged lately."""

    rule: Rule
    place: int
    sentence: str
    decided: int
    first: bool
    last: bool


def rows(store_id: uuid.UUID, names: Names) -> list[Row]:
    """The rules of a store by rank."""
    found, decided = rules.of_store(store_id), decided_lately(store_id)
    return [
        Row(
            each,
            place,
            sentence_of(rules.as_text(each), names),
            decided.get(each.id, 0),
            place == 1,
            place == len(found),
        )
        for place, each in enumerate(found, 1)
    ]


def row(rule: Rule, names: Names) -> Row:
    """One rule as the list shows it."""
    return next(each for each in rows(rule.store_id, names) if each.rule.id == rule.id)


def sentence_of(said: RuleText, names: Names) -> str:
    """A rule as one sentence."""
    plugin = names.plugins.get(str(said.plugin), "") if said.plugin else ""
    return rule_words.sentence(said.conditions, said.action, said.text, plugin, names.channels)


def decided_lately(store_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """By rule, how many decisions it took in the last 30 days."""
    ids = sa.select(Rule.id).where(Rule.merchant_id == whose(), Rule.store_id == store_id)
    query = (
        sa.select(RoutingDecision.rule_id, sa.func.count().label("number"))
        .where(
            RoutingDecision.merchant_id == whose(),
            RoutingDecision.rule_id.in_(ids),
            RoutingDecision.at >= now() - timedelta(days=DAYS),
        )
        .group_by(RoutingDecision.rule_id)
    )
    return {row.rule_id: row.number for row in db.session.execute(query)}


def as_item(row: Row) -> dict[str, Any]:
    """One rule of the list as JSON."""
    return {**facts(row.rule), "place": row.place, "sentence": row.sentence, "decided_in_30_days": row.decided}


def facts(rule: Rule) -> dict[str, Any]:
    """One rule as JSON."""
    return {
        "id": rule.id,
        "store": rule.store_id,
        "name": rule.name,
        "is_active": rule.is_active,
        "conditions": rule.conditions,
        "action": rule.action,
        "plugin": rule.connection_id,
        "text": rule.text,
        "fall_back": rule.fall_back,
        "version": rule.version,
        "changed_at": rule.changed_at,
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rehearsal: a name, a number, and what else is to be said of it."""

    name: str
    number: int
    note: str = ""
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One order that would go elsewhere."""

    order_id: uuid.UUID
    number: str
    went: str
    goes: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rehearsal in words."""

    orders: int
    lines: Sequence[Line]
    ways: Sequence[Way]
    movers: int
    fresh: int
    warnings: Sequence[str]
    blocked: int


def outcome(found: Rehearsal, listed: Sequence[RuleText], mine: uuid.UUID, names: Names) -> Outcome:
    """What a rehearsal found, for the page."""
    lines = [
        Line(each.name, found.taken.get(each.id, 0), _shadow(found.shadowed.get(each.id)), each.id == mine)
        for each in listed
    ]
    nobody = names.default or _("Nowhere: there is no default plugin")
    called = {each.id: each.name for each in listed}
    return Outcome(
        orders=found.orders,
        lines=[*lines, Line(_("No rule: %(plugin)s", plugin=nobody), found.to_default)],
        ways=[_way(each, names, called) for each in found.moved],
        movers=found.movers,
        fresh=found.fresh,
        warnings=[
            _(
                "“%(first)s” and “%(second)s” both fit %(number)s of these orders. “%(first)s” has them, because it "
                "stands first.",
                first=each.first.name,
                second=each.second.name,
                number=each.orders,
            )
            for each in found.overlaps[:10]
        ],
        blocked=found.stages[OrderStage.BLOCKED],
    )


def _shadow(earlier: RuleText | None) -> str:
    return _("No order can reach it: “%(name)s” takes them all before.", name=earlier.name) if earlier else ""


def _way(moved: Moved, names: Names, called: Mapping[uuid.UUID, str]) -> Way:
    went = place(moved.went, names) if moved.went else _("Not routed yet")
    return Way(moved.order_id, moved.number, went, place(moved.goes, names))


def place(where: Place, names: Names) -> str:
    """Where an order goes, in words."""
    plugin = names.plugins.get(str(where.plugin), "") if where.plugin else ""
    stage = routing_words.stages()[where.stage]
    if where.stage is OrderStage.ASSIGNED and plugin:
        return plugin
    return _("%(stage)s (%(plugin)s)", stage=stage, plugin=plugin) if plugin else stage
