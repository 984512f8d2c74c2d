"""Secrets at rest: AES-256-GCM, each bound to the place where it lies."""

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = b"\x01"
KEY_ID_BYTES = 4
# Where the id of the key begins in a sealed value, counted from 1 as SQL counts.
KEY_ID_AT = len(FORM) + 1
NONCE_BYTES = 12


class NotOurs(Exception):
    """A sealed value that no key opens at this place: it was moved, changed, or its key is gone."""


class Keyring:
    """The keys, newest first.  The first one seals; each of them opens."""

    def __init__(self, keys: Sequence[str]) -> None:
        raw = [base64.b64decode(each) for each in keys]
        self._keys = {_key_id(each): AESGCM(each) for each in raw}
        self._newest = _key_id(raw[0])

    def seal(self, text: str, place: Sequence[str]) -> bytes:
        """Seal a text so that it opens only at `place` (merchant, connection, field, row)."""
        return self.seal_bytes(text.encode(), place)

    def seal_bytes(self, content: bytes, place: Sequence[str]) -> bytes:
        """The same for bytes of any kind."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, content, _bound(place))
        return FORM + self._newest + nonce + sealed

    def open(self, sealed: bytes, place: Sequence[str]) -> str:
        """The text.  Raises NotOurs."""
        return self.open_bytes(sealed, place).decode()

    def open_bytes(self, sealed: bytes, place: Sequence[str]) -> bytes:
        """What `seal_bytes` sealed.  Raises NotOurs."""
        key_id, nonce, rest = _parts(sealed)
        key = self._keys.get(key_id)
        if key is None:
            raise NotOurs("the key that sealed this value is not in PORTAL_SEALING_KEYS")
        try:
            return key.decrypt(nonce, rest, _bound(place))
        except InvalidTag:
            raise NotOurs("a sealed value does not belong to this place") from None

    def is_old(self, sealed: bytes) -> bool:
        """Whether an older key than the newest sealed it."""
        return _parts(sealed)[0] != self._newest

    @property
    def newest(self) -> bytes:
        """The id of the key that seals; it stands in each sealed value, `KEY_ID_BYTES` long, from `KEY_ID_AT` on."""
        return self._newest

    @property
    def older(self) -> tuple[bytes, ...]:
        """The ids of the keys that only open."""
        return tuple(each for each in self._keys if each != self._newest)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"lintas key id" + key).digest()[:KEY_ID_BYTES]


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    start = len(FORM)
    nonce_at = start + KEY_ID_BYTES
    return sealed[start:nonce_at], sealed[nonce_at : nonce_at + NONCE_BYTES], sealed[nonce_at + NONCE_BYTES :]


def _bound(place: Sequence[str]) -> bytes:
    # Lengths are part of the text, so that ("ab", "c") and ("a", "bc") are two places.
    return "|".join(f"{len(each)}:{each}" for each in place).encode()
