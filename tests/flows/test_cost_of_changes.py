"""What a change costs follows the changes: nothing is written, sent or looked for that is known already."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from portal.flows import intake, linking, pushes
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, Run, RunPage, Work, WorkStatus
from tests import goods
from tests.cast import Cast
from tests.flows import routed
from tests.flows.pushing_off import change, hurry, the_push
from tests.shelves import Rak, channel, count, listed, rak

__all__ = ["rak"]


@pytest.fixture(autouse=True)
def inside(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
        db.session.remove()


def _run_of_changes(to: Connection, *records: Any) -> None:
    """A run that asked for what changed brings these."""
    run = Run(merchant_id=whose(), id=new_id(), connection_id=to.id, resource="products", since=now())
    db.session.add(run)
    db.session.flush()
    intake.keep(to, list(records), {})
    db.session.add(RunPage(merchant_id=whose(), run_id=run.id, remote_ids=[each.remote_id for each in records]))
    db.session.flush()
    linking.settle_run(to, run.id, complete=False)
    db.session.delete(run)
    db.session.commit()


def _follow_ups() -> int:
    """How much work waits that follows links; it is taken away."""
    waiting = Work.kind == "links_changed", Work.status == WorkStatus.OPEN
    number = db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(*waiting)) or 0
    db.session.execute(sa.delete(Work).where(*waiting))
    db.session.commit()
    return number


def test_a_run_that_links_nothing_has_nothing_followed() -> None:
    to = goods.connection()
    goods.product("A")
    goods.product("B")
    goods.take_in(to, [goods.listing("1", "A")])
    _follow_ups()
    _run_of_changes(to, goods.listing("1", "A", title="Another title"))
    assert _follow_ups() == 0
    _run_of_changes(to, goods.listing("2", "B"))
    assert _follow_ups() == 1
    _run_of_changes(to, goods.listing("2", "B", title="Another title"))
    assert _follow_ups() == 0, "it was linked by the run before"


def test_a_listing_that_waits_to_be_told_is_not_written_again(rak: Rak) -> None:
    shop = channel()
    cup = listed(shop, {"CUP": 10})["CUP"]
    change(cup, 9)
    wanted, version = the_push("CUP").wanted, _version("CUP")
    change(cup, 8)
    assert (the_push("CUP").wanted, _version("CUP")) == (wanted, version)
    hurry()
    assert rak.levels["R-CUP"] == 8, "the number is read when it is sent"
    change(cup, 7)
    assert the_push("CUP").wanted == wanted + 1, "it was told, so it wants to be told anew"
    hurry()
    assert rak.levels["R-CUP"] == 7


def _version(sku: str) -> str:
    """Names the version of the row: another one where it was written."""
    query = sa.text("select cast(ctid as text) from push where listing_id = :id")
    found: str = db.session.scalars(query, {"id": the_push(sku).listing_id}).one()
    return found


def test_what_needs_no_call_leaves_no_call_half_empty(rak: Rak) -> None:
    shop = channel()
    products = listed(shop, {f"S{number:02}": 5 for number in range(60)})
    pushes.want([*products.values()])
    db.session.commit()
    hurry()
    rak.told.clear()
    for number, product in enumerate(products.values()):
        count(product, 6 if number % 2 else 5)
    pushes.want([*products.values()])
    db.session.commit()
    hurry()
    assert [len(call) for call in rak.told] == [30]


@contextmanager
def _statements() -> Iterator[list[str]]:
    said: list[str] = []

    def hear(wire: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)


def test_many_orders_are_routed_and_planned_in_as_many_statements_as_few() -> None:
    routed.plugin("Main", ["A"], default=True)

    def statements(number: int) -> int:
        made: list[uuid.UUID] = [routed.order("A") for _ in range(number)]
        with _statements() as said:
            routed.route()
        assert {routed.goes_to(each) for each in made} == {"Main"}
        return len(said)

    statements(1)
    assert statements(30) == statements(3)
