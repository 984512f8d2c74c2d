"""Amounts of money as people type them."""

import re

from babel.numbers import get_currency_precision

from portal.kit.money import Money, money

AMOUNT = re.compile(r"^\s*([0-9][0-9 ,.]*)\s*([A-Za-z]{3})?\s*$")


def read(text: str, currency: str) -> Money | None:
    """An amount such as "500" or "1,250.50 IDR"; None for what is none.

    `currency` is that of an amount that names none.
    """
    found = AMOUNT.match(text.strip())
    if found is None:
        return None
    code = (found[2] or currency).upper()
    digits = found[1].replace(" ", "")
    # The last mark parts the minor units off where so many digits follow as the currency has.
    at = max(digits.rfind("."), digits.rfind(","))
    minor = len(digits) - at - 1 if at >= 0 else 0
    if at >= 0 and 0 < minor <= get_currency_precision(code):
        digits = f"{re.sub('[.,]', '', digits[:at])}.{digits[at + 1 :]}"
    else:
        digits = re.sub("[.,]", "", digits)
    try:
        return money(digits, code)
    except ValueError:
        return None


def plain(price: Money) -> str:
    """An amount as it stands in a field: exact, without marks between the thousands."""
    return str(price.amount)
