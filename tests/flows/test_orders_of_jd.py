"""Orders of JD.com as its sandbox gives them out: they come in by themselves, and follow what happens there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.records import OrderStatus
from portal.flows import connections, resources, sync
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Connection, ConnectionState, Order, OrderLine, Run, RunState
from tests.cast import Cast
from tests.flows.jd import MEI, jd_com, point_at, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
WHO = {"integration": "jd_com", "account": "northwick"}


@pytest.fixture(autouse=True)
def lantern(cast: Cast, sandbox: Running) -> Iterator[None]:
    before = cast.app.extensions["lintas"]
    point_at(cast.app, sandbox.url)
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
    cast.app.extensions["lintas"] = before


def again(of: Connection) -> Connection:
    db.session.expire_all()
    return db.session.get_one(Connection, sa.inspect(of).identity)


def pull(of: Connection) -> Run:
    run_id = sync.start(again(of), Resource.ORDERS, "Mei Lin").id
    db.session.commit()
    work_off()
    run = db.session.get_one(Run, (again(of).merchant_id, run_id))
    assert run.state is RunState.DONE, (run.cause, run.detail)
    return run


def words() -> dict[str, OrderStatus | None]:
    db.session.expire_all()
    return {row.remote_id: row.status for row in db.session.execute(sa.select(Order.remote_id, Order.status))}


def test_who_asks_while_a_run_is_under_way_gets_another_one_that_sees_what_came_meanwhile(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    under_way = sync.start(again(channel), Resource.ORDERS, "Lintas", by_hand=False)
    under_way.state, under_way.started_at = RunState.RUNNING, now()
    db.session.commit()
    first = under_way.id
    assert sync.ask(again(channel), Resource.ORDERS, MEI).id == first, "one run at a time"
    work_off()
    of_orders = sa.select(Run).where(Run.resource == Resource.ORDERS.value).order_by(Run.id.desc()).limit(2)
    newest, before = db.session.scalars(of_orders).all()
    assert (before.id, before.state) == (first, RunState.DONE)
    assert (newest.state, newest.asked_by) == (RunState.DONE, "Mei Lin")


def test_orders_come_in_with_their_buyers_sealed_and_follow_the_channel(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    assert again(channel).state is ConnectionState.ACTIVE
    before = set(words())
    sandbox.control("order", **WHO, many=7)
    sandbox.control("order", **WHO, unpaid=True)
    run = pull(channel)
    fresh = {key: status for key, status in words().items() if key not in before}
    assert (run.fresh, len(fresh)) == (8, 8)
    assert sorted(fresh.values()) == sorted([OrderStatus.TO_SHIP] * 7 + [OrderStatus.UNPAID])  # type: ignore[type-var]
    lines = sa.select(sa.func.count()).select_from(OrderLine).where(OrderLine.listing_id.is_(None))
    assert db.session.scalar(lines) == 0, "every line names a listing that was imported before"
    one = next(key for key, status in fresh.items() if status is OrderStatus.TO_SHIP)
    sandbox.control("order_state", **WHO, order=int(one), deed="cancel")
    pull(channel)
    assert words()[one] is OrderStatus.CANCELLED
    other = next(key for key, status in words().items() if status is OrderStatus.TO_SHIP and key in fresh)
    sandbox.control("order_state", **WHO, order=int(other), deed="lock")
    assert resources.refresh(again(channel), Resource.ORDERS, [other]) == (other,)
    assert words()[other] is OrderStatus.ON_HOLD
