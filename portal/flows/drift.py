"""Read back what a channel shows, and find where a difference comes from: mended where that is plain, asked where not.

The numbers are read once a day and after an outage.  A number that fell at the channel may be an order that is not here
yet: orders come in first, and what still differs then is looked at a second time.
"""

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Resource, StockOut
from portal.contract.errors import Busy, Garbled, RemoteError, Unauthorised
from portal.flows import audit, grants, levels, lines, notices, prices, pushes, resources, sync, trouble, work
from portal.flows.work import Again, Claim, Outcome
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.models import Connection, ConnectionState, ExportStage, Push, Run, RunState
from portal.models.work import work_key

KIND, DUE = "read_back", "read_back_due"
EVERY = timedelta(hours=24)
AT_A_STRETCH = 15.0
FOR_ORDERS = 5.0
NOTICE = "stock_drift"

say = log.logger(__name__)


class Drift(StrEnum):
    """Where a difference comes from.

    EDITED and FAILED are mended by sending our number.  ORDER, LINK (the channel does not know the listing) and AGAIN
    (edited, mended and edited once more) are for a person.
    """

    NONE = ""
    EDITED = "edited"
    FAILED = "failed"
    ORDER = "order"
    LINK = "link"
    AGAIN = "edited_again"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reading means: the drift, what the channel is known to show, and whether our number goes out again."""

    drift: Drift
    known: int | None
    send: bool = False


def judged(push: Any, read: int | None, level: int, *, may_be_order: bool) -> Verdict:
    """What it means that a channel shows `read` (None: it does not know the listing) while we would show `level`.

    `push` is the row of the listing.  `may_be_order` says that a number may have fallen by orders that are not here.
    """
    if read is None:
        return Verdict(Drift.LINK, push.acked_level)
    if push.acked < push.sent:
        arrived = read == push.sent_level
        return Verdict(Drift.NONE if arrived else Drift.FAILED, read, send=read != level)
    if read == level or push.acked_level is None:
        return Verdict(Drift.NONE, read, send=read != level)
    if push.cause:
        return Verdict(Drift.FAILED, push.acked_level)
    if read == push.acked_level:
        return Verdict(Drift.NONE, read)
    if push.drift in {Drift.EDITED, Drift.AGAIN}:
        return Verdict(Drift.AGAIN, push.acked_level)
    if read < push.acked_level and may_be_order:
        return Verdict(Drift.ORDER, push.acked_level)
    return Verdict(Drift.EDITED, read, send=True)


def plan(connection: Connection) -> None:
    """Have the numbers read back once a day, in the open transaction."""
    _add(connection, DUE, now() + EVERY, {"connection": str(connection.id)})


def ask(connection: Connection, asked_by: str) -> None:
    """Have the numbers read back now, in the open transaction."""
    body = {"connection": str(connection.id), "since": now().isoformat()}
    _add(connection, KIND, now(), body, asked_by)


def resume(connection: Connection) -> None:
    """A connection is on again: what waits goes out, and its numbers are read back, in the open transaction."""
    if reads(connection) is not None:
        pushes.resume(connection)
        prices.ring(connection)
        ask(connection, "Lintas")
        plan(connection)


def _add(connection: Connection, kind: str, at: datetime, body: Mapping[str, Any], asked_by: str = "") -> None:
    key = work_key(kind, connection.id)
    work.add(kind, lines.lane(connection), key, body, priority=6, not_before=at, asked_by=asked_by)


def reads(connection: Connection) -> StockOut | None:
    """How a connection's numbers are read; None where none were sent, or where it is off."""
    out = integrations.get(connection.integration).stock_out
    if out is None or not connection.options.get(out.option) or connection.state is not ConnectionState.ACTIVE:
        return None
    if connection.export_stage is ExportStage.HELD or sync.rests(connection):
        return None
    return out


def due(claimed: Claim) -> Outcome:
    """Work: the daily reading."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None or not connection.is_active or connection.export_stage is ExportStage.HELD:
        return None
    if reads(connection) is not None:
        ask(connection, "Lintas")
    return Again(EVERY.total_seconds())


def read_back(claimed: Claim) -> Outcome:
    """Work: read what a channel shows, batch by batch; each listing once since the work was asked for."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    out = reads(connection) if connection is not None else None
    if connection is None or out is None:
        return None
    since = datetime.fromisoformat(claimed.body["since"])
    try:
        return _read_all(claimed, connection, out, since)
    except (Busy, Garbled) as why:
        db.session.rollback()
        after = why.after if isinstance(why, Busy) else None
        return Again(max(work.pause_for(claimed.attempts), min(after or 0, work.LONGEST_WISH)), False, str(why))
    except Unauthorised as why:
        return _unauthorised(claimed, connection.id, why)
    except RemoteError as why:
        db.session.rollback()
        say.warning("numbers were not read back", connection=str(connection.id), cause=why.cause.value)
        return work.Dead(str(why))


def _unauthorised(claimed: Claim, connection_id: uuid.UUID, why: Unauthorised) -> Outcome:
    db.session.rollback()
    connection = db.session.get_one(Connection, (whose(), connection_id))
    if claimed.attempts <= 1 and grants.renew_now(connection):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), connection_id)), why, in_hand=KIND)
    return None


def _read_all(claimed: Claim, connection: Connection, out: StockOut, since: datetime) -> Outcome:
    grants.keep_fresh(connection)
    who = lines.account(connection)
    orders_come = _brings_orders(connection)
    ends = time.monotonic() + AT_A_STRETCH
    with lines.open_client(connection, with_account=who) as client:
        while todo := _unread(connection.id, since, out.most_read):
            asked = now()
            db.session.commit()
            found = out.read(client, list(todo.values()))
            keep(connection, todo, found, asked, may_be_order=orders_come)
            claimed = work.hold(claimed, progress=True)
            db.session.commit()
            if time.monotonic() > ends:
                return Again()
        suspects = _suspects(connection.id, since)
        if suspects:
            run = _orders_since(connection, max(suspects.values()))
            if run is None or run.is_open:
                sync.start(connection, Resource.ORDERS, "Lintas")
                return Again(FOR_ORDERS)
            if run.state is RunState.DONE:
                _second_look(claimed, connection, out, client, list(suspects))
    return _end(connection, since)


def _brings_orders(connection: Connection) -> bool:
    pulls = integrations.get(connection.integration).pulls
    return Resource.ORDERS in pulls and resources.wanted(connection, Resource.ORDERS)


def _unread(connection_id: uuid.UUID, since: datetime, most: int) -> dict[uuid.UUID, str]:
    """The next listings that were not read since a moment, with the remote's id of each."""
    query = sa.text(
        """
        select p.listing_id, l.remote_id from push p
        join listing l on (l.merchant_id, l.id) = (p.merchant_id, p.listing_id)
        where p.merchant_id = :merchant and p.connection_id = :connection and (p.read_at is null or p.read_at < :since)
            and l.product_id is not null and l.missing_since is null and l.passed
        order by p.id limit :most
        """
    )
    values = {"merchant": whose(), "connection": connection_id, "since": since, "most": most}
    return {row.listing_id: row.remote_id for row in db.session.execute(query, values)}


def _suspects(connection_id: uuid.UUID, since: datetime) -> dict[uuid.UUID, datetime]:
    """The listings that may differ because of an order that is not here, and when each was read."""
    query = sa.select(Push.listing_id, Push.read_at).where(
        Push.merchant_id == whose(),
        Push.connection_id == connection_id,
        Push.drift == Drift.ORDER.value,
        Push.read_at >= since,
    )
    return {row.listing_id: row.read_at for row in db.session.execute(query) if row.read_at is not None}


def _orders_since(connection: Connection, moment: datetime) -> Run | None:
    """The last run of orders that began after a moment, or that is open."""
    query = sa.select(Run).where(
        Run.merchant_id == whose(),
        Run.connection_id == connection.id,
        Run.resource == Resource.ORDERS.value,
        sa.or_(Run.started_at >= moment, Run.state.in_([RunState.WAITING, RunState.RUNNING])),
    )
    return db.session.scalars(query.order_by(Run.id.desc()).limit(1)).one_or_none()


def _second_look(claimed: Claim, connection: Connection, out: StockOut, client: Any, listings: list[uuid.UUID]) -> None:
    """Orders came in: what is still lower at the channel was no order."""
    query = sa.text(
        """
        select l.id, l.remote_id from listing l
        where l.merchant_id = :merchant and l.id = any(cast(:listings as uuid[])) order by l.id
        """
    )
    rows = db.session.execute(query, {"merchant": whose(), "listings": array(listings)}).all()
    for at in range(0, len(rows), out.most_read):
        todo = {row.id: row.remote_id for row in rows[at : at + out.most_read]}
        asked = now()
        db.session.commit()
        found = out.read(client, list(todo.values()))
        keep(connection, todo, found, asked, may_be_order=False)
        claimed = work.hold(claimed, progress=True)
        db.session.commit()


HELD = sa.text(
    """
    select listing_id, wanted, sent, sent_level, sent_at, acked, acked_level, acked_at, drift, cause
    from push where merchant_id = :merchant and listing_id = any(cast(:listings as uuid[]))
    order by listing_id for update
    """
)
KEEP = sa.text(
    """
    update push p set read_level = v.read, read_at = :asked, drift = v.drift, acked = p.sent, acked_level = v.known,
        cause = case when v.drift = '' then '' else p.cause end,
        detail = case when v.drift = '' then '' else p.detail end,
        refused_at = case when v.drift = '' then null else p.refused_at end,
        wanted = p.wanted + case when v.send and p.sent = p.wanted then 1 else 0 end,
        wanted_at = case when v.send and p.sent = p.wanted then :moment else p.wanted_at end
    from unnest(cast(:listings as uuid[]), cast(:reads as integer[]), cast(:drifts as text[]),
        cast(:known as integer[]), cast(:sends as boolean[])) as v(listing_id, read, drift, known, send)
    where p.merchant_id = :merchant and p.listing_id = v.listing_id
    """
)


def keep(
    connection: Connection,
    asked_for: Mapping[uuid.UUID, str],
    found: Mapping[str, int],
    asked: datetime,
    *,
    may_be_order: bool,
) -> None:
    """Keep what a channel showed when it was asked, judge it, and send again what is mended, in the open transaction.

    A number that was sent since the question was asked is judged at the next reading.
    """
    pushes.share(connection.id)
    rows = db.session.execute(HELD, {"merchant": whose(), "listings": array(asked_for)}).all()
    current = levels.of(list(asked_for))
    verdicts: dict[uuid.UUID, tuple[int | None, Verdict]] = {}
    for row in rows:
        shown = current.get(row.listing_id)
        moved = any(each is not None and each >= asked for each in (row.sent_at, row.acked_at))
        if shown is None or moved:
            continue
        read = found.get(asked_for[row.listing_id])
        read = None if read is None else max(0, read)
        verdicts[row.listing_id] = read, judged(row, read, shown.level, may_be_order=may_be_order)
    if len(verdicts) < len(rows):
        _seen(set(asked_for) - set(verdicts), asked)
    if verdicts:
        db.session.execute(KEEP, _columns(verdicts) | {"asked": asked, "moment": now()})
        if any(verdict.send for _, verdict in verdicts.values()):
            pushes.ring({connection.id: True})


def _seen(listing_ids: Collection[uuid.UUID], asked: datetime) -> None:
    """What could not be judged counts as read, so that a reading comes to its end."""
    db.session.execute(
        sa.update(Push).where(Push.merchant_id == whose(), Push.listing_id.in_(listing_ids)).values(read_at=asked)
    )


def _columns(verdicts: Mapping[uuid.UUID, tuple[int | None, Verdict]]) -> dict[str, Any]:
    return {
        "merchant": whose(),
        "listings": array(verdicts),
        "reads": array(read for read, _ in verdicts.values()),
        "drifts": array(verdict.drift.value for _, verdict in verdicts.values()),
        "known": array(verdict.known for _, verdict in verdicts.values()),
        "sends": array(verdict.send for _, verdict in verdicts.values()),
    }


def figures(connection_id: uuid.UUID, since: datetime) -> dict[str, int]:
    """How many listings were read since a moment, and how many of them differed, by what it comes from."""
    query = (
        sa.select(Push.drift, sa.func.count())
        .where(Push.merchant_id == whose(), Push.connection_id == connection_id, Push.read_at >= since)
        .group_by(Push.drift)
    )
    counted = {str(drift): int(number) for drift, number in db.session.execute(query)}
    return {"read": sum(counted.values())} | {each.value: counted.get(each.value, 0) for each in Drift if each.value}


def _end(connection: Connection, since: datetime) -> Outcome:
    """Say what the reading found, in the transaction in which its work ends."""
    counted = figures(connection.id, since)
    found = {key: number for key, number in counted.items() if key != "read" and number}
    if found:
        asks = sum(found.get(each.value, 0) for each in (Drift.ORDER, Drift.LINK, Drift.AGAIN))
        arguments: dict[str, Any] = {"name": connection.name, "asks": asks} | counted
        notices.tell("connection", connection.id, NOTICE, grave=False, **arguments)
    else:
        notices.clear("connection", connection.id, NOTICE)
    audit.note(
        audit.LINTAS,
        "stock_read_back",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        after=counted,
    )
    return None
