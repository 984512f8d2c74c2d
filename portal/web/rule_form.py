"""The form of a rule: what was typed, one condition after the other, and the draft that it makes.

Which field a condition looks at is settled when it is added, so that its row has the right operators and the right
kind of value without any script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from flask import request
from flask_babel import gettext as _
from wtforms import BooleanField, RadioField, SelectField, StringField

from portal.flows.rule_conditions import OPERATORS, Condition, Field, Operator
from portal.flows.rules import MOST_CONDITIONS, Draft
from portal.kit.errors import Refusal
from portal.kit.money import Money
from portal.models import Rule, RuleAction
from portal.web import amounts, rule_words
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.rules_pages import Names, uuid_of

# Texts of which a list is given one to a line; choices are ticked instead.
CHOSEN = frozenset({Field.CHANNEL, Field.PAYMENT})
LONGEST_TYPED = 20_000


class RuleForm(PortalForm):
    """The parts of a rule that every rule has."""

    name = StringField()
    action = RadioField(validate_choice=False)
    plugin = SelectField(validate_choice=False)
    fall_back = BooleanField()
    text = StringField()


@dataclass(slots=True)
class Typed:
    """One condition as it was typed: its field, the operator, and the values; `errors` is what is wrong with it."""

    field: Field
    operator: str = ""
    values: Sequence[str] = ()
    errors: list[str] = dataclass_field(default_factory=list)

    @property
    def text(self) -> str:
        """The values as the text field holds them."""
        return "\n".join(self.values)

    @property
    def label(self) -> str:
        """What the field is called."""
        return rule_words.fields()[self.field]

    @property
    def operators(self) -> list[tuple[str, str]]:
        """The operators that fit."""
        called = rule_words.operators()
        return [(each.value, called[each]) for each in OPERATORS[self.field]]

    @property
    def kind(self) -> str:
        """How the value is given: "chosen", "number", "money" or "text"."""
        if self.field in CHOSEN:
            return "chosen"
        return {Field.QUANTITY: "number", Field.VALUE: "money"}.get(self.field, "text")


def typed() -> list[Typed]:
    """The conditions of the form that was sent, in their order; what names no field is left out."""
    found = []
    for number in range(MOST_CONDITIONS + 1):
        name = request.form.get(f"c-{number}-field", "")
        if name in set(Field):
            lines = [each[:LONGEST_TYPED] for each in request.form.getlist(f"c-{number}-value")]
            texts = [one.strip() for each in lines for one in each.splitlines() if one.strip()]
            found.append(Typed(Field(name), request.form.get(f"c-{number}-operator", ""), texts))
    return found


def of_rule(rule: Rule) -> list[Typed]:
    """The conditions of a rule, as a form shows them."""
    return [_shown(Condition.read(each)) for each in rule.conditions]


def _shown(said: Condition) -> Typed:
    value = said.value
    if isinstance(value, Money):
        texts = [f"{value.amount:f} {value.currency}"]
    elif isinstance(value, tuple):
        texts = list(value)
    else:
        texts = [] if value is None else [str(value)]
    return Typed(said.field, said.operator.value, texts)


def make(names: Names, rule: Rule | None = None) -> RuleForm:
    """The form with its words and choices."""
    form = (
        RuleForm(
            name=rule.name,
            action=rule.action.value,
            plugin=str(rule.connection_id or ""),
            fall_back=rule.fall_back,
            text=rule.text,
        )
        if rule
        else RuleForm(action=RuleAction.ASSIGN.value)
    )
    form.name.label.text = _("Name of the rule")
    form.action.label.text = _("What happens to the order")
    form.action.choices = [(each.value, words) for each, words in rule_words.actions().items()]
    form.plugin.label.text = _("Plugin")
    form.plugin.description = _("For a rule that assigns.")
    form.plugin.choices = [("", _("Choose a plugin")), *names.plugins.items()]
    form.fall_back.label.text = _("If this plugin cannot send an order, let the default plugin have it")
    form.fall_back.description = _("Off, the order waits and you are told: the wrong warehouse is worse than a delay.")
    form.text.label.text = _("Reason or tag")
    form.text.description = _("For a rule that holds, leaves out or tags.")
    return form


def draft(form: RuleForm, conditions: Sequence[Typed], currency: str) -> Draft:
    """What the form says; an amount without a currency is one of `currency`."""
    chosen = form.action.data if form.action.data in set(RuleAction) else RuleAction.ASSIGN.value
    return Draft(
        name=form.name.data or "",
        conditions=[_raw(each, currency) for each in conditions],
        action=RuleAction(chosen),
        plugin=uuid_of(form.plugin.data or ""),
        text=form.text.data or "",
        fall_back=bool(form.fall_back.data),
    )


def _raw(said: Typed, currency: str) -> dict[str, Any]:
    raw: dict[str, Any] = {"field": said.field.value, "operator": said.operator}
    if said.operator == Operator.EXISTS.value:
        return raw
    match said.kind:
        case "number":
            one = said.values[0].replace(" ", "") if len(said.values) == 1 else ""
            raw["value"] = int(one) if one.isascii() and one.isdigit() and len(one) < 18 else None
        case "money":
            raw["value"] = _amount(said.text, currency)
        case _:
            raw["value"] = list(said.values)
    return raw


def _amount(text: str, currency: str) -> dict[str, Any] | None:
    found = amounts.read(text, currency)
    return None if found is None else {"minor": found.minor, "currency": found.currency}


def blame(form: RuleForm, conditions: Sequence[Typed], found: Sequence[Refusal]) -> None:
    """Say every refusal where it belongs: at its condition, at its field, or over the form."""
    for each in found:
        group, _dash, rest = each.field.partition("-")
        if group != "conditions" or not rest:
            form.blame(each)
            continue
        number = int(rest.partition("-")[0])
        text = sentence(each)
        if number < len(conditions):
            conditions[number].errors.append(text)
        form.form_errors.append(_("Condition %(number)s: %(problem)s", number=number + 1, problem=text))


def choices(names: Names) -> Mapping[Field, Sequence[tuple[str, str]]]:
    """What can be ticked, by field."""
    return {
        Field.CHANNEL: list(names.channels.items()),
        Field.PAYMENT: list(rule_words.payments().items()),
    }
