"""The pushes of JD Logistics: a form, or the same as JSON, with the message as text and a token over it.

The token is MD5 over the message, the time and a key that was agreed with JD (one receiver in public code; that the
international service does the same is ours).  Nothing in a push is believed but which things to ask for.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from portal.contract.definition import Resource
from portal.contract.http import parsed
from portal.contract.reading import moment_of
from portal.contract.signing import text_digest
from portal.contract.webhooks import Believed, Distrust, Hint, Push, Reason, Reply, Webhook
from portal.integrations.jdl.client import ZONE
from portal.integrations.jdl.words import SUBSCRIBING, TOPICS

WINDOW = timedelta(minutes=15)
REPEATS_FOR = timedelta(days=7)
_MOST_FIELDS = 20
_LONGEST_ID = 200
_JSON = "application/json;charset=utf-8"

TAKEN = Reply(200, b'{"statusCode":0,"statusMessage":"OK"}', _JSON)
REFUSED = Reply(200, b'{"statusCode":1,"statusMessage":"check failed"}', _JSON)
FAILED = Reply(500, b'{"statusCode":2,"statusMessage":"not kept"}', _JSON)

# Fields of a message in which a buyer could be recognised.
MASKED = frozenset(
    {
        "consigneeInformation",
        "consigneeName",
        "consigneePhone",
        "consigneeAddress",
        "receiverInfo",
        "company",
        "phone",
        "mobile",
        "email",
        "address",
        "address1",
        "address2",
        "detailAddress",
        "postcode",
        "postCode",
        "district",
        "routeAddress",
        "signer",
    }
)


def verify(push: Push, keys: Sequence[str], now: datetime) -> Believed:
    """Believe a push whose token one of the keys makes.  Raises Distrust."""
    wanted = [part.strip() for key in keys for part in key.split(",") if part.strip()]
    if not wanted:
        raise Distrust(Reason.NO_KEY)
    fields = _fields(push)
    token, stamp, message = fields.get("token", ""), fields.get("timestamp", ""), fields.get("request_body", "")
    if not token.strip():
        raise Distrust(Reason.NO_SIGNATURE)
    # Every key is tried, so that the time does not tell which one was right.
    right = [_same(token.strip().lower(), text_digest(message + stamp + key)) for key in wanted]
    if not any(right):
        raise Distrust(Reason.WRONG_SIGNATURE)
    sent = moment_of(stamp.strip(), ZONE)
    if sent is None or abs(sent - now) > WINDOW:
        raise Distrust(Reason.OUTSIDE_WINDOW)
    event_id = fields.get("message_id", "").strip()
    if not event_id:
        raise Distrust(Reason.NO_ID)
    if len(event_id) > _LONGEST_ID:
        raise Distrust(Reason.NOT_READABLE, "message_id is too long")
    # A push that is sent again has a new time and token, and the same message.
    return Believed(event_id, sent, message.encode())


def hint(push: Push) -> Hint:
    """What a believed push is about.  Raises ValueError where that cannot be read."""
    try:
        fields = _fields(push)
    except Distrust as why:
        raise ValueError(why.detail) from None
    message = parsed(fields.get("request_body", ""))
    if not isinstance(message, Mapping):
        raise ValueError("the message is not a JSON object")
    topic = fields.get("topic", "").strip() or _text(message, "topic")
    if not topic and _text(message, "waybillCode"):
        topic = "trace"
    if topic == "outstock.status":
        return Hint(topic, Resource.OUTBOUND.value, _one(message, "customerOrderNo"))
    if topic == "instock.status":
        return Hint(topic, Resource.INBOUND.value, _one(message, "customerInstockNo"))
    if topic == "stock.change":
        return _stock_hint(topic, message)
    if topic == "trace" and (reference := _text(message, "customerOrderNo") or _text(message, "orderId")):
        return Hint(topic, Resource.OUTBOUND.value, (reference,))
    return Hint(topic[:100])


def _stock_hint(topic: str, message: Mapping[str, Any]) -> Hint:
    records = message.get("records")
    if not isinstance(records, list):
        raise ValueError("records is not a list")
    keys = tuple(dict.fromkeys(key for each in records if (key := _text(each, "customerGoodsId"))))
    return Hint(topic, Resource.STOCK.value, keys) if keys else Hint(topic)


def _one(message: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if not (found := _text(message, name)):
        raise ValueError(f"the message has no {name}")
    return (found,)


def _text(inside: Any, name: str) -> str:
    found = inside.get(name) if isinstance(inside, Mapping) else None
    word = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    # What the database cannot keep names nothing that JD has.
    return "" if "\0" in word or any("\ud800" <= sign <= "\udfff" for sign in word) else word


def _fields(push: Push) -> dict[str, str]:
    """The fields of a push, of a form or of a JSON object.  Raises Distrust where they cannot be read."""
    try:
        text = push.body.decode("utf-8")
        pairs = _pairs(text)
        fields = dict(pairs)
        "".join(fields.values()).encode()
    except ValueError:
        raise Distrust(Reason.NOT_READABLE, "neither a form nor a JSON object in UTF-8") from None
    if len(fields) < len(pairs):
        raise Distrust(Reason.NOT_READABLE, "a field came twice")
    if any("\0" in value for value in fields.values()):
        raise Distrust(Reason.NOT_READABLE, "a field holds an impossible character")
    return fields


def _pairs(text: str) -> list[tuple[str, str]]:
    if not text.lstrip().startswith("{"):
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    found = parsed(text)
    if isinstance(found.get("request_body"), Mapping):
        # The bytes that the token was made over are lost in an object.
        raise Distrust(Reason.NOT_READABLE, "request_body is an object, not text")
    return [(str(name), str(value)) for name, value in found.items() if isinstance(value, str | int)]


def _same(theirs: str, ours: str) -> bool:
    return hmac.compare_digest(theirs.encode(), ours.encode())


WEBHOOK = Webhook(
    verify=verify,
    hint=hint,
    topics=TOPICS,
    key_from="push_key",
    window=WINDOW,
    repeats_for=REPEATS_FOR,
    taken=TAKEN,
    refused=REFUSED,
    failed=FAILED,
    masked=MASKED,
    subscribing=SUBSCRIBING,
)
