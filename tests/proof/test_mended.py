"""What the proofs found once, held fast without any process: each was a way to lose a run."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.contract.definition import Resource
from portal.flows import connections, sync, work
from portal.flows.audit import LINTAS
from portal.flows.work import Claim
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Connection, ConnectionState, Listing, Run, RunState, Work, WorkStatus
from tests.cast import Cast
from tests.flows.jd import jd_com, point_at, work_off
from tests.goods import connection
from tests.sandbox_server import Running, sandbox, sandbox_process
from workers.jobs import VERBS

__all__ = ["sandbox", "sandbox_process"]
LANE = "lane-1"


@pytest.fixture
def lantern(cast: Cast) -> Iterator[Flask]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield cast.app


def row() -> Work:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(Work)).one()


def again() -> None:
    """Let the moment come for which the work waits, and the leases end."""
    db.session.execute(sa.update(Work).values(not_before=now(), lease_until=None))
    db.session.commit()


def test_a_holder_that_is_slower_than_its_lease_keeps_the_work(lantern: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "LEASE", timedelta(seconds=0.4))
    work.add("effect", LANE, "slow", {})
    db.session.commit()
    others: list[Claim] = []

    def slow(claimed: Claim) -> None:
        ends = time.monotonic() + 1.2
        while time.monotonic() < ends:
            others.extend(work.claim(LANE))
            time.sleep(0.05)

    work.drain(LANE, {"effect": slow})
    assert others == []
    assert (row().status, row().lease) == (WorkStatus.DONE, 1)


def test_work_that_waits_for_its_time_is_not_held_back_by_its_old_lease(
    lantern: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "LEASE", timedelta(seconds=0.2))
    for key in ("first", "second"):
        work.add("effect", LANE, key, {})
    db.session.commit()

    def step(claimed: Claim) -> work.Outcome:
        time.sleep(0.15)
        return work.Again(seconds=60)

    work.drain(LANE, {"effect": step})
    db.session.rollback()
    assert {each.lease_until for each in db.session.scalars(sa.select(Work))} == {None}


def test_only_failures_in_a_row_end_the_work(lantern: Flask) -> None:
    work.add("effect", LANE, "one", {})
    db.session.commit()

    def step_and_fail(claimed: Claim) -> work.Outcome:
        claimed = work.hold(claimed, progress=True)
        db.session.commit()
        return work.after_failure(claimed.attempts, "no")

    for _ in range(work.MOST_ATTEMPTS + 3):
        again()
        work.drain(LANE, {"effect": step_and_fail})
    assert row().status is WorkStatus.OPEN


def test_work_that_ends_every_worker_is_set_aside_after_five(lantern: Flask) -> None:
    work.add("effect", LANE, "poison", {})
    db.session.commit()
    for _ in range(work.MOST_ATTEMPTS):
        again()
        assert len(work.claim(LANE)) == 1, "a worker takes it and is never heard of again"
    again()
    work.drain(LANE, {"effect": lambda claimed: pytest.fail("it was tried once more")})
    assert (row().status, row().error) == (WorkStatus.DEAD, "its worker ended every time")


def test_work_that_is_patient_on_purpose_is_not_taken_for_poison(lantern: Flask) -> None:
    work.add("effect", LANE, "patient", {})
    db.session.commit()
    for _ in range(3 * work.MOST_ATTEMPTS):
        again()
        work.drain(LANE, {"effect": lambda claimed: work.Again(seconds=60, progress=False, why="not yet")})
    assert row().status is WorkStatus.OPEN


def test_a_run_whose_work_died_of_a_fault_of_ours_goes_on_when_it_is_asked_for_again(lantern: Flask) -> None:
    channel = connection()
    channel.state = ConnectionState.ACTIVE
    db.session.commit()
    key = channel.merchant_id, channel.id
    run_id = sync.ask(channel, Resource.PRODUCTS, LINTAS).id

    def crash(claimed: Claim) -> None:
        raise ZeroDivisionError

    for _ in range(work.MOST_ATTEMPTS):
        again()
        work.drain_all({**VERBS, "sync": crash})
    assert row().status is WorkStatus.DEAD
    assert sync.ask(db.session.get_one(Connection, key), Resource.PRODUCTS, LINTAS).id == run_id
    db.session.rollback()
    open_rows = db.session.scalars(sa.select(Work).where(Work.status == WorkStatus.OPEN)).all()
    assert [each.body for each in open_rows] == [{"run": str(run_id)}]
    assert db.session.scalars(sa.select(Run)).one().state is RunState.WAITING


def test_pressing_the_button_does_not_shorten_the_patience_of_a_run(lantern: Flask) -> None:
    channel = connection()
    channel.state = ConnectionState.ACTIVE
    db.session.commit()
    sync.ask(channel, Resource.PRODUCTS, LINTAS)
    later = now() + timedelta(hours=1)
    db.session.execute(sa.update(Work).values(not_before=later))
    db.session.commit()
    sync.ask(channel, Resource.PRODUCTS, LINTAS)
    assert row().not_before == later


def test_a_worker_that_dies_behind_the_last_page_does_not_make_the_run_begin_anew(
    lantern: Flask, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lantern.extensions["lintas"]
    point_at(lantern, sandbox.url)
    connections.turn_on(jd_com(sandbox), LINTAS)
    end, ends = sync._end, []

    def die_first(run_id: uuid.UUID, connection: Connection) -> work.Outcome:
        if db.session.scalar(sa.select(Run.resource).where(Run.id == run_id)) == "products":
            ends.append(run_id)
            if len(ends) == 1:
                raise InterruptedError("killed behind the last page")
        return end(run_id, connection)

    monkeypatch.setattr(sync, "_end", die_first)
    work_off()
    lantern.extensions["lintas"] = before
    run = db.session.scalars(sa.select(Run).where(Run.resource == "products")).one()
    assert (len(ends), run.state) == (2, RunState.DONE)
    assert run.seen == run.total == db.session.scalar(sa.select(sa.func.count()).select_from(Listing))


def test_no_thread_is_left_behind(lantern: Flask) -> None:
    work.add("effect", LANE, "one", {})
    db.session.commit()
    before = threading.active_count()
    work.drain(LANE, {"effect": lambda claimed: None})
    assert threading.active_count() == before
