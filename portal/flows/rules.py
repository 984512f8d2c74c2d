"""The rules of a store: what they say, their order, which are on; and which plugins they name."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.contract.definition import Kind
from portal.flows import audit
from portal.flows.audit import By
from portal.flows.rule_conditions import BadCondition, Condition, Field
from portal.flows.rule_match import RuleText
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, Rule, RuleAction, Store

LONGEST_NAME, LONGEST_TEXT = 80, 200
MOST_CONDITIONS = 10
MOST_RULES = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule shall say; `conditions` are as they are kept, {field, operator, value}.

    `plugin` counts for ASSIGN only, and `text`, the reason or the tag, for the other actions.
    """

    name: str
    conditions: Sequence[Mapping[str, Any]]
    action: RuleAction
    plugin: uuid.UUID | None = None
    text: str = ""
    fall_back: bool = False


def of_store(store_id: uuid.UUID) -> list[Rule]:
    """The rules of a store by rank, those that are off too."""
    query = sa.select(Rule).where(Rule.merchant_id == whose(), Rule.store_id == store_id)
    return list(db.session.scalars(query.order_by(Rule.rank)))


def as_text(rule: Rule) -> RuleText:
    """What a rule says, as it is matched."""
    return RuleText(
        id=rule.id,
        version=rule.version,
        name=rule.name,
        conditions=tuple(Condition.read(each) for each in rule.conditions),
        action=rule.action,
        plugin=rule.connection_id,
        text=rule.text,
        fall_back=rule.fall_back,
    )


def active_texts(store_id: uuid.UUID) -> list[RuleText]:
    """What the active rules of a store say, by rank."""
    return [as_text(each) for each in of_store(store_id) if each.is_active]


def text_of(rule: Rule | None, draft: Draft) -> RuleText:
    """A draft as it would be matched once it is saved; of a draft that `problems` finds nothing wrong with."""
    kept = _settled(draft)
    return RuleText(
        id=rule.id if rule else new_id(),
        version=rule.version if rule else 1,
        name=kept["name"],
        conditions=tuple(Condition.read(each) for each in kept["conditions"]),
        action=kept["action"],
        plugin=kept["connection_id"],
        text=kept["text"],
        fall_back=kept["fall_back"],
    )


def problems(store_id: uuid.UUID, draft: Draft) -> list[Refusal]:
    """Everything that keeps a draft from being saved; a condition's field is "conditions-0-value" or the like."""
    found: list[Refusal] = []
    if not 1 <= len(draft.name.strip()) <= LONGEST_NAME:
        found.append(Refusal("name_length", "name", longest=LONGEST_NAME))
    if not 1 <= len(draft.conditions) <= MOST_CONDITIONS:
        found.append(Refusal("conditions_number", "conditions", most=MOST_CONDITIONS))
    known = _own(store_id)
    for number, each in enumerate(draft.conditions[:MOST_CONDITIONS]):
        try:
            _check_channel(Condition.read(each), known)
        except BadCondition as why:
            found.append(Refusal(why.reason, f"conditions-{number}-{why.part}", **why.values))
    if draft.action is RuleAction.ASSIGN:
        if known.get(draft.plugin) != Kind.FULFILMENT.value:
            found.append(Refusal("rule_needs_plugin", "plugin"))
    elif not 1 <= len(draft.text.strip()) <= LONGEST_TEXT:
        found.append(Refusal("rule_needs_text", "text", longest=LONGEST_TEXT))
    return found


def _own(store_id: uuid.UUID) -> dict[uuid.UUID | None, str]:
    """The kind of each connection of a store."""
    query = sa.select(Connection.id, Connection.kind).where(
        Connection.merchant_id == whose(), Connection.store_id == store_id
    )
    return {row.id: row.kind for row in db.session.execute(query)}


def _check_channel(condition: Condition, known: Mapping[uuid.UUID | None, str]) -> None:
    if condition.field is not Field.CHANNEL or condition.value is None:
        return
    channels = {str(each) for each, kind in known.items() if kind == Kind.MARKETPLACE.value}
    named = condition.value if isinstance(condition.value, tuple) else (str(condition.value),)
    if not channels.issuperset(named):
        raise BadCondition("value", "condition_unknown_channel")


def add(store: Store, draft: Draft, by: By) -> Rule:
    """A new rule at the end of the store's list, turned on.  Raises Refusal."""
    _check(store.id, draft)
    held = _hold(store.id)
    if len(held) >= MOST_RULES:
        raise Refusal("too_many_rules", most=MOST_RULES)
    rule = Rule(
        merchant_id=whose(),
        id=new_id(),
        store_id=store.id,
        rank=max((each.rank for each in held), default=0) + 1,
        **_settled(draft),
    )
    db.session.add(rule)
    audit.note(by, "rule_added", "rule", rule.id, name=rule.name, store_id=store.id, after=_said(rule))
    db.session.commit()
    return rule


def change(rule: Rule, draft: Draft, by: By) -> None:
    """Let a rule say something else.  Orders that were decided stay where they are.  Raises Refusal."""
    _check(rule.store_id, draft)
    _hold(rule.store_id)
    before, settled = _said(rule), _settled(draft)
    for name, value in settled.items():
        setattr(rule, name, value)
    after = _said(rule)
    if {**before, "name": ""} != {**after, "name": ""}:
        rule.version += 1
    if before != after:
        rule.changed_at = now()
        audit.note(
            by, "rule_changed", "rule", rule.id, name=rule.name, store_id=rule.store_id, before=before, after=after
        )
    db.session.commit()


def move(rule: Rule, step: int, by: By) -> None:
    """Change places with the neighbour: the one before it (step −1) or the one behind it (step 1)."""
    held = _hold(rule.store_id)
    at = next(number for number, each in enumerate(held) if each.id == rule.id)
    if 0 <= at + step < len(held):
        other = held[at + step]
        # Two rules have one rank for a moment; the database looks at the end of the transaction only.
        rule.rank, other.rank = other.rank, rule.rank
        audit.note(by, "rule_moved", "rule", rule.id, name=rule.name, store_id=rule.store_id)
    db.session.commit()


def turn(rule: Rule, on: bool, by: By) -> None:
    """Turn a rule on or off; what was decided stays as it is."""
    _hold(rule.store_id)
    if rule.is_active is not on:
        rule.is_active = on
        what = "rule_turned_on" if on else "rule_turned_off"
        audit.note(by, what, "rule", rule.id, name=rule.name, store_id=rule.store_id)
    db.session.commit()


def remove(rule: Rule, by: By) -> None:
    """Take a rule away for good.  What it decided keeps its name."""
    _hold(rule.store_id)
    audit.note(by, "rule_removed", "rule", rule.id, name=rule.name, store_id=rule.store_id, before=_said(rule))
    db.session.delete(rule)
    db.session.commit()


def naming(connection_id: uuid.UUID) -> list[str]:
    """The names of the rules that send orders to a plugin, or ask whether orders come from a channel; by rank."""
    query = sa.select(Rule).where(
        Rule.merchant_id == whose(),
        Rule.store_id
        == sa.select(Connection.store_id)
        .where(Connection.merchant_id == whose(), Connection.id == connection_id)
        .scalar_subquery(),
    )
    found = db.session.scalars(query.order_by(Rule.rank))
    return [each.name for each in found if each.connection_id == connection_id or _asks_for(each, connection_id)]


def _asks_for(rule: Rule, connection_id: uuid.UUID) -> bool:
    conditions = [Condition.read(each) for each in rule.conditions]
    return any(
        str(connection_id) in (each.value if isinstance(each.value, tuple) else (each.value,))
        for each in conditions
        if each.field is Field.CHANNEL
    )


def _check(store_id: uuid.UUID, draft: Draft) -> None:
    if found := problems(store_id, draft):
        raise found[0]


def _hold(store_id: uuid.UUID) -> list[Rule]:
    """Hold the rules of a store and read them anew: whoever changes their order must know all of it."""
    store = sa.select(Store.id).where(Store.merchant_id == whose(), Store.id == store_id)
    db.session.execute(store.with_for_update(key_share=True))
    query = sa.select(Rule).where(Rule.merchant_id == whose(), Rule.store_id == store_id)
    fresh = query.order_by(Rule.rank).execution_options(populate_existing=True)
    return list(db.session.scalars(fresh))


def _settled(draft: Draft) -> dict[str, Any]:
    """A draft as its row keeps it: what its action does not use is left out."""
    assigns = draft.action is RuleAction.ASSIGN
    return {
        "name": draft.name.strip(),
        "conditions": [Condition.read(each).as_kept() for each in draft.conditions],
        "action": draft.action,
        "connection_id": draft.plugin if assigns else None,
        "text": "" if assigns else draft.text.strip(),
        "fall_back": draft.fall_back and assigns,
    }


def _said(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "conditions": rule.conditions,
        "action": rule.action.value,
        "connection_id": str(rule.connection_id) if rule.connection_id else None,
        "text": rule.text,
        "fall_back": rule.fall_back,
    }
