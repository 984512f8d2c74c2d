"""Standard Webhooks, the signing scheme that many services share, ready to be put into a `Webhook`.

Three headers: `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`, a list of `v1,<Base64>`
parted by spaces, of which one must hold.  Signed is id, timestamp and body, joined by dots, with HMAC-SHA256.  A secret
is Base64 behind `whsec_` (standardwebhooks.com, specification).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from portal.contract.webhooks import WINDOW, Believed, Distrust, Push, Reason

_PREFIX = "whsec_"
_VERSION = "v1"
_LONGEST_ID = 200
_MOST_SIGNATURES = 10


def verify(push: Push, keys: Sequence[str], now: datetime) -> Believed:
    """Believe a push that one of the secrets signed within the window.  Raises Distrust."""
    secrets = [secret for key in keys if (secret := _secret(key))]
    if not secrets:
        raise Distrust(Reason.NO_KEY)
    event_id = push.headers.get("webhook-id", "").strip()
    if not event_id:
        raise Distrust(Reason.NO_ID)
    if len(event_id) > _LONGEST_ID:
        raise Distrust(Reason.NOT_READABLE, "webhook-id is too long")
    stamp = push.headers.get("webhook-timestamp", "").strip()
    signatures = _signatures(push.headers.get("webhook-signature", ""))
    if not signatures:
        raise Distrust(Reason.NO_SIGNATURE)
    made = [sign(event_id, stamp, push.body, secret) for secret in secrets]
    # All are compared, so that the time does not tell which one was right.
    right = [hmac.compare_digest(each, theirs) for each in made for theirs in signatures]
    if not any(right):
        raise Distrust(Reason.WRONG_SIGNATURE)
    sent = _moment(stamp)
    if sent is None or abs(sent - now) > WINDOW:
        raise Distrust(Reason.OUTSIDE_WINDOW)
    return Believed(event_id, sent)


def sign(event_id: str, stamp: str, body: bytes, secret: bytes) -> bytes:
    """The bare signature of a push."""
    return hmac.new(secret, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()


def _secret(key: str) -> bytes:
    """The bytes of a secret, none for a text that is no secret."""
    return _opened(key.strip().removeprefix(_PREFIX)) or b""


def _signatures(said: str) -> list[bytes]:
    """The signatures of the version that is known here; others may stand beside them."""
    pairs = [each.partition(",") for each in said.split()[:_MOST_SIGNATURES]]
    opened = [_opened(text) for version, _, text in pairs if version == _VERSION]
    return [each for each in opened if each]


def _opened(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return None


def _moment(stamp: str) -> datetime | None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return None
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None
