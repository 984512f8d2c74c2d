"""The one place that asks what time it is, and which zones of time there are."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones


def now() -> datetime:
    """The present moment, aware and in UTC."""
    return datetime.now(UTC)


@cache
def zones() -> frozenset[str]:
    """The names of all time zones that are known here; asked once, for it opens hundreds of files."""
    return frozenset(available_timezones())
