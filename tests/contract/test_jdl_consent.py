"""JD Logistics' consent: codes and tokens, doubly encoded answers, renewal, what a merchant pastes."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from portal.contract.errors import Cause, Refused, Unauthorised
from portal.contract.records import Tokens
from portal.integrations.jdl import consent
from portal.integrations.jdl.client import JdlClient
from tests.contract.jdl_calls import SETTINGS, client, raised

GRANTED = {
    "accessToken": "a" * 32,
    "accessExpire": "2027-11-20 20:00:00",
    "refreshToken": "b" * 32,
    "refreshExpire": "2027-12-20 20:00:00",
    "clientId": "k",
    "code": "c0de",
    "sellerId": "jd_seller_pin",
}
ENDS = datetime(2027, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("body", [GRANTED, json.dumps(GRANTED), {"code": 0, "data": GRANTED}])
def test_a_code_becomes_tokens_also_where_the_answer_is_text_with_json_in_it(body: Any) -> None:
    sent: list[httpx.Request] = []
    tokens = consent.take(client(lambda request: sent.append(request) or body, None), "c0de", "https://p.example/cb")
    assert (tokens.access, tokens.refresh, tokens.account) == ("a" * 32, "b" * 32, "jd_seller_pin")
    assert tokens.expires_at == ENDS
    assert (sent[0].method, str(sent[0].url.copy_with(query=None))) == ("GET", "https://us-oauth.jdl.com/oauth/token")
    assert dict(sent[0].url.params) == {
        "client_id": SETTINGS["app_key"],
        "client_secret": SETTINGS["app_secret"],
        "code": "c0de",
    }


def test_a_used_code_is_a_refused_grant() -> None:
    why = raised(
        lambda: consent.take(client(lambda r: {"code": 2001, "message": "invalid code", "data": None}), "c", "")
    )
    assert (type(why), why.cause, why.code) == (Refused, Cause.GRANT_REFUSED, "2001")


def test_a_renewal_is_signed_and_gives_back_what_came_moved_or_not() -> None:
    sent: list[httpx.Request] = []
    same = {"code": 1000, "message": "success", "data": {**GRANTED, "refreshToken": ""}}
    old = Tokens("a" * 32, "9999aaaa8888bbbb7777cccc6666dddd", ENDS)
    renewed = consent.renew(client(lambda request: sent.append(request) or same, old), old)
    assert (renewed.access, renewed.refresh, renewed.expires_at) == (old.access, old.refresh, old.expires_at)
    query = dict(sent[0].url.params)
    assert sent[0].url.path == "/oauth/refresh"
    signed = {name: query[name] for name in ("app_key", "refresh_token", "timestamp")}
    assert query["sign"] == JdlClient.sign(signed, SETTINGS["app_secret"])
    assert query["timestamp"] == "2026-11-20 20:00:00"
    refused = raised(lambda: consent.renew(client(lambda request: {"code": 2004, "data": None}), old))
    assert (type(refused), refused.cause) == (Unauthorised, Cause.TOKEN_EXPIRED)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" c0de-1 ", "c0de-1"),
        ("https://p.example/cb?code=c0de-1&state=x", "c0de-1"),
        ("urn:ietf:wg:oauth:2.0:oob?code=c0de-1", "c0de-1"),
        ("code=c0de-1&state=x", "c0de-1"),
        ('{"code": "c0de-1"}', "c0de-1"),
        ("https://p.example/cb?error=access_denied", ""),
        ("two words", ""),
        ("", ""),
        ("x" * 30_000, ""),
        (json.dumps(GRANTED), ""),
    ],
)
def test_the_code_is_found_in_what_a_merchant_pasted(text: str, code: str) -> None:
    assert consent.pasted(text) == code


def test_tokens_that_jds_own_page_showed_can_be_pasted() -> None:
    for text in (json.dumps(GRANTED), json.dumps(json.dumps(GRANTED)), json.dumps({"code": 0, "data": GRANTED})):
        tokens = consent.pasted_tokens(text)
        assert tokens is not None
        assert (tokens.access, tokens.expires_at) == ("a" * 32, ENDS)
    for text in ("c0de", "", "{}", '{"accessToken": 5}', '{"code": 2001}'):
        assert consent.pasted_tokens(text) is None


def test_the_page_that_shows_the_code_leads_nowhere() -> None:
    account = client(lambda request: {}).account
    shown = httpx.URL(consent.shown_at(account))
    assert shown.params["redirect_uri"] == "urn:ietf:wg:oauth:2.0:oob"
    assert "state" not in shown.params
    led = httpx.URL(consent.authorise(account, "https://p.example/cb", "st&te"))
    assert (led.host, led.path, led.params["state"]) == ("us-oauth.jdl.com", "/oauth/authorize", "st&te")
