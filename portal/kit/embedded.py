"""The note that a running `make run` leaves behind, so that other commands find its servers and keys.

`portal doctor` in a second terminal needs the same addresses and secrets as the processes of the first one.
The note lies in var/, is readable by its owner only, and goes when the portal stops.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = Path(os.environ.get("PORTAL_VAR") or ROOT / "var").absolute()
NOTE = VAR / "embedded.json"
KEYS = VAR / "keys"


def write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and that is never seen half written."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(path)


def keys() -> dict[str, str]:
    """The two secrets of this checkout, made at the first start and kept: sealed data depends on them."""
    if not KEYS.exists():
        made = {
            "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
            "PORTAL_SEALING_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        write(KEYS, "".join(f"{name}={value}\n" for name, value in made.items()))
    return dict(line.split("=", 1) for line in KEYS.read_text().splitlines() if "=" in line)


def leave(environment: Mapping[str, str]) -> None:
    write(NOTE, json.dumps(dict(environment), indent=1))


def take_away() -> None:
    NOTE.unlink(missing_ok=True)


def adopt(environment: MutableMapping[str, str]) -> bool:
    """Fill what the environment leaves open from the note.  An environment that names a database is complete."""
    if "PORTAL_DATABASE_URL" in environment or not NOTE.exists():
        return False
    for name, value in json.loads(NOTE.read_text()).items():
        environment.setdefault(name, value)
    return True
