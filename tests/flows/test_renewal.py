"""Tokens that end: renewed once however many ask, and a refusal pauses without loss."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.errors import RemoteError
from portal.flows import grants, secrets, sync
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Connection, ConnectionState, Listing, Notice, Run, RunState, Work
from tests.cast import Cast
from tests.flows.jd import MEI, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process
from tests.web.sandboxed import Shopkeeper, linked

__all__ = ["linked", "sandbox", "sandbox_process"]
ASKING = 16


@pytest.fixture
def shop(cast: Cast, linked: Running) -> Shopkeeper:
    """JD.ID signed in, turned on and imported."""
    keeper = Shopkeeper(cast, cast.mei, linked)
    keeper.prepare_jd_id()
    keeper.come_back(keeper.consent())
    assert keeper.send("login/next").status_code == 303
    assert keeper.send("active", {"on": "1"}).status_code in {200, 303}
    with cast.app.app_context(), acting_for(cast.lantern):
        work_off()
    assert keeper.row().state is ConnectionState.ACTIVE
    return keeper


def set_expiry(shop: Shopkeeper, left: timedelta) -> None:
    with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
        db.session.execute(sa.update(Connection).values(token_expires_at=now() + left))
        db.session.commit()


def renewals(sandbox: Running) -> int:
    return len([each for each in sandbox.journal(integration="jd_id") if "refresh" in str(each["operation"])])


def test_sixteen_workers_at_once_renew_once(shop: Shopkeeper, linked: Running) -> None:
    set_expiry(shop, timedelta(minutes=1))
    before, asked, found, faults = shop.row().generation, renewals(linked), [], []

    def ask() -> None:
        with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
            connection = db.session.get_one(Connection, (shop.row().merchant_id, shop.row().id))
            try:
                grants.keep_fresh(connection)
            except RemoteError as why:
                faults.append(why)
            found.append((connection.generation, secrets.read(connection)["token.access"]))
            db.session.remove()

    threads = [threading.Thread(target=ask) for _ in range(ASKING)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []
    assert renewals(linked) - asked == 1
    assert {generation for generation, _ in found} == {before + 1}
    assert len({token for _, token in found}) == 1, "all of them call with the new token"


def test_a_token_is_renewed_before_it_ends_without_anybody_asking(shop: Shopkeeper, linked: Running) -> None:
    with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
        planned = db.session.scalars(sa.select(Work).where(Work.kind == "renew_token")).one()
        ends = shop.row().token_expires_at
        assert ends is not None
        assert planned.not_before < ends
    set_expiry(shop, timedelta(hours=1))
    generation = shop.row().generation
    with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
        db.session.execute(sa.update(Work).where(Work.kind == "renew_token").values(not_before=now()))
        db.session.commit()
        work_off()
    assert shop.row().generation == generation + 1


def test_a_run_that_meets_an_ended_token_renews_it_and_goes_on(shop: Shopkeeper, linked: Running) -> None:
    linked.control("token", integration="jd_id", account="samudra", deed="expire")
    with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
        sync.ask(db.session.scalars(sa.select(Connection)).one(), Resource.PRODUCTS, MEI)
        work_off()
        run = db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(1)).one()
        assert run.state is RunState.DONE
    assert shop.row().state is ConnectionState.ACTIVE


def test_a_revoked_grant_pauses_tells_the_merchant_and_loses_nothing(shop: Shopkeeper, linked: Running) -> None:
    linked.control("token", integration="jd_id", account="samudra", deed="revoke")
    with shop.cast.app.app_context(), acting_for(shop.cast.lantern):
        kept = db.session.scalar(sa.select(sa.func.count()).select_from(Listing))
        sync.ask(db.session.scalars(sa.select(Connection)).one(), Resource.PRODUCTS, MEI)
        work_off()
        causes = db.session.scalars(
            sa.select(Notice.cause).where(Notice.cleared_at.is_(None), Notice.subject == "connection")
        ).all()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Listing)) == kept
        # What a link changes inside the house needs no remote; it waits a moment and gathers.
        open_ones = sa.select(Work.kind).where(Work.status == "open", Work.kind != "links_changed")
        assert db.session.scalars(open_ones).all() == []
    assert shop.row().state is ConnectionState.PAUSED
    assert causes == ["token_expired"]
