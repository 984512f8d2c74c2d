"""What goes out to a channel: the number as it is now, once, the most urgent first, and never more than there is."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import drift, push_sending, pushes, rehearsals, work
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import (
    BundlePart,
    ConnectionState,
    ExportStage,
    Listing,
    Store,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.flows.pushing_off import calls_with, change, hurry, notice, the_push
from tests.shelves import Rak, channel, count, listed, rak, the
from workers.jobs import VERBS

__all__ = ["rak"]


@pytest.fixture
def shop(cast: Cast, rak: Rak) -> Iterator[uuid.UUID]:
    """A channel of Blue Lantern that exports."""
    with cast.app.app_context(), acting_for(cast.lantern):
        yield channel()


def test_a_change_reaches_the_channel_as_the_number_that_may_be_sold(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 10, reserved=3)
    hurry()
    assert rak.levels == {"R-CUP": 7}
    push = the_push("CUP")
    assert (push.sent, push.acked, push.acked_level) == (push.wanted, push.wanted, 7)


def test_many_changes_become_one_call_with_the_last_number(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n}": 50 for n in range(10)})
    for left in range(49, 39, -1):
        for each in goods.values():
            change(each, left)
    hurry()
    assert set(rak.levels.values()) == {40}
    assert len(rak.told) == 1, "the number is read when it is sent, so nine of ten changes need no call"


def test_a_call_holds_no_more_listings_than_the_remote_takes(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n:02}": 5 for n in range(70)})
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert [len(call) for call in rak.told] == [30, 30, 10]


def test_what_the_channel_shows_already_is_not_sent_again(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 10)
    hurry()
    change(cup, 12, reserved=2)
    hurry()
    assert calls_with(rak, "CUP") == [10]
    push = the_push("CUP")
    assert push.sent == push.acked == push.wanted


def test_falls_go_first_and_zeros_before_other_falls(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n:02}": 10 for n in range(65)})
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    rak.told.clear()
    for sku, product in goods.items():
        count(product, {"S63": 4, "S64": 0}.get(sku, 20))
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert {"R-S64", "R-S63"} <= set(rak.told[0]), "those that rise wait for the second and third call"


def test_a_rise_gathers_and_a_fall_does_not_wait(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 10)
    hurry()

    def due_in() -> timedelta:
        return db.session.scalars(sa.select(Work.not_before).where(Work.kind == "push_stock", OPEN)).one() - now()

    change(cup, 30)
    assert due_in() > timedelta(milliseconds=300)
    change(cup, 4)
    assert due_in() <= timedelta()


OPEN = Work.status == WorkStatus.OPEN


def test_no_cap_and_a_cap_of_nothing_differ_and_the_nearest_limit_counts(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {"OWN": 40, "CHANNEL": 40})
    channel_row = the(shop)
    channel_row.options = {**channel_row.options, "buffer": 5, "max_level": None}
    db.session.execute(sa.update(Store).values(buffer=1, max_level=10))
    db.session.execute(
        sa.text("update stock set max_level = 0, buffer = 0 where product_id = :id"), {"id": goods["OWN"]}
    )
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert rak.levels == {"R-OWN": 0, "R-CHANNEL": 10}
    db.session.execute(sa.update(Store).values(max_level=None))
    pushes.want_store(the(shop).store_id)
    db.session.commit()
    hurry()
    assert rak.levels == {"R-OWN": 0, "R-CHANNEL": 35}


def test_a_bundle_follows_the_part_of_which_there_is_least(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {"SET": None, "CUP": 20, "LID": 7})
    for sku, quantity in (("CUP", 2), ("LID", 3)):
        db.session.add(BundlePart(merchant_id=whose(), product_id=goods["SET"], part_id=goods[sku], quantity=quantity))
    change(goods["LID"], 7)
    hurry()
    assert rak.levels["R-SET"] == 2
    change(goods["LID"], 5, reserved=9)
    hurry()
    assert rak.levels["R-SET"] == rak.levels["R-LID"] == 0


def test_an_unlinked_listing_is_never_told_a_number_not_even_nothing(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {"CUP": 10, "LID": 4})
    db.session.execute(
        sa.update(Listing)
        .where(Listing.remote_id == "R-LID")
        .values(product_id=None, link_state="left_out", link_how=None)
    )
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert rak.levels == {"R-CUP": 10}


@pytest.mark.parametrize("why", ["option", "held", "off", "store", "missing", "check"])
def test_nothing_is_sent_while_something_stands_against_it(why: str, shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    if why == "option":
        the(shop).options = {"export": False}
    elif why == "held":
        the(shop).export_stage = ExportStage.HELD
    elif why == "off":
        the(shop).state = ConnectionState.SAVED
    elif why == "store":
        db.session.execute(sa.update(Store).values(is_active=False))
    elif why == "missing":
        db.session.execute(sa.update(Listing).values(missing_since=now()))
    else:
        db.session.execute(sa.update(Listing).values(passed=False))
    change(cup, 8)
    hurry()
    assert rak.told == []
    assert the_push("CUP").wanted > the_push("CUP").sent, "it is not forgotten"


def test_what_waited_goes_out_when_the_export_is_let_out(shop: uuid.UUID, rak: Rak) -> None:
    the(shop).export_stage = ExportStage.HELD
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 8)
    hurry()
    assert rak.told == []
    the(shop).export_stage = ExportStage.OPEN
    pushes.resume(the(shop))
    db.session.commit()
    hurry()
    assert rak.levels == {"R-CUP": 8}


def test_after_a_lost_answer_the_number_that_is_right_then_is_sent(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    rak.lose_answer = 1.0
    change(cup, 10)
    work.drain_all(VERBS)
    push = the_push("CUP")
    assert push.acked < push.sent, "nobody knows"
    change(cup, 3)
    rak.lose_answer = 0.0
    hurry()
    assert rak.levels == {"R-CUP": 3}
    assert the_push("CUP").acked_level == 3


def test_a_lost_answer_is_no_reason_to_believe_that_the_old_number_still_shows(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 10)
    hurry()
    rak.lose_answer = 1.0
    change(cup, 3)
    work.drain_all(VERBS)
    change(cup, 10)
    rak.lose_answer = 0.0
    hurry()
    assert rak.levels == {"R-CUP": 10}, "3 arrived although its answer did not"


def test_an_outage_never_ends_the_work(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    rak.lose = 1.0
    change(cup, 9)
    for _ in range(8):
        hurry()
    assert db.session.scalar(sa.select(sa.func.count()).where(Work.status == WorkStatus.DEAD)) == 0
    rak.lose = 0.0
    hurry()
    assert rak.levels == {"R-CUP": 9}


def test_one_refused_listing_leaves_the_others_and_is_not_asked_again_until_something_changes(
    shop: uuid.UUID, rak: Rak
) -> None:
    goods = listed(shop, {"CUP": 10, "LID": 4})
    rak.refused = {"R-LID"}
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert rak.levels == {"R-CUP": 10}
    assert (the_push("LID").cause, the_push("LID").acked_level) == ("refused", None)
    told = notice("stock_refused")
    assert told is not None
    assert told.arguments["number"] == 1
    change(goods["CUP"], 9)
    hurry()
    assert len(calls_with(rak, "LID")) == 1
    rak.refused = set()
    change(goods["LID"], 5)
    hurry()
    assert rak.levels == {"R-CUP": 9, "R-LID": 5}
    assert notice("stock_refused") is None


def test_credentials_that_no_longer_work_pause_the_channel_and_lose_nothing(shop: uuid.UUID, rak: Rak) -> None:
    cup = listed(shop, {"CUP": 10})["CUP"]
    rak.error = "who"
    change(cup, 9)
    hurry()
    assert the(shop).state is ConnectionState.PAUSED
    rak.error = ""
    the(shop).state = ConnectionState.ACTIVE
    drift.resume(the(shop))
    db.session.commit()
    hurry()
    assert rak.levels == {"R-CUP": 9}


def test_a_change_that_comes_while_the_work_ends_is_not_forgotten(
    cast: Cast, shop: uuid.UUID, rak: Rak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell that was rung while the work looked and found nothing."""
    goods = listed(shop, {"CUP": 10, "LID": 4})
    change(goods["CUP"], 9)
    looked, committed = threading.Event(), threading.Event()
    lid = goods["LID"]
    real = pushes.alone

    def alone(connection_id: uuid.UUID) -> bool:
        looked.set()
        assert committed.wait(10)
        return real(connection_id)

    def want_it(app: Flask, merchant: uuid.UUID) -> None:
        with app.app_context(), acting_for(merchant):
            pushes.want([lid])
            committed.set()
            threading.Event().wait(0.3)
            db.session.commit()
            db.session.remove()

    monkeypatch.setattr(push_sending.pushes, "alone", alone)
    thread = threading.Thread(target=lambda: (looked.wait(10), want_it(cast.app, cast.lantern)))
    thread.start()
    hurry()
    thread.join()
    hurry()
    assert rak.levels == {"R-CUP": 9, "R-LID": 4}


def test_many_zeros_at_once_are_stopped_and_nothing_else_goes_out_either(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n:02}": 10 for n in range(50)})
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    rak.told.clear()
    for number, product in enumerate(goods.values()):
        count(product, 0 if number < 25 else 3)
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    assert rak.told == []
    assert the(shop).export_stage is ExportStage.BRAKED
    told = notice("export_braked")
    assert told is not None
    assert told.grave
    assert (told.arguments["zeroed"], told.arguments["shown"]) == (25, 50)


def test_zeros_that_come_in_page_by_page_are_stopped_as_well(shop: uuid.UUID, rak: Rak) -> None:
    goods = list(listed(shop, {f"S{n:02}": 10 for n in range(60)}).values())
    pushes.want([*goods])
    db.session.commit()
    hurry()
    for at in range(0, 60, 6):
        for product in goods[at : at + 6]:
            count(product, 0)
        pushes.want(goods[at : at + 6])
        db.session.commit()
        hurry()
    assert sum(level == 0 for level in rak.levels.values()) < 20


def test_the_last_pieces_of_a_few_products_never_trip_the_brake(shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n}": 1 for n in range(8)})
    pushes.want([*goods.values()])
    db.session.commit()
    hurry()
    for product in goods.values():
        change(product, 1, reserved=1)
    hurry()
    assert set(rak.levels.values()) == {0}


def test_wanting_costs_the_same_for_one_product_and_for_many(shop: uuid.UUID, rak: Rak, statements: object) -> None:
    goods = list(listed(shop, {f"S{n:02}": 10 for n in range(40)}).values())
    numbers = []
    for some in (goods[:1], goods):
        db.session.commit()
        with statements() as sent:  # type: ignore[operator]
            pushes.want(some)
        numbers.append(len(sent))
        db.session.commit()
    assert numbers[1] <= numbers[0] <= 8


def test_what_is_turned_off_in_the_middle_sends_no_further_call(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    goods = listed(shop, {f"S{n}": 50 for n in range(70)})

    def turn_off(taken: dict[str, int]) -> None:
        with cast.app.app_context(), acting_for(cast.lantern):
            rehearsals.turn_off(the(shop), By("Mei Lin"))
            db.session.remove()

    for each in goods.values():
        change(each, 40)
    rak.watcher = turn_off
    hurry()
    assert len(rak.told) == 1
    assert the(shop).export_stage is ExportStage.HELD
