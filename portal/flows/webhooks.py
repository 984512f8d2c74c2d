"""The addresses that remotes push to, and the keys that pushes are signed with, one connection at a time."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Integration
from portal.contract.errors import Refused
from portal.flows import audit, lines, secrets
from portal.flows.audit import By
from portal.flows.house import house
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, Delivery, Secret

PATH = "/hooks/"
PASS, KEY, KEY_BEFORE = "hook.token", "push.key", "push.key.previous"
# For so long the key before the newest one is still believed, so that the sender's side can follow at leisure.
GRACE = timedelta(hours=24)


def address(connection: Connection) -> str:
    """The address that the remote pushes to; "" where there is none, or what was kept of it opens no more."""
    text = secrets.readable(connection).get(PASS, "") if connection.hook_hash else ""
    return f"{house().settings.portal_url.rstrip('/')}{PATH}{text}" if text else ""


def has_own_key(one: Integration) -> bool:
    """Whether pushes are signed with a key of the connection's own, made here, and not with one of the house."""
    return one.webhook is not None and not one.webhook.key_from


def open_hook(connection: Connection, by: str = audit.LINTAS.name) -> str:
    """Give a connection its address, in the open transaction; one that has an address keeps it.

    Answers the key that was made for it, to be shown this once; "" where none was made.
    """
    one = _pushing(connection)
    if connection.hook_hash is None:
        _new_pass(connection, by)
    if not has_own_key(one) or _secret(connection, KEY) is not None:
        return ""
    return _new_key(connection, one, by)


def roll_hook(connection: Connection, by: By) -> str:
    """Give a connection another address; the one before is gone at once.  Answers the new one.  Raises Refusal."""
    _pushing(connection)
    before = connection.hook_hash
    _new_pass(connection, by.name)
    audit.note(
        by,
        "hook_rolled" if before else "hook_opened",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
    )
    db.session.commit()
    return address(connection)


def roll_key(connection: Connection, by: By) -> str:
    """Make a new key of the connection's own, shown this once; the one before is believed for GRACE.

    Raises Refusal where the key is not the connection's to make.
    """
    one = _pushing(connection)
    if not has_own_key(one):
        raise Refusal("push_key_is_not_yours", remote=one.name)
    opened = secrets.readable(connection)
    if KEY in opened:
        secrets.keep(connection, KEY_BEFORE, opened[KEY], by.name)
    made = _new_key(connection, one, by.name)
    audit.note(
        by,
        "push_key_rolled",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        after={"push.key": audit.fingerprint(made)},
    )
    db.session.commit()
    return made


def close_hook(connection: Connection, by: By) -> None:
    """Take the address and the keys away: whoever pushes there finds nobody.  What was received stays."""
    if connection.hook_hash is None:
        return
    connection.hook_hash = connection.pushes = None
    secrets.forget(connection, PASS, KEY, KEY_BEFORE)
    audit.note(by, "hook_closed", "connection", connection.id, name=connection.name, store_id=connection.store_id)
    db.session.commit()


def keys(connection: Connection, one: Integration) -> tuple[str, ...]:
    """The keys that a push may be signed with, the current one first.  Only for the moment of verifying."""
    if not has_own_key(one):
        return _keys_of_the_house(one)
    opened, before = secrets.readable(connection), _secret(connection, KEY_BEFORE)
    found = [opened.get(KEY, "")]
    if before is not None and before.set_at + GRACE > now():
        found.append(opened.get(KEY_BEFORE, ""))
    return tuple(each for each in found if each)


def _keys_of_the_house(one: Integration) -> tuple[str, ...]:
    if one.webhook is None:
        return ()
    try:
        said = lines.house_value(one, one.webhook.key_from)
    except Refused:  # A file that cannot be read: `portal doctor` tells the operator.
        return ()
    return tuple(each.strip() for each in said.split(",") if each.strip())


def last_push(connection: Connection) -> datetime | None:
    """When the newest believed push of a connection came, None where none did."""
    query = sa.select(Delivery.last_at).where(Delivery.merchant_id == whose(), Delivery.connection_id == connection.id)
    found: datetime | None = db.session.scalar(query.order_by(Delivery.received_at.desc()).limit(1))
    return found


def _pushing(connection: Connection) -> Integration:
    """The integration of a connection whose remote pushes.  Raises Refusal for any other."""
    one = integrations.get(connection.integration)
    if one.webhook is None:
        raise Refusal("does_not_push", remote=one.name)
    return one


def _new_pass(connection: Connection, by: str) -> None:
    text, connection.hook_hash = passes.make(whose())
    secrets.keep(connection, PASS, text, by)


def _new_key(connection: Connection, one: Integration, by: str) -> str:
    if one.webhook is None:
        raise Refusal("does_not_push", remote=one.name)
    made = one.webhook.new_key()
    secrets.keep(connection, KEY, made, by)
    return made


def _secret(connection: Connection, field: str) -> Secret | None:
    return next((each for each in secrets.saved(connection) if each.field == field), None)
