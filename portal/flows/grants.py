"""Letting us in at a remote (OAuth 2): the trip to its consent page, the way back, and tokens that stay fresh."""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Integration
from portal.contract.errors import Busy, Cause, Refused, RemoteError, Unauthorised
from portal.contract.http import Account
from portal.contract.records import Tokens
from portal.flows import audit, lines, secrets, trouble, work
from portal.flows.audit import By
from portal.flows.house import house
from portal.flows.work import Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id, new_token
from portal.models import Connection, ConnectionState, GrantAttempt
from portal.models.work import work_key

LIFETIME = timedelta(minutes=10)
SOON = timedelta(minutes=5)
RENEWAL_TAKES = timedelta(seconds=60)
OTHERS_WAIT = 30.0


def callback_url(one: Integration) -> str:
    """The address that a merchant registers at the remote, to the letter."""
    return f"{house().settings.portal_url}/oauth/{one.key}/callback"


def begin(connection: Connection, session_hash: bytes, by: By) -> str:
    """The address of the remote's consent page for this connection.  Raises Refusal."""
    one = integrations.get(connection.integration)
    if one.grant is None or not one.grant.needed(connection.settings) or by.user_id is None:
        raise Refusal("nothing_to_grant")
    state, redirect_uri = new_token(), callback_url(one)
    db.session.add(
        GrantAttempt(
            merchant_id=whose(),
            id=new_id(),
            connection_id=connection.id,
            state_hash=_hash(state),
            session_hash=session_hash,
            user_id=by.user_id,
            redirect_uri=redirect_uri,
        )
    )
    address = one.grant.authorise(lines.account(connection), redirect_uri, state)
    db.session.commit()
    return address


def returned(one: Integration, query: Mapping[str, str], session_hash: bytes, address: str) -> GrantAttempt:
    """The browser is back from the remote, at `address` with this query.  Gives its attempt.

    Changes the code into tokens, asks whose shop they open, and keeps them sealed until the merchant goes on; where
    that cannot be done, the attempt's `cause` says why.  Raises Refusal where the state is none of ours, another
    session's, used, or too old; its value `connection` names the connection where that much is known.
    """
    if one.grant is None:
        raise Refusal("nothing_to_grant")
    attempt = _take(one, query.get("state", ""), session_hash)
    connection = db.session.get_one(Connection, (whose(), attempt.connection_id))
    redirect_uri = attempt.redirect_uri
    if urlsplit(address).netloc != urlsplit(redirect_uri).netloc:
        return _brought_nothing(attempt, Refused(Cause.WRONG_CALLBACK, address.partition("?")[0]))
    if query.get("error") or not query.get("code"):
        return _brought_nothing(attempt, one.grant.refused(query))
    db.session.commit()  # The state is used from here on, whatever the remote answers.
    try:
        who = lines.account(connection)
        with lines.open_client(connection, with_account=who, seconds=lines.IN_A_REQUEST) as client:
            tokens = one.grant.take(client, query["code"], redirect_uri)
        new = lines.with_tokens(who, tokens)
        with lines.open_client(connection, with_account=new, seconds=lines.IN_A_REQUEST) as client:
            shop = one.check(client)
    except RemoteError as why:
        return _brought_nothing(attempt, why)
    attempt.sealed = house().keyring.seal(_packed(tokens), _place(attempt))
    attempt.token_expires_at = tokens.expires_at
    attempt.shop_id, attempt.shop_name = shop.remote_id, shop.name
    db.session.commit()
    return attempt


def _brought_nothing(attempt: GrantAttempt, why: RemoteError) -> GrantAttempt:
    attempt.cause, attempt.detail = why.cause.value, f"{why.code} {why.detail}".strip()
    db.session.commit()
    return attempt


def _take(one: Integration, state: str, session_hash: bytes) -> GrantAttempt:
    found = db.session.scalars(
        sa.select(GrantAttempt)
        .where(GrantAttempt.merchant_id == whose(), GrantAttempt.state_hash == _hash(state))
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise Refusal("unknown_state")
    connection = db.session.get_one(Connection, (whose(), found.connection_id))
    if connection.integration != one.key:
        raise Refusal("unknown_state")
    if found.session_hash != session_hash:
        raise Refusal("other_session", connection=connection.id)
    if found.returned_at is not None:
        raise Refusal("state_used", connection=connection.id)
    if found.made_at + LIFETIME < now():
        raise Refusal("state_too_old", connection=connection.id)
    found.returned_at = now()
    return found


def last_trip(connection: Connection, session_hash: bytes) -> GrantAttempt | None:
    """The last attempt of this session that came back: with tokens that wait for the merchant, or with a cause."""
    query = sa.select(GrantAttempt).where(
        GrantAttempt.merchant_id == whose(),
        GrantAttempt.connection_id == connection.id,
        GrantAttempt.session_hash == session_hash,
        GrantAttempt.returned_at.is_not(None),
    )
    return db.session.scalars(query.order_by(GrantAttempt.returned_at.desc()).limit(1)).one_or_none()


def adopt(connection: Connection, session_hash: bytes, by: By) -> None:
    """The merchant saw whose shop it is and goes on: from now on the connection works with these tokens.

    Raises Refusal where nothing waits.
    """
    attempt = last_trip(connection, session_hash)
    if attempt is None or attempt.sealed is None:
        raise Refusal("nothing_to_grant")
    connection = _locked(connection.id)
    access, refresh = json.loads(house().keyring.open(attempt.sealed, _place(attempt)))
    _store(connection, Tokens(access, refresh, attempt.token_expires_at), by.name)
    connection.granted_at = connection.checked_at = now()
    connection.shop_id, connection.shop_name = attempt.shop_id, attempt.shop_name
    if connection.state in {ConnectionState.PAUSED, ConnectionState.FAILED}:
        connection.move(ConnectionState.SAVED)
    trouble.forget(connection)
    if connection.is_active:
        plan_renewal(connection)
    db.session.execute(
        sa.delete(GrantAttempt).where(
            GrantAttempt.merchant_id == whose(), GrantAttempt.connection_id == attempt.connection_id
        )
    )
    audit.note(by, "granted", "connection", connection.id, name=connection.name, store_id=connection.store_id)
    db.session.commit()


def _store(connection: Connection, tokens: Tokens, by: str) -> None:
    secrets.keep(connection, "token.access", tokens.access, by)
    if tokens.refresh:
        secrets.keep(connection, "token.refresh", tokens.refresh, by)
    connection.token_expires_at = tokens.expires_at
    connection.generation += 1
    connection.renewal_started_at = None


def plan_renewal(connection: Connection) -> None:
    """Have the tokens renewed before they end, in the open transaction."""
    one = integrations.get(connection.integration)
    if one.grant is None or connection.token_expires_at is None:
        return
    work.add(
        "renew_token",
        lines.lane(connection),
        work_key("renew_token", connection.id),
        {"connection": str(connection.id)},
        priority=1,
        not_before=connection.token_expires_at - one.grant.renew_before,
    )


def renew(claimed: Claim) -> Outcome:
    """Work: renew the tokens that end soon."""
    connection = db.session.get(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    if connection is None or not connection.is_active:
        return None
    one = integrations.get(connection.integration)
    if one.grant is None or connection.token_expires_at is None:
        return None
    left = connection.token_expires_at - one.grant.renew_before - now()
    if left > timedelta(0):
        return work.Again(left.total_seconds())
    try:
        renewed = renew_now(connection)
    except RemoteError as why:
        if connection.token_expires_at is None or connection.token_expires_at < now():
            raise
        # `renew_before` is room for an outage: the remote is asked again for as long as the old tokens are good.
        return work.Again(60.0 * claimed.attempts, progress=False, why=str(why))
    if not renewed:
        connection = _locked(connection.id)
        trouble.pause(connection, Unauthorised(Cause.TOKEN_EXPIRED, "the refresh was refused"), in_hand="renew_token")
        return None
    fresh = db.session.get_one(Connection, (whose(), connection.id))
    db.session.refresh(fresh)
    ends = fresh.token_expires_at
    if ends is None:
        return None
    # A remote whose tokens live shorter than `renew_before` must not be asked again and again.
    return work.Again(
        max((ends - one.grant.renew_before - now()).total_seconds(), (ends - now()).total_seconds() / 2, 30)
    )


def keep_fresh(connection: Connection) -> None:
    """Renew before a call where the tokens are about to end; a refusal shows at the call itself."""
    ends = connection.token_expires_at
    if ends is not None and ends < now() + SOON:
        renew_now(connection)
        db.session.refresh(connection)


def renew_now(connection: Connection) -> bool:
    """Renew once, however many workers ask at the same time.  False where the remote refuses.

    Raises Busy where the remote does not answer: whether it renewed is then unknown, and the next attempt tells.
    """
    one = integrations.get(connection.integration)
    generation = connection.generation
    mine = _locked(connection.id)
    if one.grant is None or not one.grant.needed(mine.settings) or mine.token_expires_at is None:
        db.session.rollback()
        return False
    if mine.generation != generation:
        db.session.rollback()
        return True
    if mine.renewal_started_at is not None and mine.renewal_started_at + RENEWAL_TAKES > now():
        db.session.rollback()
        return _renewed_by_another(connection.id, generation)
    mine.renewal_started_at = now()
    who = lines.account(mine)
    db.session.commit()  # The mark keeps others away while the remote is asked without a lock.
    return _ask_for_new(one, mine, who, generation)


def _ask_for_new(one: Integration, connection: Connection, who: Account, generation: int) -> bool:
    if who.tokens is None or one.grant is None:
        return False
    try:
        with lines.open_client(connection, with_account=who) as client:
            tokens = one.grant.renew(client, who.tokens)
    except (Refused, Unauthorised):
        row = _locked(connection.id)
        won_by_another = row.generation != generation
        row.renewal_started_at = None
        db.session.commit()
        return won_by_another
    except RemoteError:
        row = _locked(connection.id)
        row.renewal_started_at = None
        db.session.commit()
        raise
    row = _locked(connection.id)
    if row.generation == generation:
        _store(row, tokens, "Lintas")
    db.session.commit()
    return True


def _renewed_by_another(connection_id: uuid.UUID, generation: int) -> bool:
    """Wait for whoever renews.  Raises Busy where that comes to no end: only the remote may say that it refuses."""
    ends = time.monotonic() + OTHERS_WAIT
    while time.monotonic() < ends:
        time.sleep(0.2)
        row = db.session.execute(
            sa.select(Connection.generation, Connection.renewal_started_at).where(
                Connection.merchant_id == whose(), Connection.id == connection_id
            )
        ).one()
        db.session.rollback()  # The next look must see what others committed.
        if row.generation != generation:
            return True
        if row.renewal_started_at is None:
            break
    raise Busy(Cause.TIMEOUT, "a renewal under way came to no end")


def _locked(connection_id: uuid.UUID) -> Connection:
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id == connection_id)
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _place(attempt: GrantAttempt) -> tuple[str, ...]:
    return secrets.place(attempt.connection_id, "grant", attempt.id)


def _packed(tokens: Tokens) -> str:
    return json.dumps([tokens.access, tokens.refresh])


def ends_soon(connection: Connection) -> bool:
    """Whether the end of the access is near enough that the merchant should hear of it.

    What is renewed by itself is worth a word only when the renewal is overdue.
    """
    ends, grant = connection.token_expires_at, integrations.get(connection.integration).grant
    warning = grant.renew_before / 2 if grant is not None else timedelta(days=3)
    return ends is not None and ends < now() + warning
