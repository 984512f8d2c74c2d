"""JD.ID's sandbox and its orders over real HTTP: what the methods of both generations take, answer and refuse."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

pytest_plugins = ("tests.sandbox_server",)

WHO = ("jd_id", "samudra")
ORDERS = "jingdong.seller.order."
IDS = f"{ORDERS}getOrderIdListByCondition"
INFO = f"{ORDERS}getOrderInfoByOrderId"
BATCH = f"{ORDERS}batchGetOrderInfoList"
PRINT = f"{ORDERS}printOrder"
SEND = f"{ORDERS}sendGoodsOpenApi"
FIRST = "epi.popOrder."
JAKARTA = timezone(timedelta(hours=7))


def stamp(minutes=0):
    return f"{datetime.now(JAKARTA) + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"


def milliseconds(minutes=0):
    return int((datetime.now(JAKARTA) + timedelta(minutes=minutes)).timestamp() * 1000)


def window(name="updateTime"):
    return {f"{name}Begin": stamp(-600), f"{name}End": stamp(1)}


def result(answer):
    (inside,) = answer.values()
    return inside["result"]


def inner(answer):
    assert answer["openapi_code"] == 0
    return json.loads(answer["openapi_data"])


def placed(sandbox, **said):
    return sandbox.control("order", integration="jd_id", account="samudra", **said)


def moved(sandbox, number, deed):
    return sandbox.control("order_state", integration="jd_id", account="samudra", order=number, deed=deed)


def ids(sandbox, **asked):
    return result(sandbox.call(*WHO, IDS, {"orderStatus": 1, **window(), **asked})).get("model", [])


def test_ids_are_numbers_and_an_empty_list_comes_without_a_model(sandbox):
    assert "model" not in result(sandbox.call(*WHO, IDS, {"orderStatus": 1, **window()}))
    number = placed(sandbox)["number"]
    assert ids(sandbox) == [number]
    assert ids(sandbox, orderStatus="1") == [number]
    assert ids(sandbox, orderStatus=7) == []


@pytest.mark.parametrize("name", ["updateTime", "bookTime", "createdTime"])
def test_the_window_is_read_in_jakarta_and_holds_both_ends(sandbox, name):
    number = placed(sandbox, minutes_ago=30)["number"]
    told = result(sandbox.call(*WHO, INFO, {"orderId": number}))["model"]
    time = told["modifyTime" if name == "updateTime" else "bookTime"]
    sandbox.worlds["jd_id"].memory.keep_sale(
        "samudra", sandbox.worlds["jd_id"].memory.sale("samudra", number) | {"modified": time // 1000 * 1000}
        | {"placed": time // 1000 * 1000}
    )  # fmt: skip
    second = datetime.fromtimestamp(time // 1000, JAKARTA)
    for begin, end, found in ((0, 0, [number]), (1, 2, []), (-2, -1, []), (-1, 0, [number]), (0, 1, [number])):
        ends = {
            f"{name}Begin": f"{second + timedelta(seconds=begin):%Y-%m-%d %H:%M:%S}",
            f"{name}End": f"{second + timedelta(seconds=end):%Y-%m-%d %H:%M:%S}",
        }
        assert result(sandbox.call(*WHO, IDS, {"orderStatus": 1, **ends})).get("model", []) == found


def test_rows_come_by_an_offset_of_twenty_or_by_pages(sandbox):
    placed(sandbox, many=45, minutes_ago=60)
    by_offset = [number for start in (0, 20, 40) for number in ids(sandbox, startRow=start)]
    by_page = [number for page in (1, 2) for number in ids(sandbox, pageNo=page, pageSize=30)]
    assert len(set(by_offset)) == 45
    assert by_offset == by_page
    assert len(ids(sandbox, startRow=0)) == 20


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"orderStatus": 1}, "60"),
        ({**window()}, "60"),
        ({"orderStatus": 9, **window()}, "61"),
        ({"orderStatus": 1, "updateTimeBegin": "kemarin", "updateTimeEnd": stamp()}, "61"),
        ({"orderStatus": 1, "updateTimeBegin": stamp()}, "61"),
        ({"orderStatus": 1, **window(), "pageNo": 1, "pageSize": 101}, "61"),
        ({"orderStatus": 1, **window(), "deliveryType": 1}, "61"),
    ],
)
def test_what_a_list_cannot_be_asked(sandbox, asked, code):
    assert sandbox.error(*WHO, IDS, asked) == code


def test_an_order_has_numbers_as_numbers_times_in_milliseconds_and_the_lines_price(sandbox):
    number = placed(sandbox, minutes_ago=5)["number"]
    assert "*" not in result(sandbox.call(*WHO, INFO, {"orderId": number}))["model"]["mobile"]
    sandbox.control("account", integration="jd_id", name=WHO[1], told={})
    told = result(sandbox.call(*WHO, INFO, {"orderId": number}))["model"]
    assert told["orderId"] == number
    assert told["orderState"] == 1
    assert abs(told["bookTime"] - milliseconds(-5)) < 60_000
    assert told["payTime"] > told["bookTime"]
    line = told["orderSkuinfos"][0]
    assert float(line["costPrice"]) == float(line["jdPrice"]) * line["skuNumber"]
    assert float(told["paySubtotal"]) == sum(float(each["costPrice"]) for each in told["orderSkuinfos"])
    assert "****" in told["mobile"]
    assert (told["carrierCompany"], told["expressNo"]) == ("", "")


def test_unknown_orders_are_gone_alone_and_left_out_of_a_batch(sandbox):
    number = placed(sandbox)["number"]
    unpaid = placed(sandbox, unpaid=True)["number"]
    for strange in (unpaid, 5, "K1"):
        assert result(sandbox.call(*WHO, INFO, {"orderId": strange}))["model"]["orderState"] == -1
    found = result(sandbox.call(*WHO, BATCH, {"orderId": f"{number},{unpaid},5,K1"}))["model"]
    assert [each["orderId"] for each in found] == [number]
    assert sandbox.error(*WHO, BATCH, {"orderId": ",".join("5" for _ in range(101))}) == "61"


def test_an_order_is_printed_then_sent_and_sent_once(sandbox):
    begun = sandbox.journal()[-1]["seq"]
    number = placed(sandbox)["number"]
    asked = {"orderId": number, "printType": 1, "printNum": 1}
    assert result(sandbox.call(*WHO, SEND, {"orderId": number}))["success"] is False
    label = result(sandbox.call(*WHO, PRINT, asked))["model"]
    assert label["expressNo"]
    assert label["content"]
    told = result(sandbox.call(*WHO, INFO, {"orderId": number}))["model"]
    assert (told["orderState"], told["expressNo"]) == (7, label["expressNo"])
    assert result(sandbox.call(*WHO, PRINT, asked))["model"]["expressNo"] == label["expressNo"]
    assert result(sandbox.call(*WHO, SEND, {"orderId": number, "expressNo": "another"}))["success"] is False
    sent = result(sandbox.call(*WHO, SEND, {"orderId": number}))["model"]
    assert sent["expressNo"] == label["expressNo"]
    for again in (PRINT, SEND):
        assert result(sandbox.call(*WHO, again, asked))["success"] is False
    done = [each["effect"] for each in sandbox.journal(begun, integration="jd_id", account="samudra", kind="effect")]
    assert [each for each in done if each in {"order.ready", "order.ship"}] == ["order.ready", "order.ship"]
    courier = result(sandbox.call(*WHO, f"{ORDERS}getGoSendOrderStatus", {"orderId": number}))["model"]
    assert courier["expressNo"] == label["expressNo"]


@pytest.mark.parametrize("deed", ["cancel", "ask_cancel"])
def test_an_order_that_its_buyer_gives_up_is_not_printed(sandbox, deed):
    number = placed(sandbox)["number"]
    moved(sandbox, number, deed)
    asked = {"orderId": number, "printType": 1, "printNum": 1}
    assert result(sandbox.call(*WHO, PRINT, asked))["success"] is False


# --- first generation ---------------------------------------------------------------------------------------------


def first_ids(sandbox, **asked):
    said = {"orderStatus": 1, "startRow": 0, "updateTimeBegin": milliseconds(-600), "updateTimeEnd": milliseconds(1)}
    return inner(sandbox.first(f"{FIRST}getOrderIdListByCondition", json.dumps(said | asked))).get("model", [])


def test_the_first_generation_lists_by_offset_and_milliseconds(sandbox):
    placed(sandbox, many=25, minutes_ago=60)
    assert len({*first_ids(sandbox), *first_ids(sandbox, startRow=20)}) == 25
    assert len(first_ids(sandbox)) == 20
    assert first_ids(sandbox, updateTimeEnd=milliseconds(-120)) == []


def test_the_first_generation_tells_several_orders_as_json_in_a_text(sandbox):
    number = placed(sandbox)["number"]
    model = inner(sandbox.first(f"{FIRST}getOrderInfoListForBatch", f"[{number},5]"))["model"]
    assert isinstance(model, str)
    assert [each["orderId"] for each in json.loads(model)] == [number]
    assert inner(sandbox.first(f"{FIRST}getOrderInfoByOrderId", f"{number}"))["model"]["orderState"] == 1


def test_the_first_generation_prints_by_position_and_wants_the_waybill_to_send(sandbox):
    number = placed(sandbox)["number"]
    model = inner(sandbox.first("epi.pop.order.print.uat1", f'{number},1,1,"PDF"'))["model"]
    (label,) = model["data"]
    assert label["PDF"]
    send = f"{FIRST}sendGoods.uat"
    assert sandbox.first(send, json.dumps({"orderId": number}))["openapi_code"] == 60
    assert inner(sandbox.first(send, json.dumps({"orderId": number, "expressNo": "another"})))["success"] is False
    sent = {"orderId": number, "expressNo": label["deliveryId"]}
    assert inner(sandbox.first(send, json.dumps(sent)))["success"] is True
    assert inner(sandbox.first(send, json.dumps(sent)))["success"] is False
    assert sandbox.first("epi.pop.order.print.uat1", f'{number},1,1,"DOC"')["openapi_code"] == 61
