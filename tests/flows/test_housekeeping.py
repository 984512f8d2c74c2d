"""What is forgotten after a while, and what stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.records import Consignee, OrderStatus
from portal.flows import housekeeping, notices, order_buyers, order_rows, outbound, people, retention, steps, stores
from portal.flows.audit import LINTAS
from portal.flows.order_buyers import Buyer
from portal.keeping import Keeping
from portal.keeping import read as read_keeping
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import (
    Attempt,
    Invitation,
    Notice,
    Order,
    PasswordReset,
    Role,
    Run,
    RunPage,
    RunProblem,
    RunState,
    SentForm,
    SupportPage,
    SupportSession,
    Work,
)
from tests import filled, selling
from tests.cast import Cast
from tests.web.shelf import Browser, lantern, rival, turned_on


def a_run(channel: uuid.UUID, merchant: uuid.UUID, days: float | None) -> None:
    """A run that ended so many days ago, None for one that goes on, with a page and a problem."""
    ended = None if days is None else now() - timedelta(days=days)
    state = RunState.RUNNING if ended is None else RunState.FAILED
    run = Run(merchant_id=merchant, connection_id=channel, resource="products", state=state, ended_at=ended)
    db.session.add(run)
    db.session.flush()
    db.session.add(RunPage(merchant_id=merchant, run_id=run.id, remote_ids=[str(days)]))
    db.session.add(RunProblem(merchant_id=merchant, run_id=run.id, cause="x", remote_id=str(days)))


def a_notice(cause: str, days: float | None) -> None:
    """A notice that was cleared so many days ago, None for one that is open."""
    about = uuid.uuid4()
    notices.tell("connection", about, cause)
    db.session.flush()
    if days is not None:
        db.session.execute(
            sa.update(Notice).where(Notice.subject_id == about).values(cleared_at=now() - timedelta(days=days))
        )


@pytest.mark.parametrize("of", [lantern, rival])
def test_details_of_old_runs_and_notices_that_are_history_go(cast: Cast, of: object) -> None:
    merchant = cast.lantern if of is lantern else cast.rival
    with of(cast):  # type: ignore[operator]
        channel = turned_on().id
        for days in (None, 13.9, 14.1):
            a_run(channel, merchant, days)
        for cause, days in (("open", None), ("young", 89.0), ("old", 91.0)):
            a_notice(cause, days)
        db.session.commit()
    with cast.app.app_context():
        housekeeping.forget_done_work()
    with of(cast):  # type: ignore[operator]
        assert sorted(ids for (ids,) in db.session.scalars(sa.select(RunPage.remote_ids))) == ["13.9", "None"]
        assert sorted(db.session.scalars(sa.select(RunProblem.remote_id))) == ["13.9", "None"]
        assert sorted(db.session.scalars(sa.select(Notice.cause))) == ["open", "young"]
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Run)) == 3


def test_what_gathered_while_nobody_forgot_goes_in_steps(cast: Cast) -> None:
    """More than one step takes: as after a relay that was away for weeks."""
    number = 2 * steps.STEP + 3
    with lantern(cast):
        ended = now() - timedelta(days=8)
        row = {"merchant_id": whose(), "lane": "a", "kind": "sync", "status": "done", "ended_at": ended}
        rows = [{**row, "id": uuid.uuid4(), "natural_key": str(each)} for each in range(number)]
        db.session.execute(sa.insert(Work), rows)
        db.session.commit()
    taken: list[int] = []

    def heard(wire: object, cursor: Any, statement: str, *_: object) -> None:
        if statement.lower().startswith("delete from work"):
            taken.append(cursor.rowcount)

    with cast.app.app_context():
        sa.event.listen(db.engine, "after_cursor_execute", heard)
        try:
            housekeeping.forget_done_work()
        finally:
            sa.event.remove(db.engine, "after_cursor_execute", heard)
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Work)) == 0
    assert sum(taken) == number
    assert max(taken) == steps.STEP


# --- what people left here --------------------------------------------------------------------------------------------

KEEPING = Keeping()


@contextmanager
def keeping(cast: Cast, **spans: timedelta) -> Iterator[None]:
    """As if the house had been started with other spans."""
    before = cast.app.extensions["lintas"]
    settings = replace(before.settings, keeping=replace(KEEPING, **spans))
    cast.app.extensions["lintas"] = replace(before, settings=settings)
    try:
        yield
    finally:
        cast.app.extensions["lintas"] = before


def an_order(status: OrderStatus, days: float) -> uuid.UUID:
    """An order with a buyer in this status, changed last so many days ago."""
    order_id = selling.order(status=status, settle=False)
    order = db.session.get_one(Order, (whose(), order_id))
    to = Consignee(name="王小芳", phone="13800138000", address="中山路 12 号", city="上海", country="CN")
    buyer = Buyer(to, account="fang88", buyer_note="at the door")
    for name, value in order_rows.of_buyer(buyer, False, order_id, order_buyers.secret_key(), None).items():
        setattr(order, name, value)
    order.city, order.province, order.postcode, order.country = "上海", "上海市", "200001", "CN"
    order.total_minor, order.currency = 1990, "CNY"
    outbound.complete(order, Consignee(district="黄浦区"))
    db.session.flush()
    db.session.execute(sa.update(Order).where(Order.id == order_id).values(changed_at=long_ago(days)))
    db.session.commit()
    return order_id


def long_ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def test_the_buyer_of_an_order_that_has_long_been_over_is_removed_and_the_numbers_stay(cast: Cast) -> None:
    with lantern(cast):
        old = [an_order(each, 366) for each in (OrderStatus.COMPLETED, OrderStatus.CANCELLED)]
        staying = [an_order(OrderStatus.COMPLETED, 364), an_order(OrderStatus.TO_SHIP, 900)]
    with rival(cast):
        theirs = an_order(OrderStatus.RETURNED, 400)
    with cast.app.app_context():
        retention.forget_buyers()
        retention.forget_buyers()
    with lantern(cast):
        for order_id in old:
            order = db.session.get_one(Order, (whose(), order_id))
            assert order_buyers.read(order) is None
            assert (order.sealed, order.completed) == (b"", None)
            assert (order.buyer_shown, order.city, order.postcode) == ("", "", "")
            assert (order.customer_key, order.recipient_key, order.notes_key) == (None, None, None)
            assert (order.total_minor, order.country, order.province) == (1990, "CN", "上海市")
            assert order.buyer_gone_at is not None
        for order_id in staying:
            kept = db.session.get_one(Order, (whose(), order_id))
            told = order_buyers.read(kept)
            assert told is not None
            assert told.consignee.name == "王小芳"
            assert outbound.completed(kept) == {"district": "黄浦区"}
            assert kept.recipient_key is not None
            assert kept.buyer_gone_at is None
    with rival(cast):
        assert db.session.get_one(Order, (whose(), theirs)).sealed == b""


def test_the_page_of_such_an_order_says_when_its_buyer_was_removed(cast: Cast) -> None:
    with lantern(cast):
        old = an_order(OrderStatus.COMPLETED, 366)
    browser = Browser(cast, cast.mei)
    assert "Reveal" in browser.get(f"/orders/{old}").text
    with cast.app.app_context():
        retention.forget_buyers()
    page = browser.get(f"/orders/{old}").text
    assert "Name, address and notes were removed on" in page
    assert "Reveal" not in page
    assert "200001" not in page
    told = browser.post(f"/orders/{old}/reveal")
    assert told.status_code == 422
    assert "were removed, since it has long been over" in told.text


def test_the_span_of_buyers_is_a_setting(cast: Cast) -> None:
    with lantern(cast):
        order_id = an_order(OrderStatus.COMPLETED, 40)
    with keeping(cast, buyers=timedelta(days=30)), cast.app.app_context():
        retention.forget_buyers()
    with lantern(cast):
        assert db.session.get_one(Order, (whose(), order_id)).sealed == b""


def test_attempts_marks_and_links_go_when_they_are_old(cast: Cast) -> None:
    with cast.app.app_context():
        for days in (0.9, 1.1, 31.0):
            for untold in (None, cast.mei.id):
                attempt = {"kind": "login", "account": b"a", "address": "1.2.3.4", "user_id": untold}
                db.session.add(Attempt(at=long_ago(days), **attempt))
            db.session.add(SentForm(mark=str(days).encode(), at=long_ago(days)))
        for days in (29, 31):
            db.session.add(PasswordReset(user_id=cast.mei.id, ends_at=long_ago(days)))
        db.session.commit()
        housekeeping.forget_done_work()
        left = db.session.scalars(sa.select(Attempt))
        ages = [((now() - each.at).days, each.user_id is None) for each in left]
        assert sorted(ages) == [(0, False), (0, True), (1, False)], "whoever has still to be told is told of it"
        assert db.session.scalars(sa.select(SentForm.mark)).all() == [b"0.9"]
        assert db.session.scalar(sa.select(sa.func.count()).select_from(PasswordReset)) == 1


@pytest.mark.parametrize("of", [lantern, rival])
def test_ended_invitations_and_pages_that_support_opened_long_ago_go(cast: Cast, of: object) -> None:
    merchant = cast.lantern if of is lantern else cast.rival
    with of(cast):  # type: ignore[operator]
        ids = filled.fill(cast.mei.id)
        db.session.execute(sa.delete(SupportPage))
        db.session.execute(sa.delete(Invitation))
        for days in (399, 401):
            page = {"method": "GET", "path": f"/{days}", "status": 200, "at": long_ago(days)}
            db.session.add(SupportPage(merchant_id=merchant, session_id=ids["support_session"], **page))
        for email, ends, revoked in (("open", -1.0, None), ("ended", 31.0, None), ("revoked", -1.0, 31.0)):
            row = Invitation(merchant_id=merchant, email=email, role=Role.VIEWER, invited_by="Mei")
            row.ends_at = long_ago(ends)
            row.revoked_at = None if revoked is None else long_ago(revoked)
            db.session.add(row)
        db.session.commit()
    with cast.app.app_context():
        housekeeping.forget_done_work()
    with of(cast):  # type: ignore[operator]
        assert db.session.scalars(sa.select(SupportPage.path)).all() == ["/399"]
        assert db.session.scalars(sa.select(Invitation.email)).all() == ["open"]
        assert db.session.scalar(sa.select(sa.func.count()).select_from(SupportSession)) == 1


def test_a_merchant_without_people_is_not_forgotten_by_the_forgetting(cast: Cast) -> None:
    with cast.app.app_context():
        lonely = people.create_merchant("Lonely", "CNY", "Asia/Shanghai")
        with acting_for(lonely):
            stores.add("Its store", "CNY", "Asia/Shanghai", LINTAS)
            order_id = an_order(OrderStatus.CANCELLED, 366)
        retention.forget_buyers()
        with acting_for(lonely):
            assert db.session.get_one(Order, (lonely, order_id)).sealed == b""


def test_spans_are_read_from_the_environment_and_nonsense_is_named() -> None:
    spans, faults = read_keeping({"PORTAL_KEEP_BUYERS_DAYS": "90", "PORTAL_KEEP_BODIES_DAYS": ""})
    assert (spans.buyers.days, spans.bodies.days, faults) == (90, 7, [])
    for text in ("0", "-1", "1.5", "a year", "9" * 30):
        spans, faults = read_keeping({"PORTAL_KEEP_SUPPORT_DAYS": text})
        assert spans == KEEPING
        assert "PORTAL_KEEP_SUPPORT_DAYS" in faults[0]
