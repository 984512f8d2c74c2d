"""The deeds of JD Logistics' sandbox with orders: parcels, second bills, lost pieces, orders that walk alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.jdl_sandbox import Jdl, receiving
from tests.sandbox_server import running

pytest_plugins = ("tests.sandbox_server",)


@pytest.fixture
def jdl(sandbox: Any) -> Jdl:
    return Jdl(sandbox)


def made(jdl: Jdl, reference: str, count: int = 3) -> str:
    """An order of one SKU, which is given back."""
    (sku,) = jdl.skus(1)
    jdl.data("outstock.create", **jdl.order(reference, (sku, count)))
    return sku


def record(jdl: Jdl, reference: str) -> dict[str, Any]:
    return dict(jdl.data("outstock.query", customerOrderNo=reference)["records"][0])


def until(asked: Callable[[], bool], seconds: float = 8.0) -> None:
    ends = time.monotonic() + seconds
    while not asked():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def refused(jdl: Jdl, deed: str, **said: Any) -> str:
    answer = jdl.sandbox.http.post(f"/control/{deed}", json={"integration": "jdl", "account": jdl.name, **said})
    assert answer.status_code == 400, answer.text
    return answer.text


def test_the_stock_rule_holds_through_parts_losses_splits_and_cancellations(jdl: Jdl) -> None:
    sku = made(jdl, "NW-1", 10)
    before = jdl.stock(sku)
    jdl.control("exception", reference="NW-1", pieces=2)
    jdl.control("ship", reference="NW-1", pieces=3, parcels=2)
    jdl.control("ship", reference="NW-1", pieces=1, rest="split")
    first, second = jdl.data("outstock.query", customerOrderNo="NW-1")["records"]
    if not first["splitBillCodes"]:
        first, second = second, first
    assert first["splitBillCodes"] == [second["serviceBillCode"]]
    between = jdl.stock(sku)
    assert between["totalQuantity"] == before["totalQuantity"] - 6
    assert between["preoccupiedQuantity"] == before["preoccupiedQuantity"] - 6
    answer = jdl.data("outstock.cancel", serviceBillCode=second["serviceBillCode"])
    assert answer["resultType"] == 1
    jdl.control("order", reference=second["serviceBillCode"])
    after = jdl.stock(sku)
    assert after["totalQuantity"] == between["totalQuantity"]
    assert after["preoccupiedQuantity"] == before["preoccupiedQuantity"] - 10
    assert jdl.code("outstock.cancel", customerOrderNo="NW-1") == "2515"


def test_what_never_leaves_is_given_back_when_an_order_is_delivered(jdl: Jdl) -> None:
    sku = made(jdl, "NW-2", 4)
    before = jdl.stock(sku)
    jdl.control("ship", reference="NW-2", pieces=1)
    jdl.control("order", reference="NW-2", status="10034")
    after = jdl.stock(sku)
    assert after["totalQuantity"] == before["totalQuantity"] - 1
    assert after["preoccupiedQuantity"] == before["preoccupiedQuantity"] - 4


def test_a_deed_that_cannot_be_done_is_refused_and_changes_nothing(jdl: Jdl) -> None:
    sku = made(jdl, "NW-3", 2)
    before = (jdl.stock(sku), record(jdl, "NW-3"))
    assert "1 to 2" in refused(jdl, "ship", reference="NW-3", pieces=3)
    assert "reference" in refused(jdl, "ship", reference="nobody")
    assert "pieces" in refused(jdl, "exception", reference="NW-3", pieces=0)
    assert "answer" in refused(jdl, "cancelling", answer="maybe")
    assert "seconds" in refused(jdl, "pace", seconds=-1)
    assert (jdl.stock(sku), record(jdl, "NW-3")) == before
    jdl.control("order", reference="NW-3", status="10034")
    refused(jdl, "ship", reference="NW-3")
    refused(jdl, "exception", reference="NW-3")


def test_every_effect_on_an_order_stands_in_the_journal_under_its_number(jdl: Jdl) -> None:
    made(jdl, "NW-4")
    jdl.control("exception", reference="NW-4")
    jdl.control("ship", reference="NW-4", pieces=1)
    jdl.control("order", reference="NW-4")
    told = jdl.sandbox.journal(integration="jdl", kind="effect")
    mine = [each["effect"] for each in told if each["arguments"].get("reference") == "NW-4"]
    assert mine == ["outstock.created", "outstock.lost", "outstock.shipped", "outstock.moved"]


def test_a_push_of_a_parcel_names_it(jdl: Jdl) -> None:
    made(jdl, "NW-5")
    with receiving() as receiver:
        jdl.control("hook", url=receiver.url, subscribed=1)
        jdl.control("ship", reference="NW-5", parcels=2)
        topics = [each["topic"] for each in receiver.wait(4)]
    assert topics.count("outstock.status") == 1
    assert topics.count("trace") == 2


# --- orders that walk by themselves -------------------------------------------------------------------------------


def test_orders_walk_by_themselves_to_their_end_and_tell_it_and_stand_still_before(jdl: Jdl) -> None:
    made(jdl, "NW-6")
    assert record(jdl, "NW-6")["status"] == "10010"
    with receiving() as receiver:
        jdl.control("hook", url=receiver.url, subscribed=1)
        jdl.control("pace", seconds=0.1)
        until(lambda: record(jdl, "NW-6")["status"] == "10034")
        until(lambda: any('"10034"' in each.get("request_body", "") for each in receiver.wait(1)))
    walked = [each["status"] for each in record(jdl, "NW-6")["statusList"]]
    assert walked == ["10010", "10014", "10016", "10018", "10020", "10034"]


def test_a_paced_cancellation_waits_for_a_hand_where_that_is_said(jdl: Jdl) -> None:
    made(jdl, "NW-7")
    jdl.control("order", reference="NW-7", status="10016")
    jdl.control("cancelling", answer="hand")
    assert jdl.data("outstock.cancel", customerOrderNo="NW-7")["resultType"] == 1
    made(jdl, "NW-8")
    jdl.control("pace", seconds=0.1)
    until(lambda: record(jdl, "NW-8")["status"] == "10034")
    assert record(jdl, "NW-7")["status"] == "10027"
    jdl.control("cancelling", answer="succeeds")
    until(lambda: record(jdl, "NW-7")["status"] == "10028")


def test_the_rest_of_a_part_leaves_before_a_paced_order_is_delivered(jdl: Jdl) -> None:
    made(jdl, "NW-9", 3)
    jdl.control("ship", reference="NW-9", pieces=1)
    jdl.control("pace", seconds=0.1)
    until(lambda: record(jdl, "NW-9")["status"] == "10034")
    assert [each["realOutstockQuantity"] for each in record(jdl, "NW-9")["goodsDtoList"]] == [3]


def test_the_pace_survives_a_restart_and_ends_with_nothing(tmp_path: Any) -> None:
    with running(tmp_path) as first:
        one = Jdl(first)
        one.control("pace", seconds=0.1)
    with running(tmp_path) as second:
        again = Jdl(second)
        made(again, "NW-10")
        until(lambda: record(again, "NW-10")["status"] == "10034")
        again.control("pace", seconds=0)
        until(lambda: again.sandbox.worlds["jdl"].memory.paper("northwick", "switch", "pace") == 0)
        made(again, "NW-11")
        time.sleep(0.6)
        assert record(again, "NW-11")["status"] == "10010"
