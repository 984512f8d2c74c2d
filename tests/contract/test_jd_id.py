"""JD.ID: both generations of its gateway, the consent, and that a walk through a catalogue loses nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Garbled, Refused, Unauthorised
from portal.contract.http import Account, Answer, Line
from portal.contract.records import Tokens
from portal.integrations import get
from portal.integrations.jd_id import consent, walk
from portal.integrations.jd_id.client import JdIdClient
from tests.contract.canned import NOON
from tests.contract.checks import folder

ONE = get("jd_id")
SETTINGS = {"shop_id": "10045821", "api_key": "K", "api_secret": "S", "generation": "v2", "access_token": "typed"}
Reply = Callable[[httpx.Request], Any]


def client(reply: Reply, **settings: str) -> JdIdClient:
    """A client whose remote is a function of the request."""

    def send(request: httpx.Request) -> Answer:
        body = reply(request)
        return Answer(200, httpx.Headers(), body if isinstance(body, bytes) else json.dumps(body).encode())

    account = Account(SETTINGS | settings, ONE.hosts, Tokens("granted", "refresh"))
    return JdIdClient(account, Line(send=send, wait=lambda: None, now=lambda: NOON))


def form(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode()))


def answered(model: Any, **more: Any) -> Any:
    return {"a_response": {"code": "0", "returnType": {"code": 1, "success": True, "model": model, **more}}}


def test_the_second_generation_sends_no_optional_parameters() -> None:
    sent: list[httpx.Request] = []
    client(lambda request: sent.append(request) or answered({"totalNum": 0, "spuInfoVoList": []})).spus(1)
    pairs = form(sent[0])
    assert str(sent[0].url) == "https://open-api.jd.id/routerjson"
    assert (pairs["timestamp"], pairs["access_token"], pairs["v"]) == ("2026-11-20 19:00:00.000+0700", "granted", "2.0")
    assert json.loads(pairs["360buy_param_json"]) == {"page": 1, "size": 50}
    assert not {"format", "sign_method"} & set(pairs)
    assert pairs.pop("sign") == JdIdClient.sign(pairs, "S")


def test_the_first_generation_sends_positions_and_its_two_extra_parameters() -> None:
    sent: list[httpx.Request] = []
    data = json.dumps({"success": True, "model": {"totalNum": 0, "spuInfoVoList": []}})
    reply = {"openapi_code": 0, "openapi_data": data}
    client(lambda request: sent.append(request) or reply, generation="v1").spus(3)
    pairs = form(sent[0])
    assert str(sent[0].url) == "https://open.jd.id/api"
    assert (pairs["param_json"], pairs["access_token"], pairs["v"]) == ("3,10", "typed", "1.0")
    assert (pairs["format"], pairs["sign_method"]) == ("json", "md5")
    assert pairs.pop("sign") == JdIdClient.sign(pairs, "S")


def test_the_first_generation_needs_no_consent_but_its_token() -> None:
    assert ONE.grant is not None
    assert not ONE.grant.needed({"generation": "v1"})
    assert ONE.grant.needed({"generation": "v2"})
    with pytest.raises(Unauthorised) as caught:
        client(lambda request: {}, generation="v1", access_token="").shop()
    assert caught.value.cause is Cause.TOKEN_MISSING


@pytest.mark.parametrize(("code", "kind"), [("19", Unauthorised), (1, Busy), ("12345", Busy)])
def test_a_code_of_the_first_generation_is_read_as_one_of_the_second(code: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        client(lambda request: {"openapi_code": code, "openapi_data": None}, generation="v1").shop()


@pytest.mark.parametrize("code", ["64", "72"])
def test_a_basic_seller_is_told_of_the_level(code: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        client(lambda request: {"error_response": {"code": code}}).shop()
    assert caught.value.cause is Cause.SELLER_LEVEL
    assert consent.refused({"error": code}).cause is Cause.SELLER_LEVEL


@pytest.mark.parametrize("query", [{}, {"error": "access_denied"}, {"error": "19"}])
def test_any_other_callback_without_a_code_is_a_refused_grant(query: dict[str, str]) -> None:
    assert consent.refused(query).cause is Cause.GRANT_REFUSED


@pytest.mark.parametrize("flag", [{"success": "false"}, {"success": False, "isSuccess": True}, {"isSuccess": False}])
def test_a_method_that_says_no_is_refused_with_its_words(flag: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        client(lambda request: {"A_Response": {"code": 0, "returnType": {"code": 5, "message": "tutup", **flag}}}).spus(
            1
        )
    assert "tutup" in caught.value.detail


@pytest.mark.parametrize(("shop_id", "wrong"), [("10045821", False), ("10045822", True)])
def test_the_typed_shop_is_compared_with_the_products(shop_id: str, wrong: bool) -> None:
    page = (folder(ONE) / "samples" / "products.page.json").read_bytes()
    detail = answered([{"spuId": 500300017, "shopName": "Melati Resmi"}])

    def reply(request: httpx.Request) -> Any:
        return page if form(request)["method"].endswith("getWareInfoListByVendorId") else detail

    one = client(reply, shop_id=shop_id)
    if wrong:
        with pytest.raises(Refused) as caught:
            one.shop()
        assert caught.value.cause is Cause.WRONG_SHOP
    else:
        assert one.shop().name == "Melati Resmi"


def test_a_shop_without_products_is_taken_at_its_word() -> None:
    assert client(lambda request: answered(None)).shop().remote_id == "10045821"


# --- consent ------------------------------------------------------------------------------------------------------

GRANTED = {"access_token": "a", "expires_in": 3600, "refresh_token": "r", "time": 1772690829000, "uid": 17, "code": 0}


def test_the_consent_page_carries_state_and_address() -> None:
    address = httpx.URL(consent.authorise(client(lambda request: {}).account, "https://p.example/cb?x=1", "st"))
    assert str(address).startswith("https://oauth.jd.id/oauth2/to_login?")
    assert dict(address.params) == {
        "app_key": "K",
        "response_type": "code",
        "redirect_uri": "https://p.example/cb?x=1",
        "state": "st",
        "scope": "snsapi_base",
    }


def test_a_code_becomes_tokens() -> None:
    tokens = consent.take(client(lambda request: GRANTED), "c", "https://p.example/cb")
    assert (tokens.access, tokens.refresh, tokens.account) == ("a", "r", "17")
    assert str(tokens.expires_at) == "2026-03-05 07:07:09+00:00"


def test_a_token_without_its_time_counts_from_now_and_without_a_life_has_no_end() -> None:
    one = client(lambda request: {**GRANTED, "time": None, "expires_in": "60"})
    assert consent.take(one, "c", "").expires_at == NOON + timedelta(minutes=1)
    assert consent.take(client(lambda request: {**GRANTED, "expires_in": None}), "c", "").expires_at is None


def test_renewing_keeps_what_is_not_told_again() -> None:
    one = client(lambda request: {"access_token": "new", "code": "0"})
    renewed = consent.renew(one, Tokens("old", "kept", account="17"))
    assert (renewed.access, renewed.refresh, renewed.account) == ("new", "kept", "17")


@pytest.mark.parametrize(
    ("code", "take", "renew"),
    [
        (400, Cause.GRANT_REFUSED, Cause.TOKEN_EXPIRED),
        (401, Cause.WRONG_CREDENTIALS, Cause.WRONG_CREDENTIALS),
        (64, Cause.SELLER_LEVEL, Cause.SELLER_LEVEL),
    ],
)
def test_a_refused_exchange_has_its_cause(code: int, take: Cause, renew: Cause) -> None:
    one = client(lambda request: {"code": code, "msg": "no"})
    with pytest.raises((Refused, Unauthorised)) as caught:
        consent.take(one, "c", "")
    assert caught.value.cause is take
    with pytest.raises(Unauthorised) as caught:
        consent.renew(one, Tokens("a", "r"))
    assert caught.value.cause is renew


def test_without_a_refresh_token_nothing_is_sent() -> None:
    with pytest.raises(Unauthorised):
        consent.renew(client(lambda request: pytest.fail("sent")), Tokens("a"))


def test_a_cut_answer_of_the_sign_in_server_is_not_kept() -> None:
    with pytest.raises(Garbled) as caught:
        consent.take(client(lambda request: b'{"access_token":"a'), "c", "")
    assert caught.value.sample == b""


# --- the walk -----------------------------------------------------------------------------------------------------


class Shelf:
    """A JD.ID catalogue in memory."""

    def __init__(self, spus: int, skus_each: int = 2) -> None:
        self.spus = list(range(1, spus + 1))
        self.skus_each = skus_each
        self.lists_skus = True
        self.calls: list[str] = []
        self.before_call: Callable[[int], None] = lambda number: None

    def ids(self) -> set[str]:
        return {str(spu * 100 + n) for spu in self.spus for n in range(self.skus_each)}

    def sku(self, number: int) -> dict[str, Any]:
        return {"skuId": number, "spuId": number // 100, "sellerSkuId": f"S{number}", "jdPrice": 1000}

    def reply(self, request: httpx.Request) -> Any:
        pairs = form(request)
        self.before_call(len(self.calls))
        self.calls.append(pairs["method"])
        asked = json.loads(pairs["360buy_param_json"])
        if pairs["method"].endswith("getWareInfoListByVendorId"):
            start = (asked["page"] - 1) * asked["size"]
            rows = [{"spuId": spu, "wareStatus": 1} for spu in self.spus[start : start + asked["size"]]]
            return answered({"totalNum": len(self.spus), "spuInfoVoList": rows})
        if pairs["method"].endswith("getWareBySpuIds"):
            wanted = [int(each) for each in asked["spuId"].split(",")]
            return answered([self.detail(spu) for spu in wanted if spu in self.spus])
        if pairs["method"].endswith("getSkuBySkuIds"):
            return answered([self.sku(int(each)) for each in asked["skuId"].split(",")])
        return answered([self.sku(int(asked["spuId"]) * 100 + n) for n in range(self.skus_each)])

    def detail(self, spu: int) -> dict[str, Any]:
        skus = [spu * 100 + n for n in range(self.skus_each)]
        return {"spuId": spu, "auditStatus": 1 + spu % 4, **({"skuIds": skus} if self.lists_skus else {})}


def records(pages: list[Any]) -> dict[str, Any]:
    found = [ONE.pulls["products"].read(item) for page in pages for item in page.items]
    return {record.remote_id: record for record in found}


@pytest.mark.parametrize("lists_skus", [True, False])
def test_every_sku_comes_in_with_its_audit_word(lists_skus: bool) -> None:
    shelf = Shelf(120)
    shelf.lists_skus = lists_skus
    found = list(walk.pages(client(shelf.reply), None, None))
    assert set(records(found)) == shelf.ids()
    assert {record.audit_word for record in records(found).values()} == {"1", "2", "3", "4"}
    if lists_skus:
        assert len(shelf.calls) / len(found) <= 10


def test_a_kill_between_any_two_pages_loses_nothing() -> None:
    shelf = Shelf(220)
    whole = list(walk.pages(client(shelf.reply), None, None))
    for place, page in enumerate(whole[:-1]):
        again = list(walk.pages(client(shelf.reply), None, page.cursor))
        assert set(records(again)) | set(records(whole[: place + 1])) == shelf.ids()
        assert len(again) == len(whole) - place - 1


@pytest.mark.parametrize("every", [1, 3, 7])
def test_products_that_vanish_meanwhile_cost_no_other(every: int) -> None:
    shelf = Shelf(400, skus_each=1)

    def world_moves(number: int) -> None:
        if number % every == 0 and number < 150:
            shelf.spus.pop(0)

    shelf.before_call = world_moves
    found = set(records(list(walk.pages(client(shelf.reply), None, None))))
    assert shelf.ids() <= found


def test_a_list_that_ends_before_its_total_is_told() -> None:
    empty = answered({"totalNum": 70, "spuInfoVoList": []})
    with pytest.raises(Garbled):
        next(walk.pages(client(lambda request: empty), None, None))


def test_an_empty_shop_has_one_empty_page() -> None:
    found = list(walk.pages(client(lambda request: answered(None)), None, None))
    assert [(page.items, page.cursor) for page in found] == [([], None)]
