"""A plug-in of pytest: every test runs with our own filters of merchants switched off, on the walls of the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof import walls


@pytest.fixture(autouse=True)
def without_filters() -> Iterator[None]:
    with walls.without_filters():
        yield
