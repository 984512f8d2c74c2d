"""What is forgotten after a while, and what has to be looked at anew."""

import uuid
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import delivery_spans, people, uploads
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import GrantAttempt, Notice, Run, RunPage, RunProblem, Work, WorkStatus

DONE_WORK = timedelta(days=7)
OLD_ATTEMPTS = timedelta(days=1)
OLD_RUNS = timedelta(days=14)
OLD_NOTICES = timedelta(days=90)


def look_again() -> None:
    """Renew the database's statistics of tables that have grown; the migration of the function says why."""
    db.session.execute(sa.text("select lintas_look_again()"))
    db.session.commit()


def forget_done_work() -> None:
    """Remove finished work, stale consent trips, the details of old runs, undecided files, cleared notices, old pushes.

    Merchant by merchant, since no one sees them all.  The runs themselves stay, with their numbers.
    """
    for merchant_id in _merchants():
        with acting_for(merchant_id):
            db.session.execute(
                sa.delete(Work).where(
                    Work.merchant_id == merchant_id, Work.status == WorkStatus.DONE, Work.ended_at < now() - DONE_WORK
                )
            )
            db.session.execute(
                sa.delete(GrantAttempt).where(
                    GrantAttempt.merchant_id == merchant_id, GrantAttempt.made_at < now() - OLD_ATTEMPTS
                )
            )
            _forget_runs(merchant_id)
            uploads.forget_old()
            db.session.commit()
            delivery_spans.forget(merchant_id, now())


def _forget_runs(merchant_id: uuid.UUID) -> None:
    old = sa.select(Run.id).where(Run.merchant_id == merchant_id, Run.ended_at < now() - OLD_RUNS)
    for kind in (RunPage, RunProblem):
        db.session.execute(sa.delete(kind).where(kind.merchant_id == merchant_id, kind.run_id.in_(old)))
    db.session.execute(
        sa.delete(Notice).where(Notice.merchant_id == merchant_id, Notice.cleared_at < now() - OLD_NOTICES)
    )


def _merchants() -> set[uuid.UUID]:
    # Whoever has finished work is found through the relay's role, which sees every merchant's work and nothing else; a
    # merchant for whom nothing has been done for long is found through its people.
    with db.engine.begin() as wire:
        wire.execute(sa.text("set local role lintas_relay"))
        busy = (
            wire.execute(sa.select(Work.merchant_id).distinct().where(Work.status == WorkStatus.DONE)).scalars().all()
        )
    found = people.merchants()
    db.session.rollback()
    return found.union(busy)
