"""What goes out to JD.ID over real HTTP, both generations: absolute stock numbers and whole rupiah."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from portal.contract.errors import Busy, Garbled, Refused
from portal.contract.http import Account, Answer, Line
from portal.contract.records import Level, Tokens
from portal.integrations import get
from portal.integrations.jd_id.client import JdIdClient
from portal.kit.money import Money, money
from tests.contract.canned import NOON
from tests.contract.lines import client_of, line_to

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ("tests.sandbox_server",)

ONE = get("jd_id")
WHO = ("jd_id", "samudra")
both = pytest.mark.parametrize("generation", ["v2", "v1"])


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def client(sandbox: Running, line: Line, generation: str) -> Any:
    return client_of(ONE, sandbox.url, sandbox.account(*WHO), line, {"generation": generation})


def rows(sandbox: Running, **wanted: Any) -> list[dict[str, Any]]:
    asked = {"integration": WHO[0], "account": WHO[1], "start": 0, "count": 100}
    found = sandbox.http.get("/control/listings", params=asked).json()
    return [each for each in found if all(each[key] == value for key, value in wanted.items())]


def levels(found: list[dict[str, Any]], quantity: int) -> list[Level]:
    return [Level(str(each["id"]), "", quantity) for each in found]


def send(client: Any, wanted: list[Level]) -> Any:
    assert ONE.stock_out is not None
    return ONE.stock_out.send(client, wanted, "reference-1")


def read(client: Any, ids: list[str]) -> Any:
    assert ONE.stock_out is not None
    return ONE.stock_out.read(client, ids)


@both
def test_a_full_call_sets_its_numbers_and_they_are_read_back(sandbox: Running, client: Any) -> None:
    assert ONE.stock_out is not None
    wanted = levels(rows(sandbox, on_sale=True)[: ONE.stock_out.most], 17)
    assert len(wanted) == 30
    assert send(client, wanted) == {}
    assert send(client, wanted) == {}
    ids = [each.remote_id for each in wanted]
    assert read(client, [*ids, "1"]) == dict.fromkeys(ids, 17)
    assert {each["stock"] for each in rows(sandbox) if str(each["id"]) in ids} == {17}


@both
def test_a_number_that_jd_id_does_not_take_is_refused_alone(sandbox: Running, client: Any) -> None:
    good, off = levels(rows(sandbox, on_sale=True)[:2], 3), levels(rows(sandbox, on_sale=False)[:1], 3)
    errors = send(client, [good[0], *off, good[1]])
    assert list(errors) == [off[0].remote_id]
    assert isinstance(errors[off[0].remote_id], Refused)
    assert errors[off[0].remote_id].said == "Failure operation!!"
    assert set(read(client, [each.remote_id for each in good]).values()) == {3}


@both
def test_a_lost_answer_is_an_unknown_outcome_and_the_same_number_again_is_harmless(
    sandbox: Running, client: Any
) -> None:
    wanted = levels(rows(sandbox, on_sale=True)[:3], 9)
    sandbox.control("fault", integration="jd_id", kind="reset", operation="*tock*", times=1, after=True)
    with pytest.raises(Busy):
        send(client, wanted)
    assert set(read(client, [each.remote_id for each in wanted]).values()) == {9}
    assert send(client, wanted) == {}


@both
def test_a_price_goes_out_in_whole_rupiah(sandbox: Running, client: Any) -> None:
    (row, *_) = rows(sandbox, on_sale=True)
    assert ONE.price_out is not None
    ONE.price_out.send(client, str(row["id"]), money(123_500, "IDR"))
    effects = sandbox.journal(integration="jd_id", kind="effect", effect="price.set")
    assert effects[-1]["arguments"]["price"] == "123500"
    for wrong in (Money(12_350_050, "IDR"), Money(0, "IDR"), money(5, "CNY")):
        with pytest.raises(Refused):
            ONE.price_out.send(client, str(row["id"]), wrong)
    with pytest.raises(Refused) as caught:
        ONE.price_out.send(client, "1", money(500, "IDR"))
    assert caught.value.said


def test_stock_and_prices_wait_for_their_switches() -> None:
    options = {each.key: each for each in ONE.options}
    assert ONE.stock_out is not None
    assert ONE.price_out is not None
    for key in (ONE.stock_out.option, ONE.price_out.option):
        assert options[key].default is False
    order = list(options)
    assert order.index("export_prices") == order.index("export") + 1


# --- what is not established of the answers -----------------------------------------------------------------------


def answered(reply: Callable[[dict[str, Any]], Any]) -> JdIdClient:
    """A client of the second generation whose remote is a function of the application parameters."""

    def told(request: httpx.Request) -> Answer:
        asked = json.loads(httpx.QueryParams(request.content.decode())["360buy_param_json"])
        body = {"a_response": {"code": "0", "EptRemoteResult": reply(asked)}}
        return Answer(200, httpx.Headers(), json.dumps(body).encode())

    settings = {"api_key": "K", "api_secret": "S", "generation": "v2"}
    account = Account(settings, ONE.hosts, Tokens("granted", "refresh"))
    return JdIdClient(account, Line(send=told, wait=lambda: None, now=lambda: NOON))


@pytest.mark.parametrize(
    "model",
    [
        {"5": 4, "6": "0"},
        {"5": {"realNum": 4}, "6": {"stockNum": 0}},
        [{"skuId": 5, "realNum": 4}, {"skuId": "6", "stock": "0"}],
    ],
)
def test_several_forms_of_the_stock_answer_are_read(model: Any) -> None:
    one = answered(lambda asked: {"success": True, "model": model})
    assert read(one, ["5", "6", "7"]) == {"5": 4, "6": 0}


@pytest.mark.parametrize("row", [{"skuId": 5}, {"realNum": -1}, {"realNum": True}, "many", None, [4], "9" * 60])
def test_a_stock_answer_without_a_number_is_not_taken_for_one(row: Any) -> None:
    with pytest.raises(Garbled):
        read(answered(lambda asked: {"success": True, "model": {"5": row}}), ["5"])


def test_no_stock_at_all_may_come_without_a_model() -> None:
    assert read(answered(lambda asked: {"success": True}), ["5"]) == {}


def test_the_stock_is_asked_for_by_the_text_that_a_client_of_that_time_wrote() -> None:
    asked: list[Any] = []
    read(answered(lambda said: asked.append(said) or {"success": True}), ["5", "6"])
    assert asked == [{"wareStockQueryListStr": "[{'skuId': 5}, {'skuId': 6}]"}]


def test_a_call_that_fails_without_saying_by_which_sku_is_made_for_each_alone() -> None:
    sent: list[list[int]] = []

    def reply(asked: dict[str, Any]) -> Any:
        ids = [each["skuId"] for each in asked["wareStockUpdateListStr"]]
        sent.append(ids)
        return {"success": 6 not in ids, "message": "Failure operation!!"}

    errors = send(answered(reply), [Level(name, "1", 2) for name in ("5", "6", "7")])
    assert sent == [[5, 6, 7], [5], [6], [7]]
    assert list(errors) == ["6"]
    assert isinstance(errors["6"], Refused)


def test_a_failed_call_leaves_an_sku_open_that_its_answer_does_not_name() -> None:
    model = {"5": {"success": True}, "6": {"success": False, "message": "Failure operation!!"}, "8": "odd"}
    one = answered(lambda asked: {"success": False, "model": model})
    errors = send(one, [Level(name, "1", 2) for name in ("5", "6", "7", "8")])
    assert {name: type(each) for name, each in errors.items()} == {"6": Refused, "7": Busy, "8": Busy}
