"""Connect links: whoever holds one may let us in at the remote for one connection, once, without an account here."""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import sqlalchemy as sa

from portal import integrations
from portal.flows import audit, connections, secrets
from portal.flows.audit import By
from portal.flows.house import house
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id, new_token
from portal.models import Connection, ConnectLink, GrantAttempt

LIFETIME = timedelta(hours=72)
PATH = "/connect/"
# The link is shown again while it is good, so what stands in its address is kept sealed like any other secret.
FIELD = "connect.link"


def make(connection: Connection, by: By) -> str:
    """The address of a new link; the one before is over.  Raises Refusal where there is nothing to let in for."""
    one = integrations.get(connection.integration)
    if one.grant is None or not one.grant.needed(connection.settings):
        raise Refusal("nothing_to_grant")
    missing = connections.missing_steps(connection)
    if missing and missing[0] != "login":
        raise Refusal("not_ready", step=missing[0])
    db.session.refresh(connection, with_for_update=True)
    _end_all(connection)
    text, token_hash = passes.make(whose())
    link = ConnectLink(
        merchant_id=whose(),
        id=new_id(),
        connection_id=connection.id,
        token_hash=token_hash,
        made_by=by.name,
        expires_at=now() + LIFETIME,
    )
    db.session.add(link)
    secrets.keep(connection, FIELD, text, by.name)
    _note(by, "connect_link_made", connection)
    db.session.commit()
    return _address(text)


def revoke(connection: Connection, by: By) -> None:
    """Take back the link that is still good, where there is one."""
    db.session.refresh(connection, with_for_update=True)
    if _end_all(connection):
        secrets.forget(connection, FIELD)
        _note(by, "connect_link_revoked", connection)
    db.session.commit()


def _end_all(connection: Connection) -> bool:
    ended = db.session.execute(
        sa.update(ConnectLink)
        .where(
            ConnectLink.merchant_id == whose(),
            ConnectLink.connection_id == connection.id,
            ConnectLink.used_at.is_(None),
            ConnectLink.revoked_at.is_(None),
        )
        .values(revoked_at=now())
        .returning(ConnectLink.id)
    )
    return bool(ended.all())


def good_link(connection: Connection) -> ConnectLink | None:
    """The link that still works, None where there is none."""
    query = sa.select(ConnectLink).where(
        ConnectLink.merchant_id == whose(), ConnectLink.connection_id == connection.id, *_is_good()
    )
    return db.session.scalars(query.order_by(ConnectLink.id.desc()).limit(1)).one_or_none()


def address(connection: Connection) -> str:
    """The address of the link that still works, "" where it opens no more.  For those who may make one."""
    text = secrets.readable(connection).get(FIELD, "")
    return _address(text) if text else ""


def _address(text: str) -> str:
    return f"{house().settings.portal_url.rstrip('/')}{PATH}{text}"


def _is_good() -> list[sa.ColumnElement[bool]]:
    return [ConnectLink.used_at.is_(None), ConnectLink.revoked_at.is_(None), ConnectLink.expires_at > now()]


@contextmanager
def opened(text: str) -> Iterator[ConnectLink | None]:
    """The link whose address holds this text, and within the block its merchant; None for one that does not work."""
    found = passes.read(text)
    if found is None:
        yield None
        return
    merchant, token_hash = found
    with acting_for(merchant):
        query = sa.select(ConnectLink).where(
            ConnectLink.merchant_id == merchant, ConnectLink.token_hash == token_hash, *_is_good()
        )
        yield db.session.scalars(query).one_or_none()


def connection_of(link: ConnectLink) -> Connection:
    """The connection that a link is for."""
    return db.session.get_one(Connection, (whose(), link.connection_id))


def new_browser(text: str) -> str:
    """What the cookie of a browser holds that sets out with a link: the link's text, and what tells browsers apart."""
    return f"{text}.{new_token()}"


def link_of(cookie: str) -> str:
    """The link's text in such a cookie, "" for none."""
    return cookie.partition(".")[0]


def browser_hash(cookie: str) -> bytes:
    """How the database knows a browser that set out with a link."""
    return hashlib.sha256(b"connect link " + cookie.encode()).digest()


def set_out(link: ConnectLink, state: str, cookie: str) -> bool:
    """Whether the trip of this state began with this link in this browser."""
    query = sa.select(GrantAttempt.id).where(
        GrantAttempt.merchant_id == whose(),
        GrantAttempt.state_hash == hashlib.sha256(state.encode()).digest(),
        GrantAttempt.session_hash == browser_hash(cookie),
        GrantAttempt.link_id == link.id,
    )
    return db.session.scalar(query) is not None


def use(link_id: uuid.UUID, cookie: str, *, pushes: bool | None) -> None:
    """Whoever holds the link saw whose account it is and confirmed: the connection works with it, the link is over.

    Raises Refusal where the link is over meanwhile or nothing waits to be confirmed.
    """
    connection_id = db.session.get_one(ConnectLink, (whose(), link_id)).connection_id
    connection = db.session.get_one(Connection, (whose(), connection_id))
    # Whoever makes a new link or takes one back holds the connection first as well, so that nobody waits in a circle.
    db.session.refresh(connection, with_for_update=True)
    query = sa.select(ConnectLink).where(ConnectLink.merchant_id == whose(), ConnectLink.id == link_id, *_is_good())
    link = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if link is None:
        raise Refusal("link_is_over")
    secrets.forget(connection, FIELD)
    # What keeps the connection from being turned on again is the merchant's to see, on the merchant's own page.
    with suppress(Refusal):
        connections.adopt(connection, browser_hash(cookie), By(link.made_by), link=link, pushes=pushes)
    if link.used_at is None:
        db.session.rollback()
        raise Refusal("nothing_to_grant")


def _note(by: By, what: str, connection: Connection) -> None:
    audit.note(by, what, "connection", connection.id, name=connection.name, store_id=connection.store_id)
