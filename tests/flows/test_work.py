"""The ledger: one effect for one row, whoever dies or comes late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.errors import Busy, Cause, Refused
from portal.flows import work
from portal.flows.work import Again, Claim, Dead, LeaseLost
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import Work, WorkStatus
from tests.cast import Cast

LANE = "lane-1"


@pytest.fixture(autouse=True)
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


def add(key: str = "one", **more: object) -> None:
    work.add("effect", LANE, key, {"n": key}, **more)  # type: ignore[arg-type]
    db.session.commit()


def rows() -> list[Work]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Work).order_by(Work.id)))


def test_work_of_the_same_key_is_added_once_while_it_is_open() -> None:
    add()
    add()
    assert len(rows()) == 1
    work.drain(LANE, {"effect": lambda claimed: None})
    add()
    assert [each.status for each in rows()] == [WorkStatus.DONE, WorkStatus.OPEN]


def test_work_that_was_rolled_back_never_runs() -> None:
    work.add("effect", LANE, "gone", {})
    db.session.rollback()
    assert work.lanes_ready() == []


def test_a_row_is_claimed_by_one_worker_only(cast: Cast) -> None:
    for n in range(40):
        add(str(n))
    seen: list[str] = []

    def drain() -> None:
        with cast.app.app_context():
            work.drain(LANE, {"effect": lambda claimed: seen.append(claimed.body["n"])})

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(seen) == sorted(str(n) for n in range(40))


def test_who_comes_late_is_fenced_off() -> None:
    add()
    (early,) = work.claim(LANE)
    db.session.execute(sa.update(Work).values(lease_until=now() - timedelta(seconds=1)))
    db.session.commit()
    (late,) = work.claim(LANE)
    assert late.lease == early.lease + 1
    with pytest.raises(LeaseLost):
        work.hold(early)
    db.session.rollback()
    work.perform(early, {"effect": lambda claimed: None})
    assert rows()[0].status is WorkStatus.OPEN, "the late finish of the first holder counts for nothing"
    work.perform(late, {"effect": lambda claimed: None})
    assert rows()[0].status is WorkStatus.DONE


def test_the_effect_of_a_fenced_worker_is_dropped_with_it() -> None:
    add()
    (early,) = work.claim(LANE)
    db.session.execute(sa.update(Work).values(lease_until=now() - timedelta(seconds=1)))
    db.session.commit()
    work.claim(LANE)

    def effect(claimed: Claim) -> None:
        work.add("trace", "another", "of-the-early-one", {})

    work.perform(early, {"effect": effect})
    assert [each.kind for each in rows()] == ["effect"]


def test_a_failure_is_tried_five_times_and_then_dead_with_its_cause() -> None:
    add()

    def refuse(claimed: Claim) -> None:
        raise Refused(Cause.REFUSED, "no")

    for _ in range(5):
        db.session.execute(sa.update(Work).values(not_before=now()))
        db.session.commit()
        work.drain(LANE, {"effect": refuse})
    (row,) = rows()
    assert (row.status, row.attempts, row.error) == (WorkStatus.DEAD, 5, "refused: no")
    db.session.rollback()
    assert work.replay_dead() == 1
    work.drain(LANE, {"effect": lambda claimed: None})
    assert rows()[0].status is WorkStatus.DONE


def test_of_dead_rows_of_one_key_one_is_replayed_and_none_beside_an_open_one() -> None:
    for key, dead in (("twice", True), ("twice", True), ("again", True), ("again", False)):
        add(key)
        if dead:
            work.drain(LANE, {"effect": lambda claimed: Dead("no")})
    assert work.replay_dead() == 1
    assert sorted(each.natural_key for each in rows() if each.status is WorkStatus.OPEN) == ["again", "twice"]
    db.session.rollback()
    assert work.replay_dead() == 0


@pytest.mark.parametrize(("said", "least", "most"), [(0.0, 0.4, 5), (31536000000.0, 3000, 3700)])
def test_a_remote_that_says_now_or_next_century_is_not_taken_at_its_word(said: float, least: int, most: int) -> None:
    outcome = work.after_failure(1, "busy", said)
    assert isinstance(outcome, Again)
    assert least < outcome.seconds < most


def test_the_remote_says_when_to_come_again() -> None:
    add()

    def busy(claimed: Claim) -> None:
        raise Busy(Cause.RATE_LIMITED, after=120)

    work.drain(LANE, {"effect": busy})
    (row,) = rows()
    assert timedelta(seconds=110) < row.not_before - now() < timedelta(seconds=125)
    assert work.claim(LANE) == []


def test_a_crash_inside_a_verb_leaves_no_half_effect_and_no_secret_in_the_row() -> None:
    add()

    def crash(claimed: Claim) -> None:
        work.add("trace", "another", "half", {})
        raise ZeroDivisionError("secret=hunter2")

    work.drain(LANE, {"effect": crash})
    (row,) = rows()
    assert row.error == "ZeroDivisionError"


def test_progress_does_not_count_as_a_failed_attempt() -> None:
    add()
    times = iter(range(12))

    def step(claimed: Claim) -> work.Outcome:
        return Again() if next(times) < 11 else None

    assert work.drain(LANE, {"effect": step}) == 12
    assert rows()[0].status is WorkStatus.DONE


def test_withdrawn_work_can_no_longer_be_finished() -> None:
    add()
    (claimed,) = work.claim(LANE)
    work.withdraw("effect", "one")
    db.session.commit()
    work.perform(claimed, {"effect": lambda each: Dead("late")})
    assert rows()[0].error == "withdrawn"


def test_a_verb_sees_only_the_rows_of_its_merchant(cast: Cast) -> None:
    add("of lantern")
    with acting_for(cast.rival):
        work.add("effect", LANE, "of rival", {})
        db.session.commit()
    seen = []

    def look(claimed: Claim) -> None:
        seen.append((whose(), [each.natural_key for each in db.session.scalars(sa.select(Work))]))

    assert work.drain(LANE, {"effect": look}) == 2
    assert sorted(seen, key=str) == sorted([(cast.lantern, ["of lantern"]), (cast.rival, ["of rival"])], key=str)
