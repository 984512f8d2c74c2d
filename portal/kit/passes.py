"""Passes: unguessable texts for addresses that nobody signs in to, which say whose they are.

The walls of the database show nothing before a merchant is known, so a pass carries the merchant in front of its
secret part.  What is kept of one is its SHA-256, by which it is found again.
"""

import base64
import hashlib
import secrets
import string
import uuid

SECRET_BYTES = 32
WHOLE = 16 + SECRET_BYTES
LENGTH = 4 * WHOLE // 3
ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")


def make(merchant_id: uuid.UUID) -> tuple[str, bytes]:
    """A new pass of a merchant: the text that stands in the address, and the hash by which it is found."""
    raw = merchant_id.bytes + secrets.token_bytes(SECRET_BYTES)
    return base64.urlsafe_b64encode(raw).decode(), hashlib.sha256(raw).digest()


def read(text: str) -> tuple[uuid.UUID, bytes] | None:
    """Whose pass this would be, and its hash; None for a text that is no pass at all."""
    # 48 bytes are exactly 64 characters: there is no padding, and no second way to write the same bytes.
    if len(text) != LENGTH or not set(text) <= ALPHABET:
        return None
    raw = base64.urlsafe_b64decode(text)
    return uuid.UUID(bytes=raw[:16]), hashlib.sha256(raw).digest()
