"""The brake: what would bring many listings of a channel to 0 at once stops, until somebody has looked at it."""

import uuid
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import audit, notices
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.models import Connection, ExportStage, Rehearsal

NOTICE = "export_braked"
# Zeros that went out so recently count together with those that are due: a fault that comes in page by page is one.
TOGETHER = timedelta(minutes=10)

COUNT = sa.text(
    """
    select
        count(*) filter (where p.listing_id = any(cast(:zeros as uuid[])) and not coalesce(a.accepted, false)) as zeros,
        count(*) filter (where p.sent_level = 0 and p.sent_at > :since and not coalesce(a.accepted, false)
            and not p.listing_id = any(cast(:zeros as uuid[]))) as lately,
        count(*) filter (where coalesce(p.acked_level, p.read_level) > 0) as shown
    from push p
    left join (
        select listing_id, true as accepted from rehearsal_row
        where merchant_id = :merchant and rehearsal_id = :looked_at and would = 0) a on a.listing_id = p.listing_id
    where p.merchant_id = :merchant and p.connection_id = :connection
    """
)


def trips(zeroed: int, shown: int, count: int, share: int) -> bool:
    """Whether so many zeros of so many listings that show something are more than the merchant allows at once."""
    return zeroed >= max(1, count) and zeroed * 100 >= share * shown


def stops(connection: Connection, zeros: Collection[uuid.UUID]) -> bool:
    """Whether the listings that are about to show 0 are too many.  If so, the export is braked in the open transaction.

    Those that a person saw in the last rehearsal that was let out, and let go to 0, do not count.
    """
    if not zeros:
        return False
    last = db.session.execute(
        sa.select(Rehearsal.id, Rehearsal.released_at)
        .where(
            Rehearsal.merchant_id == whose(),
            Rehearsal.connection_id == connection.id,
            Rehearsal.released_at.is_not(None),
        )
        .order_by(Rehearsal.released_at.desc())
        .limit(1)
    ).one_or_none()
    since = now() - TOGETHER
    values = {
        "merchant": whose(),
        "connection": connection.id,
        "zeros": array(zeros),
        "looked_at": last.id if last else None,
        "since": max(since, last.released_at) if last else since,
    }
    found = db.session.execute(COUNT, values).one()
    zeroed, shown = found.zeros + found.lately, found.shown + found.lately
    options = connection.known_options
    if not found.zeros or not trips(zeroed, shown, options.brake_count, options.brake_share):
        return False
    brake(connection, zeroed, shown)
    return True


def brake(connection: Connection, zeroed: int, shown: int) -> None:
    """Stop everything that goes out to a channel, in the open transaction, and tell the merchant."""
    connection.export_stage = ExportStage.BRAKED
    numbers = {"zeroed": zeroed, "shown": shown}
    notices.tell("connection", connection.id, NOTICE, grave=True, name=connection.name, **numbers)
    audit.note(
        audit.LINTAS,
        "export_braked",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        after=numbers,
    )
