"""Sync activity: the list of runs, and one run from its start to its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.flows import notices, sync
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.ids import new_id
from portal.models import ConnectionState, Run, RunProblem, RunState, Work
from tests.cast import Cast
from tests.goods import listing, product, take_in
from tests.web.shelf import HX, Browser, at, lantern, rival, run, turned_on

Statements = Callable[[], AbstractContextManager[list[str]]]


def test_the_views_show_what_needs_somebody_what_runs_and_all(cast: Cast) -> None:
    moment = now()
    with lantern(cast):
        jd, other = turned_on("jd_com"), turned_on("jd_id")
        done = {"state": RunState.DONE, "started_at": moment, "ended_at": moment}
        partly_before = run(jd, **done, seen=3, kept=2, refused=1)
        partly = run(jd, **done, seen=9, kept=7, refused=2)
        well = run(other, **done, seen=5, kept=5)
        badly = run(jd, **{**done, "state": RunState.FAILED}, cause="timeout")
        notices.tell("run", badly, "timeout", resource="products")
        over = run(jd, **{**done, "state": RunState.FAILED}, cause="busy")
        opened = run(other, state=RunState.RUNNING, started_at=moment)
        db.session.commit()
    mei = Browser(cast, cast.mei)

    def shown(view: str) -> set[str]:
        return {each["id"] for each in mei.json(f"/sync?view={view}")["items"]}

    assert shown("attention") == {str(partly), str(badly)}
    assert shown("running") == {str(opened)}
    assert shown("all") == {str(each) for each in (partly_before, partly, well, badly, over, opened)}
    page = mei.get("/sync").text
    assert 'Needs attention <span class="n">2</span>' in page
    assert "Partly done" in page
    assert "7 / 2" in page
    assert 'aria-current="page">Needs attention' in page, "what needs somebody comes first"


def test_without_anything_to_do_the_page_shows_all_runs(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert "No sync yet" in mei.get("/sync").text
    assert "No sync needs you" in mei.get("/sync?view=attention").text


def test_a_connection_that_rests_is_told_above_the_runs(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        jd.state = ConnectionState.PAUSED
        notices.tell("connection", jd.id, "token_expired", name=jd.name)
        db.session.commit()
    page = Browser(cast, cast.mei).get("/sync?view=attention").text
    assert "1 connection is not in sync" in page


def test_a_run_under_way_says_how_far_it_is_and_asks_for_itself(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(
            jd,
            state=RunState.RUNNING,
            seen=1_000,
            kept=990,
            refused=10,
            fresh=900,
            changed=40,
            held=9,
            total=4_000,
            started_at=now() - timedelta(minutes=10),
        )
    mei = Browser(cast, cast.mei)
    page = mei.get(f"/sync/{public_id}").text
    for words in ("1,000 of 4,000 listings", "about 30 min left", "Stop this run", 'http-equiv="refresh"'):
        assert words in page, words
    for number, label in ((990, "taken in"), (3_000, "still to come"), (10, "not taken in")):
        assert f"<dd>{number:,}</dd><dt>{label}</dt>" in page, label
    assert "900 new" in page
    assert "40 changed" in page
    assert "50 unchanged" in page
    assert "9 waiting for QC" in page
    part = mei.get(f"/sync/{public_id}", headers={**HX, "HX-Target": "run_progress"})
    assert f'id="run_progress" aria-labelledby="progress-h" hx-get="/sync/{public_id}"' in part.text
    assert "<html" not in part.text


def test_a_run_over_orders_speaks_of_orders_and_of_no_listing(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        take_in(jd, [listing("e", "")])
        values = {"started_at": now(), "seen": 1_002, "kept": 1_001, "refused": 1, "resource": "orders"}
        moving = run(jd, **values, state=RunState.RUNNING)
        done = run(jd, **values, state=RunState.DONE, ended_at=now())
        db.session.add(RunProblem(merchant_id=cast.lantern, run_id=done, cause="unreadable_item", remote_id="9"))
        db.session.commit()
    mei = Browser(cast, cast.mei)
    assert "1,002 orders so far" in mei.get(f"/sync/{moving}").text
    page = mei.get(f"/sync/{done}").text
    for words in ("1,002 orders</span>", "1,002 orders looked at", "1 order could not be read."):
        assert words in page, words
    for words in ("waiting for QC", "gone at the channel", "listing has no SKU", "other listings"):
        assert words not in page, words


def test_a_slowed_run_says_until_when_and_that_it_is_normal(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(
            jd,
            state=RunState.WAITING,
            cause="rate_limited",
            seen=10,
            kept=10,
            total=20,
            started_at=now(),
            slowed_until=now() + timedelta(minutes=5),
        )
    page = Browser(cast, cast.mei).get(f"/sync/{public_id}").text
    assert "because JD.com asked us to. This is normal" in page
    assert "min left" not in page, "nobody knows while it waits"


def test_the_end_of_a_run_has_the_whole_page_loaded_again_and_ends_the_asking(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(jd, state=RunState.DONE, started_at=now(), ended_at=now(), seen=3, kept=3, missing=2)
    mei = Browser(cast, cast.mei)
    assert mei.get(f"/sync/{public_id}", headers={**HX, "HX-Target": "run_progress"}).headers["HX-Refresh"] == "true"
    page = mei.get(f"/sync/{public_id}").text
    assert 'hx-trigger="load' not in page
    assert "<dd>2</dd><dt>gone at the channel</dt>" in page
    assert "http-equiv" not in page


def test_each_problem_is_a_group_with_its_cause_and_a_way_to_the_workbench(cast: Cast) -> None:
    with lantern(cast):
        product("LAMP")
        product("OLD")
        product("BOX 7")
        product("box7")
        jd = turned_on()
        take_in(jd, [listing("c", "OLD")])
        take_in(
            jd,
            [
                listing("c", "OLD-2"),
                listing("e", ""),
                listing("d1", "D-1"),
                listing("d2", "D-1"),
                listing("n", "lamp"),
                listing("a", "Box7"),
                listing("w", "W-1", audit_word="2"),
            ],
        )
        public_id = run(jd, state=RunState.DONE, started_at=now(), ended_at=now(), seen=9, kept=7, refused=2)
        for remote_id in ("x1", ""):
            db.session.add(
                RunProblem(
                    merchant_id=cast.lantern,
                    id=new_id(),
                    run_id=public_id,
                    cause="unreadable_item",
                    remote_id=remote_id,
                    detail="no price",
                )
            )
        db.session.commit()
        jd_id = jd.id
    page = Browser(cast, cast.mei).get(f"/sync/{public_id}").text
    for words in (
        "2 listings could not be read.",
        "<code>x1</code>",
        "The SKU of 1 linked listing was changed",
        "2 listings share their SKU with another",
        "1 listing has no SKU",
        "1 SKU is nearly that of a product",
        "1 SKU could mean several of your products",
        "1 listing is being checked by JD.com",
    ):
        assert words in page, words
    for state in ("sku_changed", "duplicate", "empty", "near", "ambiguous", "waiting"):
        assert f'href="/links?state={state}&amp;connection={jd_id}"' in page, state
    assert "refused cause=unreadable_item count=2" in page, "for support"


def test_a_run_that_ended_badly_says_why_and_goes_on_from_there(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(
            jd,
            state=RunState.FAILED,
            cause="timeout",
            detail="isv.timeout no answer in 10 s",
            cursor="page-7",
            seen=5,
            kept=5,
            total=50,
            started_at=now(),
            ended_at=now(),
        )
    mei = Browser(cast, cast.mei)
    page = mei.get(f"/sync/{public_id}").text
    assert "did not answer in time" in page
    assert "Try again" in page
    assert "cause=timeout remote_said=isv.timeout no answer in 10 s" in page
    answer = mei.post(f"/sync/{public_id}/retry")
    assert answer.status_code == 303
    assert answer.location == f"/sync/{public_id}"
    with lantern(cast):
        again = db.session.get_one(Run, (cast.lantern, public_id))
        assert (again.state, again.cursor, again.seen) == (RunState.WAITING, "page-7", 5)
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(Work.kind == "sync")) == 1
    assert "Tried again by Mei Lin" in mei.get(f"/sync/{public_id}").text
    refused = mei.post(f"/sync/{public_id}/retry")
    assert refused.status_code == 422
    assert "did not fail" in refused.text


def test_a_run_is_stopped_and_another_one_started(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        opened = sync.start(jd, Resource.PRODUCTS, "Mei Lin")
        db.session.commit()
        public_id, jd_id = opened.id, jd.id
    tom = Browser(cast, cast.tom)
    assert tom.post(f"/sync/{public_id}/stop").status_code == 303
    page = tom.get(f"/sync/{public_id}").text
    assert "Tom Ellis stopped this sync." in page
    answer = tom.post(f"/sync/{public_id}/again")
    assert answer.status_code == 303
    assert answer.location != f"/sync/{public_id}"
    assert tom.post(f"/sync/{public_id}/again").location == answer.location, "pressing twice shows the open one"
    assert "Waiting" in tom.get(answer.location).text
    with lantern(cast):
        at(jd_id).state = ConnectionState.SAVED
        db.session.commit()
    off = tom.post(f"/sync/{public_id}/again")
    assert off.status_code == 422
    assert "JD.com is off. Turn it on, then sync." in off.text


def test_a_run_as_json_has_all_its_numbers(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(
            jd,
            state=RunState.DONE,
            started_at=now(),
            ended_at=now(),
            seen=9,
            kept=7,
            refused=2,
            fresh=3,
            changed=1,
            groups={"new": 3},
        )
    told = Browser(cast, cast.mei).json(f"/sync/{public_id}")
    assert (told["seen"], told["kept"], told["refused"], told["unchanged"]) == (9, 7, 2, 3)
    assert told["groups"] == {"new": 3}
    assert told["state"] == "done"


def test_runs_of_another_merchant_are_not_there(cast: Cast) -> None:
    with rival(cast):
        theirs = turned_on()
        public_id = run(theirs, state=RunState.RUNNING, started_at=now())
        connection_id = theirs.id
    mei = Browser(cast, cast.mei)
    assert mei.not_there("/sync/{}", public_id) == mei.not_there("/sync/{}", uuid.uuid4())
    for url in (f"/sync/{public_id}", f"/sync?connection={connection_id}"):
        assert mei.get(url).status_code == 404
    for verb in ("stop", "retry", "again"):
        assert mei.post(f"/sync/{public_id}/{verb}").status_code == 404
    with rival(cast):
        assert db.session.get_one(Run, (cast.rival, public_id)).state is RunState.RUNNING


def test_a_viewer_sees_a_run_and_may_not_touch_it(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        public_id = run(jd, state=RunState.RUNNING, started_at=now())
    vera = Browser(cast, cast.vera)
    page = vera.get(f"/sync/{public_id}")
    assert page.status_code == 200
    assert "Stop this run" not in page.text
    for verb in ("stop", "retry", "again"):
        assert vera.post(f"/sync/{public_id}/{verb}").status_code == 403


@pytest.mark.parametrize("view", ["all", "attention"])
def test_the_list_costs_the_same_for_5_and_for_200_runs(cast: Cast, statements: Statements, view: str) -> None:
    with lantern(cast):
        jd = turned_on().id
    mei = Browser(cast, cast.mei)
    mei.get("/sync")

    def cost(number: int) -> int:
        with lantern(cast):
            here = at(jd)
            for _ in range(number):
                row = Run(
                    merchant_id=cast.lantern,
                    id=new_id(),
                    connection_id=here.id,
                    resource="products",
                    state=RunState.FAILED,
                    cause="busy",
                    started_at=now(),
                    ended_at=now(),
                )
                db.session.add(row)
                notices.tell("run", row.id, "busy", resource="products")
            db.session.commit()
        with statements() as sent:
            page = mei.get(f"/sync?view={view}")
        assert page.text.count('role="rowheader"') == min(number, 50)
        return len(sent)

    assert cost(5) == cost(195)


def test_a_run_costs_the_same_whatever_it_left_out(cast: Cast, statements: Statements) -> None:
    with lantern(cast):
        jd = turned_on()
        jd_id = jd.id
        public_id = run(jd, state=RunState.DONE, started_at=now(), ended_at=now(), seen=300, kept=100, refused=200)
    mei = Browser(cast, cast.mei)
    mei.get("/sync")

    def cost(number: int) -> int:
        with lantern(cast):
            take_in(at(jd_id), [listing(f"r{each}", "") for each in range(number)])
            for each in range(number):
                db.session.add(
                    RunProblem(
                        merchant_id=cast.lantern,
                        id=new_id(),
                        run_id=public_id,
                        cause="unreadable_item",
                        remote_id=str(each),
                        detail="x",
                    )
                )
            db.session.commit()
        with statements() as sent:
            assert mei.get(f"/sync/{public_id}").status_code == 200
        return len(sent)

    assert cost(5) == cost(200)
