"""Signatures that several remotes share."""

import hashlib
from collections.abc import Mapping


def pairs_digest(pairs: Mapping[str, str], secret: str) -> str:
    """MD5, lower-case hex, of the name-value pairs, names in byte order, between two copies of the secret.

    JD's gateways differ in address, parameter names and letter case, not in this rule.
    """
    joined = "".join(name + pairs[name] for name in sorted(pairs))
    # The remote prescribes MD5; it guards a request to them, not a secret of ours.
    return hashlib.md5(f"{secret}{joined}{secret}".encode(), usedforsecurity=False).hexdigest()
