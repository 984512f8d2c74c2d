"""What only plugins have: one default for each store, one count for each stock, an access that ends after a year."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy.exc import IntegrityError

from portal.flows import connections, grants, plugins
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import AuditNote, Connection, ConnectionState, Notice, Work
from tests.cast import Cast
from tests.flows.jd import MEI
from tests.sandbox_server import Running, sandbox, sandbox_process
from tests.web.plugged import Warehouser
from tests.web.sandboxed import linked, text_of
from tests.web.shelf import lantern

__all__ = ["linked", "sandbox", "sandbox_process"]
TWINS = ("First", "Second")


@pytest.fixture
def mei(cast: Cast, linked: Running) -> Warehouser:
    """Blue Lantern's owner."""
    return Warehouser(cast, cast.mei, linked)


def named(name: str) -> Connection:
    return db.session.scalars(sa.select(Connection).where(Connection.name == name)).one()


def all_at_once(mei: Warehouser, deeds: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Do each in a thread and a session of its own, at the same moment; what went wrong."""
    faults: list[BaseException] = []
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], None]) -> None:
        with lantern(mei.cast):
            together.wait()
            try:
                deed()
            except BaseException as why:
                faults.append(why)
            db.session.remove()

    threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return faults


def test_people_who_choose_a_default_at_once_leave_exactly_one(mei: Warehouser) -> None:
    for number in range(6):
        mei.saved(name=f"P{number}", warehouse_code=f"W{number}")

    def choose(number: int) -> None:
        found = named(f"P{number}")
        connections.save_settings(found, found.name, found.settings, MEI, is_default=True)

    assert all_at_once(mei, [partial(choose, number) for number in range(6)]) == []
    with lantern(mei.cast):
        assert len(db.session.scalars(sa.select(Connection.id).where(Connection.is_default)).all()) == 1
        made = db.session.scalars(sa.select(AuditNote.what).where(AuditNote.what == "made_default")).all()
    assert len(made) == 6


def test_the_database_itself_refuses_a_second_default(mei: Warehouser) -> None:
    mei.saved(name="A", is_default="y")
    mei.saved(name="B", warehouse_code="W2")
    with lantern(mei.cast):
        with pytest.raises(IntegrityError, match="one_default_plugin_per_store"):
            db.session.execute(sa.update(Connection).values(is_default=True))
        db.session.rollback()


def test_one_owner_and_warehouse_is_counted_once_and_its_name_is_told(mei: Warehouser) -> None:
    mei.connected(name="First")
    mei.connected(name="Second")
    mei.connected(name="Elsewhere", warehouse_code="W9")
    with lantern(mei.cast):
        connections.turn_on(named("First"), MEI)
        with pytest.raises(Refusal) as refused:
            connections.turn_on(named("Second"), MEI)
        assert (refused.value.reason, refused.value.values) == ("stock_counted_twice", {"other": "First"})
        connections.turn_on(named("Elsewhere"), MEI)
        connections.turn_off(named("First"), MEI)
        connections.turn_on(named("Second"), MEI)
        assert named("Second").state is ConnectionState.ACTIVATING


def test_two_who_turn_twins_on_at_once_leave_one_on(mei: Warehouser) -> None:
    for name in TWINS:
        mei.connected(name=name)
    faults = all_at_once(mei, [partial(lambda name: connections.turn_on(named(name), MEI), each) for each in TWINS])
    assert [getattr(each, "reason", each) for each in faults] == ["stock_counted_twice"]
    with lantern(mei.cast):
        states = db.session.scalars(sa.select(Connection.state)).all()
    assert sorted(states) == [ConnectionState.ACTIVATING, ConnectionState.SAVED]


def test_a_default_is_not_removed_until_another_takes_its_place(mei: Warehouser) -> None:
    mei.saved(name="A", is_default="y")
    with lantern(mei.cast), pytest.raises(Refusal) as refused:
        connections.remove(named("A"), MEI)
    assert (refused.value.reason, refused.value.values) == ("plugin_is_default", {"store": "Lantern Shanghai"})
    mei.saved(name="B", warehouse_code="W2", is_default="y")
    with lantern(mei.cast):
        connections.remove(named("A"), MEI)
        assert plugins.default_plugins() == {mei.cast.lantern_store: "B"}


def is_warned_of(mei: Warehouser) -> Notice | None:
    """The open notice that the access ends."""
    with lantern(mei.cast):
        query = sa.select(Notice).where(Notice.cause == grants.ENDS_SOON, Notice.cleared_at.is_(None))
        return db.session.scalars(query).one_or_none()


def next_renewal(mei: Warehouser) -> datetime | None:
    """When the remote is asked next for a later end."""
    with lantern(mei.cast):
        query = sa.select(Work.not_before).where(Work.kind == "renew_token", Work.status == "open")
        return db.session.scalar(query)


def renewals(mei: Warehouser) -> int:
    """How often the remote was asked for a later end."""
    return len(mei.sandbox.journal(integration="jdl", operation="oauth.refresh"))


def running_until(mei: Warehouser, days: int, *, moves: bool) -> None:
    """On, with an access of so many days whose end moves when the remote is asked, or does not."""
    told = {"refresh_unmoved": not moves}
    seconds = days * 86_400
    mei.sandbox.control("account", integration="jdl", name=mei.account, token_seconds=seconds, told=told)
    mei.running(import_products="", sync_stock="", import_orders="")


@pytest.mark.parametrize(("days", "grave"), [(20, False), (5, True)])
def test_an_end_that_does_not_move_is_told_and_the_remote_is_left_alone_until_tomorrow(
    mei: Warehouser, days: int, grave: bool
) -> None:
    running_until(mei, days, moves=False)
    notice = is_warned_of(mei)
    assert notice is not None
    assert notice.grave is grave, "grave only in the last week"
    assert "Connect JD Main Warehouse again before" in text_of(mei.page())
    planned, asked = next_renewal(mei), renewals(mei)
    assert planned is not None
    assert timedelta(hours=23) < planned - now() <= timedelta(days=1)
    mei.work()
    assert renewals(mei) == asked, "it is not asked again and again"
    mei.come_back(mei.consent_there(mei.send("login").location))
    assert mei.send("login/next").status_code == 303
    assert is_warned_of(mei) is None


def test_an_end_that_moves_is_nobodys_business(mei: Warehouser) -> None:
    before = renewals(mei)
    running_until(mei, 20, moves=True)
    assert renewals(mei) == before + 1
    assert is_warned_of(mei) is None
    planned = next_renewal(mei)
    assert planned is not None
    assert planned > now() + timedelta(days=9)


def test_an_access_that_is_over_and_is_not_extended_pauses_instead_of_asking_for_ever(mei: Warehouser) -> None:
    running_until(mei, 20, moves=False)
    with lantern(mei.cast):  # The database has a clock of its own, which does not travel.
        db.session.execute(sa.update(Work).where(Work.kind == "renew_token").values(not_before=now()))
        db.session.commit()
    with time_machine.travel(now() + timedelta(days=21)):
        mei.work()
        assert mei.row().state is ConnectionState.PAUSED
        assert next_renewal(mei) is None


def test_the_page_warns_as_early_as_the_integration_asks_for(mei: Warehouser) -> None:
    found = mei.connected().row()
    found.token_expires_at = now() + timedelta(days=31)
    assert not grants.ends_soon(found)
    found.token_expires_at = now() + timedelta(days=29)
    assert grants.ends_soon(found)


def test_two_who_take_the_default_from_one_another_again_and_again_both_succeed(mei: Warehouser) -> None:
    for name in TWINS:
        mei.saved(name=name, warehouse_code=f"W-{name}")

    def insist(name: str) -> None:
        for _ in range(15):
            found = named(name)
            connections.save_settings(found, found.name, found.settings, MEI, is_default=True)

    assert all_at_once(mei, [partial(insist, name) for name in TWINS]) == []
