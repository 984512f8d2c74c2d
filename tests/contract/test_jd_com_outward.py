"""What goes out to JD.com: how it is asked, what each answer means, and that a repeated call does no harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError
from portal.contract.http import Account, Answer, Line
from portal.contract.records import Carrier, Confirmed, Dispatch, Level
from portal.integrations import get
from portal.integrations.jd_com.client import LIVE, JdComClient
from portal.kit.money import Money
from tests.contract.canned import NOON

ONE = get("jd_com")
SETTINGS = {"api_key": "K", "api_secret": "S", "app_id": "1", "access_token": "T", "api_endpoint": LIVE}
Reply = Callable[[str, str], Any]
SKU = "9007199254740993123"
PARCEL = Dispatch("33026000010000001", "467", ("SF1", "SF2"))


def client(reply: Reply) -> JdComClient:
    """A client whose gateway is a function of the method and the parameters as they were sent."""

    def send(request: httpx.Request) -> Answer:
        form = dict(parse_qsl(request.content.decode()))
        return Answer(200, httpx.Headers(), json.dumps(reply(form["method"], form["360buy_param_json"])).encode())

    return JdComClient(
        Account(settings=SETTINGS, hosts=ONE.hosts), Line(send=send, wait=lambda: None, now=lambda: NOON)
    )


def failed_with(code: str) -> Reply:
    return lambda method, said: {"error_response": {"code": code, "en_desc": "no"}}


def stock(**told: Any) -> Reply:
    return lambda method, said: {
        "a_responce": {"code": "0", "returnType": {"success": True, "errorMessage": ""} | told}
    }


def level(sku: str = SKU, quantity: int = 7) -> Level:
    return Level(sku, "1", quantity)


# --- stock ------------------------------------------------------------------------------------------------------------


def test_stock_goes_out_absolute_with_our_reference_and_whole_ids() -> None:
    asked: list[Any] = []

    def reply(method: str, said: str) -> Any:
        asked.append((method, json.loads(said)))
        return stock(obj={"updateStockResult": []})(method, said)

    assert ONE.stock_out.send(client(reply), [level()], "ref-1") == {}
    stocks = [{"skuId": int(SKU), "stockNum": 7}]
    req = {"updateModel": "fullStockIn", "stockRfId": "ref-1", "skuStocks": stocks}
    assert asked == [("jingdong.ware.stock.sku.set", {"req": req})]
    assert ONE.stock_out.most == 30


@pytest.mark.parametrize("told", [{}, {"obj": None}, {"obj": {}}, {"obj": {"updateStockResult": None}}])
def test_an_answer_that_names_nothing_refused_nothing(told: dict[str, Any]) -> None:
    assert ONE.stock_out.send(client(stock(**told)), [level()], "r") == {}


def test_refused_skus_are_told_one_by_one() -> None:
    rows = [
        {"data": int(SKU), "storeId": 0, "success": False, "message": "sku 不存在"},
        {"data": "12", "storeId": 0, "success": True},
    ]
    failed = ONE.stock_out.send(client(stock(obj={"updateStockResult": rows})), [level(), level("12")], "r")
    assert list(failed) == [SKU]
    assert isinstance(failed[SKU], Refused)
    assert failed[SKU].said == "sku 不存在"


def test_a_wholly_refused_call_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        ONE.stock_out.send(client(stock(success=False, errorMessage="stockRfId 不能为空")), [level()], "")
    assert caught.value.said == "stockRfId 不能为空"


@pytest.mark.parametrize("code", ["33", "65", "66", "67", "43", "1"])
def test_a_time_out_behind_the_gateway_is_an_unknown_outcome(code: str) -> None:
    with pytest.raises(Busy):
        ONE.stock_out.send(client(failed_with(code)), [level()], "r")


def test_a_repeated_reference_was_done_the_first_time() -> None:
    assert ONE.stock_out.send(client(failed_with("17")), [level()], "r") == {}


def test_a_listing_without_a_number_is_refused_without_a_call() -> None:
    failed = ONE.stock_out.send(client(failed_with("1")), [level("abc")], "r")
    assert isinstance(failed["abc"], Refused)


@pytest.mark.parametrize("rows", [[{"data": 5, "success": False}], ["x"], [{"data": 5}]])
def test_an_answer_about_something_else_cannot_be_read(rows: list[Any]) -> None:
    with pytest.raises(Garbled):
        ONE.stock_out.send(client(stock(obj={"updateStockResult": rows})), [level()], "r")


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ([{"skuId": int(SKU), "storeId": 0, "stockNum": 12}], {SKU: 12}),
        ([{"skuId": SKU, "storeId": 0, "stockNum": "3"}, {"skuId": SKU, "storeId": 4, "stockNum": 9}], {SKU: 3}),
        ([{"skuId": SKU, "storeId": 4, "stockNum": 9}, {"skuId": SKU, "storeId": 5, "stockNum": 2}], {SKU: 11}),
        ([{"skuId": 5, "storeId": 0, "stockNum": 12}], {}),
        ([], {}),
    ],
)
def test_stock_is_read_back_from_the_store_that_it_is_sent_to(rows: list[Any], read: dict[str, int]) -> None:
    answer = {"a_responce": {"code": "0", "skuStocks": rows}}
    assert ONE.stock_out.read(client(lambda method, said: answer), [SKU]) == read


def test_a_sku_of_someone_else_is_left_out_of_what_is_read() -> None:
    assert ONE.stock_out.read(client(failed_with("71")), [SKU, "abc"]) == {}


# --- prices -----------------------------------------------------------------------------------------------------------


def test_a_price_goes_out_digit_by_digit() -> None:
    asked: list[str] = []

    def reply(method: str, said: str) -> Any:
        asked.append(said)
        return {"a_responce": {"code": "0", "success": "true"}}

    ONE.price_out.send(client(reply), SKU, Money(99_999_999_901, "CNY"))
    assert asked == [f'{{"skuId": {SKU}, "jdPrice": 999999999.01}}']


@pytest.mark.parametrize("price", [Money(100, "USD")])
def test_a_price_in_another_currency_is_refused_without_a_call(price: Money) -> None:
    with pytest.raises(Refused) as caught:
        ONE.price_out.send(client(failed_with("1")), SKU, price)
    assert caught.value.cause is Cause.DOES_NOT_FIT


# --- orders that leave ------------------------------------------------------------------------------------------------


class Order:
    """One order at JD.com, with the answers that its shipment gets."""

    def __init__(self, state: str, *answers: Any) -> None:
        self.row = {"orderState": state}
        self.answers = list(answers)
        self.shipped: list[Any] = []
        self.ships_all_the_same = False

    def __call__(self, method: str, said: str) -> Any:
        if method == "jingdong.pop.order.get":
            inside = {"apiResult": {"success": True, "numberCode": 0}} | ({"orderInfo": self.row} if self.row else {})
            return {"a_responce": {"code": "0", "orderDetailInfo": inside}}
        assert method == "jingdong.pop.order.shipment"
        self.shipped.append(json.loads(said))
        answer = self.answers.pop(0)
        if self.ships_all_the_same or answer == "well":
            self.row = {"orderState": "WAIT_GOODS_RECEIVE_CONFIRM", "logisticsId": "467", "waybill": "SF1,SF2"}
        if answer == "well":
            answer = {"success": True, "errorCode": "0"}
        if "error_response" in answer:
            return answer
        return {"a_responce": {"code": "0", "sopjosshipment_result": answer}}


def confirm(order: Order, dispatch: Dispatch = PARCEL) -> Confirmed:
    return ONE.confirming.confirm(client(order), dispatch)


def test_several_waybills_of_one_carrier_are_joined() -> None:
    order = Order("WAIT_SELLER_STOCK_OUT", "well")
    assert confirm(order) == Confirmed("467", "SF1,SF2")
    assert order.shipped == [{"orderId": 33026000010000001, "logiCoprId": "467", "logiNo": "SF1,SF2"}]


@pytest.mark.parametrize("state", ["WAIT_GOODS_RECEIVE_CONFIRM", "FINISHED_L"])
def test_an_order_that_has_left_is_not_told_again(state: str) -> None:
    order = Order(state)
    order.row |= {"logisticsId": "463", "waybill": "YT9"}
    assert confirm(order) == Confirmed("463", "YT9")
    assert not order.shipped


@pytest.mark.parametrize(
    "refusal",
    [
        {"error_response": {"code": "70"}},
        {"error_response": {"code": "17"}},
        {"success": False, "errorCode": "10400007", "chineseErrCode": "订单已出库"},
    ],
)
def test_a_refusal_of_what_has_left_meanwhile_is_a_confirmation(refusal: dict[str, Any]) -> None:
    order = Order("WAIT_SELLER_STOCK_OUT", refusal)
    order.ships_all_the_same = True
    assert confirm(order) == Confirmed("467", "SF1,SF2")


@pytest.mark.parametrize("code", ["999999", 99999999])
def test_an_inner_failure_is_tried_again_after_looking(code: str | int) -> None:
    order = Order("WAIT_SELLER_STOCK_OUT", {"success": False, "errorCode": code}, "well")
    with pytest.raises(Busy):
        confirm(order)
    assert confirm(order).tracking == "SF1,SF2"
    assert len(order.shipped) == 2


def test_a_refusal_is_told_in_jds_words() -> None:
    order = Order("LOCKED", {"success": False, "errorCode": "10400006", "chineseErrCode": "订单状态不允许出库"})
    with pytest.raises(Refused) as caught:
        confirm(order)
    assert (caught.value.code, caught.value.said) == ("10400006", "订单状态不允许出库")


@pytest.mark.parametrize(
    ("dispatch", "cause"),
    [(Dispatch("abc", "467", ("1",)), Cause.NOT_THERE), (Dispatch("33", "", ("1",)), Cause.VALUE_MISSING)],
)
def test_what_cannot_be_told_is_refused_before_it_is_told(dispatch: Dispatch, cause: Cause) -> None:
    order = Order("WAIT_SELLER_STOCK_OUT")
    with pytest.raises(RemoteError) as caught:
        confirm(order, dispatch)
    assert caught.value.cause is cause
    assert not order.shipped


def test_an_order_that_jd_does_not_show_is_not_confirmed() -> None:
    order = Order("")
    order.row = {}
    with pytest.raises(Refused) as caught:
        confirm(order)
    assert caught.value.cause is Cause.NOT_THERE


def test_carriers_are_the_sellers_own() -> None:
    told = {"resultCode": 1, "resultMsg": "ok", "result": {"carrierList": [{"id": 467, "name": "顺丰快递"}]}}
    answer = {"a_responce": {"code": "0", "StandardGenericResponse": told}}
    assert list(ONE.confirming.carriers(client(lambda method, said: answer))) == [Carrier("467", "顺丰快递")]
    refused = {"a_responce": {"StandardGenericResponse": {"resultCode": 0, "resultMsg": "无权限", "result": None}}}
    with pytest.raises(Refused) as caught:
        ONE.confirming.carriers(client(lambda method, said: refused))
    assert caught.value.said == "无权限"
