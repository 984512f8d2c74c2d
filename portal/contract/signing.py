"""Signatures that several remotes share, and those that a client and its sandbox share."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

MD5_SALT = "md5-salt"
HMACS = {"HMacMD5": "md5", "HMacSHA1": "sha1", "HMacSHA256": "sha256", "HMacSHA512": "sha512"}


def pairs_text(pairs: Mapping[str, str], secret: str) -> str:
    """The name-value pairs, names in byte order, between two copies of the secret."""
    joined = "".join(name + pairs[name] for name in sorted(pairs))
    return f"{secret}{joined}{secret}"


def pairs_digest(pairs: Mapping[str, str], secret: str) -> str:
    """MD5, lower-case hex, of the name-value pairs, names in byte order, between two copies of the secret.

    JD's gateways differ in address, parameter names and letter case, not in this rule.
    """
    return text_digest(pairs_text(pairs, secret))


def pairs_signed(pairs: Mapping[str, str], secret: str, algorithm: str = MD5_SALT) -> str:
    """The signature of JD Logistics' gateway: lower-case hex for MD5, Base64 for an HMAC with the secret as key.

    Raises ValueError for an algorithm that the gateway does not name.
    """
    if algorithm == MD5_SALT:
        return pairs_digest(pairs, secret)
    if algorithm not in HMACS:
        raise ValueError(f"{algorithm} is no algorithm of the gateway")
    made = hmac.new(secret.encode(), pairs_text(pairs, secret).encode(), HMACS[algorithm])
    return base64.b64encode(made.digest()).decode()


def text_digest(text: str) -> str:
    """MD5, lower-case hex, of a text."""
    # The remotes prescribe MD5; it guards requests to and from them, not a secret of ours.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
