"""Which pages an agent opened as a merchant: one row each, kept however the page ended."""

import uuid

import sqlalchemy as sa

from portal.kit.clock import now
from portal.kit.db import beside_for
from portal.kit.ids import new_id

LONGEST_PATH = 300

KEEP = sa.text(
    """
    insert into support_page (merchant_id, id, session_id, at, method, path, status)
    select :merchant, :id, :session, :at, :method, :path, :status
    where not :quiet or not exists (
        select from support_page where merchant_id = :merchant and session_id = :session
        and method = :method and path = :path and status = :status and at > :at - interval '1 minute')
    """
).bindparams(
    sa.bindparam("merchant", type_=sa.Uuid()),
    sa.bindparam("id", type_=sa.Uuid()),
    sa.bindparam("session", type_=sa.Uuid()),
    sa.bindparam("at", type_=sa.DateTime(timezone=True)),
    sa.bindparam("quiet", type_=sa.Boolean()),
)


def saw(merchant_id: uuid.UUID, session_id: uuid.UUID, method: str, path: str, status: int, *, quiet: bool) -> None:
    """Keep that a page was opened or sent, without what was asked of it, for that may name a buyer.

    By a connection of its own, so that a page which was refused or failed is kept as well.  A part of a page that asks
    for itself again is `quiet`: it is kept once a minute.
    """
    with beside_for(merchant_id) as wire:
        wire.execute(
            KEEP,
            {
                "merchant": merchant_id,
                "id": new_id(),
                "session": session_id,
                "at": now(),
                "method": method,
                "path": path.replace("\0", "")[:LONGEST_PATH],
                "status": status,
                "quiet": quiet,
            },
        )
