"""Money is a whole number of minor units and an ISO 4217 code; no float comes near it."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from babel.numbers import get_currency_precision


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents, fen, sen) of one currency."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-get_currency_precision(self.currency))


def money(amount: str | int | Decimal, currency: str) -> Money:
    """Read an amount in major units.

    Raises ValueError when the amount is no number or has more decimals than the currency knows.
    """
    try:
        exact = Decimal(amount).scaleb(get_currency_precision(currency))
    except (InvalidOperation, TypeError) as why:
        raise ValueError(f"not an amount: {amount!r}") from why
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ValueError(f"{amount!r} has more decimals than {currency} knows")
    return Money(int(exact), currency)
