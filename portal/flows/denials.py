"""Pages that somebody was refused: noted in a transaction of its own, and so often only that it tells something."""

from datetime import timedelta

import sqlalchemy as sa

from portal.flows import audit
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose

WHAT = "refused"
# Whoever asks a hundred times in a minute is noted once: the chain is no place for a flood.
ONE_AT_A_TIME = sa.text("select pg_advisory_xact_lock(hashtextextended(:key, 4711203))")
LATELY = sa.text(
    """
    select exists (
        select from audit_note where merchant_id = :merchant and user_id = :person and at > :since and what = :what
            and name = :name)
    """
)
PAUSE = timedelta(minutes=1)


def note(by: By, method: str, rule: str) -> bool:
    """Note that a page was refused, by its method and the pattern of its address; at most once a minute for a person.

    Begins a transaction of its own, so nothing may be open that is to be kept.  Says whether it was noted.
    """
    if by.user_id is None:
        return False
    db.session.rollback()
    name = f"{method} {rule}"
    with acting_for(whose(), by.user_id):
        db.session.execute(ONE_AT_A_TIME, {"key": f"{whose()} {by.user_id} {name}"})
        values = {"merchant": whose(), "person": by.user_id, "what": WHAT, "name": name, "since": now() - PAUSE}
        lately = db.session.scalar(LATELY, values)
        if not lately:
            audit.note(by, WHAT, "user", by.user_id, name=name, after={"method": method, "rule": rule})
        db.session.commit()
    return not lately
