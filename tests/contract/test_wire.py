"""What an exchange says of an address that may not be reached."""

from __future__ import annotations

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Refused
from portal.contract.wire import Wire
from portal.kit import guard


def send(address: str, *named: tuple[str, int]) -> None:
    """One exchange as the house makes it."""
    wire = Wire(guard.guarded_client(named), guard.within, blocked=guard.Blocked, seconds=3)
    try:
        wire.send(httpx.Request("GET", address))
    finally:
        wire.close()


@pytest.mark.parametrize("address", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "http://127.0.0.1/"])
def test_an_address_that_the_guard_blocks_is_refused_and_not_tried_again(address: str) -> None:
    with pytest.raises(Refused) as told:
        send(address)
    assert told.value.cause is Cause.HOST_NOT_ALLOWED


def test_an_allowed_address_where_nobody_listens_is_unreachable() -> None:
    with pytest.raises(Busy) as told:
        send("http://127.0.0.1:9/", ("127.0.0.1", 9))
    assert told.value.cause is Cause.UNREACHABLE
