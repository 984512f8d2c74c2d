"""Letting us in at a remote (OAuth 2): the trip to its consent page, the way back, and tokens that stay fresh."""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Grant, Integration
from portal.contract.errors import Busy, Cause, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, ApiClient
from portal.contract.records import Shop, Tokens
from portal.flows import audit, lines, notices, secrets, trouble, work
from portal.flows.audit import By
from portal.flows.house import house
from portal.flows.work import Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id, new_token
from portal.models import Connection, ConnectionState, ConnectLink, GrantAttempt
from portal.models.work import work_key

LIFETIME, SOON = timedelta(minutes=10), timedelta(minutes=5)
RENEWAL_TAKES = timedelta(seconds=60)
OTHERS_WAIT = 30.0
# A remote that was asked for a later end and gave none is asked again so often, and the merchant is told.
ASK_AGAIN, GRAVE = timedelta(days=1), timedelta(days=7)
ENDS_SOON = "access_ends_soon"


def callback_url(one: Integration) -> str:
    """The address that a merchant registers at the remote, to the letter."""
    return f"{house().settings.portal_url}/oauth/{one.key}/callback"


def begin(connection: Connection, session_hash: bytes, by: By | ConnectLink) -> str:
    """The address of the remote's consent page for this connection.  Raises Refusal.

    The trip is a user's, bound to the session, or that of a connect link, bound to the browser that opened it.
    """
    one = integrations.get(connection.integration)
    grant, state, redirect_uri = _grant_of(one, connection), new_token(), callback_url(one)
    attempt = _trip(connection, session_hash, by, redirect_uri)
    attempt.state_hash = _hash(state)
    db.session.add(attempt)
    address = grant.authorise(lines.account(connection), redirect_uri, state)
    db.session.commit()
    return address


def _grant_of(one: Integration, connection: Connection) -> Grant:
    if one.grant is None or not one.grant.needed(connection.settings):
        raise Refusal("nothing_to_grant")
    return one.grant


def _trip(connection: Connection, session_hash: bytes, by: By | ConnectLink, redirect_uri: str) -> GrantAttempt:
    who, link_id = (By(by.made_by), by.id) if isinstance(by, ConnectLink) else (by, None)
    if who.user_id is None and link_id is None:
        raise Refusal("nothing_to_grant")
    audit.note_connection(who, "access_asked", connection)
    return GrantAttempt(
        merchant_id=whose(),
        id=new_id(),
        connection_id=connection.id,
        session_hash=session_hash,
        user_id=who.user_id,
        link_id=link_id,
        redirect_uri=redirect_uri,
    )


def pasted(connection: Connection, text: str, session_hash: bytes, by: By | ConnectLink) -> GrantAttempt:
    """What the remote showed on a page of its own instead of leading back, as if the browser had returned with it.

    Raises Refusal where there is neither a code nor an access in the text.
    """
    one = integrations.get(connection.integration)
    grant = _grant_of(one, connection)
    tokens = grant.pasted_tokens(text) if grant.pasted_tokens else None
    code = grant.pasted(text) if grant.pasted and tokens is None else ""
    if tokens is None and not code:
        raise Refusal("nothing_in_paste", "text", remote=one.name)
    attempt = _trip(connection, session_hash, by, callback_url(one))
    attempt.state_hash, attempt.returned_at = _hash(new_token()), now()
    db.session.add(attempt)
    db.session.commit()
    return _finish(one, grant, attempt, connection, code, tokens)


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
    return _finish(one, one.grant, attempt, connection, query["code"], None)


def _finish(
    one: Integration, grant: Grant, attempt: GrantAttempt, connection: Connection, code: str, tokens: Tokens | None
) -> GrantAttempt:
    """Change the code into tokens where there are none yet, ask whose they are, and keep them sealed."""
    try:
        who = lines.account(connection)
        if tokens is None:
            with lines.open_client(connection, with_account=who, seconds=lines.IN_A_REQUEST) as client:
                tokens = grant.take(client, code, attempt.redirect_uri)
        new = lines.with_tokens(who, tokens)
        with lines.open_client(connection, with_account=new, seconds=lines.IN_A_REQUEST) as client:
            shop = _whose(one, client, tokens)
    except RemoteError as why:
        return _brought_nothing(attempt, why)
    packed = json.dumps([tokens.access, tokens.refresh, tokens.account])
    attempt.sealed = house().keyring.seal(packed, place(attempt.connection_id, attempt.id))
    attempt.token_expires_at = tokens.expires_at
    attempt.shop_id, attempt.shop_name = shop.remote_id, shop.name
    db.session.commit()
    return attempt


def _whose(one: Integration, client: ApiClient, tokens: Tokens) -> Shop:
    """Whose the access is.

    Where the first check goes step by step, it is that which finds a wrong code: the access was given all the same, and
    nobody should have to give it twice for a slip of the pen.
    """
    try:
        return one.check(client)
    except Unauthorised:
        raise
    except RemoteError:
        if not one.checks:
            raise
        return Shop(tokens.account, "")


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


def adopt(
    connection: Connection,
    session_hash: bytes,
    by: By,
    *,
    link: ConnectLink | None = None,
    pushes: bool | None = None,
) -> None:
    """Whoever went there saw whose account it is and goes on: from now on the connection works with these tokens.

    `link` is used up by it; `pushes` is whether the remote was told to send pushes, None where nobody said.  Raises
    Refusal where nothing waits.
    """
    attempt = last_trip(connection, session_hash)
    if attempt is None or attempt.sealed is None:
        raise Refusal("nothing_to_grant")
    connection = _locked(connection.id)
    packed = house().keyring.open(attempt.sealed, place(attempt.connection_id, attempt.id))
    access, refresh, account = json.loads(packed)
    _store(connection, Tokens(access, refresh, attempt.token_expires_at, account), by.name)
    connection.granted_at = connection.checked_at = now()
    connection.shop_id, connection.shop_name = attempt.shop_id, attempt.shop_name
    if pushes is not None:
        connection.pushes = pushes
    if connection.state in {ConnectionState.PAUSED, ConnectionState.FAILED}:
        connection.move(ConnectionState.SAVED)
    trouble.forget(connection)
    if connection.is_active:
        plan_renewal(connection)
    if link is not None:
        link.used_at = now()
    db.session.execute(
        sa.delete(GrantAttempt).where(
            GrantAttempt.merchant_id == whose(), GrantAttempt.connection_id == attempt.connection_id
        )
    )
    audit.note_connection(by, "granted" if link is None else "granted_by_link", connection)
    db.session.commit()


def _store(connection: Connection, tokens: Tokens, by: str) -> None:
    secrets.keep(connection, "token.access", tokens.access, by)
    if tokens.refresh:
        secrets.keep(connection, "token.refresh", tokens.refresh, by)
    if tokens.account:
        secrets.keep(connection, "token.account", tokens.account, by)
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
    before = connection.token_expires_at
    left = before - one.grant.renew_before - now()
    if left > timedelta(0):
        return work.Again(left.total_seconds())
    try:
        renewed = renew_now(connection)
    except RemoteError as why:
        if connection.token_expires_at is None or connection.token_expires_at < now():
            raise
        # `renew_before` is room for an outage: the remote is asked again for as long as the old tokens are good.
        return work.Again(60.0 * claimed.attempts, progress=False, why=str(why))
    return _after_renewal(one.grant, connection.id, before if renewed else None)


def _after_renewal(grant: Grant, connection_id: uuid.UUID, before: datetime | None) -> Outcome:
    """When to ask next, where the end was at `before` (None: the remote refused).

    An end that did not move is told to the merchant, who alone can do something about it.
    """
    connection = _locked(connection_id)
    ends = connection.token_expires_at
    if ends is None:
        return None
    left = ends - now()
    if before is None or left <= timedelta(0):
        notices.clear("connection", connection.id, ENDS_SOON)
        trouble.pause(connection, Unauthorised(Cause.TOKEN_EXPIRED, "it is not renewed"), in_hand="renew_token")
        return None
    if ends > before:
        notices.clear("connection", connection.id, ENDS_SOON)
        # A remote whose tokens live shorter than `renew_before` must not be asked again and again.
        return work.Again(max((left - grant.renew_before).total_seconds(), left.total_seconds() / 2, 30))
    if ends_soon(connection):
        soon = left < GRAVE
        notices.tell("connection", connection.id, ENDS_SOON, grave=soon, name=connection.name, soon=soon)
    return work.Again(max(min(ASK_AGAIN, left).total_seconds(), 30))


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


def place(connection_id: uuid.UUID, attempt_id: uuid.UUID) -> tuple[str, ...]:
    """Where the tokens of an attempt lie until they are taken over, and so where alone they open."""
    return secrets.place(connection_id, "grant", attempt_id)


def ends_soon(connection: Connection) -> bool:
    """Whether the end of the access is near enough that the merchant should hear of it.

    What is renewed by itself is worth a word only when the renewal is overdue; what may not be renewed, as early as the
    integration asks for it.
    """
    ends, grant = connection.token_expires_at, integrations.get(connection.integration).grant
    warning = (grant.warn_before or grant.renew_before / 2) if grant is not None else timedelta(days=3)
    return ends is not None and ends < now() + warning
