"""Before a channel is sent anything: what it shows now, what it would show, and a look before each step.

Asking for the export sends nothing.  It makes a rehearsal; a person looks at it, lets a first lot out, sees that it
arrived, and lets out the rest.
"""

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import StockOut
from portal.contract.errors import Busy, Garbled, RemoteError, Unauthorised
from portal.flows import audit, drift, grants, levels, lines, notices, prices, push_brake, pushes, sync, trouble, work
from portal.flows.audit import By
from portal.flows.work import Again, Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, ExportStage, Rehearsal
from portal.models.work import work_key

KIND, LOOK = "rehearse", "export_look"
FIRST_LOT = 20
MOST_COUNT, WHOLE = 1_000_000, 100
AT_A_STRETCH = 15.0
LOOK_AGAIN = 1.0
TOO_OLD = timedelta(hours=24)
READY = "rehearsal_ready"
OPEN = ("waiting", "reading", "ready", "first")

NEXT = sa.text(
    """
    select id, remote_id from listing
    where merchant_id = :merchant and connection_id = :connection and product_id is not null
        and missing_since is null and passed and id > :after
    order by id limit :most
    """
)
ROWS = sa.text(
    """
    insert into rehearsal_row (merchant_id, id, rehearsal_id, listing_id, shows, would)
    select :merchant, v.id, :rehearsal, v.listing_id, v.shows, v.would
    from unnest(cast(:ids as uuid[]), cast(:listings as uuid[]), cast(:shows as integer[]), cast(:would as integer[]))
        as v(id, listing_id, shows, would)
    on conflict (merchant_id, rehearsal_id, listing_id) do update set shows = excluded.shows, would = excluded.would
    """
)
# What the channel is known to show; where a sending is open, nobody knows, and that stays so.
SHOWS = sa.text(
    """
    update push p set read_level = v.shows, read_at = :moment,
        acked_level = case when p.acked = p.sent and v.shows is not null then v.shows else p.acked_level end
    from unnest(cast(:listings as uuid[]), cast(:shows as integer[])) as v(listing_id, shows)
    where p.merchant_id = :merchant and p.listing_id = v.listing_id
    """
)
COUNTS = sa.text(
    """
    select count(*) as listings, count(*) filter (where shows is distinct from would) as changes,
        count(*) filter (where would = 0 and shows > 0) as zeroed, count(*) filter (where shows > 0) as shown
    from rehearsal_row where merchant_id = :merchant and rehearsal_id = :rehearsal
    """
)
# What rises or falls a little goes first; what comes to 0 is last.
LOT = sa.text(
    """
    select listing_id from rehearsal_row
    where merchant_id = :merchant and rehearsal_id = :rehearsal and shows is distinct from would
    order by (would = 0 and shows > 0), abs(would - coalesce(shows, 0)), listing_id limit :most
    """
)


def takes_numbers(connection: Connection) -> StockOut:
    """How the remote of a connection takes numbers of pieces.  Raises Refusal where it does not."""
    one = integrations.get(connection.integration)
    if one.stock_out is None:
        raise Refusal("takes_no_stock", remote=one.name)
    return one.stock_out


def newest(connection_id: uuid.UUID) -> Rehearsal | None:
    """The last rehearsal of a connection, the open one where there is one."""
    query = sa.select(Rehearsal).where(Rehearsal.merchant_id == whose(), Rehearsal.connection_id == connection_id)
    return db.session.scalars(query.order_by(Rehearsal.id.desc()).limit(1)).one_or_none()


def begin(connection: Connection, by: By) -> Rehearsal:
    """Ask for the export: a rehearsal is made, and nothing is sent.  An open one is given back.  Raises Refusal."""
    out = takes_numbers(connection)
    connection = _locked(connection.id)
    if connection.state is not ConnectionState.ACTIVE:
        raise Refusal("connection_is_off", name=connection.name)
    if sync.rests(connection):
        raise Refusal("store_is_off")
    found = newest(connection.id)
    if found is None or found.state not in OPEN:
        found = Rehearsal(merchant_id=whose(), id=new_id(), connection_id=connection.id, made_by=by.name)
        db.session.add(found)
    connection.options = {**connection.options, out.option: True}
    db.session.flush()
    _add(connection, KIND, {"rehearsal": str(found.id)}, by.name)
    _note(connection, "export_rehearsed", by)
    db.session.commit()
    return found


def _add(connection: Connection, kind: str, body: Mapping[str, Any], asked_by: str) -> None:
    work.add(kind, lines.lane(connection), work_key(kind, connection.id), body, priority=3, asked_by=asked_by)


def rehearse(claimed: Claim) -> Outcome:
    """Work: read what the channel shows, batch by batch, and put beside it what it would show."""
    rehearsal = db.session.get(Rehearsal, (whose(), uuid.UUID(claimed.body["rehearsal"])))
    if rehearsal is None or rehearsal.state not in {"waiting", "reading"}:
        return None
    connection = db.session.get_one(Connection, (whose(), rehearsal.connection_id))
    if connection.state is not ConnectionState.ACTIVE:
        return _failed(rehearsal.id, "connection_is_off")
    out = takes_numbers(connection)
    try:
        grants.keep_fresh(connection)
        return _read(claimed, rehearsal, connection, out)
    except (Busy, Garbled) as why:
        db.session.rollback()
        outcome = work.after_failure(claimed.attempts, str(why), why.after if isinstance(why, Busy) else None)
        return outcome if isinstance(outcome, Again) else _failed(rehearsal.id, why.cause.value)
    except Unauthorised as why:
        db.session.rollback()
        if claimed.attempts <= 1 and grants.renew_now(connection):
            return Again(progress=False)
        _failed(rehearsal.id, why.cause.value)
        trouble.pause(db.session.get_one(Connection, (whose(), connection.id)), why, in_hand=KIND)
        return None
    except RemoteError as why:
        db.session.rollback()
        return _failed(rehearsal.id, why.cause.value)


def _read(claimed: Claim, rehearsal: Rehearsal, connection: Connection, out: StockOut) -> Outcome:
    rehearsal.state = "reading"
    after = uuid.UUID(rehearsal.cursor.get("after", str(uuid.UUID(int=0))))
    rehearsal_id, who = rehearsal.id, lines.account(connection)
    ends = time.monotonic() + AT_A_STRETCH
    with lines.open_client(connection, with_account=who) as client:
        while todo := _next(connection.id, after, out.most_read):
            found = out.read(client, list(todo.values()))
            after = max(todo)
            held = _keep(claimed, rehearsal_id, todo, found, after)
            if held is None:
                return None
            claimed = held
            if time.monotonic() > ends:
                return Again()
    return _ready(rehearsal_id, connection)


def _next(connection_id: uuid.UUID, after: uuid.UUID, most: int) -> dict[uuid.UUID, str]:
    values = {"merchant": whose(), "connection": connection_id, "after": after, "most": most}
    found = {row.id: row.remote_id for row in db.session.execute(NEXT, values)}
    db.session.commit()  # None stays open while the remote is asked.
    return found


def _keep(
    claimed: Claim, rehearsal_id: uuid.UUID, todo: Mapping[uuid.UUID, str], found: Mapping[str, int], after: uuid.UUID
) -> Claim | None:
    """One transaction: a batch's lines, and where the next one begins.  None where it was dropped meanwhile."""
    rehearsal = _locked_rehearsal(rehearsal_id)
    if rehearsal.state != "reading":
        db.session.rollback()
        return None
    pushes.want_listings(list(todo))
    current = levels.of(list(todo))
    there = [each for each in todo if each in current]
    values = {
        "merchant": whose(),
        "rehearsal": rehearsal_id,
        "moment": now(),
        "ids": array(new_id() for _ in there),
        "listings": array(there),
        "shows": array(found.get(todo[each]) for each in there),
        "would": array(current[each].level for each in there),
    }
    db.session.execute(ROWS, values)
    db.session.execute(SHOWS, values)
    rehearsal.cursor = {**rehearsal.cursor, "after": str(after)}
    held = work.hold(claimed, progress=True)
    db.session.commit()
    return held


def _ready(rehearsal_id: uuid.UUID, connection: Connection) -> Outcome:
    rehearsal = _locked_rehearsal(rehearsal_id)
    if rehearsal.state != "reading":
        return None
    found = db.session.execute(COUNTS, {"merchant": whose(), "rehearsal": rehearsal_id}).one()
    rehearsal.listings, rehearsal.changes = found.listings, found.changes
    rehearsal.zeroed, rehearsal.shown = found.zeroed, found.shown
    options = connection.known_options
    rehearsal.braked = push_brake.trips(found.zeroed, found.shown, options.brake_count, options.brake_share)
    rehearsal.state, rehearsal.ready_at, rehearsal.cause = "ready", now(), ""
    numbers = {"changes": found.changes, "zeroed": found.zeroed, "braked": rehearsal.braked}
    notices.tell("connection", connection.id, READY, grave=False, name=connection.name, **numbers)
    return None


def _failed(rehearsal_id: uuid.UUID, cause: str) -> Outcome:
    rehearsal = _locked_rehearsal(rehearsal_id)
    if rehearsal.state in OPEN:
        rehearsal.state, rehearsal.cause = "failed", cause
    return None


def send_first(rehearsal: Rehearsal, by: By) -> None:
    """Let a first lot out; the channel is then read to see that it arrived.  Raises Refusal."""
    connection, rehearsal = _held(rehearsal)
    if rehearsal.state != "ready":
        raise Refusal("rehearsal_not_ready")
    values = {"merchant": whose(), "rehearsal": rehearsal.id, "most": FIRST_LOT}
    lot = [str(each) for each in db.session.execute(LOT, values).scalars()]
    rehearsal.cursor = {"lot": lot}
    rehearsal.state, rehearsal.released_at, rehearsal.released_by = "first", now(), by.name
    _let_out(connection, ExportStage.FIRST)
    _add(connection, LOOK, {"rehearsal": str(rehearsal.id)}, by.name)
    _note(connection, "export_first_lot", by, {"listings": len(lot)})
    db.session.commit()


def send_all(rehearsal: Rehearsal, by: By, confirmed: int | None = None) -> None:
    """Let everything out.  Where the brake holds, `confirmed` has to be the number that comes to 0.  Raises Refusal."""
    connection, rehearsal = _held(rehearsal)
    if rehearsal.state not in {"ready", "first"}:
        raise Refusal("rehearsal_not_ready")
    if rehearsal.braked and confirmed != rehearsal.zeroed:
        raise Refusal("zeroing_not_confirmed", "zeroed", zeroed=rehearsal.zeroed)
    rehearsal.state, rehearsal.released_at, rehearsal.released_by = "released", now(), by.name
    _let_out(connection, ExportStage.OPEN)
    drift.plan(connection)
    _note(connection, "export_let_out", by, {"changes": rehearsal.changes, "zeroed": rehearsal.zeroed})
    db.session.commit()


def _held(rehearsal: Rehearsal) -> tuple[Connection, Rehearsal]:
    """The connection and the rehearsal, locked.  Raises Refusal where nothing may go out by it any more."""
    connection = _locked(rehearsal.connection_id)
    rehearsal = _locked_rehearsal(rehearsal.id)
    if connection.state is not ConnectionState.ACTIVE:
        raise Refusal("connection_is_off", name=connection.name)
    if rehearsal.ready_at is not None and rehearsal.ready_at < now() - TOO_OLD:
        raise Refusal("rehearsal_too_old")
    return connection, rehearsal


def _let_out(connection: Connection, stage: ExportStage) -> None:
    connection.export_stage = stage
    notices.clear("connection", connection.id, READY, push_brake.NOTICE)
    db.session.flush()
    pushes.resume(connection)
    prices.ring(connection)


def turn_off(connection: Connection, by: By) -> None:
    """Leave the export off, or turn it off: nothing is sent any more, and the numbers stay as they are there."""
    connection = _locked(connection.id)
    out = takes_numbers(connection)
    connection.options = {**connection.options, out.option: False}
    connection.export_stage = ExportStage.HELD
    db.session.execute(
        sa.update(Rehearsal)
        .where(Rehearsal.merchant_id == whose(), Rehearsal.connection_id == connection.id, Rehearsal.state.in_(OPEN))
        .values(state="dropped")
    )
    for kind in (KIND, LOOK, drift.KIND, drift.DUE):
        work.withdraw(kind, work_key(kind, connection.id))
    notices.clear("connection", connection.id, READY, push_brake.NOTICE, drift.NOTICE)
    _note(connection, "export_turned_off", by)
    db.session.commit()


def set_brake(connection: Connection, count: int, share: int, by: By) -> None:
    """Set how many listings, and which share of those that show something, may go to 0 at once.  Raises Refusal."""
    if not 1 <= count <= MOST_COUNT:
        raise Refusal("brake_count_range", "brake_count", most=MOST_COUNT)
    if not 1 <= share <= WHOLE:
        raise Refusal("brake_share_range", "brake_share")
    connection = _locked(connection.id)
    connection.options = {**connection.options, "brake_count": count, "brake_share": share}
    rehearsal = newest(connection.id)
    if rehearsal is not None and rehearsal.state in {"ready", "first"}:
        rehearsal.braked = push_brake.trips(rehearsal.zeroed, rehearsal.shown, count, share)
    _note(connection, "brake_set", by, {"brake_count": count, "brake_share": share})
    db.session.commit()


def look(claimed: Claim) -> Outcome:
    """Work: when the first lot is sent, read it back and say how much of it the channel shows as it was sent."""
    rehearsal = db.session.get(Rehearsal, (whose(), uuid.UUID(claimed.body["rehearsal"])))
    if rehearsal is None or rehearsal.state != "first":
        return None
    connection = db.session.get_one(Connection, (whose(), rehearsal.connection_id))
    out = drift.reads(connection)
    if out is None:
        return None
    lot = [uuid.UUID(each) for each in rehearsal.cursor.get("lot", [])]
    rows = db.session.execute(LOT_NOW, {"merchant": whose(), "listings": array(lot)}).all()
    if any(row.open for row in rows):
        return Again(LOOK_AGAIN)
    remote_ids = {row.listing_id: row.remote_id for row in rows}
    grants.keep_fresh(connection)
    rehearsal_id, found = rehearsal.id, dict[str, int]()
    with lines.open_client(connection) as client:
        for at in range(0, len(rows), out.most_read):
            some = list(remote_ids.values())[at : at + out.most_read]
            found |= out.read(client, some)
    agree = sum(found.get(row.remote_id) == row.acked_level and not row.cause for row in rows)
    rehearsal = _locked_rehearsal(rehearsal_id)
    if rehearsal.state == "first":
        rehearsal.cursor = {**rehearsal.cursor, "looked_at": now().isoformat(), "agree": agree}
    return None


LOT_NOW = sa.text(
    """
    select p.listing_id, l.remote_id, p.acked_level, p.cause,
        p.cause = '' and (p.sent < p.wanted or p.acked < p.sent) as open
    from push p join listing l on (l.merchant_id, l.id) = (p.merchant_id, p.listing_id)
    where p.merchant_id = :merchant and p.listing_id = any(cast(:listings as uuid[])) order by p.listing_id
    """
)


def _note(connection: Connection, what: str, by: By, after: Mapping[str, Any] | None = None) -> None:
    audit.note(
        by, what, "connection", connection.id, name=connection.name, store_id=connection.store_id, after=after or {}
    )


def _locked(connection_id: uuid.UUID) -> Connection:
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id == connection_id)
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()


def _locked_rehearsal(rehearsal_id: uuid.UUID) -> Rehearsal:
    query = sa.select(Rehearsal).where(Rehearsal.merchant_id == whose(), Rehearsal.id == rehearsal_id)
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
