"""Browsers in which a person has signed in before, so that strangers who use up all tries do not lock the person out.

A browser keeps a mark of the person for half a year.  It opens nothing: a sign-in with it needs the same password and
second factor, and is counted by itself instead of with the tries of the world.  A new password makes it void.
"""

import hmac
import secrets
import uuid
from datetime import timedelta

from portal.flows.house import house

LIFETIME = timedelta(days=180)
PURPOSE = b"lintas known browser"
# The random part tells one browser from another.
NONCE_BYTES = 12


def mark(user_id: uuid.UUID, password_hash: str) -> str:
    """A new mark for a browser in which this person has just signed in."""
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    return f"{nonce}.{_seal(nonce, user_id, password_hash)}"


def is_mark_of(text: str, user_id: uuid.UUID, password_hash: str) -> bool:
    """Whether a browser that brings this text has a mark of this person, made under the password of today."""
    nonce, _, seal = text.partition(".")
    return hmac.compare_digest(seal.encode(), _seal(nonce, user_id, password_hash).encode())


def _seal(nonce: str, user_id: uuid.UUID, password_hash: str) -> str:
    key = hmac.digest(house().settings.secret_key.encode(), PURPOSE, "sha256")
    return hmac.digest(key, f"{nonce}|{user_id}|{password_hash}".encode(), "sha256").hex()
