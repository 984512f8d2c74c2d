"""The first check of a connection that was turned on: step by step, with five minutes of patience."""

import uuid
from datetime import timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Integration
from portal.contract.errors import Cause, RemoteError, Unauthorised
from portal.contract.http import ApiClient
from portal.contract.records import Shop
from portal.flows import drift, grants, lines, sync, trouble, work
from portal.flows.audit import By
from portal.flows.work import Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState
from portal.models.work import work_key

FIRST_CHECK = timedelta(minutes=5)
PATIENT_WITH = {Cause.BUSY, Cause.UNREACHABLE, Cause.TIMEOUT, Cause.RATE_LIMITED, Cause.QUOTA_USED}
# Within five minutes a remote that comes back should be noticed, so the pauses stop growing early.
LONGEST_COUNT = 4


def begin(connection: Connection, by: By) -> None:
    """Have the first check done, in the open transaction; what an earlier one found counts no longer."""
    connection.active_since = now()
    connection.checks = {}
    trouble.forget(connection)
    work.add(
        "activate",
        lines.lane(connection),
        work_key("activate", connection.id),
        {"connection": str(connection.id)},
        priority=2,
        asked_by=by.name,
    )


def activate(claimed: Claim) -> Outcome:
    """Work: check the credentials with the remote, then start what the options ask for."""
    connection = db.session.get_one(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection.state is not ConnectionState.ACTIVATING:
        return None
    one = integrations.get(connection.integration)
    try:
        grants.keep_fresh(connection)  # While the channel was off its tokens may have ended.
        who = lines.account(connection)
        db.session.commit()  # No transaction stays open while the remote thinks.
        with lines.open_client(connection, with_account=who) as client:
            shop = _checked(one, connection.id, client)
    except RemoteError as why:
        return _failed(claimed, why)
    connection = _locked(connection.id)  # Before the work's row, as whoever turns the connection off takes the two.
    work.hold(claimed)  # Turning off takes the work back, so whoever still holds it finds the connection activating.
    connection.checked_at, connection.shop_id, connection.shop_name = now(), shop.remote_id, shop.name
    connection.move(ConnectionState.ACTIVE)
    sync.start_all(connection, claimed.asked_by)
    grants.plan_renewal(connection)
    drift.resume(connection)
    return None


def _checked(one: Integration, connection_id: uuid.UUID, client: ApiClient) -> Shop:
    """Whose the credentials are.  Each step that is passed is kept at once, so that a page can show how far it got."""
    for check in one.checks:
        said = check.passes(client)
        connection = _locked(connection_id)
        connection.checks = {**connection.checks, check.key: {"at": now().isoformat(), "said": said}}
        db.session.commit()
    return one.check(client)


def _failed(claimed: Claim, why: RemoteError) -> Outcome:
    """A refusal ends the activation at once; a remote that does not answer gets five minutes."""
    connection = db.session.get_one(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection.state is not ConnectionState.ACTIVATING:
        return None
    patient = connection.active_since is not None and now() - connection.active_since < FIRST_CHECK
    if isinstance(why, Unauthorised):
        trouble.pause(connection, why, in_hand="activate")
        return None
    again = work.after_failure(min(claimed.attempts, LONGEST_COUNT), str(why), why.after)
    if patient and why.cause in PATIENT_WITH:
        return again
    connection.move(ConnectionState.FAILED)
    trouble.tell(connection, why)
    return None


def _locked(connection_id: uuid.UUID) -> Connection:
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id == connection_id)
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
