"""A whole import from the sandbox, and what each of its ends looks like."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.flows import connections, linking, sync
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import Connection, ConnectionState, Listing, Notice, Run, RunPage, RunState, Work, WorkStatus
from tests.cast import Cast
from tests.flows.jd import MEI, jd_com, point_at, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]


@pytest.fixture(autouse=True)
def lantern(cast: Cast, sandbox: Running) -> Iterator[None]:
    before = cast.app.extensions["lintas"]
    point_at(cast.app, sandbox.url)
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
    cast.app.extensions["lintas"] = before


def the_run() -> Run:
    db.session.expire_all()
    of_products = sa.select(Run).where(Run.resource == Resource.PRODUCTS.value)
    return db.session.scalars(of_products.order_by(Run.id.desc()).limit(1)).one()


def fresh(connection: Connection) -> Connection:
    db.session.expire_all()
    return db.session.get_one(Connection, sa.inspect(connection).identity)


def test_turning_on_checks_the_account_and_imports_the_catalogue(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    assert channel.state is ConnectionState.ACTIVATING
    work_off()
    channel = fresh(channel)
    run = the_run()
    assert (channel.state, run.state, run.cause) == (ConnectionState.ACTIVE, RunState.DONE, "")
    assert channel.shop_id
    assert channel.shop_name
    truth = sandbox.truth("jd_com/northwick")["imported"]
    assert run.groups == {each: number for each, number in truth.items() if number}
    assert run.kept == run.seen == run.fresh == sum(truth.values())
    assert db.session.scalar(sa.select(sa.func.count()).select_from(RunPage)) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(Work.status == WorkStatus.DEAD)) == 0


def test_a_second_run_changes_nothing_and_an_edit_at_the_remote_changes_one(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    before = db.session.execute(sa.text("select id, xmin::text from listing order by id")).all()
    sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    work_off()
    run = the_run()
    assert (run.state, run.fresh, run.changed, run.missing) == (RunState.DONE, 0, 0, 0)
    assert db.session.execute(sa.text("select id, xmin::text from listing order by id")).all() == before
    remote_id = db.session.scalar(
        sa.select(Listing.remote_id).where(Listing.link_state == "new").order_by(Listing.id).limit(1)
    )
    sandbox.control("listing", integration="jd_com", account="northwick", deed="sku", id=remote_id, value="EDITED-1")
    sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    work_off()
    run = the_run()
    assert (run.fresh, run.changed) == (0, 1)
    assert db.session.scalar(sa.select(Listing.sku).where(Listing.remote_id == remote_id)) == "EDITED-1"


def test_pressing_sync_twice_shows_the_run_that_is_open(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    first = sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    second = sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    assert first.id == second.id


def test_a_busy_remote_is_waited_for_and_the_run_goes_on_at_its_page(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    sandbox.control("fault", integration="jd_com", kind="busy", operation="jingdong.sku.read.searchSkuList", times=2)
    connections.turn_on(channel, MEI)
    work_off()
    run = the_run()
    assert run.state is RunState.DONE
    assert run.kept == run.seen == run.fresh


def test_wrong_credentials_pause_the_connection_and_tell_the_merchant(sandbox: Running) -> None:
    channel = jd_com(sandbox, api_secret="not the secret of this app at all")
    connections.turn_on(channel, MEI)
    work_off()
    channel = fresh(channel)
    assert channel.state in {ConnectionState.PAUSED, ConnectionState.FAILED}
    assert channel.trouble == "wrong_credentials"
    notice = db.session.scalars(sa.select(Notice).where(Notice.cleared_at.is_(None))).one()
    assert (notice.subject_id, notice.cause) == (channel.id, "wrong_credentials")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Listing)) == 0


def test_a_token_that_ends_during_a_run_pauses_and_nothing_kept_is_lost(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    kept = db.session.scalar(sa.select(sa.func.count()).select_from(Listing))
    sandbox.control("fault", integration="jd_com", kind="token")
    sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    work_off()
    channel, run = fresh(channel), the_run()
    assert (channel.state, channel.trouble, run.state) == (ConnectionState.PAUSED, "token_expired", RunState.FAILED)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Listing)) == kept
    sandbox.control("clear")
    connections.turn_on(fresh(channel), MEI)
    work_off()
    assert fresh(channel).state is ConnectionState.ACTIVE
    assert (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(Notice)
            .where(Notice.cleared_at.is_(None), Notice.subject == "connection")
        )
        == 0
    )


def test_a_stopped_run_keeps_what_it_has_and_goes_on_from_there(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    run = sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    sync.stop(run, MEI)
    assert the_run().state is RunState.STOPPED
    work_off()
    sync.retry(the_run(), MEI)
    work_off()
    assert the_run().state is RunState.DONE
    assert linking.groups(the_run().connection_id) == the_run().groups


def test_an_empty_shop_is_believed_only_when_it_says_so_twice(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    kept = db.session.scalar(sa.select(sa.func.count()).select_from(Listing))
    sandbox.control("catalogue", integration="jd_com", account="northwick", size=1)
    for missing in (0, kept):
        sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
        work_off()
        run = the_run()
        assert run.state is RunState.DONE
        assert abs(run.missing - missing) <= 1
        told = db.session.scalars(sa.select(Notice.cause).where(Notice.cleared_at.is_(None), Notice.subject == "run"))
        assert told.all() == ([] if missing else ["many_gone"])


def test_trying_again_beside_an_open_run_is_refused_in_words(sandbox: Running) -> None:
    channel = jd_com(sandbox)
    connections.turn_on(channel, MEI)
    work_off()
    old = sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    old_id = old.id
    sync.stop(old, MEI)
    sync.ask(fresh(channel), Resource.PRODUCTS, MEI)
    with pytest.raises(Refusal, match="another_run_is_open"):
        sync.retry(db.session.get_one(Run, (fresh(channel).merchant_id, old_id)), MEI)
