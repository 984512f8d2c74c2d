"""Which rule takes an order, and why the others did not.  Pure: routing and its rehearsal decide by the same function.

Every condition of a list of rules is one bit.  What an order has in a field gives the bits that hold, and is looked up
where another order had the same; then a rule is one comparison.  So many orders are decided quickly.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from portal.flows.rule_conditions import Condition, Field, Operator, folded, implies, tester
from portal.kit.money import Money
from portal.models import OrderStage, RuleAction

# What the values of one field gave is kept for so many different values.
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules know of an order.

    `channel` is the id of its connection, "" for one that was typed here.  `value` is None where no total is known.
    `let_go` says that a person took it out of a hold or an exclusion: rules that would do the same are passed over.
    """

    channel: str = ""
    skus: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    quantity: int = 0
    value: Money | None = None
    currency: str = ""
    country: str = ""
    province: str = ""
    postcode: str = ""
    payment: str = ""
    service: str = ""
    let_go: bool = False


READ: Mapping[Field, Callable[[Facts], Any]] = {
    Field.CHANNEL: lambda of: of.channel,
    Field.SKU: lambda of: of.skus,
    Field.TAG: lambda of: of.tags,
    Field.QUANTITY: lambda of: of.quantity,
    Field.VALUE: lambda of: of.value,
    Field.CURRENCY: lambda of: of.currency,
    Field.COUNTRY: lambda of: of.country,
    Field.PROVINCE: lambda of: of.province,
    Field.POSTCODE: lambda of: of.postcode,
    Field.PAYMENT: lambda of: of.payment,
    Field.SERVICE: lambda of: of.service,
}


@dataclass(frozen=True, slots=True)
class RuleText:
    """What one rule says.  `plugin` is the connection that ASSIGN names, `text` the reason or the tag of the others."""

    id: uuid.UUID
    version: int
    name: str
    conditions: tuple[Condition, ...]
    action: RuleAction
    plugin: uuid.UUID | None = None
    text: str = ""
    fall_back: bool = False


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a plugin cannot send an order: a cause, and what it is about, such as the SKU that is not there."""

    cause: str
    detail: str = ""


Able = Callable[[uuid.UUID], Hindrance | None]


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was tried, by its place among the active ones (from 1), and the first condition that did not hold.

    `failed` is None for a rule that took the order or tagged it, and for one that was passed over by hand.  `kept` is
    how it is kept with an order, but for what the order has there.
    """

    place: int
    rule: RuleText
    failed: Condition | None = None
    passed_over: bool = False
    kept: str = dataclass_field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where an order goes.

    `rule` is None for the default plugin and for none.  `plugin` is where it goes, or where it would go if it were not
    BLOCKED.  `cause` is why it is blocked, why nobody takes it, or, with ASSIGNED, why the rule's own plugin could not
    have it and the default took it; `detail` is what that is about.  `tags` are all that the order has now.
    """

    stage: OrderStage
    rule: RuleText | None = None
    plugin: uuid.UUID | None = None
    cause: str = ""
    detail: str = ""
    text: str = ""
    tried: tuple[Tried, ...] = ()
    tags: tuple[str, ...] = ()


class Rulebook:
    """The active rules of one store by rank, made ready for many orders."""

    def __init__(self, rules: Sequence[RuleText]) -> None:
        self.rules = tuple(rules)
        self._conditions = [each for rule in rules for each in rule.conditions]
        self._fields = {
            field: _Bits(field, [(1 << at, c) for at, c in enumerate(self._conditions) if c.field is field])
            for field in dict.fromkeys(each.field for each in self._conditions)
        }
        self._needs: list[int] = []
        # What is told of a rule is the same for many orders, so it is put into words once: by the bit that failed, by 0
        # where all held, by −1 where the rule was passed over.
        self._tried: list[dict[int, Tried]] = []
        at = 0
        for place, rule in enumerate(rules, 1):
            self._needs.append(((1 << len(rule.conditions)) - 1) << at)
            ways = {1 << (at + number): _tried(place, rule, each) for number, each in enumerate(rule.conditions)}
            self._tried.append(ways | {0: _tried(place, rule), -1: _tried(place, rule, passed_over=True)})
            at += len(rule.conditions)

    def holding(self, facts: Facts) -> int:
        """The bits of the conditions that hold."""
        held = 0
        for field, bits in self._fields.items():
            held |= bits.holding(READ[field](facts))
        return held

    def taking(self, facts: Facts) -> Iterator[RuleText]:
        """Every rule whose conditions hold for these facts, whichever stands before it."""
        held = self.holding(facts)
        return (rule for rule, needs in zip(self.rules, self._needs, strict=True) if not needs & ~held)

    def tried(self, number: int, held: int) -> Tried:
        """How a rule fares while these conditions hold."""
        missing = self._needs[number] & ~held
        return self._tried[number][missing & -missing]

    def passed_over(self, number: int) -> Tried:
        """A rule that would take an order which a person let go."""
        return self._tried[number][-1]

    def tagged(self, held: int, tags: tuple[str, ...]) -> int:
        """The bits that hold when an order has other tags than before."""
        bits = self._fields.get(Field.TAG)
        return held if bits is None else (held & ~bits.all) | bits.holding(tags)


class _Bits:
    """The conditions on one field, and which of them held for values that were seen."""

    def __init__(self, field: Field, conditions: Sequence[tuple[int, Condition]]) -> None:
        self._field = field
        self._tests = [(bit, tester(each)) for bit, each in conditions]
        self._seen: dict[Any, int] = {}
        self.all = sum(bit for bit, _ in conditions)

    def holding(self, value: Any) -> int:
        known = self._seen.get(value)
        if known is None:
            if len(self._seen) >= MOST_REMEMBERED:
                self._seen.clear()
            had = self._as_compared(value)
            known = self._seen[value] = sum(bit for bit, holds in self._tests if holds(had))
        return known

    def _as_compared(self, value: Any) -> Any:
        if isinstance(value, str):
            return (folded(self._field, value),) if value.strip() else ()
        return tuple(folded(self._field, each) for each in value if each.strip()) if isinstance(value, tuple) else value


def decide(book: Rulebook, facts: Facts, default: uuid.UUID | None, able: Able) -> Decision:
    """Try the rules from the top; the first that holds decides, a rule that tags goes on.

    `able(plugin)` says why a plugin cannot send this order, None where it can.  An order whose plugin cannot send it is
    blocked and goes nowhere else, unless its rule lets the default plugin have it then.
    """
    held, tags, tried = book.holding(facts), facts.tags, list[Tried]()
    for number, rule in enumerate(book.rules):
        this = book.tried(number, held)
        if this.failed is None and facts.let_go and rule.action in STAGES:
            this = book.passed_over(number)
        tried.append(this)
        if this.failed is not None or this.passed_over:
            continue
        if rule.action is not RuleAction.TAG:
            return _taken(rule, default, able, tuple(tried), tags)
        if rule.text not in tags:
            tags = (*tags, rule.text)
            held = book.tagged(held, tags)
    if default is None:
        return Decision(OrderStage.NEEDS_PLUGIN, cause="no_default_plugin", tried=tuple(tried), tags=tags)
    hindered = able(default)
    return Decision(
        OrderStage.BLOCKED if hindered else OrderStage.ASSIGNED,
        plugin=default,
        cause=hindered.cause if hindered else "",
        detail=hindered.detail if hindered else "",
        tried=tuple(tried),
        tags=tags,
    )


STAGES = {RuleAction.HOLD: OrderStage.HELD, RuleAction.EXCLUDE: OrderStage.EXCLUDED}


def _taken(
    rule: RuleText, default: uuid.UUID | None, able: Able, tried: tuple[Tried, ...], tags: tuple[str, ...]
) -> Decision:
    if rule.action is not RuleAction.ASSIGN or rule.plugin is None:
        return Decision(STAGES[rule.action], rule, text=rule.text, tried=tried, tags=tags)
    hindered = able(rule.plugin)
    if hindered is None:
        return Decision(OrderStage.ASSIGNED, rule, rule.plugin, tried=tried, tags=tags)
    cause, detail = hindered.cause, hindered.detail
    if rule.fall_back and default is not None and default != rule.plugin and able(default) is None:
        return Decision(OrderStage.ASSIGNED, rule, default, cause, detail, tried=tried, tags=tags)
    return Decision(OrderStage.BLOCKED, rule, rule.plugin, cause, detail, tried=tried, tags=tags)


def _tried(place: int, rule: RuleText, failed: Condition | None = None, *, passed_over: bool = False) -> Tried:
    said: dict[str, Any] = {"rule": str(rule.id), "version": rule.version, "name": rule.name, "place": place}
    if failed is not None:
        # The last word is what the order has, which is set in behind it.
        text = json.dumps(said | {"failed": {**failed.as_kept(), "had": None}})
        return Tried(place, rule, failed, kept=text.removesuffix("null}}"))
    more = {"passed_over": True} if passed_over else {}
    text = json.dumps(said | {"action": rule.action.value, "text": rule.text} | more)
    return Tried(place, rule, passed_over=passed_over, kept=text)


def told(tried: Sequence[Tried], facts: Facts) -> str:
    """The rules that were tried as they are kept with an order: JSON that is complete without the rules themselves.

    Each is {rule, version, name, place}, and {failed: {field, operator, value, had}} where a condition did not hold.
    """
    had: dict[Field, str] = {}
    parts = []
    for each in tried:
        if each.failed is None:
            parts.append(each.kept)
            continue
        field = each.failed.field
        if field not in had:
            had[field] = json.dumps(_had(field, facts))
        parts.append(f"{each.kept}{had[field]}}}}}")
    return f"[{', '.join(parts)}]"


def _had(field: Field, facts: Facts) -> Any:
    """What an order has in a field.  Tags may have grown by then; the condition failed with those of the time."""
    value = READ[field](facts)
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    return list(value) if isinstance(value, tuple) else value


def unreachable(rules: Sequence[RuleText]) -> dict[uuid.UUID, RuleText]:
    """Rules that no order can reach, each with an earlier one that takes every order that it would take."""
    found: dict[uuid.UUID, RuleText] = {}
    for at, rule in enumerate(rules):
        for earlier_at, earlier in enumerate(rules[:at]):
            tags_between = any(each.action is RuleAction.TAG for each in rules[earlier_at + 1 : at])
            if _shadows(earlier, rule, tags_between=tags_between):
                found[rule.id] = earlier
                break
    return found


def _shadows(earlier: RuleText, later: RuleText, *, tags_between: bool) -> bool:
    if earlier.action is RuleAction.TAG:
        return False
    # What a person lets go passes a hold or an exclusion, and comes to the rules behind it.
    if earlier.action is not RuleAction.ASSIGN and later.action in {RuleAction.ASSIGN, RuleAction.TAG}:
        return False
    # A tag that was added between the two can be what the later one asks for; what is not there then never was.
    grown = any(c.field is Field.TAG and c.operator is not Operator.IS_NOT for c in earlier.conditions)
    if tags_between and grown:
        return False
    return all(any(implies(narrow, wide) for narrow in later.conditions) for wide in earlier.conditions)
