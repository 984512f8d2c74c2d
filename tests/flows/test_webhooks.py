"""What becomes of received pushes: the API is asked, and the answer enters by the same door as a sync."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal import integrations
from portal.contract.webhooks import Believed, Webhook
from portal.flows import delivery_spans, housekeeping, receiving, replays, webhooks, work
from portal.flows.audit import LINTAS
from portal.flows.replays import Chosen
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import (
    AuditNote,
    Connection,
    ConnectionState,
    Delivery,
    DeliveryRefusal,
    DeliveryState,
    Notice,
    Run,
    RunState,
    Store,
    WarehouseStock,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.goods import connection
from tests.pushing import Hook, Kirim, connection_of, hooked, kirim, of_stock, push, the_delivery
from workers.jobs import VERBS

__all__ = ["kirim"]


@pytest.fixture(autouse=True)
def lantern(cast: Cast, kirim: Kirim) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
    receiving._remembered.clear()


@pytest.fixture
def hook(lantern: None) -> Hook:
    return hooked()


def take(hook: Hook, event_id: str, body: Any, status: int = 202) -> None:
    """The push arrives."""
    sent = push(hook, event_id, body)
    said = receiving.receive(hook.token, sent["headers"], sent["data"], now())
    assert said is not None
    assert said.status == status


def work_off() -> int:
    """What the workers would do until nothing is due; pauses are cut short."""
    done = 0
    for _ in range(30):
        db.session.execute(sa.update(Work).where(Work.status == WorkStatus.OPEN).values(not_before=now()))
        db.session.commit()
        step = work.drain_all(VERBS, rounds=1)
        done += step
        if not step or not open_works():
            break
    return done


def due() -> int:
    return work.drain_all(VERBS)


def open_works() -> list[str]:
    return list(db.session.scalars(sa.select(Work.kind).where(Work.status == WorkStatus.OPEN)))


def stock() -> dict[str, int]:
    return dict(db.session.execute(sa.select(WarehouseStock.sku, WarehouseStock.available)).all())


def turn(hook: Hook, state: ConnectionState) -> None:
    connection_of(hook).state = state
    db.session.commit()


def run_of(hook: Hook, state: RunState, **more: Any) -> None:
    ended = None if state is RunState.RUNNING else now()
    values = {"resource": "stock", "state": state, "started_at": now(), "ended_at": ended} | more
    db.session.add(Run(merchant_id=whose(), id=new_id(), connection_id=hook.connection_id, **values))
    db.session.commit()


# --- from a push to the truth -----------------------------------------------------------------------------------------


def test_a_push_makes_us_ask_and_what_the_api_says_is_kept(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 7, "B2": 9}
    take(hook, "ev-1", of_stock("A1", number=500))
    assert due() == 1
    found = the_delivery("ev-1")
    assert (found.state, found.topic, found.changes, found.cause) == (DeliveryState.APPLIED, "stock.change", ["A1"], "")
    assert found.hint == {"resource": "stock", "keys": ["A1"]}
    assert stock() == {"A1": 7}
    assert kirim.asked == ["skus=A1"]


def test_neither_order_nor_repetition_matters(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 1}
    take(hook, "ev-2", of_stock("A1"))
    due()
    kirim.stock = {"A1": 2}
    for event in ("ev-1", "ev-2", "ev-1", "ev-2"):
        take(hook, event, of_stock("A1"))
    due()
    assert stock() == {"A1": 2}
    assert (the_delivery("ev-2").copies, the_delivery("ev-1").copies) == (3, 2)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 2
    assert len(kirim.asked) == 2


def test_pushes_about_the_same_thing_are_answered_by_one_question(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 3, "B2": 4}
    for number in range(12):
        take(hook, f"ev-{number}", of_stock("A1" if number % 3 else "B2"))
    due()
    assert sorted(kirim.asked) == ["skus=A1", "skus=B2"]
    states = db.session.scalars(sa.select(Delivery.state)).all()
    assert set(states) == {DeliveryState.APPLIED}
    assert stock() == {"A1": 3, "B2": 4}


def test_a_push_that_hints_at_nothing_asks_for_nothing(hook: Hook, kirim: Kirim) -> None:
    take(hook, "ev-1", {"topic": "note"})
    take(hook, "ev-2", of_stock("A1", resource="outbound"))
    due()
    assert [(the_delivery(each).state, the_delivery(each).cause) for each in ("ev-1", "ev-2")] == [
        (DeliveryState.APPLIED, "only_told"),
        (DeliveryState.APPLIED, "not_wanted"),
    ]
    assert kirim.asked == []


def test_where_single_things_cannot_be_asked_for_a_run_is_started(hook: Hook, kirim: Kirim) -> None:
    take(hook, "ev-1", of_stock("A1", resource="inbound"))
    work.drain_all({**VERBS, "sync": lambda claimed: None})
    assert the_delivery("ev-1").cause == "run_started"
    assert db.session.scalars(sa.select(Run.resource)).all() == ["inbound"]


# --- when it does not work --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"[[[", b'{"topic": 5, "skus": [1]}', b'{"topic": "x", "skus": ["a"], "resource": "moon"}']
)
def test_a_body_that_cannot_be_read_ends_dead_with_its_cause(hook: Hook, kirim: Kirim, body: bytes) -> None:
    take(hook, "ev-1", body)
    work_off()
    found = the_delivery("ev-1")
    assert found.state is DeliveryState.DEAD
    assert found.cause in {"push_not_readable", "push_our_fault"}
    assert "Traceback" not in found.detail
    assert db.session.scalars(sa.select(Notice.cause)).all() == ["push_dead"]
    assert kirim.asked == []


def test_a_remote_that_does_not_answer_is_asked_again_and_given_up_after_five_times(hook: Hook, kirim: Kirim) -> None:
    kirim.status = "503 Busy"
    take(hook, "ev-1", of_stock("A1"))
    due()
    found = the_delivery("ev-1")
    assert (found.state, found.cause, found.attempts) == (DeliveryState.WAITING, "busy", 1)
    work_off()
    found = the_delivery("ev-1")
    assert (found.state, found.cause, found.attempts) == (DeliveryState.DEAD, "busy", 5)
    kirim.status, kirim.stock = "200 OK", {"A1": 5}
    replays.replay(found, LINTAS)
    due()
    found = the_delivery("ev-1")
    assert (found.state, found.cause, found.changes) == (DeliveryState.APPLIED, "", ["A1"])
    assert db.session.scalars(sa.select(Notice.cause).where(Notice.cleared_at.is_(None))).all() == []


def test_a_refusal_of_the_remote_ends_dead_at_once(hook: Hook, kirim: Kirim) -> None:
    kirim.error = "no"
    take(hook, "ev-1", of_stock("A1"))
    due()
    found = the_delivery("ev-1")
    assert (found.state, found.cause, found.detail) == (DeliveryState.DEAD, "refused", "it said no")


def test_credentials_that_no_longer_work_pause_the_connection_and_keep_the_push(hook: Hook, kirim: Kirim) -> None:
    kirim.error = "who"
    take(hook, "ev-1", of_stock("A1"))
    due()
    found = the_delivery("ev-1")
    assert connection_of(hook).state is ConnectionState.PAUSED
    assert (found.state, found.cause) == (DeliveryState.WAITING, "connection_is_off")


# --- while the connection is off --------------------------------------------------------------------------------------


def test_what_comes_while_the_connection_is_off_waits_and_is_applied_when_it_is_on(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 3}
    turn(hook, ConnectionState.PAUSED)
    for number in range(3):
        take(hook, f"ev-{number}", of_stock("A1"))
    work_off()
    assert (the_delivery("ev-0").state, the_delivery("ev-0").cause) == (DeliveryState.WAITING, "connection_is_off")
    assert (open_works(), kirim.asked) == (["delivery_rest"], [])
    turn(hook, ConnectionState.ACTIVE)
    work_off()
    assert the_delivery("ev-2").state is DeliveryState.APPLIED
    assert stock() == {"A1": 3}
    assert open_works() == []


def test_the_rest_of_a_store_is_the_rest_of_its_pushes(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 3}
    db.session.execute(sa.update(Store).values(is_active=False))
    db.session.commit()
    take(hook, "ev-1", of_stock("A1"))
    due()
    assert (the_delivery("ev-1").state, the_delivery("ev-1").cause) == (DeliveryState.WAITING, "store_is_off")


def test_a_whole_run_settles_what_came_before_it_began(hook: Hook, kirim: Kirim) -> None:
    turn(hook, ConnectionState.PAUSED)
    take(hook, "ev-1", of_stock("A1"))
    due()
    turn(hook, ConnectionState.ACTIVE)
    run_of(hook, RunState.RUNNING)
    db.session.execute(sa.update(Work).values(not_before=now()))
    db.session.commit()
    due()
    assert the_delivery("ev-1").state is DeliveryState.WAITING
    db.session.execute(sa.update(Run).values(state=RunState.DONE, ended_at=now()))
    db.session.commit()
    work_off()
    found = the_delivery("ev-1")
    assert (found.state, found.cause, kirim.asked) == (DeliveryState.APPLIED, "covered_by_run", [])


@pytest.mark.parametrize(
    "more", [{"since": now()}, {"resource": "inbound"}, {"started_at": now() - timedelta(hours=1)}]
)
def test_a_run_that_did_not_see_all_of_it_settles_nothing(hook: Hook, kirim: Kirim, more: dict[str, Any]) -> None:
    turn(hook, ConnectionState.PAUSED)
    take(hook, "ev-1", of_stock("A1"))
    due()
    turn(hook, ConnectionState.ACTIVE)
    run_of(hook, RunState.DONE, **more)
    work_off()
    assert (the_delivery("ev-1").cause, kirim.asked) == ("", ["skus=A1"])


# --- again ------------------------------------------------------------------------------------------------------------


def test_replaying_asks_again_is_harmless_and_audited(hook: Hook, kirim: Kirim) -> None:
    kirim.stock = {"A1": 1, "B2": 1}
    take(hook, "ev-1", of_stock("A1"))
    take(hook, "ev-2", of_stock("B2"))
    due()
    kirim.stock["A1"] = 8
    replays.replay(the_delivery("ev-1"), LINTAS)
    replays.replay(the_delivery("ev-1"), LINTAS)
    assert open_works() == ["delivery"]
    due()
    assert (the_delivery("ev-1").changes, stock()) == (["A1"], {"A1": 8, "B2": 1})
    replays.replay(the_delivery("ev-1"), LINTAS)
    due()
    assert (the_delivery("ev-1").state, the_delivery("ev-1").changes) == (DeliveryState.APPLIED, [])
    notes = db.session.scalars(sa.select(AuditNote.what).where(AuditNote.what == "push_replayed")).all()
    assert len(notes) == 3


def test_a_group_of_one_cause_and_a_range_are_replayed_together(hook: Hook, kirim: Kirim) -> None:
    kirim.error = "no"
    for number in range(4):
        take(hook, f"ev-{number}", of_stock(f"A{number}"))
    take(hook, "ev-x", b"{")
    due()
    kirim.error, kirim.stock = "", {f"A{number}": number for number in range(4)}
    assert replays.replay_many(Chosen(state=DeliveryState.DEAD, cause="refused"), LINTAS) == 4
    due()
    assert (stock(), the_delivery("ev-x").state) == (kirim.stock, DeliveryState.DEAD)
    assert replays.replay_many(Chosen(connection_id=hook.connection_id), LINTAS) == 5


def test_a_push_of_which_nothing_is_left_cannot_be_replayed(hook: Hook, kirim: Kirim) -> None:
    take(hook, "ev-1", b"{")
    take(hook, "ev-2", of_stock("A1"))
    due()
    db.session.execute(sa.update(Delivery).values(sealed=None))
    db.session.commit()
    with pytest.raises(Refusal, match="push_is_gone"):
        replays.replay(the_delivery("ev-1"), LINTAS)
    replays.replay(the_delivery("ev-2"), LINTAS)
    kirim.stock = {"A1": 4}
    due()
    assert (the_delivery("ev-2").state, stock()) == (DeliveryState.APPLIED, {"A1": 4})


# --- how long it is kept ----------------------------------------------------------------------------------------------


def aged(event_id: str, age: timedelta) -> None:
    db.session.execute(sa.update(Delivery).where(Delivery.event_id == event_id).values(received_at=now() - age))
    db.session.commit()


def test_bodies_go_after_a_week_and_ids_after_a_month(hook: Hook, kirim: Kirim) -> None:
    for event, age in (("new", 0), ("week", 8), ("nearly", 29), ("old", 31)):
        take(hook, event, of_stock("A1"))
        aged(event, timedelta(days=age))
    delivery_spans.forget(whose(), now())
    kept = {each.event_id: each.sealed is not None for each in db.session.scalars(sa.select(Delivery))}
    assert kept == {"new": True, "week": False, "nearly": False}
    aged("nearly", timedelta(days=31))
    housekeeping.forget_done_work()
    assert "nearly" not in db.session.scalars(sa.select(Delivery.event_id)).all()


@pytest.mark.parametrize("repeats", [timedelta(0), timedelta(days=3), timedelta(days=29), timedelta(days=400)])
@pytest.mark.parametrize("window", [timedelta(0), timedelta(minutes=15), timedelta(days=40)])
def test_no_declaration_can_make_the_memory_shorter_than_what_may_come_again(
    repeats: timedelta, window: timedelta
) -> None:
    declared = Webhook(verify=lambda *_: None, hint=lambda _: None, topics={}, window=window, repeats_for=repeats)  # type: ignore[arg-type,return-value]
    assert delivery_spans.of_ids(declared) >= max(timedelta(days=30), window + repeats)


@pytest.mark.parametrize(
    ("event", "late", "reason"),
    [
        ("ev-1", timedelta(minutes=-6), "outside_window"),
        ("ev-1", timedelta(hours=1), "outside_window"),
        ("", timedelta(), "no_id"),
        ("x" * 201, timedelta(), "no_id"),
        ("nul\0", timedelta(), "no_id"),
        ("half \ud800", timedelta(), "no_id"),
    ],
)
def test_the_house_itself_keeps_the_window_and_the_form_of_ids(
    hook: Hook, event: str, late: timedelta, reason: str
) -> None:
    believed = Believed(event, now() + late)
    known = integrations.all_integrations()
    one = known["kirim"]
    assert one.webhook is not None
    lax = replace(one.webhook, verify=lambda push, keys, at: believed)
    known["kirim"] = replace(one, webhook=lax)
    take(hook, "ev-1", of_stock("A1"), 401)
    assert db.session.scalar(sa.select(DeliveryRefusal.reason)).value == reason


def test_what_a_sender_writes_anew_into_a_repetition_does_not_make_it_another_event(hook: Hook) -> None:
    known = integrations.all_integrations()
    one = known["kirim"]
    assert one.webhook is not None
    stamped = replace(one.webhook, verify=lambda push, keys, at: Believed("ev-1", at, push.body.partition(b"|")[2]))
    known["kirim"] = replace(one, webhook=stamped)
    take(hook, "ev-1", b"12:00|A1")
    take(hook, "ev-1", b"12:01|A1")
    take(hook, "ev-1", b"12:02|B2", 401)
    assert the_delivery("ev-1").copies == 2


def test_a_connection_that_does_not_push_has_no_address(kirim: Kirim) -> None:
    other: Connection = connection("jd_com")
    assert (webhooks.address(other), webhooks.last_push(other)) == ("", None)
    for deed in (webhooks.roll_hook, webhooks.roll_key):
        with pytest.raises(Refusal, match="does_not_push"):
            deed(other, LINTAS)


def test_a_key_is_shown_when_it_is_made_and_opening_twice_changes_nothing(hook: Hook) -> None:
    webhooks.close_hook(connection_of(hook), LINTAS)
    assert webhooks.open_hook(connection_of(hook)).startswith("whsec_")
    before = webhooks.address(connection_of(hook))
    assert webhooks.open_hook(connection_of(hook)) == ""
    assert webhooks.address(connection_of(hook)) == before
