"""Pull every page of one resource, from where the last attempt stopped."""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import integrations
from portal.contract.definition import Resource
from portal.contract.errors import BadRecord, Busy, RemoteError, Unauthorised
from portal.contract.records import Page, Record
from portal.flows import (
    audit,
    grants,
    housekeeping,
    lines,
    linking,
    notices,
    resources,
    saving,
    trouble,
    windows,
    work,
)
from portal.flows.audit import By
from portal.flows.resources import DOORS, Door
from portal.flows.work import Again, Claim, Dead, Outcome
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, Run, RunPage, RunProblem, RunState, Store
from portal.models.work import work_key

AT_A_STRETCH = 15.0
KEPT_PROBLEMS = 1_000
MANY_GONE = "many_gone"
# Where a run stands whose last page is kept, and which was not yet judged as a whole.  None is where it begins.
WALKED = ""

say = log.logger(__name__)


def start(connection: Connection, resource: Resource, asked_by: str, *, by_hand: bool = True) -> Run:
    """Open a run in the open transaction, or give back the one that is open.

    One that nobody asked for asks only for what changed, where that is enough.  Where the one that is open looks at a
    stretch of time and has begun, what came in since may not be in it: another one follows when it ends.
    """
    query = sa.select(Run).where(
        Run.merchant_id == whose(),
        Run.connection_id == connection.id,
        Run.resource == resource.value,
        Run.state.in_([RunState.WAITING, RunState.RUNNING]),
    )
    if (found := db.session.scalars(query).one_or_none()) is not None:
        if work.unfinished("sync", work_key("sync", found.id)) is None:  # It died of a fault of ours; the run goes on.
            _add_work(connection, found, asked_by)
        if by_hand and found.started_at is not None and _has_a_window(connection, resource):
            found.asked_again = asked_by
        return found
    run = Run(
        merchant_id=whose(),
        id=new_id(),
        connection_id=connection.id,
        resource=resource.value,
        since=windows.since(connection, resource, by_hand=by_hand),
        asked_by=asked_by,
    )
    db.session.add(run)
    db.session.flush()  # The work below names the run.
    _add_work(connection, run, asked_by)
    return run


def _has_a_window(connection: Connection, resource: Resource) -> bool:
    return integrations.get(connection.integration).pulls[resource].reach is not None


def _add_work(connection: Connection, run: Run, asked_by: str) -> None:
    work.add("sync", lines.lane(connection), work_key("sync", run.id), {"run": str(run.id)}, asked_by=asked_by)


def start_all(connection: Connection, asked_by: str) -> None:
    """Open a run of everything that the options ask for, and have the next ones started in time."""
    if not rests(connection):
        for resource in resources.all_wanted(connection):
            start(connection, resource, asked_by)
    for resource in integrations.get(connection.integration).pulls:
        plan(connection, resource)


def ask(connection: Connection, resource: Resource, by: By) -> Run:
    """The button *Sync now*.  Raises Refusal where the connection is off; pressing twice shows the run that is open."""
    if connection.state is not ConnectionState.ACTIVE:
        raise Refusal("connection_is_off", name=connection.name)
    if rests(connection):
        raise Refusal("store_is_off")
    try:
        run = start(connection, resource, by.name)
        audit.note(by, "sync_asked", "run", run.id, name=connection.name, store_id=connection.store_id)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()  # Two presses at once: the other one opened the run.
        run = start(connection, resource, by.name)
        db.session.commit()
    return run


def rests(connection: Connection) -> bool:
    """Whether the store of a connection is off: then nothing is pulled for it."""
    query = sa.select(Store.is_active).where(Store.merchant_id == whose(), Store.id == connection.store_id)
    return not db.session.scalar(query)


def plan(connection: Connection, resource: Resource) -> None:
    """Have the next run started in time, in the open transaction."""
    work.add(
        "sync_due",
        lines.lane(connection),
        work_key("sync_due", connection.id, resource.value),
        {"connection": str(connection.id), "resource": resource.value},
        priority=6,
        not_before=now() + integrations.get(connection.integration).pulls[resource].every,
    )


def due(claimed: Claim) -> Outcome:
    """Work: start the run that is due, and come again after the interval."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None or connection.state is not ConnectionState.ACTIVE:
        return None
    resource = Resource(claimed.body["resource"])
    pull = integrations.get(connection.integration).pulls.get(resource)
    if pull is None:  # The integration no longer declares it.
        return None
    if resources.wanted(connection, resource) and not rests(connection):
        try:
            start(connection, resource, "Lintas", by_hand=False)
        except IntegrityError:
            db.session.rollback()  # Somebody pressed *Sync now* at this moment, and opened the run.
    return Again(pull.every.total_seconds())


def run(claimed: Claim) -> Outcome:
    """Work: go on with a run for a while."""
    run_id = uuid.UUID(claimed.body["run"])
    opened = _begin(claimed, run_id)
    if opened is None:
        return None
    connection, resource, since, cursor = opened
    if cursor == WALKED:
        return _end(run_id, connection)
    pull, door = integrations.get(connection.integration).pulls[resource], DOORS[resource]
    # What was imported or made since the last stretch is unknown to the planner, which would then read a whole merchant
    # for every page.
    housekeeping.look_again()
    ends = time.monotonic() + AT_A_STRETCH
    try:
        grants.keep_fresh(connection)
        who = lines.account(connection)
        db.session.commit()  # From here on no transaction is open while the remote is asked.
        asked = now()
        with lines.open_client(connection, with_account=who) as client:
            for page in pull.pages(client, since, cursor):  # 1 ask the remote
                records, bad = resources.translate(page.items, pull, door)  # 2 its words to ours
                held = _keep(claimed, run_id, connection, page, records, bad, door, asked)  # 3 keep, 4 count
                if held is None:
                    return None
                claimed, asked = held, now()
                if page.cursor is not None and time.monotonic() > ends:
                    return Again()
        return _end(run_id, connection)
    except Busy as why:
        return _wait(claimed, run_id, why)
    except Unauthorised as why:
        return _refused(claimed, run_id, connection, why)
    except RemoteError as why:
        return _fail(run_id, why)


def _begin(claimed: Claim, run_id: uuid.UUID) -> tuple[Connection, Resource, datetime | None, str | None] | None:
    found = db.session.get(Run, (whose(), run_id))
    if found is None or not found.is_open:
        return None
    connection = db.session.get_one(Connection, (whose(), found.connection_id))
    if connection.state is not ConnectionState.ACTIVE:
        _close(found, RunState.STOPPED, "connection_is_off")
        return None
    if found.state is RunState.WAITING:
        found.state = RunState.RUNNING
        found.started_at = found.started_at or now()
        found.slowed_until = None
    work.hold(claimed)
    return connection, Resource(found.resource), found.since, found.cursor


def _keep(
    claimed: Claim,
    run_id: uuid.UUID,
    connection: Connection,
    page: Page,
    records: Sequence[Record],
    bad: Sequence[BadRecord],
    door: Door,
    asked: datetime,
) -> Claim | None:
    """One transaction: the page's records, the run's numbers, the cursor, the lease.

    None where the run was stopped meanwhile.
    """
    # A crash of the database that forgets this commit forgets the cursor with it, and the page is asked for again.
    db.session.execute(work.UNHURRIED)
    kept = door.keep(connection, records, asked)
    seen = len(records) + len(bad)
    moved = db.session.execute(
        sa.update(Run)
        .where(Run.merchant_id == whose(), Run.id == run_id, Run.state == RunState.RUNNING)
        .values(
            cursor=WALKED if page.cursor is None else page.cursor,
            pages=Run.pages + 1,
            seen=Run.seen + seen,
            kept=Run.kept + len(records),
            refused=Run.refused + len(bad),
            fresh=Run.fresh + kept.fresh,
            changed=Run.changed + kept.changed,
            held=Run.held + kept.held,
            total=sa.func.coalesce(page.total, Run.total),
        )
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # An UPDATE gives a cursor result, which the stubs hide.
        db.session.rollback()
        return None
    ids = [each.remote_id for each in records] + [each.remote_id for each in bad if each.remote_id]
    db.session.add(RunPage(merchant_id=whose(), run_id=run_id, remote_ids=ids))
    _keep_problems(run_id, bad)
    held = work.hold(claimed, progress=True)
    db.session.commit()
    return held


def _keep_problems(run_id: uuid.UUID, bad: Sequence[BadRecord]) -> None:
    for why in bad[:KEPT_PROBLEMS]:
        db.session.add(
            RunProblem(
                merchant_id=whose(),
                run_id=run_id,
                cause="unreadable_item",
                remote_id=why.remote_id,
                detail=str(why)[:300],
            )
        )


def _end(run_id: uuid.UUID, connection: Connection) -> Outcome:
    """The last page is kept: judge what only the whole shows, and close the run in the transaction of its work."""
    found = _locked(run_id)
    if not found.is_open:
        return None
    unknown = db.session.scalar(
        sa.select(sa.func.count()).where(
            RunProblem.merchant_id == whose(), RunProblem.run_id == run_id, RunProblem.remote_id == ""
        )
    )
    complete = found.since is None and not unknown
    resource = Resource(found.resource)
    door = DOORS[resource]
    many = resources.too_many_lost(door, connection, run_id) if complete and not _said_before(found) else None
    found.missing = door.settle(connection, run_id, complete=complete and many is None)
    if resource is Resource.PRODUCTS and found.since is None:
        # Counting reads the whole catalogue, which a run that asked for changes only has nothing to do with.
        found.groups = linking.groups(connection.id)
    _close(found, RunState.DONE, MANY_GONE if many else "")
    forget_failures(connection, resource)
    if found.asked_again:
        db.session.flush()  # Only one run may be open.
        start(connection, resource, found.asked_again)
    if many:
        notices.tell("run", run_id, MANY_GONE, gone=many[0], live=many[1], resource=found.resource)
    return None


def _said_before(found: Run) -> bool:
    """Whether the whole run before this one already missed most listings: what two runs say is believed."""
    query = sa.select(Run.cause).where(
        Run.merchant_id == whose(),
        Run.connection_id == found.connection_id,
        Run.resource == found.resource,
        Run.state == RunState.DONE,
        Run.since.is_(None),
    )
    return db.session.scalar(query.order_by(Run.id.desc()).limit(1)) == MANY_GONE


def _close(found: Run, state: RunState, cause: str = "", detail: str = "") -> None:
    found.state, found.ended_at = state, now()
    found.cause, found.detail, found.slowed_until = cause, detail, None
    if state is RunState.DONE:
        db.session.execute(sa.delete(RunPage).where(RunPage.merchant_id == whose(), RunPage.run_id == found.id))


def _locked(run_id: uuid.UUID) -> Run:
    query = sa.select(Run).where(Run.merchant_id == whose(), Run.id == run_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _wait(claimed: Claim, run_id: uuid.UUID, why: Busy) -> Outcome:
    """The remote asks for patience: go on from the same page later, until patience ends."""
    outcome = work.after_failure(claimed.attempts, str(why), why.after)
    found = _locked(run_id)
    if not found.is_open:
        return None
    if isinstance(outcome, Again):
        found.state, found.cause = RunState.WAITING, why.cause.value
        found.slowed_until = now() + timedelta(seconds=outcome.seconds)
        return outcome
    return _fail(run_id, why)


def _refused(claimed: Claim, run_id: uuid.UUID, connection: Connection, why: Unauthorised) -> Outcome:
    """The credentials no longer work.  New tokens are tried once; then the connection rests."""
    db.session.rollback()
    if claimed.attempts <= 1 and grants.renew_now(connection):
        return Again(progress=False)
    _fail(run_id, why, tell=False)  # The connection's own notice says it once.
    trouble.pause(db.session.get_one(Connection, (whose(), connection.id)), why)
    return None


def _fail(run_id: uuid.UUID, why: RemoteError, *, tell: bool = True) -> Outcome:
    db.session.rollback()
    found = _locked(run_id)
    if found.is_open:
        _close(found, RunState.FAILED, why.cause.value, f"{why.code} {why.detail}".strip())
        if tell:
            notices.tell("run", run_id, why.cause.value, resource=found.resource)
    say.warning("sync failed", run=str(run_id), cause=why.cause.value, detail=why.detail)
    return Dead(str(why)) if isinstance(why, Busy) else None


def forget_failures(connection: Connection, resource: Resource | None = None) -> None:
    """Clear what was said of earlier runs of a connection, in the open transaction: a later one ended well."""
    runs = sa.select(Run.id).where(Run.merchant_id == whose(), Run.connection_id == connection.id)
    if resource is not None:
        runs = runs.where(Run.resource == resource.value)
    notices.clear_all("run", runs)


def stop(found: Run, by: By) -> None:
    """The button *Stop this run*: what is kept stays kept.  The page under way is dropped."""
    row = _locked(found.id)
    if row.is_open:
        _close(row, RunState.STOPPED, "stopped_by_hand", by.name)
        work.withdraw("sync", work_key("sync", row.id))
        audit.note(by, "sync_stopped", "run", row.id)
    db.session.commit()


def stop_all(connection: Connection, cause: str, *only: Resource) -> None:
    """Stop the open runs of a connection, in the open transaction: of these resources, or all where none is named."""
    query = sa.select(Run).where(
        Run.merchant_id == whose(),
        Run.connection_id == connection.id,
        Run.state.in_([RunState.WAITING, RunState.RUNNING]),
    )
    if only:
        query = query.where(Run.resource.in_([each.value for each in only]))
    for each in db.session.scalars(query.with_for_update()):
        _close(each, RunState.STOPPED, cause)
        work.withdraw("sync", work_key("sync", each.id))


def retry(found: Run, by: By) -> Run:
    """The button *Try again*: a failed or stopped run goes on at the page where it ended.  Raises Refusal."""
    row = _locked(found.id)
    connection = db.session.get_one(Connection, (whose(), row.connection_id))
    if connection.state is not ConnectionState.ACTIVE:
        raise Refusal("connection_is_off", name=connection.name)
    if rests(connection):
        raise Refusal("store_is_off")
    if row.state not in {RunState.FAILED, RunState.STOPPED}:
        raise Refusal("run_not_ended_badly")
    row.state, row.ended_at, row.cause, row.detail = RunState.WAITING, None, "", ""
    with saving.refused_as("one_open_run", Refusal("another_run_is_open")):
        db.session.flush()  # Refused here, before anything else is asked of the database.
    notices.clear("run", row.id)
    _add_work(connection, row, by.name)
    audit.note(by, "sync_retried", "run", row.id)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Refusal("another_run_is_open") from None
    return row
