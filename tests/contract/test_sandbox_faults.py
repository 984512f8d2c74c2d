"""Every fault of the sandbox as a plain client meets it, the log-in, and the control page."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.sandbox_calls import consent, exchange, listing, page
from tests.sandbox_server import CALLBACK

pytest_plugins = ("tests.sandbox_server",)

WARES = "jingdong.ware.read.searchWare4Valid"
INFO = "jingdong.seller.vender.info.get"
NORTHWICK = ("jd_com", "northwick")


# --- faults -----------------------------------------------------------------------------------------------------------


def failing(sandbox, kind, timeout=5.0, method=INFO, arguments=None, **more):
    sandbox.control("fault", integration="jd_com", kind=kind, **more)
    with httpx.Client(timeout=timeout, trust_env=False) as http:
        return http.post(f"{sandbox.url}/jd_com/routerjson", data=sandbox.signed(*NORTHWICK, method, arguments))


CODES = {"busy": "1", "rate": "2", "quota": "2", "token": "19", "clock": "8", "error200": "43", "code:65": "65"}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_own_codes(sandbox, kind, code):
    answer = failing(sandbox, kind)
    assert (answer.status_code, answer.json()["error_response"]["code"]) == (200, code)
    assert "error_response" not in sandbox.call(*NORTHWICK, INFO)  # Once was asked for.


def test_http_faults(sandbox):
    assert failing(sandbox, "http500").status_code == 500
    bad = failing(sandbox, "html502")
    assert (bad.status_code, bad.headers["content-type"][:9]) == (502, "text/html")
    page_of_html = failing(sandbox, "html200")
    assert page_of_html.status_code == 200
    assert page_of_html.text.startswith("<!doctype html>")
    limited = failing(sandbox, "rate:429")
    assert limited.status_code == 429
    assert "Retry-After" not in limited.headers
    assert failing(sandbox, "rate:429:7").headers["Retry-After"] == "7"


def test_connections_that_break(sandbox):
    with pytest.raises(httpx.RemoteProtocolError):
        failing(sandbox, "refuse")
    with pytest.raises(httpx.ReadError):
        failing(sandbox, "reset")
    with pytest.raises(httpx.ReadTimeout):
        failing(sandbox, "hang", timeout=0.6)
    assert "error_response" not in sandbox.call(*NORTHWICK, INFO)


def test_answers_that_are_spoilt(sandbox):
    with pytest.raises(ValueError, match=r"char|delimiter|Unterminated"):
        failing(sandbox, "cut").json()
    with pytest.raises(UnicodeDecodeError):
        failing(sandbox, "gbk").content.decode("utf-8")
    assert "操作成功" in failing(sandbox, "gbk").content.decode("gbk")
    wrong = page(failing(sandbox, "types", method=WARES, arguments={"pageSize": 2}).json())
    assert isinstance(wrong["data"], dict)
    assert wrong["data"]["0"]["wareId"] is None
    assert wrong["pageSize"] == "2"
    begun = time.monotonic()
    failing(sandbox, "latency:300")
    assert time.monotonic() - begun >= 0.3


def test_drip_comes_a_byte_a_second(sandbox):
    sandbox.control("fault", integration="jd_com", kind="drip")
    body = httpx.Request("POST", sandbox.url, data=sandbox.signed(*NORTHWICK, INFO)).read()
    host, port = urlsplit(sandbox.url).hostname, urlsplit(sandbox.url).port
    head = (
        f"POST /jd_com/routerjson HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        begun, got = time.monotonic(), b""
        while len(got.partition(b"\r\n\r\n")[2]) < 3:
            got += connection.recv(1000)
        assert 1.8 < time.monotonic() - begun < 4


def test_huge_bodies_and_bombs(sandbox):
    for kind, least in (("huge", 50_000_000), ("bomb", 200_000_000)):
        sandbox.control("fault", integration="jd_com", kind=kind)
        count = 0
        with httpx.stream("POST", f"{sandbox.url}/jd_com/routerjson", data={}, timeout=30, trust_env=False) as answer:
            sent_bytes = 0
            for chunk in answer.iter_bytes():
                count += len(chunk)
            sent_bytes = answer.num_bytes_downloaded
        assert count >= least
        if kind == "bomb":
            assert sent_bytes < 1_000_000


def test_a_fault_after_the_deed_leaves_the_effect(sandbox):
    sku = listing(sandbox)["id"]
    with pytest.raises(httpx.ReadError):
        failing(
            sandbox,
            "reset",
            method="jingdong.stock.write.updateSkuStock",
            arguments={"skuId": sku, "stockNum": 77},
            operation="jingdong.stock.write.*",
            after=True,
        )
    assert listing(sandbox)["stock"] == 77
    last = sandbox.journal()[-1]
    assert (last["operation"], last["fault"]) == ("jingdong.stock.write.updateSkuStock", "reset")


def test_faults_can_stand_and_be_limited(sandbox):
    sandbox.control("fault", integration="jd_com", kind="busy", operation=WARES, account="samudra", times=None)
    assert "error_response" not in sandbox.call(*NORTHWICK, WARES)
    assert [sandbox.error("jd_com", "samudra", WARES) for _ in range(3)] == ["1", "1", "1"]
    assert "error_response" not in sandbox.call("jd_com", "samudra", INFO)
    sandbox.control("clear")
    assert "error_response" not in sandbox.call("jd_com", "samudra", WARES)


# --- logging in -------------------------------------------------------------------------------------------------------


def test_logging_in_and_renewing(sandbox):
    found = consent(sandbox, *NORTHWICK)
    assert found["state"] == "st&te"
    grant = {"grant_type": "authorization_code", "code": found["code"]}
    tokens = exchange(sandbox, *NORTHWICK, "access_token", **grant)
    assert tokens["code"] == 0
    assert set(tokens) >= {"access_token", "refresh_token", "expires_in", "time", "uid", "open_id", "token_type"}
    assert "error_response" not in sandbox.call(*NORTHWICK, INFO, access_token=tokens["access_token"])
    again = exchange(sandbox, *NORTHWICK, "access_token", **grant)
    assert again["code"] == 400
    assert "access_token" not in again
    asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = exchange(sandbox, *NORTHWICK, "refresh_token", **asked)
    assert renewed["access_token"] != tokens["access_token"]
    assert renewed["refresh_token"] == tokens["refresh_token"]
    assert sandbox.error(*NORTHWICK, INFO, access_token=tokens["access_token"]) == "19"


def test_refusals_and_mistakes_on_the_consent_page(sandbox):
    assert consent(sandbox, *NORTHWICK, decision="refuse") == {"error": "access_denied", "state": "st&te"}
    assert consent(sandbox, *NORTHWICK, app_key="nobody").status_code == 400
    assert consent(sandbox, *NORTHWICK, redirect_uri=CALLBACK.format("jd_com") + "/").status_code == 400
    assert consent(sandbox, *NORTHWICK, password="wrong").status_code == 401
    wrong = sandbox.http.get("/jd_com/oauth2/access_token", params={"app_key": "x", "app_secret": "y"}).json()
    assert wrong["code"] == 401


def test_another_seller_may_consent(sandbox):
    other = sandbox.account("jd_com", "samudra")
    found = consent(sandbox, *NORTHWICK, email=other["email"], password=other["password"])
    tokens = exchange(sandbox, *NORTHWICK, "access_token", grant_type="authorization_code", code=found["code"])
    shop = sandbox.call(*NORTHWICK, INFO, access_token=tokens["access_token"])
    assert next(iter(shop.values()))["vender_info_result"]["shop_id"] == other["shop_id"]


# --- control ----------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_accounts_and_takes_forms(sandbox):
    for path in ("/", "/control"):
        shown = sandbox.http.get(path)
        assert sandbox.account(*NORTHWICK)["app_secret"] in shown.text
        assert "<script" not in shown.text
    form = {"integration": "jd_com", "kind": "busy", "operation": "", "account": "", "times": "0"}
    answer = sandbox.http.post("/control/fault", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/control?done=fault")
    assert sandbox.http.get("/control/faults").json()[0]["left"] is None
    moved = {"who": "jd_com/northwick", "deed": "stock", "slot": "0", "value": "3", "id": ""}
    sandbox.http.post("/control/listing", data=moved)
    assert listing(sandbox)["stock"] == 3
    assert sandbox.http.post("/control/fault", json={"kind": "nonsense"}).status_code == 400
    assert sandbox.http.post("/control/nothing", json={}).status_code == 404


def test_the_journal_is_in_order_over_all_remotes(sandbox):
    since = sandbox.journal()[-1]["seq"]
    sandbox.call(*NORTHWICK, INFO)
    sandbox.call("jd_id", "samudra", "jingdong.seller.getAccountByPin")
    sandbox.call(*NORTHWICK, WARES)
    entries = sandbox.journal(since)
    assert [each["integration"] for each in entries] == ["jd_com", "jd_id", "jd_com"]
    assert [each["seq"] for each in entries] == sorted(each["seq"] for each in entries)
    text = json.dumps(sandbox.journal())
    for who in sandbox.http.get("/control/accounts").json():
        assert who["app_secret"] not in text
        assert all(token["access"] not in text for token in who["tokens"])
