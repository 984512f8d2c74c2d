"""Rules and orders drawn by chance from few values, so that they often meet; and a plain way to read a rule."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import Any

from portal.flows.rule_conditions import OPERATORS, Condition, Field, Operator
from portal.flows.rule_match import READ, Facts, RuleText
from portal.kit.money import Money
from portal.models import RuleAction

WORDS: dict[Field, tuple[str, ...]] = {
    Field.CHANNEL: ("c1", "c2"),
    Field.SKU: ("A", "B", "AB", "a"),
    Field.TAG: ("vip", "Late"),
    Field.CURRENCY: ("CNY", "IDR"),
    Field.COUNTRY: ("ID", "CN"),
    Field.PROVINCE: ("Jawa Barat", "Bali"),
    Field.POSTCODE: ("40111", "80111"),
    Field.PAYMENT: ("paid", "unpaid", "on_delivery"),
    Field.SERVICE: ("express", "standard"),
}


def condition(dice: random.Random, field: Field | None = None) -> Condition:
    field = field or dice.choice(list(Field))
    operator = dice.choice(OPERATORS[field])
    if operator is Operator.EXISTS:
        return Condition(field, operator)
    if field is Field.QUANTITY:
        return Condition(field, operator, dice.randrange(6))
    if field is Field.VALUE:
        return Condition(field, operator, Money(dice.randrange(6) * 100, dice.choice(WORDS[Field.CURRENCY])))
    words = WORDS[field]
    if operator is Operator.IN:
        return Condition(field, operator, tuple(dice.sample(words, dice.randint(1, len(words)))))
    word = dice.choice(words)
    return Condition(field, operator, word[: dice.randint(1, len(word))] if operator is Operator.CONTAINS else word)


def rule(dice: random.Random, plugins: Sequence[uuid.UUID], most: int = 3) -> RuleText:
    action = dice.choices(list(RuleAction), weights=(5, 1, 1, 2))[0]
    return RuleText(
        id=uuid.UUID(int=dice.getrandbits(128)),
        version=1,
        name=f"Rule {dice.randrange(1000)}",
        conditions=tuple(condition(dice) for _ in range(dice.randint(1, most))),
        action=action,
        plugin=dice.choice(plugins) if action is RuleAction.ASSIGN else None,
        text="" if action is RuleAction.ASSIGN else dice.choice(WORDS[Field.TAG]),
        fall_back=action is RuleAction.ASSIGN and dice.random() < 0.3,
    )


def facts(dice: random.Random) -> Facts:
    def one(field: Field) -> str:
        return dice.choice(("", *WORDS[field]))

    currency = dice.choice(WORDS[Field.CURRENCY])
    return Facts(
        channel=one(Field.CHANNEL),
        skus=tuple(dice.sample(WORDS[Field.SKU], dice.randint(1, 3))),
        tags=tuple(dice.sample(WORDS[Field.TAG], dice.randint(0, 1))),
        quantity=dice.randint(1, 6),
        value=dice.choice((None, Money(dice.randrange(6) * 100, currency))),
        currency=currency,
        country=one(Field.COUNTRY),
        province=one(Field.PROVINCE).upper(),
        postcode=one(Field.POSTCODE),
        payment=dice.choice(WORDS[Field.PAYMENT]),
        service=f" {one(Field.SERVICE)} ",
        let_go=dice.random() < 0.1,
    )


def holds(said: Condition, of: Facts, tags: tuple[str, ...]) -> bool:
    """The condition as a person reads it, one thing after the other."""
    had: Any = tags if said.field is Field.TAG else READ[said.field](of)
    wanted = said.value
    if isinstance(had, Money) or had is None:
        if said.operator is Operator.EXISTS:
            return had is not None
        if had is None or not isinstance(wanted, Money) or had.currency != wanted.currency:
            return False
        return _compares(said.operator, had.minor, wanted.minor)
    if isinstance(had, int):
        assert isinstance(wanted, int)
        return _compares(said.operator, had, wanted)
    exact = said.field in {Field.SKU, Field.CHANNEL}

    def plain(text: str) -> str:
        return text.strip() if exact else text.strip().casefold()

    all_had = [plain(each) for each in ((had,) if isinstance(had, str) else had) if each.strip()]
    if said.operator is Operator.EXISTS:
        return bool(all_had)
    all_wanted = [plain(each) for each in (wanted if isinstance(wanted, tuple) else (str(wanted),))]
    if said.operator is Operator.IS_NOT:
        return all(each not in all_wanted for each in all_had)
    if said.operator is Operator.CONTAINS:
        return any(all_wanted[0] in each for each in all_had)
    return any(each in all_wanted for each in all_had)


def _compares(operator: Operator, had: int, wanted: int) -> bool:
    return {
        Operator.GREATER: had > wanted,
        Operator.LESS: had < wanted,
        Operator.IS: had == wanted,
        Operator.IS_NOT: had != wanted,
    }[operator]
