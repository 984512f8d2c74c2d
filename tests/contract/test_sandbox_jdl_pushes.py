"""The sandbox of JD Logistics: its sign-in server, and the pushes that it sends to who subscribed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from portal.contract.webhooks import Push
from portal.integrations import get
from tests.contract.jdl_sandbox import HOUSE, Jdl, Receiver, consented, md5, receiving

pytest_plugins = ("tests.sandbox_server",)

CALLBACK = "http://127.0.0.1:8000/oauth/jdl/callback"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
CHINA = timezone(timedelta(hours=8))


@pytest.fixture
def jdl(sandbox: Any) -> Jdl:
    return Jdl(sandbox)


def exchanged(sandbox: Any, code: str, **changed: str) -> Any:
    asked = {"client_id": HOUSE["app_key"], "client_secret": HOUSE["app_secret"], "code": code}
    return sandbox.http.get("/jdl/oauth/token", params=asked | changed).json()


def refreshed(sandbox: Any, token: str, **changed: str) -> Any:
    stamp = f"{datetime.now(CHINA):%Y-%m-%d %H:%M:%S}"
    key, secret = HOUSE["app_key"], HOUSE["app_secret"]
    sign = md5(f"{secret}app_key{key}refresh_token{token}timestamp{stamp}{secret}")
    asked = {"app_key": key, "refresh_token": token, "timestamp": stamp, "sign": sign.upper(), "timezone": "8"}
    return sandbox.http.get("/jdl/oauth/refresh", params=asked | changed).json()


# --- the sign-in server -------------------------------------------------------------------------------------------


def test_a_code_is_good_once_and_gives_tokens_for_a_year(sandbox: Any) -> None:
    found = consented(sandbox, subscribe=True, address=CALLBACK)
    assert found["state"] == "st&te"
    told = exchanged(sandbox, found["code"])
    assert set(told) == {
        "accessToken",
        "accessExpire",
        "refreshToken",
        "refreshExpire",
        "clientId",
        "code",
        "sellerId",
    }
    assert len(told["accessToken"]) == len(told["refreshToken"]) == 32
    assert int(told["accessToken"], 16)
    ends, refresh_ends = (
        datetime.strptime(told[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        for name in ("accessExpire", "refreshExpire")
    )
    assert ends - datetime.now(UTC) > timedelta(days=364, hours=23)
    assert refresh_ends - ends == timedelta(days=31)
    assert told["sellerId"] == sandbox.account("jdl", "northwick")["types"]["operator_code"]
    again = exchanged(sandbox, found["code"])
    assert again == {"code": 2001, "message": "invalid code", "enMessage": "invalid code", "data": None}
    assert exchanged(sandbox, "x", client_secret="another")["code"] == 2002


def test_the_page_asks_and_refuses(sandbox: Any) -> None:
    assert consented(sandbox, subscribe=False, address="https://elsewhere.example/cb").status_code == 400
    asked = {"client_id": HOUSE["app_key"], "response_type": "code", "redirect_uri": CALLBACK, "state": "s"}
    refused = sandbox.http.post("/jdl/oauth/authorize", data=asked | {"decision": "refuse"})
    assert refused.headers["Location"] == f"{CALLBACK}?error=access_denied&state=s"
    wrong = asked | {"decision": "allow", "email": "x@y.example", "password": "no"}
    assert sandbox.http.post("/jdl/oauth/authorize", data=wrong).status_code == 401
    assert sandbox.http.get("/jdl/oauth/authorize", params=asked | {"client_id": "x"}).status_code == 400


def test_out_of_band_the_page_shows_the_code(sandbox: Any) -> None:
    shown = consented(sandbox, subscribe=False, address=OUT_OF_BAND)
    assert shown.status_code == 200
    code = shown.text.partition('<code id="code">')[2].partition("</code>")[0]
    assert get("jdl").grant.pasted(code) == code
    assert exchanged(sandbox, code)["accessToken"]


def test_the_answers_may_be_json_inside_text(sandbox: Any) -> None:
    sandbox.control("account", integration="jdl", name="northwick", told={"doubly_encoded": 1})
    found = consented(sandbox, subscribe=False, address=CALLBACK)
    told = exchanged(sandbox, found["code"])
    assert isinstance(told, str)
    assert json.loads(told)["accessToken"]


def test_a_refresh_may_move_the_end_or_not(sandbox: Any, jdl: Jdl) -> None:
    tokens = exchanged(sandbox, consented(sandbox, subscribe=False, address=CALLBACK)["code"])
    assert refreshed(sandbox, tokens["refreshToken"], sign="x")["code"] == 2003
    assert refreshed(sandbox, "nobody's")["code"] == 2004
    sandbox.control("account", integration="jdl", name="northwick", told={"refresh_unmoved": 1})
    same = refreshed(sandbox, tokens["refreshToken"])
    assert (same["code"], same["message"], same["enMessage"]) == (1000, "success", None)
    kept = ("accessToken", "accessExpire", "refreshToken", "refreshExpire")
    assert [same["data"][name] for name in kept] == [tokens[name] for name in kept]
    sandbox.control("account", integration="jdl", name="northwick", told={})
    sandbox.control("clock", integration="jdl", seconds=86_400)
    moved = refreshed(sandbox, tokens["refreshToken"])["data"]
    assert moved["refreshToken"] == tokens["refreshToken"]
    assert moved["accessToken"] != tokens["accessToken"]
    assert moved["accessExpire"] > tokens["accessExpire"]
    sandbox.control("clock", integration="jdl", seconds=0)
    assert jdl.post("goods.query", "[{}]", access_token=tokens["accessToken"]).json()["error_response"]["code"] == 19


# --- pushes -------------------------------------------------------------------------------------------------------


def believed(receiver: Receiver, count: int) -> list[dict[str, str]]:
    """The first pushes, each held to the rule and to what the integration believes."""
    found = receiver.wait(count)
    hook = get("jdl").webhook
    for said, (headers, body) in zip(found, receiver.got, strict=False):
        assert said["token"] == md5(said["request_body"] + said["timestamp"] + HOUSE["push_key"])
        assert said["format"] == "json"
        told = hook.verify(Push(headers, body), [HOUSE["push_key"]], datetime.now(UTC))
        assert told.event_id == said["message_id"]
    return found


def test_an_order_tells_of_itself_its_stock_and_its_parcel(jdl: Jdl) -> None:
    with receiving() as receiver:
        jdl.control("hook", url=receiver.url, subscribed=1)
        (sku,) = jdl.skus(1)
        jdl.data("outstock.create", **jdl.order("NW-9100", (sku, 1)))
        jdl.control("order", reference="NW-9100", status="10020")
        found = believed(receiver, 5)
    assert [each["topic"] for each in found] == [
        "outstock.status",
        "stock.change",
        "outstock.status",
        "stock.change",
        "trace",
    ]
    left = json.loads(found[2]["request_body"])
    assert (left["status"], left["actualCarrierName"], bool(left["preShipWayBill"])) == ("10020", "Royal Mail", True)
    change = json.loads(found[3]["request_body"])
    assert (change["changeType"], change["records"][0]["customerGoodsId"]) == (2, sku)
    hints = [get("jdl").webhook.hint(Push(*each)) for each in receiver.got]
    assert [each.keys for each in hints] == [("NW-9100",), (sku,), ("NW-9100",), (sku,), ("NW-9100",)]
    assert len({each["message_id"] for each in found}) == 5


def test_who_did_not_tick_the_box_is_told_nothing(jdl: Jdl) -> None:
    with receiving() as receiver:
        consented(jdl.sandbox, subscribe=False, address=CALLBACK)
        jdl.control("hook", url=receiver.url)
        (sku,) = jdl.skus(1)
        jdl.control("stock", sku=sku, quantity=3)
        assert jdl.control("push", deed="list") == []
        consented(jdl.sandbox, subscribe=True, address=CALLBACK)
        jdl.control("stock", sku=sku, quantity=4)
        (said,) = believed(receiver, 1)
    assert json.loads(said["request_body"])["records"][0]["stockQuantity"] == 4
    assert len(receiver.got) == 1


def test_a_push_is_repeated_with_a_fresh_time_until_it_is_taken(jdl: Jdl) -> None:
    since = jdl.sandbox.journal()[-1]["seq"]
    jdl.control("push", deed="pauses", seconds="0.1,0.1,0.1,0.1,0.1")
    with receiving() as receiver:
        receiver.answers = [(500, b""), (200, b'{"statusCode":1,"statusMessage":"check failed"}')]
        jdl.control("hook", url=receiver.url, subscribed=1)
        (sku,) = jdl.skus(1)
        jdl.control("stock", sku=sku, quantity=5)
        found = believed(receiver, 3)
        assert len({each["message_id"] for each in found}) == 1
        again = jdl.control("push", deed="again", message_id=found[0]["message_id"], times=2)
        assert again["message_id"] == found[0]["message_id"]
        assert len({each["message_id"] for each in believed(receiver, 5)}) == 1
    entries = [each for each in jdl.sandbox.journal(since, integration="jdl") if each["effect"] == "push.sent"]
    assert [each["arguments"]["taken"] for each in entries][:3] == [False, False, True]


def test_after_the_last_pause_a_push_is_given_up(jdl: Jdl) -> None:
    jdl.control("push", deed="pauses", seconds="0.05")
    with receiving() as receiver:
        receiver.answers = [(500, b"")] * 5
        jdl.control("hook", url=receiver.url, subscribed=1)
        (sku,) = jdl.skus(1)
        jdl.control("stock", sku=sku, quantity=5)
        receiver.wait(2)
        assert jdl.control("push", deed="now") in ({"due": 0}, {"due": 1})
    (push,) = jdl.control("push", deed="list")
    assert push["tries"] <= 2


def test_pushes_may_come_as_json_with_the_message_as_text(jdl: Jdl) -> None:
    jdl.control("push", deed="form", form="json")
    with receiving() as receiver:
        jdl.control("hook", url=receiver.url, subscribed=1)
        (sku,) = jdl.skus(1)
        jdl.control("stock", sku=sku, quantity=5)
        (said,) = believed(receiver, 1)
    assert receiver.got[0][0]["content-type"] == "application/json"
    assert isinstance(said["request_body"], str)


def test_deliveries_are_told_too(jdl: Jdl) -> None:
    with receiving() as receiver:
        jdl.control("hook", url=receiver.url, subscribed=1)
        jdl.data("goods.query", pageSize=1)
        jdl.control("inbound", reference="NO-IN-1002", status="70")
        found = believed(receiver, 2)
    assert [each["topic"] for each in found] == ["instock.status", "stock.change"]
    hint = get("jdl").webhook.hint(Push(*receiver.got[0]))
    assert (hint.resource, hint.keys) == ("inbound", ("NO-IN-1002",))


def test_the_control_page_has_a_form_for_every_deed_of_jdls(sandbox: Any) -> None:
    page = sandbox.http.get("/control").text
    for deed in ("order", "ship", "exception", "cancelling", "pace", "inbound", "stock", "warehouse", "hook", "push"):
        assert f'action="/control/{deed}"' in page
    assert sandbox.account("jdl", "northwick")["types"]["customer_code"] in page
    form = {"who": "jdl/northwick", "reference": "NO-1012", "status": ""}
    answer = sandbox.http.post("/control/order", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/control?done=order")
    wrong = {"integration": "jd_com", "account": "northwick"}
    assert sandbox.http.post("/control/inbound", json=wrong).status_code == 400
