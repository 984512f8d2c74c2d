"""JD.com: how calls are signed and dated, what its codes mean, and that a walk through a catalogue loses nothing."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, Answer, Line
from portal.contract.router import CODES
from portal.integrations import get
from portal.integrations.jd_com import walk
from portal.integrations.jd_com.client import BEIJING, LIVE, JdComClient
from tests.contract.canned import NOON
from tests.contract.checks import folder

ONE = get("jd_com")
SETTINGS = {"api_key": "K", "api_secret": "S", "app_id": "1", "access_token": "T", "api_endpoint": LIVE}
Reply = Callable[[dict[str, str]], tuple[dict[str, str], Any]]


def client(reply: Reply, sent: list[httpx.Request] | None = None, **settings: str) -> JdComClient:
    """A client whose gateway is a function of the decoded form."""

    def send(request: httpx.Request) -> Answer:
        if sent is not None:
            sent.append(request)
        headers, body = reply(dict(parse_qsl(request.content.decode())))
        return Answer(200, httpx.Headers(headers), json.dumps(body).encode())

    account = Account(settings=SETTINGS | settings, hosts=ONE.hosts)
    return JdComClient(account, Line(send=send, wait=lambda: None, now=lambda: NOON))


def error(code: str, **headers: str) -> Reply:
    return lambda form: (headers, {"error_response": {"code": code, "en_desc": "no"}})


SHOP = {"a_responce": {"code": "0", "vender_info_result": {"vender_id": 7, "shop_id": 8, "shop_name": "示例"}}}


def test_a_call_carries_everything_in_the_body_and_signs_what_it_sends() -> None:
    sent: list[httpx.Request] = []
    assert client(lambda form: ({}, SHOP), sent).shop().name == "示例"
    form = dict(parse_qsl(sent[0].content.decode()))
    assert str(sent[0].url) == "https://api.jd.com/routerjson"
    assert form["timestamp"] == "2026-11-20 20:00:00.000+0800"
    assert set(form) == {"method", "app_key", "access_token", "timestamp", "v", "360buy_param_json", "sign"}
    assert form.pop("sign") == JdComClient.sign(form, "S")


@pytest.mark.parametrize("typed", ["https://gw.example", "https://gw.example/", "https://gw.example/routerjson"])
def test_the_typed_endpoint_is_where_calls_go(typed: str) -> None:
    assert client(error("1"), api_endpoint=typed).address() == "https://gw.example/routerjson"


def test_a_sandbox_wins_over_the_typed_endpoint() -> None:
    one = client(error("1"), api_endpoint="https://gw.example")
    one.account = Account(one.account.settings, {"gateway": "http://localhost:8090/jd_com"})
    assert one.address() == "http://localhost:8090/jd_com/routerjson"


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_outcome(code: str) -> None:
    with pytest.raises(RemoteError) as caught:
        client(error(code)).shop()
    kind, cause = CODES[code]
    assert isinstance(caught.value, kind)
    assert (caught.value.cause, caught.value.code) == (cause, code)


def test_an_unknown_code_is_asked_again_and_says_its_number() -> None:
    with pytest.raises(Busy) as caught:
        client(error("987654")).shop()
    assert (caught.value.cause, caught.value.code) == (Cause.BUSY, "987654")


def test_an_inner_code_is_read_like_the_outer_one() -> None:
    with pytest.raises(Unauthorised) as caught:
        client(lambda form: ({}, {"a_responce": {"code": 19, "error_description": "x"}})).shop()
    assert caught.value.cause is Cause.TOKEN_EXPIRED


def test_a_refused_clock_is_set_by_the_date_of_the_gateway_once() -> None:
    theirs = NOON + timedelta(hours=1)
    stamps: list[str] = []

    def reply(form: dict[str, str]) -> tuple[dict[str, str], Any]:
        stamps.append(form["timestamp"])
        right = form["timestamp"].startswith("2026-11-20 21:00")
        return {"Date": format_datetime(theirs, usegmt=True)}, SHOP if right else {"error_response": {"code": "8"}}

    one = client(reply)
    assert one.shop().remote_id == "8"
    assert one.shop().remote_id == "8"
    assert [stamp[11:16] for stamp in stamps] == ["20:00", "21:00", "21:00"]


@pytest.mark.parametrize("date", ["", "yesterday", format_datetime(NOON, usegmt=True)])
def test_a_clock_that_cannot_be_set_is_told(date: str) -> None:
    sent: list[httpx.Request] = []
    with pytest.raises(Refused) as caught:
        client(error("8", Date=date), sent).shop()
    assert caught.value.cause is Cause.CLOCK
    assert len(sent) == 1


def test_the_first_call_of_a_used_up_quota_waits_and_a_later_one_only_a_moment() -> None:
    with pytest.raises(Busy) as caught:
        client(error("2")).shop()
    assert (caught.value.cause, caught.value.after) == (Cause.QUOTA_USED, 3600)
    answers = iter([SHOP, {"error_response": {"code": "2"}}])
    one = client(lambda form: ({}, next(answers)))
    one.shop()
    with pytest.raises(Busy) as caught:
        one.shop()
    assert caught.value.cause is Cause.RATE_LIMITED
    assert caught.value.after is not None
    assert caught.value.after <= 5


def test_missing_keys_are_told_and_nothing_is_sent() -> None:
    sent: list[httpx.Request] = []
    for name in ("api_key", "api_secret", "access_token"):
        with pytest.raises(Unauthorised):
            client(error("1"), sent, **{name: ""}).shop()
    assert not sent


def test_httpx_writes_no_addresses() -> None:
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_the_sample_page_is_read() -> None:
    page = (folder(ONE) / "samples" / "products.page.json").read_bytes()
    one = JdComClient(
        Account(SETTINGS, ONE.hosts),
        Line(lambda request: Answer(200, httpx.Headers(), page), lambda: None, lambda: NOON),
    )
    rows, total = one.skus(1)
    assert (len(rows), total) == (2, 2)
    assert ONE.pulls["products"].read({"ware": None, "sku": rows[1]}).sku == ""


# --- the walk -----------------------------------------------------------------------------------------------------


class Shelf:
    """A JD.com catalogue in memory, with the gateway's ways of searching and its page cap."""

    def __init__(self, wares: dict[int, int], skus_each: int = 2, deepest: int = 100) -> None:
        self.modified = wares
        self.skus_each = skus_each
        self.deepest = deepest
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.before_call: Callable[[int], None] = lambda number: None

    def ids(self) -> set[str]:
        return {str(ware * 100 + n) for ware in self.modified for n in range(self.skus_each)}

    def reply(self, form: dict[str, str]) -> tuple[dict[str, str], Any]:
        asked = json.loads(form["360buy_param_json"])
        self.before_call(len(self.calls))
        self.calls.append((form["method"], asked))
        page, size = asked["pageNo"], asked.get("pageSize") or asked["page_size"]
        assert size <= 50
        if form["method"].endswith("searchWare4Valid"):
            rows = self.wares(asked)
        else:
            wanted = [int(each) for each in asked["wareId"].split(",")] if "wareId" in asked else sorted(self.modified)
            assert len(wanted) <= 20 or "wareId" not in asked
            here = [each for each in wanted if each in self.modified]
            rows = [{"wareId": w, "skuId": w * 100 + n, "status": 1} for w in here for n in range(self.skus_each)]
        data = rows[(page - 1) * size : page * size] if page <= self.deepest else []
        return {}, {"a_responce": {"code": "0", "page": {"data": data, "totalItem": len(rows)}}}

    def wares(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        since, until = (_seconds(asked.get(name)) for name in ("startModifiedTime", "endModifiedTime"))
        found = [
            {"wareId": ware, "title": "x", "wareStatus": 8, "modified": at * 1000}
            for ware, at in sorted(self.modified.items(), reverse=asked["orderType"] == "desc")
            if (since is None or at >= since) and (until is None or at <= until)
        ]
        assert asked["orderField"] == "wareId"
        return found


def _seconds(word: str | None) -> int | None:
    return word and int(datetime.strptime(word, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).timestamp())


def ids(pages: list[Any]) -> set[str]:
    return {ONE.pulls["products"].read(item).remote_id for page in pages for item in page.items}


THEN = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a page and four pages deep, so that small catalogues meet every edge."""
    monkeypatch.setattr("portal.integrations.jd_com.client.PAGE_SIZE", 10)
    monkeypatch.setattr(walk, "PAGE_SIZE", 10)
    monkeypatch.setattr(walk, "DEEPEST", 4)
    monkeypatch.setattr(walk, "FITS", 40)


def test_a_page_costs_about_ten_calls_and_tells_the_total() -> None:
    shelf = Shelf(dict.fromkeys(range(1, 401), THEN), skus_each=3)
    found = list(walk.pages(client(shelf.reply), None, None))
    assert ids(found) == shelf.ids()
    assert {page.total for page in found} == {1200}
    assert len(shelf.calls) / len(found) <= 13
    assert [page.cursor for page in found].index(None) == len(found) - 1


def test_an_empty_shop_has_one_empty_page() -> None:
    found = list(walk.pages(client(Shelf({}).reply), None, None))
    assert [(page.items, page.cursor, page.total) for page in found] == [([], None, 0)]


def test_a_catalogue_deeper_than_the_page_cap_is_walked_in_windows(shallow: None) -> None:
    shelf = Shelf({n: THEN + n * n for n in range(1, 300)}, deepest=4)
    assert ids(list(walk.pages(client(shelf.reply), None, None))) == shelf.ids()


def test_many_wares_of_one_second_are_walked_from_both_ends(shallow: None) -> None:
    shelf = Shelf(dict.fromkeys(range(1, 75), THEN) | {n: THEN + n for n in range(75, 130)}, deepest=4)
    assert ids(list(walk.pages(client(shelf.reply), None, None))) == shelf.ids()


def test_more_wares_of_one_second_than_can_be_seen_are_told(shallow: None) -> None:
    shelf = Shelf(dict.fromkeys(range(1, 90), THEN), deepest=4)
    with pytest.raises(Refused) as caught:
        list(walk.pages(client(shelf.reply), None, None))
    assert caught.value.cause is Cause.TOO_LARGE


def test_only_what_changed_since_comes_in(shallow: None) -> None:
    shelf = Shelf({n: THEN + n for n in range(1, 200)}, deepest=4)
    since = datetime.fromtimestamp(THEN + 100, UTC)
    found = list(walk.pages(client(shelf.reply), since, None))
    assert ids(found) == {str(ware * 100 + n) for ware in range(100, 200) for n in range(2)}
    assert {page.total for page in found} == {None}


@pytest.mark.parametrize("size", [35, 250])
def test_a_kill_between_any_two_pages_loses_nothing(shallow: None, size: int) -> None:
    shelf = Shelf({n: THEN + n * 7 for n in range(1, size)}, deepest=4)
    whole = list(walk.pages(client(shelf.reply), None, None))
    for place, page in enumerate(whole[:-1]):
        again = list(walk.pages(client(shelf.reply), None, page.cursor))
        assert ids(again) | ids(whole[: place + 1]) == shelf.ids()
        assert len(again) == len(whole) - place - 1
        assert len(page.cursor or "") < 200


@pytest.mark.parametrize("size", [38, 250])
@pytest.mark.parametrize("every", [2, 3, 5])
def test_wares_that_are_edited_or_withdrawn_meanwhile_cost_no_other(shallow: None, size: int, every: int) -> None:
    shelf = Shelf({n: THEN + n * 7 for n in range(1, size)}, skus_each=1, deepest=4)
    stay = set(shelf.modified)

    def world_moves(number: int) -> None:
        if number % every == 0 and number < 120:
            gone = min(shelf.modified)
            shelf.modified.pop(gone)
            stay.discard(gone)
            edited = sorted(shelf.modified)[number % len(shelf.modified)]
            shelf.modified[edited] = int(NOON.timestamp()) + number

    shelf.before_call = world_moves
    found = ids(list(walk.pages(client(shelf.reply), None, None)))
    assert {str(ware * 100) for ware in stay} <= found


def test_an_unreadable_cursor_begins_anew(shallow: None) -> None:
    shelf = Shelf(dict.fromkeys(range(1, 30), THEN), deepest=4)
    for cursor in ("?", "[]", "{}", '{"page":1}', "null"):
        assert ids(list(walk.pages(client(shelf.reply), None, cursor))) == shelf.ids()


def test_a_ware_without_an_id_is_refused_alone() -> None:
    shelf = Shelf(dict.fromkeys(range(1, 4), THEN))
    real = shelf.wares
    shelf.wares = lambda asked: [*real(asked), {"title": "no id"}, "odd"]  # type: ignore[method-assign]
    [page] = list(walk.pages(client(shelf.reply), None, None))
    refused = 0
    for item in page.items:
        try:
            ONE.pulls["products"].read(item)
        except ValueError:
            refused += 1
    assert (refused, len(page.items)) == (2, 8)


def test_a_page_without_its_total_is_garbled() -> None:
    with pytest.raises(Garbled):
        next(walk.pages(client(lambda form: ({}, {"a": {"code": "0", "page": {"data": []}}})), None, None))
