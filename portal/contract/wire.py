"""One HTTP exchange: within a total time, to a size cap, every failure one of our errors."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import httpx

from portal.contract.errors import Busy, Cause, Garbled, Refused
from portal.contract.http import Answer

LARGEST_BODY = 32 * 1024 * 1024
TOTAL_SECONDS = 25.0


class Wire:
    """Sends requests through a client that was handed in.

    `within(seconds)` bounds everything that happens in its block; `blocked` is what the client's
    network raises for an address that it may not reach.
    """

    def __init__(
        self,
        client: httpx.Client,
        within: Callable[[float], AbstractContextManager[None]],
        *,
        blocked: type[Exception] | None = None,
        seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._client = client
        self._within = within
        self._blocked = blocked
        self._seconds = seconds

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def send(self, request: httpx.Request) -> Answer:
        """The answer.  Raises Busy, Refused or Garbled."""
        with self._within(self._seconds):
            try:
                return self._exchange(request)
            except httpx.TimeoutException:
                raise Busy(Cause.TIMEOUT, f"no whole answer within {self._seconds:.0f} s") from None
            except httpx.DecodingError:
                raise Garbled(Cause.NOT_READABLE, "the compressed answer is broken") from None
            except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL):
                raise Refused(Cause.WRONG_ENDPOINT, "not an address that can be called") from None
            except httpx.TransportError as why:
                # The client tells a failure of its network in its own words, with ours as the cause.
                if self._blocked is not None and isinstance(why.__cause__, self._blocked):
                    raise Refused(Cause.HOST_NOT_ALLOWED, str(why)) from None
                raise Busy(Cause.UNREACHABLE, type(why).__name__) from None

    def _exchange(self, request: httpx.Request) -> Answer:
        answer = self._client.send(request, stream=True)
        try:
            return Answer(answer.status_code, answer.headers, _body(answer))
        finally:
            # A body that was not read to its end makes closing complain; the connection is thrown away either way.
            with suppress(httpx.TransportError):
                answer.close()


def _body(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes(64 * 1024):
        size += len(part)
        if size > LARGEST_BODY:
            raise Garbled(Cause.TOO_LARGE, f"more than {LARGEST_BODY // 1024 // 1024} MiB")
        parts.append(part)
    return b"".join(parts)
