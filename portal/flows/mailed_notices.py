"""Notices by mail: what opens within two minutes is one letter to each person who wants such news."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import letters, work
from portal.flows.letters import Letter
from portal.flows.work import Claim
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import Mailed, Membership, Notice, User

# What stops something is told soon, and a storm of it once; the rest can wait for company.
SOON, LATER = timedelta(minutes=2), timedelta(hours=1)
KIND, LETTER = "mail_notices", "notices"
# More than anybody reads; the letter says how many there are.
MOST_TOLD = 20


def collect(grave: bool) -> None:
    """Have what has just opened told by mail, in the open transaction, together with what opens until then."""
    if letters.can_send():
        work.add(KIND, letters.LANE, str(whose()), {}, not_before=now() + (SOON if grave else LATER))


def send(claimed: Claim) -> None:
    """Put the notices that nobody was told of into one letter."""
    del claimed
    letter_id = new_id()
    found = db.session.execute(
        sa.update(Notice)
        .where(Notice.merchant_id == whose(), Notice.cleared_at.is_(None), Notice.letter_id.is_(None))
        .values(letter_id=letter_id)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    ).all()
    if found:
        letters.post(LETTER, letter_id)


@letters.kind(LETTER)
def _letters(letter_id: uuid.UUID) -> Sequence[Letter]:
    """A letter for each person who wants to know of one of them at least; what is cleared meanwhile is not told."""
    query = (
        sa.select(Notice.id, Notice.grave)
        .where(Notice.merchant_id == whose(), Notice.letter_id == letter_id, Notice.cleared_at.is_(None))
        .order_by(Notice.grave.desc(), Notice.since, Notice.id)
    )
    notices = list(db.session.execute(query))
    readers = (
        sa.select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.merchant_id == whose(), User.disabled_at.is_(None), User.mailed != Mailed.NONE)
    )
    told = (
        (user, [each.id for each in notices if each.grave or user.mailed is Mailed.ALL])
        for user in db.session.scalars(readers)
    )
    return [letters.to(user, LETTER, ids=ids[:MOST_TOLD], number=len(ids)) for user, ids in told if ids]
