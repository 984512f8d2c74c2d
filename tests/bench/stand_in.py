"""A remote that costs nothing: it stands in for JD.com where only our own share of the work is to be measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from portal import integrations

KEY = "jd_com"


@contextmanager
def standing_in(**parts: Any) -> Iterator[None]:
    """Within the block these parts of the integration are others, and nobody is asked for a token."""
    known = integrations.all_integrations()
    real = known[KEY]
    known[KEY] = replace(real, grant=None, **parts)
    try:
        yield
    finally:
        known[KEY] = real
