"""The first check at JD Logistics, step by step: the codes, the access, the warehouse."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from portal.contract.errors import Cause, Offer, Refused, RemoteError
from portal.contract.reading import text
from portal.contract.records import Shop
from portal.integrations.jdl.client import JdlClient, paging

_DEPARTMENT = "customerDeptCode"
_ON = "1"
_MOST_OFFERED = 12


def codes(client: JdlClient) -> str:
    """Whether JD takes the house's keys and every code that the merchant typed, except the warehouse's."""
    try:
        client.goods(1, 1)
    except Refused as why:
        raise with_offers(client, _department_or_operator(client, why)) from None
    return ""


def access(client: JdlClient) -> str:
    """Whether the merchant's access works; gives the account at JD that granted it."""
    client.warehouses(size=1)
    return client.account.tokens.account if client.account.tokens else ""


def warehouse(client: JdlClient) -> str:
    """Whether JD keeps the merchant's stock in the warehouse that was typed; gives its name."""
    try:
        found = _named(client.warehouses(client.setting("warehouse_code")), client.setting("warehouse_code"))
    except Refused as why:
        raise with_offers(client, why) from None
    if found is None:
        raise with_offers(client, Refused(Cause.WRONG_WAREHOUSE, "the warehouse is not listed"))
    name = text(found, "warehouseName") if isinstance(found.get("warehouseName"), str) else ""
    if str(found.get("status", _ON)) != _ON:
        raise Refused(Cause.WAREHOUSE_OFF, "the warehouse is off", said=name, offers=_warehouses(client))
    return name


def shop(client: JdlClient) -> Shop:
    """All steps in order, and whose account it is."""
    codes(client)
    account = access(client)
    return Shop(account or client.setting("customer_code"), warehouse(client))


def with_offers(client: JdlClient, why: RemoteError) -> RemoteError:
    """The same refusal with the values that JD lists instead of the refused one, where it lists any."""
    if why.cause is Cause.WRONG_WAREHOUSE:
        why.offers = _warehouses(client)
    elif why.cause is Cause.WRONG_OPERATOR and client.account.tokens and client.account.tokens.account:
        # The account that granted the access is known to have a right to something.
        why.offers = (Offer("operator_code", client.account.tokens.account),)
    elif why.cause is Cause.WRONG_SYSTEM and client.setting("source_system"):
        why.offers = (Offer("source_system_code", client.setting("source_system")),)
    return why


def _department_or_operator(client: JdlClient, why: Refused) -> Refused:
    """JD has one number for an operator without a right to the customer and one without a right to the department.

    Where JD answers, or stands at something else, once the department is left out, the department is what it stood at.
    """
    if why.cause is not Cause.WRONG_OPERATOR or not client.setting("customer_dept_code"):
        return why
    try:
        client.call("goods.query", paging(1, 1), without=[_DEPARTMENT])
    except Refused as second:
        if second.code == why.code:
            return why
    except RemoteError:
        # Not answered, so nothing is known of the department.
        return why
    return Refused(Cause.WRONG_DEPARTMENT, why.detail, code=why.code, said=why.said)


def _warehouses(client: JdlClient) -> tuple[Offer, ...]:
    """The warehouses that are open to the customer; none where JD does not tell, for the refusal matters more."""
    listed: list[Any] = []
    with suppress(RemoteError):
        listed = client.warehouses()
    rows = [each for each in listed if isinstance(each, Mapping) and str(each.get("status", _ON)) == _ON]
    pairs = [(each.get("warehouseCode"), each.get("warehouseName")) for each in rows]
    offers = [
        Offer("warehouse_code", code, name if isinstance(name, str) else "")
        for code, name in pairs
        if isinstance(code, str) and code
    ]
    return tuple(offers[:_MOST_OFFERED])


def _named(rows: list[Any], code: str) -> Mapping[str, Any] | None:
    return next((each for each in rows if isinstance(each, Mapping) and each.get("warehouseCode") == code), None)
