"""What is forgotten after a while, and what stays."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.flows import housekeeping, notices
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Notice, Run, RunPage, RunProblem, RunState
from tests.cast import Cast
from tests.web.shelf import lantern, rival, turned_on


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
