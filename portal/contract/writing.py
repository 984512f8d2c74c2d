"""Writing single values for a remote.  Nothing passes through a float."""

from portal.kit.money import Money


def major(price: Money | None, currency: str, places: int = 2) -> str:
    """An amount in major units, exact, with at least so many decimals; "" for none and for one of another currency."""
    if price is None or price.currency != currency:
        return ""
    exponent = price.amount.as_tuple().exponent
    return f"{price.amount:.{max(places, -exponent if isinstance(exponent, int) else 0)}f}"
