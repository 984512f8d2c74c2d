"""What JD Logistics is told of an order and what its answers mean, with a remote that is a function."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError
from portal.contract.records import Answer, Consignee, Outbound, OutboundLine
from portal.integrations.jdl import fulfilment, maps, outward
from portal.kit.money import money
from tests.contract.jdl_calls import asked, client, no, raised, well

WHO = Consignee(
    name="李雷",
    phone="138 0000 0000",
    address="观前街 1 号",
    city="苏州",
    province="江苏",
    district="姑苏",
    postcode="215000",
    country="CN",
)
OUT = Outbound(
    reference="LT-1",
    consignee=WHO,
    lines=(
        OutboundLine("1", "SKU/红-01", 2, "红杯", money("129.90", "CNY")),
        OutboundLine("2", "SKU+02", 1),
    ),
    platform="JD.com",
    platform_number="2816100000001",
    placed_at=datetime(2026, 11, 20, 4, 0, tzinfo=UTC),
    total=money("259.8", "CNY"),
    buyer_note="请 尽快\n发货",
)
MADE = {"customerOrderNo": "LT-1", "serviceBillCode": "CSL1", "jdOrderNo": "JDO1", "status": "10010"}
BLANK = dict.fromkeys(("customerOrderNo", "serviceBillCode", "status", "statusDesc", "goodsDtoList"))


def told(outbound: Outbound, **settings: str) -> dict[str, Any]:
    sent: list[httpx.Request] = []
    fulfilment.create(client(lambda request: sent.append(request) or well(MADE), **settings), outbound)
    return asked(sent[0])


# --- what is told -----------------------------------------------------------------------------------------------------


def test_an_order_is_told_in_jds_fields_with_exact_money_and_its_time_at_gmt_8() -> None:
    body = told(OUT)
    assert (body["warehouseCode"], body["scCode"], body["orderType"]) == ("C0000000777", "WEB", "1")
    assert (body["currency"], body["orderAmount"], body["orderCreateTime"]) == ("CNY", "259.80", "2026-11-20 12:00:00")
    assert body["customerRemark"] == "请 尽快 发货"
    assert body["goodsDtoList"] == [
        {
            "orderLine": "1",
            "customerGoodsId": "SKU/红-01",
            "quantity": 2,
            "goodsName": "红杯",
            "unitPrice": "129.90",
            "goodsLevel": "100",
        },
        {"orderLine": "2", "customerGoodsId": "SKU+02", "quantity": 1, "goodsLevel": "100"},
    ]
    assert body["consigneeInformation"] == {
        "consigneeName": "李雷",
        "phone": "138 0000 0000",
        "country": "CN",
        "state": "江苏",
        "city": "苏州",
        "district": "姑苏",
        "address1": "观前街 1 号",
        "postcode": "215000",
    }
    assert "sellerRemark" not in body


def test_an_operator_may_correct_names_values_and_the_path() -> None:
    corrected = {
        "values": {"orderType": "B2C"},
        "request": {"customerOrderNo": "orderNo"},
        "paths": {"outstock.create": "/fop/open/outstockprovider/create"},
    }
    sent: list[httpx.Request] = []
    one = client(lambda request: sent.append(request) or well(MADE), maps=json.dumps(corrected))
    fulfilment.create(one, OUT)
    body = asked(sent[0])
    assert (sent[0].url.path, body["orderNo"], body["orderType"]) == (
        "/fop/open/outstockprovider/create",
        "LT-1",
        "B2C",
    )
    with pytest.raises(ValueError, match="orderKind"):
        maps.read('{"values": {"orderKind": "1"}}')


@pytest.mark.parametrize(
    ("field", "value", "cause", "named"),
    [
        ("name", "", Cause.ADDRESS_UNCLEAR, "consigneeName"),
        ("phone", " ", Cause.ADDRESS_UNCLEAR, "phone"),
        ("country", "", Cause.ADDRESS_UNCLEAR, "country"),
        ("country", "China", Cause.ADDRESS_UNCLEAR, "country"),
        ("city", "", Cause.ADDRESS_UNCLEAR, "city"),
        ("address", "", Cause.ADDRESS_UNCLEAR, "address1"),
        ("name", "x" * 101, Cause.DOES_NOT_FIT, "consigneeName"),
        ("address", "x" * 401, Cause.DOES_NOT_FIT, "address"),
    ],
)
def test_what_jd_needs_or_cannot_hold_is_refused_before_the_call_with_the_field(
    field: str, value: str, cause: Cause, named: str
) -> None:
    one = client(lambda request: pytest.fail("sent"))
    why = raised(lambda: fulfilment.create(one, replace(OUT, consignee=replace(WHO, **{field: value}))))
    assert isinstance(why, Refused)
    assert (why.cause, named in why.detail) == (cause, True)
    assert not value.strip() or value not in why.detail


def test_only_an_address_in_china_goes_without_a_postcode() -> None:
    one = client(lambda request: pytest.fail("sent"))
    abroad = replace(WHO, country="ID", postcode="")
    why = raised(lambda: fulfilment.create(one, replace(OUT, consignee=abroad)))
    assert (why.cause, "postcode" in why.detail) == (Cause.ADDRESS_UNCLEAR, True)
    assert "postcode" not in outward.consignee(replace(WHO, postcode=""))


def test_too_many_lines_a_long_number_and_a_line_without_a_code_are_refused_before_the_call() -> None:
    one = client(lambda request: pytest.fail("sent"))
    many = tuple(OutboundLine(str(number), "A", 1) for number in range(201))
    for changed, cause in (
        ({"lines": many}, Cause.DOES_NOT_FIT),
        ({"lines": ()}, Cause.DOES_NOT_FIT),
        ({"reference": "x" * 51}, Cause.DOES_NOT_FIT),
        ({"shipping_service": "x" * 51}, Cause.DOES_NOT_FIT),
        ({"lines": (OutboundLine("1", "", 1),)}, Cause.UNKNOWN_GOODS),
    ):
        assert raised(lambda changed=changed: fulfilment.create(one, replace(OUT, **changed))).cause is cause


def test_an_address_is_divided_between_words_and_nothing_of_it_is_lost() -> None:
    words = " ".join(f"word{number:03d}" for number in range(48))
    first, second = outward.split_address(words)
    assert (len(first) <= 200, len(second) <= 200, f"{first} {second}") == (True, True, words)
    chinese = "苏" * 390
    assert outward.split_address(chinese) == ("苏" * 200, "苏" * 190)
    assert outward.split_address("a" * 150 + " " + "b" * 249) == ("a" * 150 + " " + "b" * 49, "b" * 200)
    assert outward.split_address("1 Canal Wharf\nLeeds") == ("1 Canal Wharf Leeds", "")


def test_a_long_note_shows_that_there_is_more_of_it() -> None:
    assert outward.remark("x" * 200) == "x" * 200
    cut = outward.remark("x" * 201)
    assert (len(cut), cut.endswith("[…]")) == (200, True)


# --- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error", "cause"),
    [
        (no("2000", "city is missing"), Refused, Cause.ADDRESS_UNCLEAR),
        (no("3008", "country must be two capital letters"), Refused, Cause.ADDRESS_UNCLEAR),
        (no("2000", "orderType is missing"), Refused, Cause.VALUE_MISSING),
        (no("2043", "too long"), Refused, Cause.DOES_NOT_FIT),
        (no("2218", "duplicate"), Refused, Cause.REFERENCE_TAKEN),
        (no("2501", "SKU x is unknown"), Refused, Cause.UNKNOWN_GOODS),
        (no("2510", "insufficient stock"), Refused, Cause.INSUFFICIENT_STOCK),
        (no("4000", "system error"), Busy, Cause.BUSY),
        (no("2002", "busy"), Busy, Cause.BUSY),
        (well(None), Garbled, Cause.NOT_READABLE),
        (well({"customerOrderNo": "LT-1"}), Garbled, Cause.NOT_READABLE),
        (b"<html>", Garbled, Cause.NOT_READABLE),
    ],
)
def test_every_answer_to_a_new_order_has_its_meaning(answer: Any, error: type[RemoteError], cause: Cause) -> None:
    why = raised(lambda: fulfilment.create(client(lambda request: answer), OUT))
    assert (type(why), why.cause) == (error, cause)


@pytest.mark.parametrize(
    "answer",
    [
        no("2342", "no such order"),
        well(None),
        well(BLANK),
        well({}),
        well({"records": None, "total": 0}),
        well({"records": [BLANK]}),
        well({"list": '[{"customerOrderNo": null}]'}),
        well({"records": [MADE | {"customerOrderNo": "ANOTHER"}]}),
    ],
)
def test_every_form_of_not_found_is_none(answer: Any) -> None:
    assert fulfilment.find(client(lambda request: answer), "LT-1") is None


def test_an_order_is_looked_for_by_our_number_in_every_warehouse() -> None:
    sent: list[httpx.Request] = []
    found = fulfilment.find(client(lambda request: sent.append(request) or well({"records": [MADE]})), "LT-1")
    assert found is not None
    assert found.remote_id == "CSL1"
    assert asked(sent[0])["customerOrderNo"] == "LT-1"
    assert "warehouseCode" not in asked(sent[0])


def test_a_question_that_is_not_answered_is_not_taken_for_not_found() -> None:
    for answer in (no("4000"), b"<html>", well([1]), well({"else": 1})):
        raised(lambda answer=answer: fulfilment.find(client(lambda request: answer), "LT-1"))


GONE = MADE | {"status": "10020", "outboundTime": "2026-11-20 14:02:00"}


@pytest.mark.parametrize(
    ("answer", "order", "expected"),
    [
        (well({"resultType": 0}), None, Answer.CANCELLED),
        (well({"resultType": "1"}), None, Answer.ASKED),
        (no("2005", "in progress"), None, Answer.ASKED),
        (well({"resultType": 2}), GONE, Answer.TOO_LATE),
        (no("2515", "left"), GONE, Answer.TOO_LATE),
        (no("2019", "left"), GONE, Answer.TOO_LATE),
        (no("2515", "cancelled before"), MADE | {"status": "10028"}, Answer.CANCELLED),
        (no("2515", "asked before"), MADE | {"status": "10027"}, Answer.ASKED),
        (no("2515", "no"), None, Answer.TOO_LATE),
    ],
)
def test_a_refused_cancellation_is_explained_by_the_order_itself(answer: Any, order: Any, expected: Answer) -> None:
    def remote(request: httpx.Request) -> Any:
        if "cancel" in request.url.path:
            return answer
        return well({"records": [order]}) if order else b"<html>"

    found = fulfilment.cancel(client(remote), "LT-1")
    assert found.answer is expected
    left = datetime(2026, 11, 20, 6, 2, tzinfo=UTC) if expected is Answer.TOO_LATE and order else None
    assert found.left_at == left


@pytest.mark.parametrize("data", [None, [], {}, {"resultType": 7}, {"resultType": True}, {"resultType": None}])
def test_a_cancellation_with_an_unknown_result_is_not_guessed(data: Any) -> None:
    assert isinstance(raised(lambda: fulfilment.cancel(client(lambda request: well(data)), "LT-1")), Garbled)


def test_a_shortage_that_cannot_be_read_is_a_shortage_all_the_same() -> None:
    for data in ({"shortages": "many"}, {"shortages": [None, {"customerGoodsId": 5}]}, [], None):
        answer = {"code": "2510", "message": "insufficient stock", "success": False, "data": data}
        why = raised(lambda answer=answer: fulfilment.create(client(lambda request: answer), OUT))
        assert (why.cause, why.said) == (Cause.INSUFFICIENT_STOCK, "insufficient stock")


@pytest.mark.parametrize("code", ["2000", "2001", "3008", "4000", "99999"])
def test_what_jd_echoes_of_the_recipient_gets_into_no_error(code: str) -> None:
    answer = no(code, "address1 观前街 1 号 of 李雷, 138 0000 0000, is not served")
    why = raised(lambda: fulfilment.create(client(lambda request: answer), OUT))
    assert "is not served" in why.said
    for secret in ("观前街", "李雷", "138 0000 0000"):
        assert secret not in f"{why} {why.said} {why.detail}"


def test_a_recipient_in_the_middle_of_whom_the_words_are_cut_gets_into_no_error_either() -> None:
    street = replace(WHO, address="Canal Wharf Lane 17")
    for place in range(280, 300):
        answer = no("99999", "x" * place + "Canal Wharf Lane 17")
        one = client(lambda request, answer=answer: answer)
        why = raised(lambda one=one: fulfilment.create(one, replace(OUT, consignee=street)))
        assert "Cana" not in why.said


def test_an_unreadable_answer_to_an_order_leaves_no_sample_that_could_name_the_recipient() -> None:
    why = raised(lambda: fulfilment.create(client(lambda request: "<p>李雷</p>".encode()), OUT))
    assert isinstance(why, Garbled)
    assert why.sample == b""
