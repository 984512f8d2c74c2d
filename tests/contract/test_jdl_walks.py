"""JD Logistics' lists are walked to their end and lose nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from portal.contract.errors import Cause, Garbled
from portal.integrations.jdl import walk
from tests.contract.canned import NOON
from tests.contract.jdl_calls import asked, client, no, raised, well


class Shelf:
    """Goods or orders at JD, in memory."""

    def __init__(self, count: int) -> None:
        self.ids = list(range(1, count + 1))
        self.before_call: Callable[[int], None] = lambda number: None
        self.asked: list[dict[str, Any]] = []

    def reply(self, request: httpx.Request) -> Any:
        self.before_call(len(self.asked))
        said = asked(request)
        self.asked.append(said)
        start, size = (said["pageNo"] - 1) * said["pageSize"], said["pageSize"]
        rows = [{"jdGoodsId": f"E{each}", "customerGoodsId": f"S{each}"} for each in self.ids[start : start + size]]
        return well({"rows": rows, "total": len(self.ids), "pages": -(-len(self.ids) // size)})


def ids(pages: Any) -> set[int]:
    return {int(item["jdGoodsId"][1:]) for page in pages for item in page.items}


def test_a_list_is_walked_to_its_end_in_pages_of_the_largest_size() -> None:
    shelf = Shelf(230)
    found = list(walk.products(client(shelf.reply), None, None))
    assert ids(found) == set(shelf.ids)
    assert [each["pageNo"] for each in shelf.asked] == [1, 2, 3]
    assert {each["pageSize"] for each in shelf.asked} == {100}
    assert {page.total for page in found} == {230}
    assert found[-1].cursor is None


def test_a_kill_between_any_two_pages_loses_nothing() -> None:
    shelf = Shelf(500)
    whole = list(walk.products(client(shelf.reply), None, None))
    for place, page in enumerate(whole[:-1]):
        again = list(walk.products(client(shelf.reply), None, page.cursor))
        assert ids(again) | ids(whole[: place + 1]) == set(shelf.ids)
        assert len(again) == len(whole) - place - 1


@pytest.mark.parametrize("every", [1, 2, 3])
def test_rows_that_vanish_meanwhile_cost_no_other(every: int) -> None:
    shelf = Shelf(900)

    def world_moves(number: int) -> None:
        if number % every == 0 and number < 40:
            del shelf.ids[:30]

    shelf.before_call = world_moves
    found = ids(list(walk.products(client(shelf.reply), None, None)))
    assert set(shelf.ids) <= found


def test_a_list_without_counts_ends_with_an_empty_page_and_an_endless_one_with_the_thousandth() -> None:
    def three(request: httpx.Request) -> Any:
        number = asked(request)["pageNo"]
        return well([{"jdGoodsId": f"E{number}"}] if number <= 3 else [])

    sizes = iter([3, 3, 3, 0])
    endless = client(lambda request: well({"rows": [{"jdGoodsId": "E1"}] * next(sizes)}))
    assert [len(page.items) for page in walk.products(endless, None, None)] == [3, 3, 3, 0]
    calls: list[int] = []
    forever = client(lambda request: calls.append(1) or well({"rows": [{"jdGoodsId": "E1"}]}))
    list(walk.products(forever, None, None))
    assert len(calls) == 1000
    # A bare list is one page.
    assert len(list(walk.products(client(three), None, None))) == 1


def test_an_empty_page_of_a_list_that_says_it_holds_more_is_told() -> None:
    with pytest.raises(Garbled):
        list(walk.products(client(lambda request: well({"rows": [], "total": 7, "pages": 1})), None, None))


def test_orders_are_asked_for_by_windows_of_seven_days_that_meet() -> None:
    sent: list[dict[str, Any]] = []
    one = client(lambda request: sent.append(asked(request)) or well({"records": [], "total": 0, "pages": 0}))
    found = list(walk.outbound(one, NOON - timedelta(days=16), None))
    windows = [(each["updateTimeStart"], each["updateTimeEnd"]) for each in sent]
    assert windows == [
        ("2026-11-04 20:00:00", "2026-11-11 20:00:00"),
        ("2026-11-11 20:00:00", "2026-11-18 20:00:00"),
        ("2026-11-18 20:00:00", "2026-11-20 20:00:01"),
    ]
    assert [page.cursor is None for page in found] == [False, False, True]
    sent.clear()
    list(walk.outbound(one, None, found[1].cursor))
    assert [(each["updateTimeStart"], each["updateTimeEnd"]) for each in sent] == windows[2:]


@pytest.mark.parametrize("cursor", ["", "?", "{}", '{"page":"x"}', '{"page":1,"more":2}', "[]"])
def test_a_cursor_that_was_not_made_here_begins_from_the_beginning(cursor: str) -> None:
    shelf = Shelf(120)
    assert ids(list(walk.products(client(shelf.reply), None, cursor))) == set(shelf.ids)


def test_some_are_asked_for_in_lists_of_the_largest_size_and_an_unknown_number_is_none() -> None:
    sent: list[dict[str, Any]] = []
    one = client(lambda request: sent.append(asked(request)) or well({"records": [], "total": 0, "pages": 0}))
    assert walk.some_stock(one, [f"S{number}" for number in range(120)] + ["S1", ""]) == []
    assert [len(each["customerGoodsIdList"]) for each in sent] == [50, 50, 20]
    assert walk.some_outbound(client(lambda request: no("2342")), ["NO-1"]) == []
    assert raised(lambda: walk.some_outbound(client(lambda r: no("2004")), ["NO-1"])).cause is Cause.WRONG_OWNER
