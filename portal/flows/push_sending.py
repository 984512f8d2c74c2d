"""Send to a channel what its listings want: the most urgent first, as many as one call takes, each as it is now."""

import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.contract.definition import StockOut
from portal.contract.errors import Busy, Garbled, RemoteError, Unauthorised
from portal.contract.http import ApiClient
from portal.contract.records import Level
from portal.flows import drift, grants, levels, lines, notices, push_brake, pushes, trouble, work
from portal.flows.work import Again, Claim, Outcome
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, ExportStage, Rehearsal

AT_A_STRETCH = 15.0
# After so long the order of what is due is looked at anew, so that a fall never waits behind many rises.
LOOK_AGAIN = 2.0
# The longest pause after one failure, two in a row, and so on: one lost answer is no outage.
PAUSES = (0.5, 2.0, 8.0, 30.0, 60.0)
SHORTLY = 0.1
OUTAGE = timedelta(minutes=10)
REFUSED = "stock_refused"

DUE = """
    select listing_id as id from push
    where merchant_id = :merchant and connection_id = :connection and (sent < wanted or acked < sent) and cause = ''
        and (cast(:lot as uuid[]) is null or listing_id = any(cast(:lot as uuid[])))
"""
PLAN = sa.text(
    f"""
    select d.listing_id, d.level, coalesce(p.acked_level, p.read_level) as shows
    from ({levels.derived(DUE)}) d
    join push p on p.merchant_id = :merchant and p.listing_id = d.listing_id
    where d.fit
    order by d.level < coalesce(p.acked_level, p.read_level, 2147483647) desc,
        -- What is shown already needs no call; among the others it would leave the calls half empty.
        coalesce(d.level = p.acked_level and p.acked = p.sent, false), d.level = 0 desc, p.wanted_at, d.listing_id
    """  # noqa: S608 - the texts are this package's own.
)
# A listing whose row somebody changes at this moment wants another number in a moment; it is left for the next round.
# Of a channel that was turned off, or whose export was, since the order was made, nothing is taken.
TAKE = sa.text(
    """
    select listing_id, wanted, sent, acked, acked_level, sent_at from push
    where merchant_id = :merchant and listing_id = any(cast(:listings as uuid[]))
        and (sent < wanted or acked < sent) and cause = '' and exists (
            select from connection c where c.merchant_id = :merchant and c.id = push.connection_id
                and c.state = 'active' and c.export_stage in ('first', 'open'))
    order by listing_id for update of push skip locked
    """
)
SETTLE = sa.text(
    """
    update push set sent = wanted, acked = wanted
    where merchant_id = :merchant and listing_id = any(cast(:listings as uuid[]))
    """
)
SEND = sa.text(
    """
    update push p set wanted = v.version, sent = v.version, sent_level = v.level, sent_at = :moment
    from unnest(cast(:listings as uuid[]), cast(:versions as bigint[]), cast(:levels as integer[]))
        as v(listing_id, version, level)
    where p.merchant_id = :merchant and p.listing_id = v.listing_id
    """
)
IN_ORDER = sa.text(
    """
    select 1 from push where merchant_id = :merchant and listing_id = any(cast(:listings as uuid[]))
    order by listing_id for update
    """
)
# The answer to an older sending says nothing about a newer one.  Where something changed meanwhile, a refusal is not
# the last word: the listing is tried again.
ANSWERED = sa.text(
    """
    update push p set acked = v.version,
        acked_level = case when v.cause = '' then v.level else p.acked_level end,
        acked_at = case when v.cause = '' then :moment else p.acked_at end,
        cause = case when p.wanted = v.version then v.cause else '' end,
        detail = case when p.wanted = v.version then v.detail else '' end,
        refused_at = case when p.wanted = v.version and v.cause <> '' then cast(:moment as timestamptz) end
    from unnest(cast(:listings as uuid[]), cast(:versions as bigint[]), cast(:levels as integer[]),
        cast(:causes as text[]), cast(:details as text[])) as v(listing_id, version, level, cause, detail)
    where p.merchant_id = :merchant and p.listing_id = v.listing_id and p.sent = v.version and p.acked < v.version
    """
)
REFUSALS = sa.text(
    """
    select count(*) as number, min(cause) as cause, count(distinct cause) as causes from push
    where merchant_id = :merchant and connection_id = :connection and cause <> ''
    """
)

say = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """One number on its way: which want it goes back to."""

    listing_id: uuid.UUID
    remote_id: str
    parent_id: str
    version: int
    level: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What one transaction let out, how many needed no call, and whether one of them was unsure for long."""

    sendings: Sequence[Sending]
    settled: int
    long_ago: bool

    @property
    def any(self) -> bool:
        """Whether anything came forward by it."""
        return bool(self.sendings or self.settled)


class Changed(Exception):
    """Meanwhile a listing came to 0 that did not when the order was made; the brake has to see it first."""


def send(claimed: Claim) -> Outcome:
    """Work: send what the listings of a connection want, for a while."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None:
        return None
    out = pushes.sends(connection)
    if out is None:
        return _finish(connection.id)
    try:
        grants.keep_fresh(connection)
        who = lines.account(connection)
        with lines.open_client(connection, with_account=who) as client:
            return _send_all(claimed, connection, out, client)
    except (Busy, Garbled) as why:
        return _later(why, claimed.attempts, progress=False)
    except Unauthorised as why:
        return _unauthorised(claimed, connection.id, why)


def _send_all(claimed: Claim, connection: Connection, out: StockOut, client: ApiClient) -> Outcome:
    ends, failures, calls = time.monotonic() + AT_A_STRETCH, claimed.attempts, 0
    while time.monotonic() < ends:
        planned = _plan(connection, out)
        if not planned:
            return _finish(connection.id)
        look_again, done = time.monotonic() + LOOK_AGAIN, False
        for at in range(0, len(planned), out.most):
            batch = dict(planned[at : at + out.most])
            try:
                taken = _take(claimed, batch)
            except Changed:
                db.session.rollback()
                break
            done = done or taken.any
            if taken.sendings:
                try:
                    claimed = _call(claimed, connection, out, client, taken)
                except (Busy, Garbled) as why:
                    return _later(why, 1 if calls else failures, progress=calls > 0)
                calls += 1
            if time.monotonic() > look_again:
                break
        if not done:
            return Again(SHORTLY)
    return Again()


def _later(why: RemoteError, failures: int, *, progress: bool) -> Again:
    """Nobody knows whether the last numbers arrived.  They stay open, and what is right then is sent again.

    `failures` is how many there were in a row; a call that was answered, which is `progress`, ends such a row.
    """
    db.session.rollback()
    pause = random.uniform(SHORTLY, PAUSES[min(failures, len(PAUSES)) - 1])
    after = why.after if isinstance(why, Busy) else None
    return Again(max(pause, min(after or 0, work.LONGEST_WISH)), progress=progress, why=str(why))


def _plan(connection: Connection, out: StockOut) -> list[tuple[uuid.UUID, int]]:
    """What is due with the level that it has now, the most urgent first; nothing where that may not go out."""
    db.session.refresh(connection)
    if pushes.sends(connection) is None:
        db.session.commit()
        return []
    lot = None
    if connection.export_stage is ExportStage.FIRST:
        lot = array(first_lot(connection.id))
    rows = db.session.execute(PLAN, {"merchant": whose(), "connection": connection.id, "lot": lot}).all()
    stopped = push_brake.stops(connection, [row.listing_id for row in rows if row.level == 0 and row.shows])
    db.session.commit()
    return [] if stopped else [(row.listing_id, row.level) for row in rows]


def first_lot(connection_id: uuid.UUID) -> list[uuid.UUID]:
    """The listings that go out first, while the merchant looks whether they arrive as they should."""
    query = sa.select(Rehearsal.cursor).where(
        Rehearsal.merchant_id == whose(), Rehearsal.connection_id == connection_id, Rehearsal.state == "first"
    )
    found = db.session.scalar(query.order_by(Rehearsal.id.desc()).limit(1)) or {}
    return [uuid.UUID(each) for each in found.get("lot", [])]


def _take(claimed: Claim, planned: Mapping[uuid.UUID, int]) -> Taken:
    """One transaction: what each listing shows from now on.

    A listing that shows the number already is settled without a call.  Raises Changed.
    """
    rows = db.session.execute(TAKE, {"merchant": whose(), "listings": array(planned)}).all()
    current = levels.of([row.listing_id for row in rows])
    settled, sendings, long_ago = [], [], False
    for row in rows:
        found = current.get(row.listing_id)
        if found is None or not found.fit:
            continue
        if found.level == 0 and planned[row.listing_id] != 0:
            raise Changed
        unsure = row.acked < row.sent
        if found.level == row.acked_level and not unsure:
            settled.append(row.listing_id)
            continue
        long_ago = long_ago or (unsure and _before(row.sent_at, now() - OUTAGE))
        # A number that goes out again counts anew, so that the answer to it is told from the one that was lost.
        version = row.wanted + (1 if row.wanted == row.sent else 0)
        sendings.append(Sending(row.listing_id, found.remote_id, found.parent_id, version, found.level))
    if settled:
        db.session.execute(SETTLE, {"merchant": whose(), "listings": array(settled)})
    if sendings:
        db.session.execute(SEND, _columns(sendings) | {"moment": now()})
    work.hold(claimed)
    db.session.commit()
    return Taken(sendings, len(settled), long_ago)


def _before(moment: datetime | None, limit: datetime) -> bool:
    return moment is not None and moment < limit


def _columns(sendings: Sequence[Sending]) -> dict[str, object]:
    return {
        "merchant": whose(),
        "listings": array(each.listing_id for each in sendings),
        "versions": array(each.version for each in sendings),
        "levels": array(each.level for each in sendings),
    }


def _call(claimed: Claim, connection: Connection, out: StockOut, client: ApiClient, taken: Taken) -> Claim:
    """Ask the remote, and keep what it said.  Raises Busy, Garbled or Unauthorised: then nobody knows."""
    sendings = taken.sendings
    wanted = [Level(each.remote_id, each.parent_id, each.level) for each in sendings]
    refused: Mapping[str, RemoteError]
    try:
        refused = out.send(client, wanted, new_id().hex)
    except (Busy, Garbled, Unauthorised):
        raise
    except RemoteError as why:  # The remote understood the whole call and said no.
        refused = {each.remote_id: why for each in sendings}
    known = _columns(sendings)
    db.session.execute(IN_ORDER, known)
    said = [refused.get(each.remote_id) for each in sendings]
    values = known | {
        "moment": now(),
        "causes": array(why.cause.value if why else "" for why in said),
        "details": array(f"{why.code} {why.said or why.detail}".strip()[:500] if why else "" for why in said),
    }
    db.session.execute(ANSWERED, values)
    if refused:
        _tell_refusals(connection.id)
    if taken.long_ago:
        drift.ask(connection, "Lintas")
    claimed = work.hold(claimed, progress=True)
    db.session.commit()
    return claimed


def _tell_refusals(connection_id: uuid.UUID) -> None:
    """One notice for all listings whose number the channel did not take; none when there are no more of them."""
    found = db.session.execute(REFUSALS, {"merchant": whose(), "connection": connection_id}).one()
    if not found.number:
        notices.clear("connection", connection_id, REFUSED)
        return
    connection = db.session.get_one(Connection, (whose(), connection_id))
    why = found.cause if found.causes == 1 else ""
    notices.tell("connection", connection_id, REFUSED, grave=False, name=connection.name, number=found.number, why=why)


def _finish(connection_id: uuid.UUID) -> Outcome:
    """End the work in this transaction, unless something wants to go out that it did not see."""
    if not pushes.alone(connection_id):
        return Again(SHORTLY)
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id == connection_id)
    connection = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if connection is None:
        return None
    out = pushes.sends(connection)
    if out is not None and _plan_is_not_empty(connection):
        return Again(SHORTLY)
    _tell_refusals(connection_id)
    return None


def _plan_is_not_empty(connection: Connection) -> bool:
    lot = array(first_lot(connection.id)) if connection.export_stage is ExportStage.FIRST else None
    values = {"merchant": whose(), "connection": connection.id, "lot": lot}
    return db.session.execute(PLAN, values).first() is not None


def _unauthorised(claimed: Claim, connection_id: uuid.UUID, why: Unauthorised) -> Outcome:
    """The credentials no longer work.  New tokens are tried once; then the connection rests, and what is due waits."""
    db.session.rollback()
    connection = db.session.get_one(Connection, (whose(), connection_id))
    if claimed.attempts <= 1 and grants.renew_now(connection):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), connection_id)), why, in_hand=pushes.KIND)
    say.warning("stock could not be sent", connection=str(connection_id), cause=why.cause.value)
    return None
