"""The sandbox's order methods as the protocol has them: what is required, how wide a window is, what is told."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ("tests.sandbox_server",)

NORTHWICK = ("jd_com", "northwick")
WHO = {"integration": "jd_com", "account": "northwick"}
POP = "jingdong.pop.order."
FIELDS = "orderId,orderState,modified,consigneeInfo,itemInfoList,orderTotalPrice,orderEndTime"
BEIJING = timezone(timedelta(hours=8))


def stamp(days: float = 0) -> str:
    return f"{datetime.now(BEIJING) + timedelta(days=days):%Y-%m-%d %H:%M:%S}"


def search(sandbox: Running, method: str = "search", **changed: Any) -> Any:
    asked = {
        "start_date": stamp(-1),
        "end_date": stamp(0.01),
        "order_state": "WAIT_SELLER_STOCK_OUT",
        "optional_fields": FIELDS,
        "page": "1",
        "page_size": "100",
    } | changed
    answer = sandbox.call(*NORTHWICK, POP + method, {key: each for key, each in asked.items() if each is not None})
    return answer.get("error_response") or answer[f"jingdong_pop_order_{method}_responce"]["searchorderinfo_result"]


def place(sandbox: Running, **said: Any) -> dict[str, Any]:
    return sandbox.control("order", **WHO, **said)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"optional_fields": None}, "60"),
        ({"order_state": None}, "60"),
        ({"start_date": None}, "60"),
        ({"start_date": None, "end_date": None, "order_state": "LOCKED"}, "60"),
        ({"optional_fields": "orderId,nonsense"}, "68"),
        ({"page_size": "101"}, "61"),
        ({"page": "0"}, "61"),
        ({"start_date": "yesterday"}, "61"),
    ],
)
def test_what_a_search_cannot_do_without(sandbox, changed, code):
    assert search(sandbox, **changed)["code"] == code


def test_a_window_is_at_most_a_month(sandbox):
    assert search(sandbox, start_date=stamp(-30))["apiResult"]["success"] is True
    assert search(sandbox, start_date=stamp(-32))["apiResult"]["success"] is False


def test_orders_to_be_shipped_need_no_window(sandbox):
    number = place(sandbox)["number"]
    found = search(sandbox, start_date=None, end_date=None)
    assert [each["orderId"] for each in found["orderInfoList"]] == [str(number)]


def test_only_named_fields_are_told_and_all_are_text(sandbox):
    place(sandbox)
    row = search(sandbox, optional_fields="orderState,orderTotalPrice,itemInfoList")["orderInfoList"][0]
    assert set(row) == {"orderId", "orderState", "orderTotalPrice", "itemInfoList"}
    item = row["itemInfoList"][0]
    assert all(isinstance(each, str) for each in (row["orderId"], row["orderTotalPrice"], *item.values()))
    assert search(sandbox)["orderInfoList"][0]["orderEndTime"] == "0001-01-01 00:00:00"


def test_a_consignee_is_plain_for_who_has_the_permission(sandbox):
    place(sandbox, buyer=3)
    told = search(sandbox)["orderInfoList"][0]["consigneeInfo"]
    assert not [name for name, value in told.items() if "*" in value]


def test_a_consignee_is_hidden_and_the_en_methods_tell_it_encrypted(sandbox):
    sandbox.control("account", integration="jd_com", name=NORTHWICK[1], told={})
    number = place(sandbox, buyer=3)["number"]
    plain = search(sandbox)["orderInfoList"][0]["consigneeInfo"]
    assert "*" in plain["fullname"]
    assert "*" in plain["mobile"]
    assert not [name for name in plain if name.startswith("encrypt_")]
    hidden = search(sandbox, "enSearch")["orderInfoList"][0]["consigneeInfo"]
    assert {name for name in hidden if name.startswith("encrypt_")} == {
        f"encrypt_{name}" for name in ("fullname", "telephone", "mobile", "fullAddress")
    }
    for method, has in (("get", False), ("enGet", True)):
        asked = {"order_id": number, "optional_fields": "consigneeInfo"}
        answer = sandbox.call(*NORTHWICK, POP + method, asked)
        info = answer[f"jingdong_pop_order_{method}_responce"]["orderDetailInfo"]["orderInfo"]["consigneeInfo"]
        assert ("encrypt_mobile" in info) == has


def test_time_and_way_of_a_search(sandbox):
    first = place(sandbox, minutes_ago=600)["number"]
    second = place(sandbox, minutes_ago=300)["number"]
    sandbox.control("order_state", **WHO, order=first, deed="lock")
    asked = {"order_state": "WAIT_SELLER_STOCK_OUT,LOCKED"}
    for more, numbers in (
        ({}, [second, first]),
        ({"sortType": 1}, [first, second]),
        ({"dateType": 1}, [first, second]),
        ({"dateType": 1, "sortType": 1}, [second, first]),
    ):
        found = search(sandbox, **asked, **more)
        assert [each["orderId"] for each in found["orderInfoList"]] == [str(each) for each in numbers]
    assert search(sandbox, **asked, page="2", page_size="1")["orderTotal"] == 2
    assert search(sandbox, order_state="LOCKED")["orderTotal"] == 1


def test_changes_are_shown_for_three_months_and_orders_for_two_years(sandbox):
    place(sandbox, minutes_ago=100 * 1440)
    window = {"start_date": stamp(-110), "end_date": stamp(-90)}
    assert search(sandbox, **window)["orderTotal"] == 0
    assert search(sandbox, **window, dateType=1)["orderTotal"] == 1


def test_unpaid_orders_have_their_own_list(sandbox):
    number = place(sandbox, unpaid=True)["number"]
    assert search(sandbox)["orderTotal"] == 0
    asked = {"startDate": stamp(-1), "endDate": stamp(0.01), "page": 1, "pageSize": 100}
    answer = sandbox.call(*NORTHWICK, f"{POP}notPayOrderInfo", asked)
    rows = answer["jingdong_pop_order_notPayOrderInfo_responce"]["notpayorder_result"]["orderInfoList"]
    assert [each["orderId"] for each in rows] == [str(number)]
    detail = sandbox.call(*NORTHWICK, f"{POP}get", {"order_id": number, "optional_fields": FIELDS})
    assert "orderInfo" not in detail["jingdong_pop_order_get_responce"]["orderDetailInfo"]


def test_a_detail_filtered_by_state_tells_no_order(sandbox):
    number = place(sandbox)["number"]
    asked = {"order_id": str(number), "optional_fields": "orderId", "order_state": "LOCKED"}
    assert (
        "orderInfo"
        not in sandbox.call(*NORTHWICK, f"{POP}get", asked)["jingdong_pop_order_get_responce"]["orderDetailInfo"]
    )


def ship(sandbox: Running, number: int, carrier: str = "467", waybill: str = "SF1") -> Any:
    asked = {"orderId": number, "logiCoprId": carrier, "logiNo": waybill}
    return sandbox.call(*NORTHWICK, f"{POP}shipment", asked)["jingdong_pop_order_shipment_responce"][
        "sopjosshipment_result"
    ]


def test_an_order_is_shipped_once_with_a_carrier_of_the_list(sandbox):
    number = place(sandbox)["number"]
    assert ship(sandbox, number, "1")["errorCode"] == "10400010"
    assert ship(sandbox, number, waybill="")["errorCode"] == "10400011"
    assert ship(sandbox, number, "467|463", "SF1,SF2")["errorCode"] == "10400011"
    assert ship(sandbox, number, "467|463", "SF1,SF2|YT1")["success"] is True
    assert ship(sandbox, number)["errorCode"] == "10400007"
    listed = sandbox.http.get("/control/orders", params=WHO).json()[0]
    assert (listed["carrier"], listed["waybill"], listed["state"]) == ("467|463", "SF1,SF2|YT1", "shipped")


def test_own_delivery_keeps_no_waybill_and_a_locked_order_does_not_leave(sandbox):
    own, locked = place(sandbox)["number"], place(sandbox)["number"]
    assert ship(sandbox, own, "1274", "X")["success"] is True
    sandbox.control("order_state", **WHO, order=locked, deed="lock")
    assert ship(sandbox, locked)["errorCode"] == "10400006"
    assert sandbox.http.get("/control/orders", params=WHO).json()[0]["waybill"] == ""


def test_a_remark_is_kept_and_moves_the_time_of_change(sandbox):
    number = place(sandbox, minutes_ago=60)["number"]
    asked = {"order_id": number, "flag": 3, "remark": "fragile"}
    answer = sandbox.call(*NORTHWICK, f"{POP}modifyVenderRemark", asked)
    assert answer["jingdong_pop_order_modifyVenderRemark_responce"]["modifyvenderremark_result"]["success"] is True
    row = search(sandbox, optional_fields="venderRemark,modified,orderStartTime")["orderInfoList"][0]
    assert row["venderRemark"] == "fragile"
    assert row["modified"] > row["orderStartTime"]


def test_another_seller_sees_none_of_these_orders(sandbox):
    number = place(sandbox)["number"]
    asked = {"order_id": number, "optional_fields": "orderId"}
    answer = sandbox.call("jd_com", "samudra", f"{POP}get", asked)
    assert "orderInfo" not in answer["jingdong_pop_order_get_responce"]["orderDetailInfo"]
