"""Send to a channel the prices that its listings want, one by one, each as it is now."""

import time
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from portal.contract.definition import PriceOut
from portal.contract.errors import Busy, Garbled, RemoteError, Unauthorised
from portal.contract.http import ApiClient
from portal.flows import grants, lines, notices, prices, pushes, trouble, work
from portal.flows.work import Again, Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.money import Money
from portal.models import Connection

AT_A_STRETCH = 15.0
LONGEST_PAUSE = 60.0
SHORTLY = 0.1
REFUSED = "price_refused"

NEXT = sa.text(
    """
    select s.id, s.listing_id, s.wanted, s.sent, s.acked, l.remote_id, p.minor, p.currency,
        s.acked = s.sent and (l.price_minor = p.minor and (s.acked_at is null or l.changed_at > s.acked_at)
            or s.acked_minor = p.minor and s.acked_at >= l.changed_at) as shows
    from price_push s
    join listing l on (l.merchant_id, l.id) = (s.merchant_id, s.listing_id)
    join price p on (p.merchant_id, p.product_id, p.currency) = (l.merchant_id, l.product_id, l.currency)
    where s.merchant_id = :merchant and s.connection_id = :connection and s.acked < s.wanted and s.cause = ''
        and l.missing_since is null and l.passed
    order by s.wanted_at, s.id limit 1 for update of s skip locked
    """
)
SEND = sa.text(
    """
    update price_push set wanted = :version, sent = :version, sent_minor = :minor
    where merchant_id = :merchant and id = :id
    """
)
SETTLE = sa.text("update price_push set sent = wanted, acked = wanted where merchant_id = :merchant and id = :id")
ANSWERED = sa.text(
    """
    update price_push set acked = :version, acked_minor = case when :cause = '' then :minor else acked_minor end,
        acked_at = case when :cause = '' then cast(:moment as timestamptz) else acked_at end,
        cause = case when wanted = :version then :cause else '' end,
        detail = case when wanted = :version then :detail else '' end
    where merchant_id = :merchant and id = :id and sent = :version and acked < :version
    """
)
COUNT_REFUSED = sa.text(
    "select count(*) from price_push where merchant_id = :merchant and connection_id = :connection and cause <> ''"
)


@dataclass(frozen=True, slots=True)
class Sending:
    """One price on its way: which want it goes back to."""

    id: uuid.UUID
    remote_id: str
    version: int
    price: Money


def send(claimed: Claim) -> Outcome:
    """Work: send the prices that the listings of a connection want, for a while."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None:
        return None
    out = prices.sends(connection)
    if out is None:
        return _finish(connection.id)
    try:
        grants.keep_fresh(connection)
        who = lines.account(connection)
        db.session.commit()
        with lines.open_client(connection, with_account=who) as client:
            return _send_all(claimed, connection.id, out, client)
    except (Busy, Garbled) as why:
        # Nobody knows whether the last price arrived.  It stays open, and what is right then is sent again.
        db.session.rollback()
        after = why.after if isinstance(why, Busy) else None
        pause = max(min(LONGEST_PAUSE, work.pause_for(claimed.attempts)), min(after or 0, work.LONGEST_WISH))
        return Again(pause, progress=False, why=str(why))
    except Unauthorised as why:
        return _unauthorised(claimed, connection.id, why)


def _send_all(claimed: Claim, connection_id: uuid.UUID, out: PriceOut, client: ApiClient) -> Outcome:
    ends = time.monotonic() + AT_A_STRETCH
    while time.monotonic() < ends:
        connection = db.session.get_one(Connection, (whose(), connection_id), populate_existing=True)
        if prices.sends(connection) is None:
            return _finish(connection_id)
        sending = _take(claimed, connection_id)
        if sending is None:
            return _finish(connection_id)
        if isinstance(sending, Sending):
            claimed = _call(claimed, connection_id, out, client, sending)
    return Again()


def _take(claimed: Claim, connection_id: uuid.UUID) -> Sending | bool | None:
    """One transaction: the next price that goes out; True for one that the channel shows already, None for none."""
    row = db.session.execute(NEXT, {"merchant": whose(), "connection": connection_id}).one_or_none()
    if row is None:
        return None
    mine = {"merchant": whose(), "id": row.id}
    sending: Sending | bool = True
    if row.shows:
        db.session.execute(SETTLE, mine)
    else:
        version = row.wanted + (1 if row.wanted == row.sent else 0)
        sending = Sending(row.id, row.remote_id, version, Money(row.minor, row.currency))
        db.session.execute(SEND, {**mine, "version": version, "minor": row.minor})
    work.hold(claimed)
    db.session.commit()
    return sending


def _call(claimed: Claim, connection_id: uuid.UUID, out: PriceOut, client: ApiClient, sending: Sending) -> Claim:
    """Ask the remote, and keep what it said.  Raises Busy, Garbled or Unauthorised: then nobody knows."""
    cause = detail = ""
    try:
        out.send(client, sending.remote_id, sending.price)
    except (Busy, Garbled, Unauthorised):
        raise
    except RemoteError as why:
        cause, detail = why.cause.value, f"{why.code} {why.said or why.detail}".strip()[:500]
    values = {"merchant": whose(), "id": sending.id, "version": sending.version, "minor": sending.price.minor}
    db.session.execute(ANSWERED, {**values, "moment": now(), "cause": cause, "detail": detail})
    if cause:
        _tell(connection_id)
    claimed = work.hold(claimed, progress=True)
    db.session.commit()
    return claimed


def _tell(connection_id: uuid.UUID) -> None:
    """One notice for all listings whose price the channel did not take; none when there are no more of them."""
    number = db.session.scalar(COUNT_REFUSED, {"merchant": whose(), "connection": connection_id}) or 0
    if not number:
        notices.clear("connection", connection_id, REFUSED)
        return
    name = db.session.get_one(Connection, (whose(), connection_id)).name
    notices.tell("connection", connection_id, REFUSED, grave=False, name=name, number=number)


def _finish(connection_id: uuid.UUID) -> Outcome:
    """End the work in this transaction, unless something wants to go out that it did not see."""
    if not pushes.alone(connection_id):
        return Again(SHORTLY)
    connection = db.session.get(Connection, (whose(), connection_id), populate_existing=True)
    if connection is not None and prices.sends(connection) is not None:
        values = {"merchant": whose(), "connection": connection_id}
        if db.session.execute(NEXT, values).first() is not None:
            return Again(SHORTLY)
    _tell(connection_id)
    return None


def _unauthorised(claimed: Claim, connection_id: uuid.UUID, why: Unauthorised) -> Outcome:
    """The credentials no longer work.  New tokens are tried once; then the connection rests, and what is due waits."""
    db.session.rollback()
    connection = db.session.get_one(Connection, (whose(), connection_id))
    if claimed.attempts <= 1 and grants.renew_now(connection):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), connection_id)), why, in_hand=prices.KIND)
    return None
