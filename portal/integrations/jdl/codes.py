"""What the numbers of JD Logistics' gateway and services mean for us.

Of the gateway's numbers only 62 is established; it answers in the form of JD's marketplace gateway, so the published
list of that one is read here as well.  The services' numbers are those of JD's domestic warehouses where one exists.
An operator may correct both.
"""

from collections.abc import Mapping
from typing import Any

from portal.contract.errors import Busy, Cause, Refused, RemoteError, Unauthorised
from portal.contract.router import CODES

# Keys and signature are the house's own.  A merchant can do nothing about them, so nothing is paused: the next run
# finds them mended.  A limit per second is all that is known of, so a call that hits one waits like any busy answer.
GATEWAY: Mapping[str, Cause] = {
    **{code: cause for code, (_, cause) in CODES.items()},
    "2": Cause.RATE_LIMITED,
    "12": Cause.HOUSE_KEYS,
    "15": Cause.PATH_UNKNOWN,
    "20": Cause.HOUSE_KEYS,
    "21": Cause.HOUSE_KEYS,
    "89": Cause.HOUSE_KEYS,
    "2001": Cause.NO_PERMISSION,
}

# The domestic warehouses have two numbers for a cancellation that they refuse, and one for one that they look at.
CANCEL_REFUSED = "2515"
CANCEL_REFUSALS = frozenset({CANCEL_REFUSED, "2019"})
CANCEL_ASKED = "2005"

SERVICE: Mapping[str, Cause] = {
    "2000": Cause.VALUE_MISSING,
    "2001": Cause.WRONG_CUSTOMER,
    "2002": Cause.BUSY,
    "2003": Cause.WRONG_SYSTEM,
    "2004": Cause.WRONG_OWNER,
    "2006": Cause.WRONG_OPERATOR,
    "2055": Cause.WRONG_SYSTEM,
    "2059": Cause.WRONG_SALES_CHANNEL,
    "2087": Cause.REFUSED,
    "2130": Cause.WRONG_WAREHOUSE,
    "2147": Cause.WRONG_WAREHOUSE,
    "2043": Cause.DOES_NOT_FIT,
    "2218": Cause.REFERENCE_TAKEN,
    "2342": Cause.NOT_THERE,
    "2501": Cause.UNKNOWN_GOODS,
    "2510": Cause.INSUFFICIENT_STOCK,
    CANCEL_REFUSED: Cause.REFUSED,
    "3008": Cause.REFUSED,
    "4000": Cause.BUSY,
}

# JD's domestic warehouses say "busy, again in ten minutes" with this number.
_PAUSES = {"2002": 600.0}

_BUSY = frozenset({Cause.BUSY, Cause.RATE_LIMITED, Cause.QUOTA_USED, Cause.TIMEOUT, Cause.UNREACHABLE})
_UNAUTHORISED = frozenset(
    {
        Cause.TOKEN_EXPIRED,
        Cause.TOKEN_MISSING,
        Cause.NO_PERMISSION,
        Cause.NOT_A_SELLER,
        Cause.SELLER_LEVEL,
        Cause.APP_OFFLINE,
        Cause.APP_EXPIRED,
        Cause.SHOP_CLOSED,
    }
)
# What a correction may say that a number means.
MEANINGS = frozenset({*GATEWAY.values(), *SERVICE.values(), Cause.WRONG_DEPARTMENT, Cause.WAREHOUSE_OFF})


def of_gateway(code: str, said: str, corrected: Mapping[str, Cause]) -> RemoteError:
    """The error for a refusal by the gateway.  An unknown number is asked again later, as at the marketplaces."""
    return _error(corrected.get(code) or GATEWAY.get(code, Cause.BUSY), code, said, None)


def of_service(code: str, said: str, corrected: Mapping[str, Cause]) -> RemoteError:
    """The error for a refusal by a service.  An unknown number is a refusal: JD understood and said no."""
    return _error(corrected.get(code) or SERVICE.get(code, Cause.REFUSED), code, said, _PAUSES.get(code))


def with_shortages(error: RemoteError, data: Any) -> RemoteError:
    """The same refusal with the SKUs of which there are too few, where JD lists them."""
    listed = data.get("shortages") if isinstance(data, Mapping) else None
    if error.cause is not Cause.INSUFFICIENT_STOCK or not isinstance(listed, list):
        return error
    told = [_shortage(each) for each in listed if isinstance(each, Mapping)]
    short = "; ".join(each for each in told if each)
    if short:
        error.detail = short[:500]
        error.said = f"{error.said}: {short}"[:300] if error.said else short[:300]
    return error


def _shortage(row: Mapping[str, Any]) -> str:
    sku = row.get("customerGoodsId") or row.get("jdGoodsId")
    if not isinstance(sku, str) or not sku.isprintable():
        return ""
    wanted, there = row.get("quantity"), row.get("stockQuantity")
    return f"{sku} ({wanted} wanted, {there} there)" if isinstance(wanted, int) and isinstance(there, int) else sku


def _error(cause: Cause, code: str, said: str, after: float | None) -> RemoteError:
    if cause in _BUSY:
        return Busy(cause, code=code, said=said, after=after)
    if cause in _UNAUTHORISED:
        return Unauthorised(cause, code=code, said=said)
    return Refused(cause, code=code, said=said)
