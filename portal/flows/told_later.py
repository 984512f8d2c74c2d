"""What a request leaves to be told, so that its answer takes as long whether somebody is known here or not.

A refused sign-in is noted for the person's merchants, and a forgotten password brings a letter; both are a matter of
the relay, seconds later.
"""

from dataclasses import replace

import sqlalchemy as sa

from portal.flows import attempts, audit, memberships, resets
from portal.kit.db import db
from portal.models import Attempt, User

AT_ONCE = 100


def tell() -> None:
    """Tell of the tries that were left; two relays at once tell each of them once."""
    query = (
        sa.select(Attempt)
        .where(Attempt.user_id.is_not(None))
        .order_by(Attempt.at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for attempt in list(db.session.scalars(query)):
        _tell_of(attempt)
    db.session.commit()


def _tell_of(attempt: Attempt) -> None:
    user = db.session.get_one(User, attempt.user_id)
    attempt.user_id = None
    if attempt.kind == attempts.FORGOTTEN:
        resets.ask(user)
        return
    # Who it was is not known, so it is the house that notes it.
    by = replace(audit.LINTAS, address=attempt.address)
    what = attempts.SIGN_IN if attempt.kind == attempts.SIGN_IN_AGAIN else attempt.kind
    memberships.note(by, f"{what}_refused", user)
