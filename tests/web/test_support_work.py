"""Work that support staff start as a merchant: it runs as any other, and the merchant reads who asked for it."""

from __future__ import annotations

import sqlalchemy as sa

from portal.flows import connections
from portal.flows.audit import By
from portal.kit.db import acting_for, db
from portal.models import AuditNote, Connection, ConnectionState, Run, RunState, Work
from tests.cast import Cast
from tests.flows.jd import jd_com, work_off
from tests.sandbox_server import Running
from tests.web.sandboxed import text_of
from tests.web.visiting import acting, send, the_visit

BOTH = "Sam Staff / Mei Lin"


def test_a_sync_that_an_agent_starts_runs_and_is_read_back_with_both_names(cast: Cast, linked: Running) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = jd_com(linked)
        channel_id = channel.id
        connections.turn_on(channel, By(cast.mei.name, cast.mei.id))
        work_off()
        before = set(db.session.scalars(sa.select(Run.id)))
        assert db.session.get_one(Connection, (cast.lantern, channel_id)).state is ConnectionState.ACTIVE
    sam = acting(cast)
    assert send(sam, f"/connections/{channel_id}/sync").status_code == 303
    with cast.app.app_context(), acting_for(cast.lantern):
        asked = db.session.scalars(sa.select(Work).where(Work.kind == "sync", Work.asked_by == BOTH)).all()
        assert asked, "the row of the work says who asked for it, before anybody takes it up"
        work_off()
        runs = [each for each in db.session.scalars(sa.select(Run)) if each.id not in before]
        assert {(each.state, each.asked_by) for each in runs} == {(RunState.DONE, BOTH)}
        run_id = runs[0].id
        notes = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "sync_asked", AuditNote.as_whom != ""))
        assert {(each.who, each.as_whom, each.support_id) for each in notes} == {
            ("Sam Staff", "Mei Lin", the_visit(cast).id)
        }
    mei = cast.client_of(cast.mei)
    assert f"Started by {BOTH}" in text_of(mei.get(f"/sync/{run_id}"))
    assert "Started a sync of" in text_of(mei.get(f"/settings/support/{the_visit(cast).id}"))
