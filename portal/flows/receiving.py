"""Receiving pushes: bytes, verify, keep once, answer.  What a push hints at is asked for later, by `deliveries`.

Keeping is one statement and one commit; nothing else is done while the sender waits.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import SQLAlchemyError

from portal import integrations
from portal.contract.webhooks import Believed, Distrust, Push, Reason, Reply, Webhook
from portal.flows import lines, notices, webhooks, work
from portal.flows.house import house
from portal.kit import log, passes
from portal.kit.db import acting_for, beside_for, db
from portal.kit.ids import new_id
from portal.kit.text import storable
from portal.models import Connection, DeliveryRefusal

LARGEST = 1024 * 1024
LONGEST_ID = 200
# For so long a process may remember whose an address is and its keys.  The statement that keeps a push looks at the
# address again, and a push that no remembered key believes is tried with the keys as they are now.
REMEMBERED = 5.0
MOST_REMEMBERED = 10_000
OTHER_BODY = "push_other_body"
NOT_NOW = Reply(503)

# Headers that hold no secret in any scheme; of all others only the names are shown.
SHOWN = {
    *("accept", "accept-encoding", "content-encoding", "content-length", "content-type", "date", "host", "user-agent"),
    *("transfer-encoding", "webhook-id", "webhook-timestamp", "x-request-id"),
}
SHOWN_ENDINGS = ("-topic", "-event", "-timestamp")
HIDDEN = "•••"
MOST_HEADERS, LONGEST_HEADER = 60, 200

say = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Whose an address is, and what believing a push there needs.  `read_at` is a moment of the monotonic clock."""

    merchant_id: uuid.UUID
    connection_id: uuid.UUID
    name: str
    integration: str
    lane: str
    hook_hash: bytes
    keys: tuple[str, ...]
    read_at: float

    @property
    def webhook(self) -> Webhook:
        """How the remote pushes."""
        declared = integrations.get(self.integration).webhook
        if declared is None:
            raise LookupError(f"{self.integration} declares no webhook")
        return declared


_remembered: dict[bytes, Target] = {}


def receive(text: str, headers: Mapping[str, str], body: bytes | None, at: datetime) -> Reply | None:
    """Take in what was sent to an address at a moment; None where nobody has this address.

    `headers` have lower-case names; `body` is None where it was larger than LARGEST.
    """
    read = passes.read(text)
    try:
        target = _target(*read) if read else None
    except SQLAlchemyError as why:
        say.warning("nobody could be asked whose a push is", why=type(why).__name__)
        return NOT_NOW  # Which remote it is, and so its words, is not known.
    if target is None:
        return None
    try:
        return _take(target, Push(headers, body or b""), at, too_large=body is None)
    except Distrust as why:
        _refuse(target, why, headers, len(body or b""), at)
        return target.webhook.refused
    except SQLAlchemyError as broken:
        say.warning("a push could not be kept", connection=str(target.connection_id), why=type(broken).__name__)
        return target.webhook.failed


def _take(target: Target, push: Push, at: datetime, *, too_large: bool) -> Reply | None:
    if too_large:
        raise Distrust(Reason.TOO_LARGE)
    believed = _believed(target, push, at)
    match _keep(target, push, believed, at):
        case "closed":
            _remembered.pop(target.hook_hash, None)
            return None
        case "other_body":
            raise Distrust(Reason.OTHER_BODY, believed.event_id)
    return target.webhook.taken


# --- whose it is ------------------------------------------------------------------------------------------------------


def _target(merchant_id: uuid.UUID, hook_hash: bytes) -> Target | None:
    known = _remembered.get(hook_hash)
    if known is not None and time.monotonic() - known.read_at < REMEMBERED:
        return known
    return _look_up(merchant_id, hook_hash)


def _look_up(merchant_id: uuid.UUID, hook_hash: bytes) -> Target | None:
    with acting_for(merchant_id):
        try:
            query = sa.select(Connection).where(
                Connection.merchant_id == merchant_id, Connection.hook_hash == hook_hash
            )
            connection = db.session.scalars(query).one_or_none()
            found = _told(connection, hook_hash) if connection is not None else None
        finally:
            db.session.rollback()
    _remembered.pop(hook_hash, None)
    if found is not None:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[hook_hash] = found
    return found


def _told(connection: Connection, hook_hash: bytes) -> Target | None:
    one = integrations.all_integrations().get(connection.integration)
    if one is None or one.webhook is None:
        return None
    return Target(
        connection.merchant_id,
        connection.id,
        connection.name,
        one.key,
        lines.lane(connection),
        hook_hash,
        webhooks.keys(connection, one),
        time.monotonic(),
    )


# --- whether it is believed -------------------------------------------------------------------------------------------


def _believed(target: Target, push: Push, at: datetime) -> Believed:
    """The push, believed by the keys as they are remembered or else as they are.  Raises Distrust."""
    webhook = target.webhook
    try:
        believed = _verified(webhook, push, target.keys, at)
    except Distrust as why:
        now_there = _look_up(target.merchant_id, target.hook_hash)
        if now_there is None or now_there.keys == target.keys:
            raise why from None
        believed = _verified(webhook, push, now_there.keys, at)
    if believed.sent_at is not None and abs(at - believed.sent_at) > webhook.window:
        raise Distrust(Reason.OUTSIDE_WINDOW)
    if not 1 <= len(believed.event_id) <= LONGEST_ID or not storable(believed.event_id):
        raise Distrust(Reason.NO_ID)
    return believed


def _verified(webhook: Webhook, push: Push, keys: tuple[str, ...], at: datetime) -> Believed:
    if not keys:
        raise Distrust(Reason.NO_KEY)
    return webhook.verify(push, keys, at)


# --- keeping it once --------------------------------------------------------------------------------------------------

KINDS: dict[str, Any] = {
    "merchant": sa.Uuid,
    "hook": sa.LargeBinary,
    "connection": sa.Uuid,
    "delivery": sa.Uuid,
    "lane": sa.Text,
    "event": sa.Text,
    "digest": sa.LargeBinary,
    "sealed": sa.LargeBinary,
    "size": sa.Integer,
    "headers": JSONB,
    "sent": sa.DateTime(timezone=True),
    "received": sa.DateTime(timezone=True),
}
# Made once and with the kinds of its values, so that neither it nor the form of its answer is looked up for each push.
KEEP = sa.select(
    sa.func.lintas_keep_push(*(sa.bindparam(name, type_=kind) for name, kind in KINDS.items()), type_=sa.Text)
)


def _keep(target: Target, push: Push, believed: Believed, at: datetime) -> str:
    """Keep a push with its work, once, in one statement that commits: "kept", "known", "other_body" or "closed"."""
    delivery_id = new_id()
    content = push.body if believed.content is None else believed.content
    values = {
        "merchant": target.merchant_id,
        "hook": target.hook_hash,
        "connection": target.connection_id,
        "delivery": delivery_id,
        "lane": target.lane,
        "event": believed.event_id,
        "digest": hashlib.sha256(content).digest(),
        "sealed": seal(target.merchant_id, target.connection_id, delivery_id, push),
        "size": len(push.body),
        "headers": masked(push.headers),
        "sent": believed.sent_at,
        "received": at,
    }
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as wire:
        return str(wire.execute(KEEP, values).scalar_one())


def seal(merchant_id: uuid.UUID, connection_id: uuid.UUID, delivery_id: uuid.UUID, push: Push) -> bytes:
    """The headers and the body of a push, sealed to the place of its row."""
    content = json.dumps(dict(push.headers)).encode() + b"\n" + push.body
    return house().keyring.seal_bytes(content, place(merchant_id, connection_id, delivery_id))


def opened(merchant_id: uuid.UUID, connection_id: uuid.UUID, delivery_id: uuid.UUID, sealed: bytes) -> Push:
    """What `seal` sealed.  Raises NotOurs."""
    content = house().keyring.open_bytes(sealed, place(merchant_id, connection_id, delivery_id))
    headers, _, _ = content.partition(b"\n")
    return Push(json.loads(headers), body_of(content))


def body_of(content: bytes) -> bytes:
    """The body in what `seal` sealed."""
    return content.partition(b"\n")[2]


def place(merchant_id: uuid.UUID, connection_id: uuid.UUID, delivery_id: uuid.UUID) -> tuple[str, ...]:
    """Where a push lies, and so where alone it opens."""
    return (str(merchant_id), str(connection_id), "delivery", str(delivery_id))


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown: the values of those that could hold a secret are hidden."""
    return {
        name[:LONGEST_HEADER]: _plain(value) if name in SHOWN or name.endswith(SHOWN_ENDINGS) else HIDDEN
        for name, value in list(headers.items())[:MOST_HEADERS]
    }


def _plain(value: str) -> str:
    return value.replace("\0", "")[:LONGEST_HEADER]


# --- what is not believed ---------------------------------------------------------------------------------------------


def _refuse(target: Target, why: Distrust, headers: Mapping[str, str], size: int, at: datetime) -> None:
    """Count a push that is not believed.  A count that cannot be kept changes nothing for the sender."""
    try:
        _count(target, why, headers, size, at)
        if why.reason is Reason.OTHER_BODY:
            with acting_for(target.merchant_id):
                notices.tell("connection", target.connection_id, OTHER_BODY, grave=False, name=target.name)
                db.session.commit()
    except SQLAlchemyError as broken:
        say.warning("a refusal was not counted", why=type(broken).__name__)


def _count(target: Target, why: Distrust, headers: Mapping[str, str], size: int, at: datetime) -> None:
    values: dict[str, Any] = {
        "merchant_id": target.merchant_id,
        "connection_id": target.connection_id,
        "id": new_id(),
        "reason": why.reason,
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "number": 1,
        "size": size,
        "headers": masked(headers),
        "detail": _plain(why.detail) if storable(why.detail) else "",
        "first_at": at,
        "last_at": at,
    }
    row = insert(DeliveryRefusal).values(values)
    with beside_for(target.merchant_id) as wire:
        wire.execute(work.UNHURRIED)  # A crash of the database may forget how often somebody was refused.
        wire.execute(
            row.on_conflict_do_update(
                constraint="refusals_of_an_hour_are_one_row",
                set_={
                    "number": DeliveryRefusal.number + 1,
                    **{name: row.excluded[name] for name in ("size", "headers", "detail", "last_at")},
                },
            )
        )
