"""How a client speaks with its remote: one call, one place where statuses and time-outs become our errors."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.records import Tokens

T = TypeVar("T")
LONGEST_NUMBER = 8

# httpx writes whole addresses at INFO, and some remotes want their secret in the address.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's account at a remote: what was typed, what was granted, and where the remote is."""

    settings: Mapping[str, str] = field(repr=False)
    hosts: Mapping[str, str]
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the whole body, read within the deadline and the size cap."""

    status: int
    headers: httpx.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """The way to a remote that the house hands to a client.

    `send` performs one request within the total deadline and the size cap; `wait` blocks until the remote's pace
    allows one more call and raises Busy when that would take too long; `at_once` is how many calls may be in flight.
    """

    send: Callable[[httpx.Request], Answer]
    wait: Callable[[], None]
    now: Callable[[], datetime]
    at_once: int = 4


class ApiClient:
    """Base of the clients.  A subclass knows where, how signed and how paged; it returns the remote's own dicts."""

    def __init__(self, account: Account, line: Line) -> None:
        self.account = account
        self.line = line

    def ask(self, request: httpx.Request) -> Answer:
        """Perform one call.  Raises our four errors and nothing else."""
        self.line.wait()
        answer = self.line.send(request)
        raise_for_status(answer)
        return answer

    def in_flight(self, asks: Iterable[Callable[[], T]]) -> list[T]:
        """Perform several calls of one page side by side, the answers in the order of the asks."""
        todo = list(asks)
        if len(todo) < 2:
            return [each() for each in todo]
        with ThreadPoolExecutor(max_workers=min(self.line.at_once, len(todo))) as threads:
            futures = [threads.submit(each) for each in todo]
            try:
                return [each.result() for each in futures]
            except RemoteError:
                # What was refused once would be refused in every call that still waits for its turn.
                threads.shutdown(wait=False, cancel_futures=True)
                raise


def request_to(method: str, address: str, **parts: Any) -> httpx.Request:
    """A request for `httpx.Request`'s own parts.  Raises Refused for an address that is none."""
    try:
        return httpx.Request(method, address, **parts)
    except httpx.InvalidURL:
        raise Refused(Cause.WRONG_ENDPOINT, "not an address that can be called") from None


def raise_for_status(answer: Answer) -> None:
    """HTTP statuses as our errors.  Anything in the 200s passes."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 429:
        raise Busy(Cause.RATE_LIMITED, "HTTP 429", code="429", after=_retry_after(answer))
    if status == 408:
        raise Busy(Cause.TIMEOUT, "HTTP 408", code="408")
    if status >= 500:
        raise Busy(Cause.BUSY, f"HTTP {status}", code=str(status), after=_retry_after(answer))
    if status in {401, 403}:
        raise Unauthorised(Cause.WRONG_CREDENTIALS, f"HTTP {status}", code=str(status))
    if status in {404, 405, 410} or 300 <= status < 400:
        raise Refused(Cause.WRONG_ENDPOINT, f"HTTP {status}", code=str(status))
    raise Refused(Cause.REFUSED, f"HTTP {status}", code=str(status))


def _retry_after(answer: Answer) -> float | None:
    said = answer.headers.get("Retry-After", "")
    # Seconds only; a date, a sign or an endless number counts as nothing said.
    return float(said) if said.isascii() and said.isdigit() and len(said) < LONGEST_NUMBER else None


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def parsed(text: str) -> Any:
    """JSON, numbers with decimals as Decimal.  Raises ValueError for anything else, however it is broken."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ArithmeticError, RecursionError) as why:
        raise ValueError(type(why).__name__) from None


def read_any_json(answer: Answer) -> Any:
    """The body as JSON of any kind.  Raises Garbled for HTML, cut JSON, and bytes that are no UTF-8."""
    try:
        text = answer.body.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise Garbled(Cause.WRONG_ENCODING, f"byte {why.start} is not UTF-8", sample=answer.body) from None
    try:
        return parsed(text)
    except ValueError:
        kind = answer.headers.get("Content-Type", "no content type")[:60]
        raise Garbled(Cause.NOT_READABLE, f"not JSON ({kind}, {len(answer.body)} bytes)", sample=answer.body) from None


def read_json(answer: Answer) -> dict[str, Any]:
    """The body as a JSON object.  Raises Garbled for any other."""
    found = read_any_json(answer)
    if not isinstance(found, dict):
        raise Garbled(Cause.NOT_READABLE, f"a JSON {type(found).__name__}, not an object", sample=answer.body)
    return found
