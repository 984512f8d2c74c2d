"""JD.ID's orders over real HTTP, both generations: none is lost, none comes wrong, and a confirmation happens once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from portal.contract.definition import Resource
from portal.contract.errors import BadRecord, Busy, Refused
from portal.contract.http import Answer, Line
from portal.contract.records import Dispatch, OrderStatus, RemoteOrder
from portal.integrations import get
from portal.integrations.jd_id import orders, orders_walk
from portal.integrations.jd_id.client import JdIdClient
from tests.contract.checks import folder as folder_of
from tests.contract.checks import load
from tests.contract.lines import client_of, line_to

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ("tests.sandbox_server",)

ONE = get("jd_id")
PULL = ONE.pulls[Resource.ORDERS]
WHO = ("jd_id", "samudra")
SHIPPED_BY = "J-Express (sandbox)"
both = pytest.mark.parametrize("generation", ["v2", "v1"])


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def make(sandbox: Running, line: Line) -> Callable[..., JdIdClient]:
    """Makes clients of the sandbox's first account."""
    account = sandbox.account(*WHO)
    return lambda **choice: client_of(ONE, sandbox.url, account, line, choice)


@pytest.fixture
def client(make: Callable[..., JdIdClient], generation: str) -> JdIdClient:
    return make(generation=generation)


def place(sandbox: Running, **said: Any) -> int:
    """Places one order and gives its number."""
    return sandbox.control("order", integration=WHO[0], account=WHO[1], **said)["number"]


def many(sandbox: Running, count: int, **said: Any) -> set[str]:
    """Places orders of one piece of what is there, and gives all numbers that the shop has then."""
    sandbox.control("account", integration=WHO[0], name=WHO[1], size=500)
    sandbox.control("order", integration=WHO[0], account=WHO[1], many=count, force=True, lines=a_line(sandbox), **said)
    return numbers(sandbox)


def a_line(sandbox: Running, quantity: int = 1) -> list[dict[str, int]]:
    """A line of a listing that is on sale and has some pieces."""
    asked = {"integration": WHO[0], "account": WHO[1], "start": 0, "count": 50}
    rows = sandbox.http.get("/control/listings", params=asked).json()
    row = next(each for each in rows if each["on_sale"] and each["stock"] >= quantity)
    return [{"id": row["id"], "quantity": quantity}]


def numbers(sandbox: Running) -> set[str]:
    world = sandbox.worlds["jd_id"]
    seller = world.seller(WHO[1])
    return {str(each["number"]) for each in world.memory.sales_after(seller.name, 0, 100_000)}


def move(sandbox: Running, order: int | str, deed: str, **said: Any) -> None:
    sandbox.control("order_state", integration=WHO[0], account=WHO[1], order=int(order), deed=deed, **said)


def walked(client: JdIdClient, since: datetime | None = None, cursor: str | None = None) -> dict[str, RemoteOrder]:
    return read(list(PULL.pages(client, since, cursor)))


def read(pages: list[Any]) -> dict[str, RemoteOrder]:
    found = [PULL.read(item) for page in pages for item in page.items]
    return {each.remote_id: each for each in found}


def answering(client: JdIdClient, method: str, change: Callable[[bytes], bytes]) -> None:
    """Lets JD.ID answer a method otherwise than its sandbox does."""
    line = client.line

    def send(request: httpx.Request) -> Answer:
        answer = line.send(request)
        body = change(answer.body) if method in request.content.decode() else answer.body
        return Answer(answer.status, answer.headers, body)

    client.line = replace(line, send=send)


def effects(sandbox: Running, name: str) -> list[dict[str, Any]]:
    return sandbox.journal(integration="jd_id", kind="effect", effect=name)


# --- what an order says -------------------------------------------------------------------------------------------


@both
def test_an_order_comes_in_with_its_lines_money_and_masked_buyer(sandbox: Running, client: JdIdClient) -> None:
    sandbox.control("account", integration="jd_id", name=WHO[1], told={})
    number = place(sandbox, lines=a_line(sandbox, 2), note="tolong bungkus rapi", buyer=3, minutes_ago=5)
    kept = sandbox.worlds["jd_id"].memory.sale(WHO[1], number)
    (found,) = walked(client).values()
    assert found.remote_id == str(number)
    assert (found.status_word, ONE.statuses[found.status_word]) == ("1", OrderStatus.TO_SHIP)
    (line,), (sold,) = found.lines, kept["lines"]
    assert (line.listing_id, line.sku, line.quantity) == (str(sold["listing"]), sold["sku"], 2)
    assert line.price is not None
    assert line.price.amount == int(sold["price"])
    assert found.total is not None
    assert (found.total.amount, found.total.currency) == (2 * int(sold["price"]), "IDR")
    assert found.placed_at == datetime.fromtimestamp(kept["placed"] / 1000, UTC)
    assert found.paid_at == datetime.fromtimestamp(kept["paid"] / 1000, UTC)
    assert found.masked
    assert "****" in found.consignee.phone
    assert (found.consignee.city, found.consignee.postcode) == (kept["buyer"]["city"], kept["buyer"]["postcode"])
    assert (found.consignee.province, found.consignee.country) == (kept["buyer"]["province"], "ID")
    assert (found.buyer, found.buyer_note) == (kept["buyer"]["account"], "tolong bungkus rapi")
    assert not found.paid_on_delivery
    assert not found.by_channel


@both
def test_every_state_of_jd_id_comes_in_by_its_number(sandbox: Running, client: JdIdClient) -> None:
    deeds: dict[str, list[str]] = {
        "1": [], "7": ["ready"], "2": ["ship"], "3": ["ask_cancel"], "4": ["ship", "refuse"], "5": ["cancel"],
        "6": ["ship", "complete"],
    }  # fmt: skip
    placed = {}
    for word, steps in deeds.items():
        placed[str(place(sandbox, lines=a_line(sandbox)))] = word
        for step in steps:
            move(sandbox, list(placed)[-1], step)
    unpaid = place(sandbox, lines=a_line(sandbox), unpaid=True)
    found = walked(client)
    assert {number: order.status_word for number, order in found.items()} == placed
    assert str(unpaid) not in found
    assert set(placed.values()) == set(ONE.statuses)


@both
def test_raw_numbers_that_the_merchant_names_mean_cash_on_delivery_and_shipped_by_jd_id(
    sandbox: Running, make: Callable[..., JdIdClient], generation: str
) -> None:
    cod = str(place(sandbox, lines=a_line(sandbox), cod=True))
    theirs = str(place(sandbox, lines=a_line(sandbox), by_channel=True))
    plain = walked(make(generation=generation))
    assert not any(each.paid_on_delivery or each.by_channel for each in plain.values())
    told = {
        "cod_payment_types": f"9, {plain[cod].payment_word}",
        "channel_delivery_types": plain[theirs].shipping_service,
    }
    named = walked(make(generation=generation, **told))
    assert [number for number, each in named.items() if each.paid_on_delivery] == [cod]
    assert [number for number, each in named.items() if each.by_channel] == [theirs]


def test_an_o2o_order_is_shipped_by_jd_id_only_where_the_merchant_says_so(
    sandbox: Running, make: Callable[..., JdIdClient]
) -> None:
    place(sandbox, lines=a_line(sandbox))

    def by_channel(types: str) -> bool:
        client = make(channel_delivery_types=types)
        answering(client, "batchGetOrderInfoList", lambda body: body.replace(b'"o2oOrder":false', b'"o2oOrder":true'))
        return next(iter(walked(client).values())).by_channel

    assert [by_channel(types) for types in ("", "3", "3, O2O")] == [False, False, True]


def test_the_price_of_a_line_is_divided_by_its_pieces_where_no_piece_price_is_told() -> None:
    raw = load(folder_of(ONE) / "samples" / "orders.1.json")
    row = raw["order"]["orderSkuinfos"][0]
    del row["jdPrice"]
    (line, *_) = PULL.read(raw).lines
    assert line.price is not None
    assert line.price.amount * line.quantity == row["costPrice"]
    row["skuNumber"] = 7
    assert PULL.read(raw).lines[0].price is None


def test_two_lines_of_one_sku_stay_apart() -> None:
    raw = load(folder_of(ONE) / "samples" / "orders.1.json")
    row = raw["order"]["orderSkuinfos"][0]
    row.pop("orderSkuUuidId", None)
    raw["order"]["orderSkuinfos"] = [row, {**row, "skuNumber": 1}]
    found = PULL.read(raw).lines
    assert len({each.remote_id for each in found}) == 2


# --- none is lost -------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("minutes", [600, 2])
def test_a_rush_of_orders_comes_in_whole(sandbox: Running, client: JdIdClient, minutes: int) -> None:
    wanted = many(sandbox, 600, minutes_ago=minutes)
    pages = list(PULL.pages(client, None, None))
    listed = [PULL.read(item).remote_id for page in pages for item in page.items]
    assert set(listed) == wanted
    # Both ends belong to a window, so what changed in the second between two of them may come with each.
    assert len(listed) <= len(wanted) * 1.2


@both
def test_more_orders_in_one_second_than_a_page_holds_come_in_whole(sandbox: Running, client: JdIdClient) -> None:
    wanted = many(sandbox, 250, minutes_ago=0)
    assert set(walked(client)) == wanted


@both
def test_a_walk_goes_on_from_any_page_after_a_kill(sandbox: Running, client: JdIdClient) -> None:
    wanted = many(sandbox, 150, minutes_ago=9 * 24 * 60 - 30)
    pages = list(PULL.pages(client, None, None))
    assert len(pages) >= 9
    for place_, page in enumerate(pages[:-1], 1):
        again = walked(client, None, page.cursor)
        assert set(again) | set(read(pages[:place_])) == wanted, page.cursor


@both
@pytest.mark.parametrize("minutes", [300, 0])
def test_orders_that_move_on_while_the_walk_reads_are_in_this_run_or_in_the_next(
    sandbox: Running, client: JdIdClient, minutes: int
) -> None:
    wanted = many(sandbox, 250, minutes_ago=minutes)
    todo, begun = sorted(wanted), datetime.now(UTC)
    send = client.line.send
    asked = 0

    def world_moves(request: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked % 3 == 0 and todo:
            move(sandbox, todo.pop(), "cancel")
        return send(request)

    client.line = replace(client.line, send=world_moves)
    first = walked(client)
    client.line = replace(client.line, send=send)
    assert set(todo) <= set(first), "an order that stood still is in the run that read it"
    second = walked(client, begun - timedelta(minutes=10))
    assert set(first) | set(second) == wanted
    latest = first | second
    cancelled = {each for each in wanted if each not in todo}
    assert cancelled
    assert {number for number, each in latest.items() if each.status_word == "5"} == cancelled


def test_an_order_that_appears_late_is_in_the_overlap_of_the_next_run(
    sandbox: Running, make: Callable[..., JdIdClient]
) -> None:
    late = place(sandbox, lines=a_line(sandbox), late=3600)
    begun = datetime.now(UTC)
    assert not walked(make())
    sandbox.control("clock", seconds=3700)
    assert list(walked(make(), begun - timedelta(minutes=10))) == [str(late)]


def test_only_what_changed_since_a_moment_is_asked_for(sandbox: Running, make: Callable[..., JdIdClient]) -> None:
    old, new = (str(place(sandbox, lines=a_line(sandbox), minutes_ago=minutes)) for minutes in (60, 2))
    since = datetime.now(UTC) - timedelta(minutes=30)
    assert list(walked(make(), since)) == [new]
    move(sandbox, old, "cancel")
    assert set(walked(make(), since)) == {old, new}


def test_a_first_run_looks_back_nine_days(sandbox: Running, make: Callable[..., JdIdClient]) -> None:
    within = str(place(sandbox, lines=a_line(sandbox), minutes_ago=9 * 24 * 60 - 5))
    place(sandbox, lines=a_line(sandbox), minutes_ago=9 * 24 * 60 + 5)
    assert list(walked(make())) == [within]
    assert PULL.reach == timedelta(days=9)


@both
def test_some_orders_are_asked_for_by_their_numbers(sandbox: Running, client: JdIdClient) -> None:
    wanted = sorted(many(sandbox, 25, minutes_ago=60))[:12]
    assert PULL.some is not None
    found = PULL.some(client, [*wanted, wanted[0], "999", "tidak ada"])
    assert [PULL.read(item).remote_id for item in found] == wanted


def test_a_listed_order_that_is_not_told_is_kept_for_a_look(sandbox: Running, make: Callable[..., JdIdClient]) -> None:
    number, client = str(place(sandbox, lines=a_line(sandbox))), make()
    nothing = b'{"a_response":{"code":"0","result":{"code":1,"success":true}}}'
    no = b'{"a_response":{"code":"0","result":{"code":0,"success":false,"message":"tidak ada"}}}'
    answering(client, "batchGetOrderInfoList", lambda body: nothing)
    for alone in (nothing, no):
        answering(client, "getOrderInfoByOrderId", lambda body, alone=alone: alone)
        (item,) = [each for page in PULL.pages(client, None, None) for each in page.items]
        with pytest.raises(BadRecord) as caught:
            PULL.read(item)
        assert caught.value.remote_id == number


def test_an_order_that_a_batch_leaves_out_is_asked_for_alone(sandbox: Running, make: Callable[..., JdIdClient]) -> None:
    number, client = str(place(sandbox, lines=a_line(sandbox))), make()
    answering(client, "batchGetOrderInfoList", lambda body: b'{"a_response":{"result":{"success":true,"model":[]}}}')
    assert list(walked(client)) == [number]


def test_an_order_that_is_gone_gives_no_record(make: Callable[..., JdIdClient]) -> None:
    assert orders.one(make(), "999") == {"orderId": "999", "orderState": -1}
    assert orders_walk.items(make(), ["999"]) == []


# --- confirming ---------------------------------------------------------------------------------------------------


def confirm(client: JdIdClient, order: int | str) -> Any:
    assert ONE.confirming is not None
    return ONE.confirming.confirm(client, Dispatch(str(order), "", ()))


@both
def test_a_confirmed_order_has_left_with_the_carrier_that_jd_id_chose(sandbox: Running, client: JdIdClient) -> None:
    number = place(sandbox, lines=a_line(sandbox))
    assert ONE.confirming is not None
    assert ONE.confirming.carriers is None
    said = confirm(client, number)
    (found,) = walked(client).values()
    assert (found.status_word, found.carrier, found.tracking) == ("2", SHIPPED_BY, said.tracking)
    assert said.carrier == SHIPPED_BY
    assert said.tracking


@both
@pytest.mark.parametrize("before", [[], ["ready"], ["ship"], ["ship", "complete"]])
def test_a_repeated_confirmation_changes_nothing(sandbox: Running, client: JdIdClient, before: list[str]) -> None:
    begun = sandbox.journal()[-1]["seq"]
    number = place(sandbox, lines=a_line(sandbox))
    for deed in before:
        move(sandbox, number, deed)
    first = confirm(client, number)
    assert [confirm(client, number) for _ in range(3)] == [first] * 3
    done = [each["effect"] for each in sandbox.journal(begun, integration="jd_id", kind="effect")]
    asked = [each["operation"] for each in sandbox.journal(begun, integration="jd_id", kind="request")]
    assert sum("rint" in each for each in asked) == (0 if before else 1)
    assert sum("endGoods" in each for each in asked) == (0 if "ship" in before else 1)
    assert done.count("order.ready") == (1 if before in ([], ["ready"]) else 0)
    assert done.count("order.ship") == 1


@both
@pytest.mark.parametrize("lost", ["rint", "endGoods"])
def test_a_lost_answer_is_made_good_by_the_next_attempt(
    sandbox: Running, client: JdIdClient, lost: str, generation: str
) -> None:
    begun = sandbox.journal()[-1]["seq"]
    number = place(sandbox, lines=a_line(sandbox))
    sandbox.control("fault", integration="jd_id", kind="reset", operation=f"*{lost}*", times=1, after=True)
    with pytest.raises(Busy):
        confirm(client, number)
    assert confirm(client, number).carrier == SHIPPED_BY
    done = [each["effect"] for each in sandbox.journal(begun, integration="jd_id", kind="effect")]
    assert (done.count("order.ready"), done.count("order.ship")) == (1, 1)


@both
@pytest.mark.parametrize("deeds", [["ask_cancel"], ["cancel"], ["ship", "refuse"]])
def test_an_order_that_cannot_leave_is_refused_and_untouched(
    sandbox: Running, client: JdIdClient, deeds: list[str]
) -> None:
    number = place(sandbox, lines=a_line(sandbox))
    for deed in deeds:
        move(sandbox, number, deed)
    ships = len(effects(sandbox, "order.ship"))
    with pytest.raises(Refused):
        confirm(client, number)
    assert len(effects(sandbox, "order.ship")) == ships
    with pytest.raises(Refused):
        confirm(client, 999)


@both
def test_the_journal_of_a_confirmation_holds_no_buyer(sandbox: Running, client: JdIdClient) -> None:
    number = place(sandbox, lines=a_line(sandbox), buyer=3, note="rahasia")
    confirm(client, number)
    walked(client)
    kept = sandbox.worlds["jd_id"].memory.sale(WHO[1], number)["buyer"]
    journal = json.dumps(sandbox.journal(), ensure_ascii=False)
    for word in (kept["name"], kept["phone"], kept["street"], "rahasia"):
        assert word not in journal
