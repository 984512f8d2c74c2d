"""What is forgotten after a while, and what has to be looked at anew."""

import uuid
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import delivery_spans, merchants, retention, support, uploads
from portal.flows.house import house
from portal.flows.steps import forget
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import GrantAttempt, Notice, Run, RunPage, RunProblem, Work, WorkStatus

DONE_WORK = timedelta(days=7)
OLD_ATTEMPTS = timedelta(days=1)
OLD_NOTICES = timedelta(days=90)


def look_again() -> None:
    """Renew the database's statistics of tables that have grown; the migration of the function says why."""
    db.session.execute(sa.text("select lintas_look_again()"))
    db.session.commit()


def forget_done_work() -> None:
    """Remove finished work, stale consent trips, the details of old runs, undecided files, cleared notices, old pushes,
    ended invitations, and what support staff opened long ago.

    Merchant by merchant, since no one sees the rows of them all.  The runs themselves stay, with their numbers.
    """
    for merchant_id in [each.id for each in merchants.every()]:
        with acting_for(merchant_id):
            done = Work.status == WorkStatus.DONE, Work.ended_at < now() - DONE_WORK
            forget(Work, Work.merchant_id == merchant_id, *done)
            forget(GrantAttempt, GrantAttempt.merchant_id == merchant_id, GrantAttempt.made_at < now() - OLD_ATTEMPTS)
            forget(Notice, Notice.merchant_id == merchant_id, Notice.cleared_at < now() - OLD_NOTICES)
            _forget_details(merchant_id)
            uploads.forget_old()
            support.close_overdue()
            db.session.commit()
            delivery_spans.forget(merchant_id, now())
            retention.forget_of_merchant(merchant_id)
    retention.forget_of_nobody()


def _forget_details(merchant_id: uuid.UUID) -> None:
    old = sa.select(Run.id).where(
        Run.merchant_id == merchant_id, Run.ended_at < now() - house().settings.keeping.details
    )
    for kind in (RunPage, RunProblem):
        forget(kind, kind.merchant_id == merchant_id, kind.run_id.in_(old))
