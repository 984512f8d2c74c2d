"""What can go wrong on the way to a remote, acted out on the real connection.

`kind` and, after a colon, `argument`:

busy, token, clock, quota, rate   the remote's own code for it
code:<n>                          any code of the remote's
rate:429, rate:429:<seconds>      HTTP 429, without and with Retry-After
http500, html502                  HTTP 500 without words; HTTP 502 with a page of a proxy
error200, html200                 HTTP 200 with an error in the remote's form; HTTP 200 with a page
refuse, reset                     the connection closed at once; broken off
hang, hang:<seconds>              no answer until the client leaves, or two minutes
drip, drip:<bytes a second>       the right answer, one byte a second
cut, gbk, types                   the right answer: half of it; in GBK bytes; with values of wrong types
huge, bomb                        50 MB of JSON; 200 MB of spaces in a small gzip
latency:<milliseconds>            the right answer, late
"""

import json
import os
import select
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from werkzeug.wrappers import Request, Response

from portal.contract.world.records import Fault

OWN_CODES = ("busy", "token", "clock", "quota", "rate", "error200")
BEFORE = frozenset({*OWN_CODES, "code", "http500", "html502", "html200", "refuse", "reset", "hang", "huge", "bomb"})
ON_ANSWER = frozenset({"drip", "cut", "gbk", "types", "latency"})
KINDS = tuple(sorted(BEFORE | ON_ANSWER))
HANG_SECONDS = 120.0
_PAGE = (
    "<!doctype html><html><head><title>{0}</title></head><body><center><h1>{0}</h1></center>"
    "<hr><center>sandbox-proxy</center></body></html>"
)
_CHUNK = 64 * 1024
_HUGE = 50 * 1024 * 1024
_BOMB = 200 * 1024 * 1024


def parsed(text: str) -> tuple[str, str]:
    """Kind and argument of a fault as it is written.  Raises ValueError for one that is not known."""
    kind, _, argument = text.partition(":")
    if kind not in KINDS:
        raise ValueError(f"no such fault: {kind}")
    if kind in {"latency", "code"} and not argument.isdigit():
        raise ValueError(f"{kind} wants a number, as in {kind}:65")
    if kind in {"hang", "drip"} and argument and not argument.isdigit():
        raise ValueError(f"{kind} takes a number or nothing")
    if kind == "rate" and argument and not (argument + ":").startswith("429:"):
        raise ValueError("rate takes nothing, 429 or 429:<seconds>")
    return kind, argument


def act(fault: Fault, request: Request, says: Callable[[str, str], Response]) -> Response:
    """The answer that a fault gives instead of the right one.

    `says(kind, code)` is the remote's own error: of one of the OWN_CODES, or of kind "code" with that number.  Raises
    ConnectionAbortedError once the connection is gone.
    """
    kind, argument = fault.kind, fault.argument
    if kind == "rate" and argument:
        seconds = argument.partition(":")[2]
        return Response("Too Many Requests", 429, {"Retry-After": seconds} if seconds else {}, "text/plain")
    if kind in OWN_CODES or kind == "code":
        return says(kind, argument)
    if kind in {"refuse", "reset", "hang"}:
        _break_off(kind, request, float(argument or HANG_SECONDS))
    if kind == "http500":
        return Response("", 500, mimetype="text/plain")
    if kind == "html502":
        return Response(_PAGE.format("502 Bad Gateway"), 502, mimetype="text/html")
    if kind == "html200":
        return Response(_PAGE.format("Maintenance"), 200, mimetype="text/html")
    if kind == "huge":
        return Response(_huge(), 200, mimetype="application/json", direct_passthrough=True)
    return Response(_bomb(), 200, {"Content-Encoding": "gzip"}, "application/json")


def spoil(fault: Fault, answer: Response) -> Response:
    """The right answer after the fault went over it."""
    body = answer.get_data()
    if fault.kind == "latency":
        time.sleep(int(fault.argument) / 1000)
    elif fault.kind == "cut":
        answer.set_data(body[: max(1, len(body) // 2)])
    elif fault.kind == "gbk":
        answer.set_data(_changed(body, _with_chinese).encode("gbk", "replace"))
        answer.headers["Content-Type"] = "application/json;charset=GBK"
    elif fault.kind == "types":
        answer.set_data(_changed(body, _wrong_types))
    elif fault.kind == "drip":
        dripping = Response(_drip(body, int(fault.argument or 1)), answer.status_code, direct_passthrough=True)
        dripping.headers["Content-Type"] = answer.headers["Content-Type"]
        dripping.headers["Content-Length"] = str(len(body))
        return dripping
    return answer


def _break_off(kind: str, request: Request, seconds: float) -> None:
    """Ends the connection without an answer.  Another server than Werkzeug's does it in its own way."""
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is not None:
        if kind == "hang":
            _wait_for_leaving(connection, seconds)
        if kind == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(connection.detach())
        else:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                connection = None  # The client was faster.
    raise ConnectionAbortedError(kind)


def _wait_for_leaving(connection: socket.socket, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ready, _, _ = select.select([connection], [], [], 0.25)
        try:
            if ready and not connection.recv(1, socket.MSG_PEEK):
                return
        except OSError:
            return
        if ready:
            time.sleep(0.25)


def _drip(body: bytes, per_second: int) -> Iterator[bytes]:
    for place in range(0, len(body), per_second):
        yield body[place : place + per_second]
        time.sleep(1)


def _huge() -> Iterator[bytes]:
    yield b'{"padding":"'
    for _ in range(_HUGE // _CHUNK):
        yield b"x" * _CHUNK
    yield b'"}'


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    spaces = b" " * (1024 * 1024)
    parts = [packer.compress(spaces) for _ in range(_BOMB // len(spaces))]
    return b"".join([*parts, packer.flush()])


def _changed(body: bytes, change: Callable[[Any], Any]) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    return json.dumps(change(found), ensure_ascii=False)


def _with_chinese(found: Any) -> Any:
    """So that the bytes differ from UTF-8 also where the answer is plain ASCII."""
    return {**found, "zh_desc": "操作成功，编码为国标"} if isinstance(found, dict) else found


def _wrong_types(found: Any, name: str = "") -> Any:
    if isinstance(found, dict):
        return {key: _wrong_types(value, key) for key, value in found.items()}
    if isinstance(found, list):
        return {str(place): _wrong_types(value) for place, value in enumerate(found)}
    if name.lower().endswith("id") and not isinstance(found, bool):
        return None
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else found
