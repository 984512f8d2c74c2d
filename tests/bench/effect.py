"""An effect that takes a millisecond, in a module that costs nothing to import: RQ imports it anew for every job."""

from __future__ import annotations

import time

SECONDS = 0.001


def happen() -> None:
    """What a call to a quick remote would take."""
    time.sleep(SECONDS)
