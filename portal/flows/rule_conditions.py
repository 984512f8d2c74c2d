"""What a rule may ask of an order: fields, the operators that each has, and whether a value satisfies a condition.

Pure: nothing here knows of a database.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from portal.kit.money import Money

MOST_VALUES, LONGEST_VALUE = 200, 200
# PostgreSQL and JSON would hold more, but no order is of so much.
LARGEST = 10**15


class Field(StrEnum):
    """What of an order a condition looks at.  SKU and TAG have any number of values, the others one or none."""

    CHANNEL = "channel"
    SKU = "sku"
    TAG = "tag"
    QUANTITY = "quantity"
    VALUE = "value"
    CURRENCY = "currency"
    COUNTRY = "country"
    PROVINCE = "province"
    POSTCODE = "postcode"
    PAYMENT = "payment"
    SERVICE = "service"


class Operator(StrEnum):
    """How a condition compares.

    Of a field with several values one that fits is enough, and IS_NOT wants none that does.  What an order does not
    have is not anything, so IS_NOT holds for it; EXISTS asks whether there is anything at all, and takes no value.
    """

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    CONTAINS = "contains"
    GREATER = "greater"
    LESS = "less"
    EXISTS = "exists"


class Payment(StrEnum):
    """Whether the buyer has paid: yes, not yet, or to the carrier at the door."""

    PAID = "paid"
    UNPAID = "unpaid"
    ON_DELIVERY = "on_delivery"


_TEXT = (Operator.IS, Operator.IS_NOT, Operator.IN, Operator.CONTAINS, Operator.EXISTS)
_CODE = (Operator.IS, Operator.IS_NOT, Operator.IN)
OPERATORS: Mapping[Field, tuple[Operator, ...]] = {
    Field.CHANNEL: (*_CODE, Operator.EXISTS),
    Field.SKU: _TEXT,
    Field.TAG: _TEXT,
    Field.QUANTITY: (Operator.GREATER, Operator.LESS, Operator.IS, Operator.IS_NOT),
    Field.VALUE: (Operator.GREATER, Operator.LESS, Operator.IS, Operator.EXISTS),
    Field.CURRENCY: _CODE,
    Field.COUNTRY: (*_CODE, Operator.EXISTS),
    Field.PROVINCE: _TEXT,
    Field.POSTCODE: _TEXT,
    Field.PAYMENT: _CODE,
    Field.SERVICE: _TEXT,
}
# Codes of goods differ by their case; everything else is the same to a person whatever its case.
EXACT = frozenset({Field.SKU, Field.CHANNEL})
SEVERAL = frozenset({Field.SKU, Field.TAG})

Value = str | int | Money | tuple[str, ...] | None


class BadCondition(ValueError):
    """A condition that cannot be kept.  `part` is "operator" or "value", `reason` a slug for the web floor."""

    def __init__(self, part: str, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.part = part
        self.reason = reason
        self.values = values


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be so.

    `value` is a tuple for IN, a whole number for QUANTITY, money for VALUE, None for EXISTS and a text otherwise.
    """

    field: Field
    operator: Operator
    value: Value = None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """From what is kept.  Raises BadCondition for what no form could have made."""
        try:
            field, operator = Field(raw["field"]), Operator(raw["operator"])
        except (KeyError, ValueError):
            raise BadCondition("operator", "condition_unknown") from None
        if operator not in OPERATORS[field]:
            raise BadCondition("operator", "operator_does_not_fit")
        return cls(field, operator, _value(field, operator, raw.get("value")))

    def as_kept(self) -> dict[str, Any]:
        """As it is kept: plain JSON."""
        value: Any = self.value
        if isinstance(value, Money):
            value = {"minor": value.minor, "currency": value.currency}
        elif isinstance(value, tuple):
            value = list(value)
        return {"field": self.field.value, "operator": self.operator.value, "value": value}


def _value(field: Field, operator: Operator, raw: Any) -> Value:
    if operator is Operator.EXISTS:
        return None
    if field is Field.QUANTITY:
        return _number(raw)
    if field is Field.VALUE:
        if not isinstance(raw, Mapping):
            raise BadCondition("value", "condition_amount")
        return Money(_number(raw.get("minor")), str(raw.get("currency") or ""))
    texts = [raw] if isinstance(raw, str) else raw
    if not isinstance(texts, list | tuple):
        raise BadCondition("value", "condition_empty")
    given = tuple(dict.fromkeys(_text(field, each) for each in texts if str(each).strip()))
    if not given:
        raise BadCondition("value", "condition_empty")
    if len(given) > MOST_VALUES:
        raise BadCondition("value", "condition_too_many", most=MOST_VALUES)
    if operator is Operator.IN:
        return given
    if len(given) > 1:
        raise BadCondition("value", "condition_one_value")
    return given[0]


def _text(field: Field, raw: Any) -> str:
    text = str(raw).replace("\0", "").strip()
    if len(text) > LONGEST_VALUE:
        raise BadCondition("value", "condition_too_long", most=LONGEST_VALUE)
    if field is Field.PAYMENT and text not in {each.value for each in Payment}:
        raise BadCondition("value", "condition_unknown")
    if field is Field.COUNTRY and not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise BadCondition("value", "condition_country")
    if field is Field.CURRENCY and not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise BadCondition("value", "condition_currency")
    return text.upper() if field in {Field.COUNTRY, Field.CURRENCY} else text


def _number(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= LARGEST:
        raise BadCondition("value", "condition_number")
    return raw


def folded(field: Field, text: str) -> str:
    """A text as it is compared."""
    return text.strip() if field in EXACT else text.strip().casefold()


def tester(condition: Condition) -> Callable[[Any], bool]:
    """A function that says of an order's value whether the condition holds.

    It is given a tuple of folded texts for texts, a whole number for QUANTITY, money or None for VALUE.
    """
    field, operator, wanted = condition.field, condition.operator, condition.value
    if isinstance(wanted, Money):
        return _of_money(operator, wanted)
    if isinstance(wanted, int):
        return _of_number(operator, wanted)
    if operator is Operator.EXISTS:
        return lambda had: had is not None if field is Field.VALUE else any(had)
    texts = frozenset(folded(field, each) for each in (wanted if isinstance(wanted, tuple) else (str(wanted),)))
    match operator:
        case Operator.IS_NOT:
            return texts.isdisjoint
        case Operator.CONTAINS:
            (part,) = texts
            return lambda had: any(part in each for each in had)
        case _:
            return lambda had: not texts.isdisjoint(had)


def _of_number(operator: Operator, wanted: int) -> Callable[[int], bool]:
    match operator:
        case Operator.GREATER:
            return lambda had: had > wanted
        case Operator.LESS:
            return lambda had: had < wanted
        case Operator.IS_NOT:
            return lambda had: had != wanted
        case _:
            return lambda had: had == wanted


def _of_money(operator: Operator, wanted: Money) -> Callable[[Money | None], bool]:
    """Amounts of two currencies are not compared: the condition does not hold."""
    holds = _of_number(operator, wanted.minor)
    return lambda had: had is not None and had.currency == wanted.currency and holds(had.minor)


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether every order for which `narrow` holds satisfies `wide`, as far as that can be told from the two alone."""
    if narrow == wide:
        return True
    if narrow.field is not wide.field:
        return False
    if isinstance(narrow.value, int) and isinstance(wide.value, int):
        return _number_implies(narrow, narrow.value, wide, wide.value)
    if isinstance(narrow.value, Money) and isinstance(wide.value, Money):
        same = narrow.value.currency == wide.value.currency
        return same and _number_implies(narrow, narrow.value.minor, wide, wide.value.minor)
    if narrow.operator in {Operator.IS_NOT, Operator.EXISTS}:
        return False
    if wide.operator is Operator.EXISTS:
        return True
    return _text_implies(narrow, wide)


def _text_implies(narrow: Condition, wide: Condition) -> bool:
    """Both name texts, and `narrow` asks for one that fits."""
    ours, theirs = _folded_values(narrow), _folded_values(wide)
    match wide.operator:
        case Operator.IS | Operator.IN:
            return narrow.operator is not Operator.CONTAINS and ours <= theirs
        case Operator.CONTAINS:
            (part,) = theirs
            return all(part in each for each in ours)
        case _:
            # Of several values another one may still be the one that must not be.
            one = narrow.field not in SEVERAL and narrow.operator is not Operator.CONTAINS
            return one and ours.isdisjoint(theirs)


def _folded_values(condition: Condition) -> frozenset[str]:
    value = condition.value if isinstance(condition.value, tuple) else (str(condition.value),)
    return frozenset(folded(condition.field, each) for each in value)


def _number_implies(narrow: Condition, low: int, wide: Condition, high: int) -> bool:
    match narrow.operator, wide.operator:
        case (Operator.IS, _):
            return _of_number(wide.operator, high)(low)
        case (Operator.GREATER, Operator.GREATER):
            return low >= high
        case (Operator.LESS, Operator.LESS):
            return low <= high
        case (Operator.GREATER, Operator.IS_NOT):
            return low >= high
        case (Operator.LESS, Operator.IS_NOT):
            return low <= high
        case _:
            return narrow.operator is wide.operator and low == high
