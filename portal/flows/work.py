"""The ledger of intended effects.  A row is the truth; a bell in Redis only says that a lane has work."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from portal.contract.errors import Busy, RemoteError
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import Work, WorkStatus

# How long the work of a dead worker waits for the next one.  A living worker prolongs it, however slow a remote is.
LEASE = timedelta(seconds=20)
MOST_ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 900.0
LONGEST_WISH = 3600.0
DRAIN_SECONDS = 20.0
LARGEST_BATCH = 32
QUICK_SECONDS = 0.05

# Rows are settled past the objects of the session: none is kept there, and looking for them takes a while.
TABLE = Work.metadata.tables["work"]

say = log.logger(__name__)


class LeaseLost(Exception):
    """Somebody else holds the work now; what was not committed is dropped."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of work as it was taken, with the fencing number that finishing it needs."""

    merchant_id: uuid.UUID
    id: uuid.UUID
    lane: str
    kind: str
    body: Mapping[str, Any]
    lease: int
    attempts: int
    asked_by: str


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished: go on after so many seconds.  `progress` says that this was no failed attempt."""

    seconds: float = 0
    progress: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Dead:
    """It cannot succeed; a person has to look."""

    why: str


Outcome = Again | Dead | None
Verb = Callable[[Claim], Outcome]


def add(
    kind: str,
    lane: str,
    key: str,
    body: Mapping[str, Any],
    *,
    priority: int = 5,
    not_before: datetime | None = None,
    asked_by: str = "",
) -> None:
    """Add work to the open transaction.  While open work of this kind and key exists, it is only made due earlier."""
    row = insert(Work).values(
        merchant_id=whose(),
        id=new_id(),
        kind=kind,
        lane=lane,
        natural_key=key,
        body=dict(body),
        status=WorkStatus.OPEN,
        priority=priority,
        lease=0,
        attempts=0,
        not_before=not_before or now(),
        error="",
        asked_by=asked_by,
        created_at=now(),
    )
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=[Work.merchant_id, Work.kind, Work.natural_key],
            index_where=sa.text("status = 'open'"),
            set_={
                "not_before": sa.func.least(Work.not_before, row.excluded.not_before),
                "priority": sa.func.least(Work.priority, row.excluded.priority),
            },
        )
    )


def withdraw(kind: str, key: str) -> None:
    """Take open work back, in the open transaction; whoever holds it can no longer finish it."""
    db.session.execute(
        sa.update(Work)
        .where(Work.merchant_id == whose(), Work.kind == kind, Work.natural_key == key, Work.status == WorkStatus.OPEN)
        .values(status=WorkStatus.DONE, ended_at=now(), lease=Work.lease + 1, lease_until=None, error="withdrawn")
    )


def unfinished(kind: str, key: str) -> Work | None:
    """The open work of this kind and key; for pages that tell how it goes."""
    query = sa.select(Work).where(
        Work.merchant_id == whose(), Work.kind == kind, Work.natural_key == key, Work.status == WorkStatus.OPEN
    )
    return db.session.scalars(query).one_or_none()


CLAIM = sa.text(
    """
    update work set lease = lease + 1, lease_until = now() + :lease, attempts = attempts + 1
    where (merchant_id, id) in (
        select merchant_id, id from work
        where lane = :lane and status = 'open' and not_before <= now() and (lease_until is null or lease_until < now())
        order by priority, not_before, id limit :most for update skip locked)
    returning merchant_id, id, lane, kind, body, lease, attempts, asked_by
    """
)
KEEP = sa.text(
    """
    update work set lease_until = clock_timestamp() + :lease
    where (merchant_id, id) in (
        select w.merchant_id, w.id from work w
        join unnest(cast(:merchants as uuid[]), cast(:ids as uuid[]), cast(:leases as bigint[]))
            as mine(merchant_id, id, lease) on (w.merchant_id, w.id, w.lease) = (mine.merchant_id, mine.id, mine.lease)
        where w.status = 'open' and w.lease_until is not null for update of w skip locked)
    """
)
READY = sa.text(
    """
    select distinct lane from work
    where status = 'open' and not_before <= now() and (lease_until is null or lease_until < now())
    """
)
BE_RELAY = sa.text("set local role lintas_relay")
# A claim that a crash of the database forgets is simply taken again; waiting for the disk would buy nothing.
UNHURRIED = sa.text("set local synchronous_commit = off")


def claim(lane: str, most: int = 1) -> list[Claim]:
    """Take the most urgent free rows of a lane; the lease number fences off whoever held them before."""
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        wire.execute(UNHURRIED)
        rows = wire.execute(CLAIM, {"lane": lane, "most": most, "lease": LEASE}).all()
    return [Claim(*row) for row in rows]


def lanes_ready() -> list[str]:
    """The lanes that have work which nobody holds."""
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        return list(wire.execute(READY).scalars())


def hold(claimed: Claim, *, progress: bool = False) -> Claim:
    """Keep the lease for another while, in the open transaction.  Raises LeaseLost.

    With `progress` the attempts are counted from here on: five failures in a row end the work, not five in all.
    """
    attempts = 1 if progress else claimed.attempts
    _settle(claimed, lease_until=sa.func.clock_timestamp() + LEASE, attempts=attempts)
    return replace(claimed, attempts=attempts)


@contextmanager
def _kept(claims: Sequence[Claim]) -> Iterator[None]:
    """Within the block a thread prolongs the leases, so that no slow remote costs the work its holder.

    A process that was killed or stopped prolongs nothing, and its work is free when the lease ends.
    """
    mine = {
        "merchants": [each.merchant_id for each in claims],
        "ids": [each.id for each in claims],
        "leases": [each.lease for each in claims],
        "lease": LEASE,
    }
    over, engine = threading.Event(), db.engine

    def prolong() -> None:
        while not over.wait(LEASE.total_seconds() / 4):
            try:
                with engine.begin() as wire:
                    wire.execute(BE_RELAY)
                    wire.execute(UNHURRIED)
                    wire.execute(KEEP, mine)
            except SQLAlchemyError as why:
                say.warning("a lease was not prolonged", why=type(why).__name__)

    keeper = threading.Thread(target=prolong, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _settle(claimed: Claim, **values: Any) -> None:
    settled = db.session.execute(
        sa.update(TABLE)
        .where(
            TABLE.c.merchant_id == claimed.merchant_id,
            TABLE.c.id == claimed.id,
            TABLE.c.lease == claimed.lease,
            TABLE.c.status == WorkStatus.OPEN,
        )
        .values(**values)
    )
    if settled.rowcount != 1:  # type: ignore[attr-defined]  # An UPDATE gives a cursor result, which the stubs hide.
        raise LeaseLost


def _apply(claimed: Claim, outcome: Outcome) -> None:
    match outcome:
        case None:
            _settle(claimed, status=WorkStatus.DONE, ended_at=now(), lease_until=None, error="")
        case Again(seconds=seconds, progress=progress, why=why):
            # Only deaths without a word may bring the count beyond the most; whoever is patient on purpose stays below.
            attempts = 0 if progress else min(claimed.attempts, MOST_ATTEMPTS - 1)
            at = now() + timedelta(seconds=seconds)
            _settle(claimed, lease_until=None, not_before=at, error=why, attempts=attempts)
        case Dead(why=why):
            _settle(claimed, status=WorkStatus.DEAD, ended_at=now(), lease_until=None, error=why)


def pause_for(attempts: int) -> float:
    """Seconds until the next attempt: full jitter under a bound that doubles from 2 s to 15 min."""
    return random.uniform(0.5, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 12)))


def after_failure(attempts: int, why: str, after: float | None = None) -> Outcome:
    """What follows a failed attempt: another one later, or the end."""
    if attempts >= MOST_ATTEMPTS:
        return Dead(why)
    ours = pause_for(attempts)
    # A remote that says "now" or "next year" is not taken at its word.
    seconds = ours if after is None else min(max(after, ours), LONGEST_WISH)
    return Again(seconds, progress=False, why=why)


def perform(claimed: Claim, verbs: Mapping[str, Verb]) -> None:
    """Do one piece of work and settle its row in the transaction of its effect."""
    with acting_for(claimed.merchant_id):
        try:
            # More claims than attempts: no failure was told, so whoever held it died each time.
            poison = claimed.attempts > MOST_ATTEMPTS
            _apply(claimed, Dead("its worker ended every time") if poison else verbs[claimed.kind](claimed))
            db.session.commit()
        except LeaseLost:
            db.session.rollback()
            say.warning("work was taken over", kind=claimed.kind, work=str(claimed.id))
        except RemoteError as why:
            db.session.rollback()
            _fail(claimed, str(why), why.after if isinstance(why, Busy) else None)
        except Exception as why:  # The row must tell of any fault; it is counted, and after five attempts it is dead.
            db.session.rollback()
            say.exception("work failed", kind=claimed.kind, work=str(claimed.id), merchant=str(claimed.merchant_id))
            _fail(claimed, type(why).__name__, None)
        finally:
            db.session.remove()


def _fail(claimed: Claim, why: str, after: float | None) -> None:
    try:
        _apply(claimed, after_failure(claimed.attempts, why, after))
        db.session.commit()
    except LeaseLost:
        db.session.rollback()


def drain(lane: str, verbs: Mapping[str, Verb], seconds: float = DRAIN_SECONDS) -> int:
    """Work off a lane for a while and say how many rows were handled.

    Quick work is claimed in growing batches; slow work one by one, so that nothing waits behind it under a lease.
    """
    ends = time.monotonic() + seconds
    done, most = 0, 1
    while time.monotonic() < ends:
        claims = claim(lane, most)
        if not claims:
            break
        began = time.monotonic()
        with _kept(claims):
            for number, claimed in enumerate(claims):
                if number and time.monotonic() > ends:
                    _release(claims[number:])
                    return done
                perform(claimed, verbs)
                done += 1
        took = (time.monotonic() - began) / len(claims)
        most = min(LARGEST_BATCH, most * 2) if took < QUICK_SECONDS else 1
    return done


def _release(claims: list[Claim]) -> None:
    for claimed in claims:
        with acting_for(claimed.merchant_id):
            try:
                _settle(claimed, lease_until=None, attempts=claimed.attempts - 1)
                db.session.commit()
            except LeaseLost:
                db.session.rollback()


def drain_all(verbs: Mapping[str, Verb], rounds: int = 1000) -> int:
    """Work off every lane until nothing is due; for tests and commands, where no worker runs."""
    done = 0
    for _ in range(rounds):
        lanes = lanes_ready()
        if not lanes:
            break
        done += sum(drain(lane, verbs) for lane in lanes)
    return done


def house_lane(merchant_id: uuid.UUID) -> str:
    """The lane of a merchant's inner work, which speaks to no remote."""
    return f"house-{merchant_id}"


def overview() -> list[tuple[str, str, int]]:
    """How many rows each lane has by status, over all merchants."""
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        query = sa.select(Work.lane, Work.status, sa.func.count()).where(Work.status != WorkStatus.DONE)
        rows = wire.execute(query.group_by(Work.lane, Work.status).order_by(Work.lane)).all()
    return [(lane, status.value, number) for lane, status, number in rows]


def dead_by_cause() -> list[tuple[str, str, int, datetime]]:
    """The dead rows over all merchants by kind and cause: how many, and since when; the most frequent first."""
    # An error begins with its cause; what follows differs from row to row.
    cause = sa.func.split_part(Work.error, ":", 1)
    number = sa.func.count()
    query = sa.select(Work.kind, cause, number, sa.func.min(Work.ended_at)).where(Work.status == WorkStatus.DEAD)
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        rows = wire.execute(query.group_by(Work.kind, cause).order_by(number.desc(), Work.kind, cause)).all()
    return [(kind, why, count, since) for kind, why, count, since in rows]


# Of several dead rows of one key only the newest is opened, and none where the key was added again meanwhile.
REPLAY = sa.text(
    """
    update work set status = 'open', ended_at = null, attempts = 0, not_before = now(), error = ''
    where merchant_id = :merchant and id in (
        select distinct on (kind, natural_key) id from work d
        where d.merchant_id = :merchant and d.status = 'dead' and not exists (
            select 1 from work o where o.merchant_id = :merchant and o.status = 'open'
                and o.kind = d.kind and o.natural_key = d.natural_key)
        order by kind, natural_key, id desc)
    returning id
    """
)
GIVE_UP = sa.text(
    """
    update work set status = 'done', error = 'replayed by another row' where merchant_id = :merchant and status = 'dead'
    """
)


def replay_dead() -> int:
    """Open every dead row again, over all merchants; an effect that happened already is recognised by its own key."""
    with db.engine.begin() as wire:
        wire.execute(BE_RELAY)
        merchants = list(
            wire.execute(sa.select(Work.merchant_id).distinct().where(Work.status == WorkStatus.DEAD)).scalars()
        )
    replayed = 0
    for merchant_id in merchants:
        with acting_for(merchant_id):
            replayed += len(db.session.execute(REPLAY, {"merchant": merchant_id}).all())
            db.session.execute(GIVE_UP, {"merchant": merchant_id})
            db.session.commit()
    return replayed
