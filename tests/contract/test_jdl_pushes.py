"""JD Logistics' pushes: which are believed, and what they hint at."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from portal.contract.definition import Resource
from portal.contract.webhooks import Distrust, Hint, Push, Reason
from portal.integrations.jdl import webhook
from tests.contract.jdl_calls import ONE, OUTSIDE

AT = datetime(2026, 3, 5, 10, 20, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


def fields(vector: dict[str, Any], **changed: str) -> dict[str, str]:
    said = {name: vector[name] for name in ("request_body", "timestamp", "token")}
    return {"message_id": "m-1", "format": "json", "topic": "outstock.status", **said, **changed}


def push(said: dict[str, Any], *, as_json: bool = False) -> Push:
    body = json.dumps(said, ensure_ascii=False) if as_json else urlencode(said)
    return Push({"content-type": "application/json" if as_json else FORM}, body.encode())


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("vector", OUTSIDE["pushes"], ids=lambda each: each["id"])
def test_a_push_is_believed_by_its_token_in_either_case_and_with_any_of_the_keys(
    vector: dict[str, Any], as_json: bool
) -> None:
    sent = datetime.strptime(vector["timestamp"] + "+0800", "%Y-%m-%d %H:%M:%S%z")
    for token in (vector["token"], vector["token"].upper()):
        for keys in ([vector["encrypt_key"]], ["newer", vector["encrypt_key"]], [f"newer, {vector['encrypt_key']}"]):
            believed = webhook.verify(push(fields(vector, token=token), as_json=as_json), keys, sent)
            assert (believed.event_id, believed.sent_at) == ("m-1", sent)


FIRST = OUTSIDE["pushes"][0]


def distrusted(said: Push, now: datetime = AT, keys: tuple[str, ...] = ("push-key-demo-1",)) -> Reason:
    with pytest.raises(Distrust) as caught:
        webhook.verify(said, keys, now)
    return caught.value.reason


def test_why_a_push_is_not_believed() -> None:
    assert webhook.verify(push(fields(FIRST)), ["push-key-demo-1"], AT + timedelta(minutes=15))
    assert distrusted(push(fields(FIRST)), AT + timedelta(minutes=15, seconds=1)) is Reason.OUTSIDE_WINDOW
    assert distrusted(push(fields(FIRST)), AT - timedelta(minutes=16)) is Reason.OUTSIDE_WINDOW
    assert distrusted(push(fields(FIRST, request_body="{}"))) is Reason.WRONG_SIGNATURE
    assert distrusted(push(fields(FIRST, token="é"))) is Reason.WRONG_SIGNATURE
    assert distrusted(push(fields(FIRST, token=""))) is Reason.NO_SIGNATURE
    assert distrusted(push(fields(FIRST, message_id=" "))) is Reason.NO_ID
    assert distrusted(push(fields(FIRST)), keys=()) is Reason.NO_KEY
    assert distrusted(Push({}, b"token=1&token=2")) is Reason.NOT_READABLE
    as_object = push({**fields(FIRST), "request_body": json.loads(FIRST["request_body"])}, as_json=True)
    assert distrusted(as_object) is Reason.NOT_READABLE


@pytest.mark.parametrize(
    ("topic", "message", "hint"),
    [
        ("outstock.status", {"customerOrderNo": "NO-1"}, Hint("outstock.status", Resource.OUTBOUND.value, ("NO-1",))),
        ("instock.status", {"customerInstockNo": "IN-1"}, Hint("instock.status", Resource.INBOUND.value, ("IN-1",))),
        (
            "stock.change",
            {"records": [{"customerGoodsId": "A"}, {"customerGoodsId": " B"}, {"customerGoodsId": "A"}, {}]},
            Hint("stock.change", Resource.STOCK.value, ("A", " B")),
        ),
        ("stock.change", {"records": []}, Hint("stock.change")),
        ("trace", {"waybillCode": "JD1", "orderId": "NO-1"}, Hint("trace", Resource.OUTBOUND.value, ("NO-1",))),
        ("", {"waybillCode": "JD1", "orderId": "NO-1"}, Hint("trace", Resource.OUTBOUND.value, ("NO-1",))),
        ("", {"topic": "outstock.status", "customerOrderNo": 7}, Hint("outstock.status", "outbound", ("7",))),
        ("fee", {"amount": 5}, Hint("fee")),
    ],
)
def test_what_a_push_hints_at(topic: str, message: Any, hint: Hint) -> None:
    assert webhook.hint(push({"topic": topic, "request_body": json.dumps(message)})) == hint


@pytest.mark.parametrize("message", ["", "[]", "{", '{"status":"10020"}', '{"customerOrderNo":"\\u0000"}'])
def test_a_message_that_cannot_be_read_is_told(message: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        webhook.hint(push({"topic": "outstock.status", "request_body": message}))


def test_the_sender_hears_jds_own_words() -> None:
    hook = ONE.webhook
    assert hook is not None
    assert (hook.taken.status, json.loads(hook.taken.body)) == (200, {"statusCode": 0, "statusMessage": "OK"})
    assert (hook.refused.status, json.loads(hook.refused.body)["statusCode"]) == (200, 1)
    assert hook.failed.status == 500
    assert {"consigneeInformation", "phone", "email"} <= hook.masked
