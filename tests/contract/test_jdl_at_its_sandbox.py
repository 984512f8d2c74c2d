"""JD Logistics' client at its sandbox: every wrong code in its own cause, the consent, what a walk sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from portal.contract.definition import Resource
from portal.contract.errors import Cause, RemoteError, Unauthorised
from portal.contract.http import Account, Line
from portal.contract.records import Tokens
from portal.integrations import get
from portal.integrations.jdl import checks, consent
from tests.contract.jdl_sandbox import Jdl
from tests.contract.lines import client_of, line_to
from tests.sandbox_server import running

pytest_plugins = ("tests.sandbox_server",)

ONE = get("jdl")
CALLBACK = "http://127.0.0.1:8000/oauth/jdl/callback"


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def jdl(sandbox: Any) -> Jdl:
    return Jdl(sandbox)


def connected(jdl: Jdl, line: Line, **changed: str) -> Any:
    client = client_of(ONE, jdl.sandbox.url, jdl.sandbox.account("jdl", jdl.name), line)
    client.account = replace(client.account, settings={**client.account.settings, **changed})
    return client


def caused(do: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        do()
    return caught.value


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"customer_code": "KH1"}, Cause.WRONG_CUSTOMER),
        ({"operator_code": "nobody"}, Cause.WRONG_OPERATOR),
        ({"source_system_code": "OTHER"}, Cause.WRONG_SYSTEM),
        ({"cargo_owner_id": "CO1"}, Cause.WRONG_OWNER),
        ({"warehouse_code": "800001810"}, Cause.WRONG_WAREHOUSE),
        ({"sales_channel_code": "SHOP"}, Cause.WRONG_SALES_CHANNEL),
        ({"customer_dept_code": "EBU9"}, Cause.WRONG_DEPARTMENT),
        ({"customer_code": ""}, Cause.VALUE_MISSING),
        ({"app_key": "x" * 32}, Cause.HOUSE_KEYS),
        ({"app_secret": "x" * 32}, Cause.HOUSE_KEYS),
        ({"lop_dn": "ECAP"}, Cause.PATH_UNKNOWN),
        ({"maps": '{"paths": {"goods.query": "/fop/open/elsewhere"}}'}, Cause.PATH_UNKNOWN),
    ],
)
def test_every_wrong_value_ends_in_a_cause_of_its_own(
    jdl: Jdl, line: Line, changed: dict[str, str], cause: Cause
) -> None:
    why = caused(lambda: ONE.check(connected(jdl, line, **changed)))
    assert why.cause is cause
    assert why.said
    assert why.code


def test_the_warehouses_that_jd_lists_come_with_the_refusal(jdl: Jdl, line: Line) -> None:
    why = caused(lambda: checks.warehouse(connected(jdl, line, warehouse_code="800001810")))
    listed = jdl.data("warehouse.query", warehouseCode=None)["records"]
    assert [(each.value, each.label) for each in why.offers] == [
        (each["warehouseCode"], each["warehouseName"]) for each in listed
    ]
    assert ONE.check(connected(jdl, line, warehouse_code=why.offers[1].value)).name == "Milton Keynes"


def test_a_warehouse_that_is_off_is_told(jdl: Jdl, line: Line) -> None:
    jdl.control("warehouse", status=0)
    why = caused(lambda: ONE.check(connected(jdl, line)))
    assert (why.cause, [each.label for each in why.offers]) == (Cause.WAREHOUSE_OFF, ["Milton Keynes"])


@pytest.mark.parametrize("algorithm", ["md5-salt", "HMacMD5", "HMacSHA1", "HMacSHA256", "HMacSHA512"])
def test_every_algorithm_is_accepted(jdl: Jdl, line: Line, algorithm: str) -> None:
    assert ONE.check(connected(jdl, line, algorithm=algorithm)).name == "Birmingham Hams Hall"


def test_a_clock_an_hour_off_is_corrected(jdl: Jdl, line: Line) -> None:
    for seconds in (3600, -3600):
        jdl.sandbox.control("clock", integration="jdl", seconds=seconds)
        assert ONE.check(connected(jdl, line)).name == "Birmingham Hams Hall"


def test_the_consent_gives_tokens_that_work_renew_and_end(jdl: Jdl, line: Line) -> None:
    for told in ({}, {"doubly_encoded": 1}):
        jdl.sandbox.control("account", integration="jdl", name="northwick", told=told)
        client = connected(jdl, line)
        client.account = Account(client.account.settings, client.account.hosts)
        page = httpx.URL(consent.authorise(client.account, CALLBACK, "state-17"))
        who = jdl.sandbox.account("jdl", "northwick")
        form = {"decision": "allow", "email": who["email"], "password": who["password"]}
        answer = jdl.sandbox.http.post(str(page), data=form | dict(page.params))
        query = dict(httpx.URL(answer.headers["Location"]).params)
        assert query.pop("state") == "state-17"
        tokens = consent.take(client, query["code"], CALLBACK)
        client.account = replace(client.account, tokens=tokens)
        shop = ONE.check(client)
        assert (shop.remote_id, shop.name) == (tokens.account, "Birmingham Hams Hall")
        assert tokens.expires_at is not None
        assert timedelta(days=364) < tokens.expires_at - datetime.now(UTC) < timedelta(days=366)
        renewed = consent.renew(client, tokens)
        assert renewed.refresh == tokens.refresh
        client.account = replace(client.account, tokens=renewed)
        assert ONE.check(client)
    jdl.sandbox.control("token", integration="jdl", account="northwick", deed="revoke")
    assert caused(lambda: ONE.check(client)).cause is Cause.TOKEN_EXPIRED
    why = caused(lambda: consent.renew(client, renewed))
    assert isinstance(why, Unauthorised)
    assert why.cause is Cause.TOKEN_EXPIRED


def test_a_token_that_never_was_is_expired_and_none_is_missing(jdl: Jdl, line: Line) -> None:
    client = connected(jdl, line)
    client.account = replace(client.account, tokens=Tokens("0" * 32))
    assert caused(lambda: checks.access(client)).cause is Cause.TOKEN_EXPIRED
    client.account = replace(client.account, tokens=None)
    assert caused(lambda: checks.access(client)).cause is Cause.TOKEN_MISSING


def records(client: Any, resource: Resource, since: datetime | None = None) -> dict[str, Any]:
    pull = ONE.pulls[resource]
    return {
        record.remote_id: record
        for page in pull.pages(client, since, None)
        for record in (pull.read(item) for item in page.items)
    }


def test_only_what_changed_since_a_moment_comes_of_the_orders(jdl: Jdl, line: Line) -> None:
    client = connected(jdl, line)
    assert len(records(client, Resource.OUTBOUND)) == 12
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert records(client, Resource.OUTBOUND, since) == {}
    jdl.control("order", reference="NO-1008", status="10020")
    (order,) = records(client, Resource.OUTBOUND, since).values()
    assert (order.reference, order.status_word, order.carrier, bool(order.tracking)) == (
        "NO-1008",
        "10020",
        "Royal Mail",
        True,
    )
    assert order.status_at is not None
    assert abs(order.status_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_orders_that_move_during_a_walk_are_not_lost(jdl: Jdl, line: Line) -> None:
    (sku,) = jdl.skus(1)
    jdl.control("stock", sku=sku, quantity=5000)
    for number in range(120):
        jdl.data("outstock.create", **jdl.order(f"NW-{number:04d}", (sku, 1)))
    client, pull = connected(jdl, line), ONE.pulls[Resource.OUTBOUND]
    found: set[str] = set()
    for number, page in enumerate(pull.pages(client, None, None)):
        found |= {pull.read(item).reference for item in page.items}
        for moved in range(number * 10, number * 10 + 10):
            jdl.control("order", reference=f"NW-{moved:04d}")
    since = datetime.now(UTC) - timedelta(minutes=5)
    later = {order.reference for order in records(client, Resource.OUTBOUND, since).values()}
    assert {f"NW-{number:04d}" for number in range(120)} <= found | later


def test_stock_below_nothing_is_kept_as_nothing_and_told(jdl: Jdl, line: Line) -> None:
    (sku,) = jdl.skus(1)
    jdl.control("stock", sku=sku, quantity=-3)
    pull = ONE.pulls[Resource.STOCK]
    assert pull.some is not None
    (item,) = pull.some(connected(jdl, line), [sku])
    found = pull.read(item)
    assert (found.available, "stockQuantity -3" in found.told) == (0, True)


def test_a_wrong_warehouse_in_a_stock_run_comes_with_those_that_jd_lists(jdl: Jdl, line: Line) -> None:
    client = connected(jdl, line, warehouse_code="C9999999999")
    why = caused(lambda: next(ONE.pulls[Resource.STOCK].pages(client, None, None)))
    assert (why.cause, len(why.offers)) == (Cause.WRONG_WAREHOUSE, 2)


def test_everything_of_the_sandbox_survives_a_restart(tmp_path: Any, line: Line) -> None:
    with running(tmp_path) as first:
        one = Jdl(first)
        (sku,) = one.skus(1)
        one.data("outstock.create", **one.order("NW-9300", (sku, 2)))
        stock = one.stock(sku)
    with running(tmp_path) as second:
        again = Jdl(second)
        assert again.stock(sku) == stock
        assert again.data("outstock.query", customerOrderNo="NW-9300")["total"] == 1
