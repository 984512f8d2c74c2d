"""Rules in words: what a condition asks, what a rule does, and why a rule that was tried did not take an order."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from babel.lists import format_list
from flask_babel import gettext as _

from portal.flows.rule_conditions import Condition, Field, Operator, Payment, Value
from portal.kit.money import Money
from portal.models import RuleAction
from portal.web import languages, words

# A sentence names so many values of a list; whoever wants all of them opens the rule.
MOST_NAMED = 5


def fields() -> dict[Field, str]:
    """What a condition can look at, as a choice."""
    return {
        Field.COUNTRY: _("Ship-to country"),
        Field.PROVINCE: _("Ship-to province"),
        Field.POSTCODE: _("Ship-to postcode"),
        Field.CHANNEL: _("Sales channel"),
        Field.SKU: _("SKU of a line"),
        Field.QUANTITY: _("Total quantity"),
        Field.VALUE: _("Order value"),
        Field.CURRENCY: _("Currency"),
        Field.PAYMENT: _("Payment"),
        Field.SERVICE: _("Shipping service"),
        Field.TAG: _("Tag"),
    }


def operators() -> dict[Operator, str]:
    """How a condition compares, as a choice."""
    return {
        Operator.IS: _("is"),
        Operator.IS_NOT: _("is not"),
        Operator.IN: _("is one of"),
        Operator.CONTAINS: _("contains"),
        Operator.GREATER: _("is greater than"),
        Operator.LESS: _("is less than"),
        Operator.EXISTS: _("is there at all"),
    }


def payments() -> dict[str, str]:
    """Payment states as a choice."""
    return {
        Payment.PAID.value: _("Paid"),
        Payment.UNPAID.value: _("Not paid yet"),
        Payment.ON_DELIVERY.value: _("Paid on delivery"),
    }


def actions() -> dict[RuleAction, str]:
    """What a rule does, as a choice."""
    return {
        RuleAction.ASSIGN: _("Assign to a plugin"),
        RuleAction.HOLD: _("Hold the order"),
        RuleAction.EXCLUDE: _("Leave the order out"),
        RuleAction.TAG: _("Add a tag and go on to the next rule"),
    }


def _in_sentence(field: Field) -> str:
    """A field inside a sentence."""
    said: Mapping[Field, Callable[[], str]] = {
        Field.COUNTRY: lambda: _("ship-to country"),
        Field.PROVINCE: lambda: _("ship-to province"),
        Field.POSTCODE: lambda: _("ship-to postcode"),
        Field.CHANNEL: lambda: _("sales channel"),
        Field.QUANTITY: lambda: _("total quantity"),
        Field.VALUE: lambda: _("order value"),
        Field.CURRENCY: lambda: _("currency"),
        Field.PAYMENT: lambda: _("payment"),
        Field.SERVICE: lambda: _("shipping service"),
    }
    return said[field]()


def condition(said: Condition, channels: Mapping[str, str]) -> str:
    """A condition as a part of a sentence.  `channels` are the names of sales channels by id."""
    value = values(said.field, said.value, channels)
    if said.field is Field.SKU:
        return _of_sku(said.operator, value)
    if said.field is Field.TAG:
        return _of_tag(said.operator, value)
    return _of_one(said.field, said.operator, value)


def _of_one(about: Field, operator: Operator, value: str) -> str:
    field = _in_sentence(about)
    match operator:
        case Operator.IS_NOT:
            return _("%(field)s is not %(value)s", field=field, value=value)
        case Operator.IN:
            return _("%(field)s is one of %(values)s", field=field, values=value)
        case Operator.CONTAINS:
            return _("%(field)s contains “%(value)s”", field=field, value=value)
        case Operator.GREATER:
            return _("%(field)s is greater than %(value)s", field=field, value=value)
        case Operator.LESS:
            return _("%(field)s is less than %(value)s", field=field, value=value)
        case Operator.EXISTS:
            return _("%(field)s is known", field=field)
        case _:
            return _("%(field)s is %(value)s", field=field, value=value)


def _of_sku(operator: Operator, value: str) -> str:
    match operator:
        case Operator.IS_NOT:
            return _("no line has the SKU %(value)s", value=value)
        case Operator.IN:
            return _("a line has one of the SKUs %(values)s", values=value)
        case Operator.CONTAINS:
            return _("the SKU of a line contains “%(value)s”", value=value)
        case Operator.EXISTS:
            return _("a line has a SKU")
        case _:
            return _("a line has the SKU %(value)s", value=value)


def _of_tag(operator: Operator, value: str) -> str:
    match operator:
        case Operator.IS_NOT:
            return _("the order is not tagged %(value)s", value=value)
        case Operator.IN:
            return _("the order has one of the tags %(values)s", values=value)
        case Operator.CONTAINS:
            return _("a tag of the order contains “%(value)s”", value=value)
        case Operator.EXISTS:
            return _("the order has a tag")
        case _:
            return _("the order is tagged %(value)s", value=value)


def values(field: Field, value: Value, channels: Mapping[str, str]) -> str:
    """The value of a condition, or what an order has, in words; "" where there is none."""
    if isinstance(value, Money):
        return words.money(value.minor, value.currency, languages.chosen())
    if isinstance(value, int):
        return words.number(value, languages.chosen())
    texts = value if isinstance(value, tuple) else (value or "",)
    named = [_one(field, each, channels) for each in texts if each]
    if len(named) > MOST_NAMED:
        rest = words.number(len(named) - MOST_NAMED, languages.chosen())
        return _("%(values)s and %(number)s more", values=", ".join(named[:MOST_NAMED]), number=rest)
    return ", ".join(named)


def _one(field: Field, text: str, channels: Mapping[str, str]) -> str:
    if field is Field.CHANNEL:
        return channels.get(text) or _("a channel that is gone")
    return payments().get(text, text) if field is Field.PAYMENT else text


def sentence(
    conditions: Iterable[Condition], action: RuleAction, text: str, plugin: str, channels: Mapping[str, str]
) -> str:
    """A rule as one sentence.  `plugin` is the name of the one that it assigns to."""
    said = [condition(each, channels) for each in conditions]
    when = format_list(said, locale=languages.chosen()) if said else ""
    match action:
        case RuleAction.ASSIGN:
            return _("If %(conditions)s, assign to %(plugin)s.", conditions=when, plugin=plugin)
        case RuleAction.HOLD:
            return _("If %(conditions)s, hold the order: %(reason)s.", conditions=when, reason=text)
        case RuleAction.EXCLUDE:
            return _("If %(conditions)s, leave the order out: %(reason)s.", conditions=when, reason=text)
        case RuleAction.TAG:
            return _("If %(conditions)s, add the tag %(tag)s and go on.", conditions=when, tag=text)


def fared(tried: Mapping[str, Any], channels: Mapping[str, str]) -> str:
    """How a rule fared that was tried, from what was kept with the order."""
    failed = tried.get("failed")
    if failed:
        return _failed(failed, channels)
    if tried.get("passed_over"):
        return _("Passed over, because the order was let go by hand.")
    if tried.get("action") == RuleAction.TAG.value:
        return _("Added the tag %(tag)s and went on.", tag=tried.get("text", ""))
    return _("All of its conditions hold.")


def _failed(failed: Mapping[str, Any], channels: Mapping[str, str]) -> str:
    wanted = Condition.read(failed)
    raw = failed.get("had")
    had: Value = Money(raw["minor"], raw["currency"]) if isinstance(raw, Mapping) else raw
    had = tuple(had) if isinstance(had, list) else had
    asked, has = condition(wanted, channels), values(wanted.field, had, channels)
    if isinstance(had, Money) and isinstance(wanted.value, Money) and had.currency != wanted.value.currency:
        return _(
            "Wanted: %(condition)s. The order is in %(had)s, and two currencies are not compared.",
            condition=asked,
            had=has,
        )
    if not has:
        return _("Wanted: %(condition)s. The order has none.", condition=asked)
    return _("Wanted: %(condition)s. The order has %(had)s.", condition=asked, had=has)
