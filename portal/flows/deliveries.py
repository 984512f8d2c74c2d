"""Applying pushes: a hint says which things changed, the API says what they are now.

What comes back enters by the same door as a sync, so that neither the order nor the number of pushes can matter.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Resource
from portal.contract.errors import Busy, Garbled, RemoteError, Unauthorised
from portal.contract.webhooks import Hint, Push, Webhook
from portal.flows import grants, lines, notices, receiving, resources, sync, trouble, work
from portal.flows.audit import LINTAS
from portal.flows.work import Again, Claim, Dead, LeaseLost, Outcome
from portal.kit import log
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.sealing import NotOurs
from portal.kit.text import storable
from portal.models import Connection, ConnectionState, Delivery, DeliveryState, Run
from portal.models.sync import OPEN
from portal.models.work import work_key

KIND, REST = "delivery", "delivery_rest"
PRIORITY = 3
# How often it is looked whether a connection that was off is on again, and whether its first run has ended.
REST_PAUSE, RUN_PAUSE = timedelta(minutes=5), timedelta(seconds=20)
REST_STEP = 200
# So many waiting pushes are looked through for others about the same things.
LOOKED_THROUGH = 200
LONGEST_TOPIC = 100

OFF, STORE_OFF = "connection_is_off", "store_is_off"
RESTING = (OFF, STORE_OFF)
COVERED, ONLY_TOLD, NOT_WANTED, RUN_STARTED = "covered_by_run", "only_told", "not_wanted", "run_started"
UNREADABLE, BODY_GONE, OUR_FAULT = "push_not_readable", "push_body_gone", "push_our_fault"
DEAD_NOTICE = "push_dead"

say = log.logger(__name__)


class Unreadable(Exception):
    """A push that tells nothing: it cannot be read, or its body is gone before it was.  `cause` says which."""

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.detail = detail


def apply(claimed: Claim) -> Outcome:
    """Work: do what one push asks for, together with the waiting ones about the same things."""
    delivery_id = uuid.UUID(claimed.body["delivery"])
    try:
        return _apply(claimed, delivery_id)
    except LeaseLost:
        raise
    except RemoteError as why:
        db.session.rollback()
        return _failed(claimed, delivery_id, why)
    except Exception as why:
        db.session.rollback()
        if claimed.attempts >= work.MOST_ATTEMPTS:
            _die(_locked(delivery_id), OUR_FAULT, type(why).__name__, claimed.attempts)
            db.session.commit()
        raise


def _apply(claimed: Claim, delivery_id: uuid.UUID) -> Outcome:
    found = db.session.get(Delivery, (whose(), delivery_id))
    if found is None or found.state is not DeliveryState.WAITING:
        return None
    connection = db.session.get_one(Connection, (whose(), found.connection_id))
    webhook = integrations.get(connection.integration).webhook
    try:
        hint = read(found, webhook)
    except Unreadable as why:
        _die(found, why.cause, why.detail, claimed.attempts)
        return None
    if not hint.resource or not hint.keys:
        return _settle(_noted({found: hint}), ONLY_TOLD, (), claimed)
    if cause := _rests(connection):
        _noted({found: hint})
        return _wait(found, connection, cause)
    resource = Resource(hint.resource)
    if not resources.wanted(connection, resource):
        return _settle(_noted({found: hint}), NOT_WANTED, (), claimed)
    together = _noted(_together(found, hint, webhook))
    if integrations.get(connection.integration).pulls[resource].some is None:
        # Nothing can be asked for by itself there, so all of it is.
        sync.start(connection, resource, LINTAS.name)
        return _settle(together, RUN_STARTED, (), claimed)
    changed = resources.refresh(connection, resource, hint.keys)
    return _settle(together, "", changed, claimed)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(found: Delivery, webhook: Webhook | None) -> Hint:
    """What a push hints at; of one whose body is gone, what was read of it before.  Raises Unreadable."""
    push = body_of(found)
    if push is None or webhook is None:
        if not found.topic:
            raise Unreadable(BODY_GONE)
        return Hint(found.topic, found.hint.get("resource", ""), tuple(found.hint.get("keys", ())))
    try:
        hint = webhook.hint(push)
        if hint.resource:
            Resource(hint.resource)
    except ValueError as why:
        raise Unreadable(UNREADABLE, str(why)[:200] if storable(str(why)) else "") from None
    if not all(map(storable, (hint.topic, *hint.keys))):
        raise Unreadable(UNREADABLE, "a text that cannot be kept")
    return Hint(hint.topic[:LONGEST_TOPIC], hint.resource, hint.keys)


def body_of(found: Delivery) -> Push | None:
    """The push as it came; None where it was removed, or sealed by a key that is lost."""
    if found.sealed is None:
        return None
    try:
        return receiving.opened(found.merchant_id, found.connection_id, found.id, found.sealed)
    except NotOurs:
        return None


def _noted(hints: Mapping[Delivery, Hint]) -> list[uuid.UUID]:
    """Keep what pushes hint at, in the open transaction.

    Two workers may hold overlapping groups.  One flush writes its rows in the order of their ids, so that none of them
    waits for the other while the other waits for it; nothing of them may be written before.
    """
    for each, hint in hints.items():
        each.topic, each.hint = hint.topic, {"resource": hint.resource, "keys": list(hint.keys)}
    db.session.flush()
    return [each.id for each in hints]


def _together(found: Delivery, hint: Hint, webhook: Webhook | None) -> dict[Delivery, Hint]:
    """The waiting pushes of the connection that hint at exactly the same things: one question answers them all.

    They came before it is asked, so the answer is newer than what each of them tells.
    """
    query = sa.select(Delivery).where(
        Delivery.merchant_id == whose(),
        Delivery.connection_id == found.connection_id,
        Delivery.state == DeliveryState.WAITING,
        Delivery.id != found.id,
    )
    same = {found: hint}
    for other in db.session.scalars(query.order_by(Delivery.received_at, Delivery.id).limit(LOOKED_THROUGH)):
        try:
            theirs = read(other, webhook)
        except Unreadable:
            continue  # Its own work will tell of it.
        if (theirs.resource, set(theirs.keys)) == (hint.resource, set(hint.keys)):
            same[other] = theirs
    return same


def _rests(connection: Connection) -> str:
    if connection.state is not ConnectionState.ACTIVE:
        return OFF
    return STORE_OFF if sync.rests(connection) else ""


# --- what becomes of it -----------------------------------------------------------------------------------------------


def _settle(ids: Sequence[uuid.UUID], cause: str, changes: Sequence[str], claimed: Claim) -> Outcome:
    """Note in the open transaction that what these pushes asked for is done."""
    waiting = sa.select(Delivery.id).where(
        Delivery.merchant_id == whose(), Delivery.id.in_(ids), Delivery.state == DeliveryState.WAITING
    )
    # Two workers may hold overlapping groups; taking the rows in one order keeps them from waiting for each other.
    mine = db.session.scalars(waiting.order_by(Delivery.id).with_for_update()).all()
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.merchant_id == whose(), Delivery.id.in_(mine))
        .values(
            state=DeliveryState.APPLIED,
            cause=cause,
            detail="",
            changes=list(changes),
            attempts=claimed.attempts,
            settled_at=now(),
        )
    )
    _clear_notice(ids[0])
    return None


def _die(found: Delivery, cause: str, detail: str, attempts: int) -> None:
    """Note in the open transaction that a person has to look."""
    found.state, found.cause, found.detail = DeliveryState.DEAD, cause, detail
    found.attempts, found.settled_at = attempts, now()
    connection = db.session.get_one(Connection, (whose(), found.connection_id))
    notices.tell("connection", connection.id, DEAD_NOTICE, grave=False, name=connection.name)
    say.warning("a push was given up", delivery=str(found.id), cause=cause)


def _clear_notice(delivery_id: uuid.UUID) -> None:
    """Nothing is said of dead pushes any more once the connection has none."""
    found = db.session.get_one(Delivery, (whose(), delivery_id))
    dead = sa.select(Delivery.id).where(
        Delivery.merchant_id == whose(),
        Delivery.state == DeliveryState.DEAD,
        Delivery.connection_id == found.connection_id,
    )
    if db.session.scalar(dead.limit(1)) is None:
        notices.clear("connection", found.connection_id, DEAD_NOTICE)


def _wait(found: Delivery, connection: Connection, cause: str) -> Outcome:
    """Keep a push, in the open transaction, until its connection is on again; one row of work watches over them all."""
    found.cause, found.detail = cause, ""
    work.add(
        REST,
        work.house_lane(whose()),
        work_key(REST, connection.id),
        {"connection": str(connection.id)},
        priority=6,
        not_before=now() + REST_PAUSE,
    )
    return None


def _failed(claimed: Claim, delivery_id: uuid.UUID, why: RemoteError) -> Outcome:
    """The remote did not tell what the things are now: patience, a rest for the connection, or the end."""
    found = _locked(delivery_id)
    connection = db.session.get_one(Connection, (whose(), found.connection_id))
    if isinstance(why, Unauthorised):
        if claimed.attempts <= 1 and grants.renew_now(connection):
            return Again(progress=False)
        trouble.pause(db.session.get_one(Connection, (whose(), connection.id)), why)
        return _wait(_locked(delivery_id), connection, OFF)
    if isinstance(why, Busy | Garbled):
        outcome = work.after_failure(claimed.attempts, str(why), why.after)
        if not isinstance(outcome, Dead):
            found.cause, found.detail, found.attempts = why.cause.value, why.detail, claimed.attempts
            return outcome
    _die(found, why.cause.value, f"{why.code} {why.detail}".strip(), claimed.attempts)
    return None


def _locked(delivery_id: uuid.UUID) -> Delivery:
    query = sa.select(Delivery).where(Delivery.merchant_id == whose(), Delivery.id == delivery_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


# --- after a rest -----------------------------------------------------------------------------------------------------

# A whole run that began after a push came has seen whatever the push told of.
COVER = sa.text(
    """
    update delivery d set state = 'applied', cause = :covered, settled_at = :moment
    where d.merchant_id = :merchant and d.connection_id = :connection and d.state = 'waiting'
        and d.cause = any(:resting) and exists (
            select 1 from run r where r.merchant_id = :merchant and r.connection_id = :connection
                and r.resource = d.hint ->> 'resource' and r.state = 'done' and r.since is null
                and r.started_at > d.received_at)
    """
)


def rest(claimed: Claim) -> Outcome:
    """Work: when a connection is on again, see to the pushes that came while it was off.

    What a whole run has seen since is settled by it; the rest is applied one by one.
    """
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None:
        return None
    if _rests(connection):
        return Again(REST_PAUSE.total_seconds())
    if _runs_over_everything(connection):
        return Again(RUN_PAUSE.total_seconds())
    values = {"merchant": whose(), "connection": connection.id, "resting": list(RESTING)}
    db.session.execute(COVER, values | {"covered": COVERED, "moment": now()})
    query = sa.select(Delivery).where(
        Delivery.merchant_id == whose(),
        Delivery.connection_id == connection.id,
        Delivery.state == DeliveryState.WAITING,
        Delivery.cause.in_(RESTING),
    )
    left = db.session.scalars(query.order_by(Delivery.received_at).limit(REST_STEP)).all()
    for each in left:
        each.cause = ""
        add_work(each.id, lines.lane(connection))
    return Again() if len(left) == REST_STEP else None


def _runs_over_everything(connection: Connection) -> bool:
    query = sa.select(Run.id).where(
        Run.merchant_id == whose(), Run.connection_id == connection.id, Run.state.in_(OPEN), Run.since.is_(None)
    )
    return db.session.scalar(query.limit(1)) is not None


def add_work(delivery_id: uuid.UUID, lane: str, asked_by: str = "") -> None:
    """Have a push applied, in the open transaction."""
    work.add(
        KIND,
        lane,
        work_key(KIND, delivery_id),
        {"delivery": str(delivery_id)},
        priority=PRIORITY,
        asked_by=asked_by,
    )
