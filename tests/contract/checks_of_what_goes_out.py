"""What is asked of every integration whose remote takes numbers, prices and shipments, against its own sandbox."""

from typing import Any

import pytest

from portal.contract.definition import Integration, Resource
from portal.contract.errors import Busy, Garbled, Refused
from portal.contract.http import ApiClient
from portal.contract.records import Dispatch, Level, OrderStatus, RemoteOrder
from portal.kit.money import money
from tests.contract.checks_of_answers import pulled


def _listings(one: Integration, sandbox: Any, count: int = 4) -> list[dict[str, Any]]:
    """Some live listings that a buyer could order, as the sandbox has them now."""
    asked = {**_who(one, sandbox), "count": 60}
    found = sandbox.http.get("/control/listings", params=asked).json()
    return [each for each in found if each["on_sale"] and each["passed"]][:count]


def _who(one: Integration, sandbox: Any) -> dict[str, str]:
    return {"integration": one.key, "account": sandbox.worlds[one.key].sellers()[0].name}


def _levels(listings: list[dict[str, Any]], quantity: int) -> list[Level]:
    return [Level(str(each["id"]), str(each["parent"]), quantity + place) for place, each in enumerate(listings)]


def stock_arrives(one: Integration, client: ApiClient, sandbox: Any) -> None:
    """Numbers are absolute: sent twice they are the same, and what is read back is what was sent."""
    out = one.stock_out
    if out is None:
        return
    levels = _levels(_listings(one, sandbox), 11)
    for _ in range(2):
        assert out.send(client, levels, "stock-arrives") == {}
    wanted = {each.remote_id: each.quantity for each in levels}
    assert out.read(client, list(wanted)) == wanted
    assert [each["stock"] for each in _listings(one, sandbox)] == list(wanted.values())
    assert out.send(client, _levels(_listings(one, sandbox), 0), "down-to-nothing") == {}
    assert next(iter(out.read(client, list(wanted)).values())) == 0
    assert out.read(client, ["999999999"]) == {}


def a_refused_listing_is_told_alone(one: Integration, client: ApiClient, sandbox: Any) -> None:
    out = one.stock_out
    if out is None:
        return
    good, nobody = _levels(_listings(one, sandbox, 1), 21)[0], Level("999999999", "", 5)
    refused = out.send(client, [nobody, good][: out.most], "one-is-nobody")
    if out.most == 1:
        refused = {**refused, **out.send(client, [good], "the-other")}
    assert list(refused) == [nobody.remote_id]
    assert isinstance(refused[nobody.remote_id], Refused)
    assert out.read(client, [good.remote_id]) == {good.remote_id: good.quantity}


def a_lost_reply_is_an_unknown_outcome(one: Integration, client: ApiClient, sandbox: Any) -> None:
    """The number arrived, its answer did not: we say that nobody knows, and sending it again does no harm."""
    out = one.stock_out
    if out is None:
        return
    level = _levels(_listings(one, sandbox, 1), 31)
    for fault in ("reset", "error200", "cut"):
        sandbox.control("fault", integration=one.key, kind=fault, after=True)
        with pytest.raises((Busy, Garbled)):
            out.send(client, level, f"lost-{fault}")
        assert out.send(client, level, f"lost-{fault}") == {}
    assert out.read(client, [level[0].remote_id]) == {level[0].remote_id: 31}


def a_price_arrives(one: Integration, client: ApiClient, sandbox: Any) -> None:
    out = one.price_out
    if out is None:
        return
    listing = _listings(one, sandbox, 1)[0]
    out.send(client, str(listing["id"]), money("23", one.currency))
    assert money(_listings(one, sandbox, 1)[0]["price"], one.currency) == money("23", one.currency)
    with pytest.raises(Refused):
        out.send(client, "999999999", money("23", one.currency))


def an_order_is_confirmed_once(one: Integration, client: ApiClient, sandbox: Any) -> None:
    """Confirmed, it has left at the channel; confirmed again, or after a lost reply, nothing else happens."""
    out = one.confirming
    if out is None:
        return
    listed = out.carriers(client) if out.carriers else ()
    assert bool(listed) == bool(out.carriers)
    carrier = listed[0].remote_id if listed else ""
    operation = ""
    for lost in (False, True):
        number = sandbox.control("order", **_who(one, sandbox), force=True)["number"]
        dispatch = Dispatch(str(number), carrier, (f"W{number}",))
        if lost:
            sandbox.control("fault", integration=one.key, kind="reset", after=True, operation=operation)
            with pytest.raises(Busy):
                out.confirm(client, dispatch)
        first, again = out.confirm(client, dispatch), out.confirm(client, dispatch)
        assert first.tracking
        assert first == again
        effects = sandbox.journal(kind="effect", effect="order.ship", integration=one.key)
        operation = effects[-1]["operation"]
        assert [each["arguments"]["order"] for each in effects].count(number) == 1
        assert _state(one, sandbox, number) == "shipped"
    gone = sandbox.control("order", **_who(one, sandbox), force=True)["number"]
    sandbox.control("order_state", **_who(one, sandbox), order=gone, deed="cancel")
    with pytest.raises(Refused):
        out.confirm(client, Dispatch(str(gone), carrier, ("W1",)))


def _state(one: Integration, sandbox: Any, number: int) -> str:
    asked = {**_who(one, sandbox), "after": number - 1, "count": 1}
    found: dict[str, Any] = sandbox.http.get("/control/orders", params=asked).json()[0]
    assert found["number"] == number
    return str(found["state"])


def orders_come_once(one: Integration, client: ApiClient, sandbox: Any) -> None:
    """Every state that the sandbox's book can reach comes with a word of a declared meaning; no order comes twice."""
    made = {}
    for deeds in ((), ("lock",), ("ask_cancel",), ("cancel",), ("ship",), ("ship", "complete")):
        number = sandbox.control("order", **_who(one, sandbox), force=True)["number"]
        for deed in deeds:
            sandbox.control("order_state", **_who(one, sandbox), order=number, deed=deed)
        made[str(number)] = deeds[-1] if deeds else ""
    pull = one.pulls[Resource.ORDERS]
    found = [pull.read(item) for page in pulled(pull, client) for item in page.items]
    orders = [each for each in found if isinstance(each, RemoteOrder)]
    tells_unpaid = OrderStatus.UNPAID in one.statuses.values()
    kept = sandbox.http.get("/control/orders", params={**_who(one, sandbox), "after": 0, "count": 1000}).json()
    wanted = {str(each["number"]) for each in kept if tells_unpaid or each["state"] != "unpaid"}
    assert sorted(each.remote_id for each in orders) == sorted(wanted)
    assert {each.status_word for each in orders} <= set(one.statuses)
    meant = {each.remote_id: one.statuses[each.status_word] for each in orders}
    means = {deed: meant[number] for number, deed in made.items()}
    assert means.pop("ask_cancel") not in {OrderStatus.SHIPPED, OrderStatus.COMPLETED}
    assert means == {
        "": OrderStatus.TO_SHIP,
        "lock": OrderStatus.ON_HOLD,
        "cancel": OrderStatus.CANCELLED,
        "ship": OrderStatus.SHIPPED,
        "complete": OrderStatus.COMPLETED,
    }
    assert list(meant.values()).count(OrderStatus.UNPAID) == (3 if tells_unpaid else 0)
    assert all(each.updated_at for each in orders)
