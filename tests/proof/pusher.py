"""A remote that pushes, for proofs and benchmarks: signs as JD Logistics does, sends fast, tells each answer.

It shares no code with the portal's own signing or receiving: the token is MD5 over message, time and key, in hex.
"""

from __future__ import annotations

import hashlib
import json
import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from portal.flows import connections, webhooks
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import Connection, ConnectionState, Store
from tests.proof import parts

KEY = "the-push-key-of-proofs"
SETTINGS = {"PORTAL_JDL_PUSH_KEY": KEY, "PORTAL_JDL_APP_KEY": "proof", "PORTAL_JDL_APP_SECRET": "proof"}
CODES = {
    "customer_code": "C1",
    "operator_code": "O1",
    "source_system_code": "S1",
    "cargo_owner_id": "G1",
    "warehouse_code": "W1",
    "sales_channel_code": "L1",
    "customer_dept_code": "D1",
}
TAKEN, NOT_TAKEN = b'"statusCode":0', b'"statusCode":1'
PATIENCE = 20.0


@dataclass(frozen=True)
class Hook:
    """Where a connection is pushed to."""

    merchant_id: uuid.UUID
    connection_id: uuid.UUID
    path: str


def hook(name: str, codes: dict[str, str] = CODES) -> Hook:
    """A merchant with a connection that pushes, which was never asked for its codes.  Wants an app's context."""
    with acting_for(parts.merchant(name)):
        store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
        made: Connection = connections.install(store, "jdl", LINTAS)
        made.name, made.state, made.active_since = name, ConnectionState.ACTIVE, now()
        made.settings = codes
        webhooks.open_hook(made)
        db.session.commit()
        return Hook(whose(), made.id, webhooks.PATH + webhooks.address(made).rpartition("/")[2])


def connection_of(found: Hook) -> Connection:
    """Its connection, for whoever acts for its merchant."""
    return db.session.get_one(Connection, (found.merchant_id, found.connection_id))


def form(event_id: str, topic: str, message: dict[str, Any], *, at: float | None = None, key: str = KEY) -> bytes:
    """The body of one push; every sending of an event has the time and the token of its own."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    # JD writes its times without a zone, in that of China.
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime((at or time.time()) + 8 * 3600))
    fields = {"message_id": event_id, "format": "json", "timestamp": stamp, "topic": topic}
    return urlencode({**fields, "token": token(text, stamp, key), "request_body": text}).encode()


def token(text: str, stamp: str, key: str = KEY) -> str:
    """What a push is signed with."""
    return hashlib.md5((text + stamp + key).encode(), usedforsecurity=False).hexdigest()


def of_stock(event_id: str, *skus: str, records: list[dict[str, Any]] | None = None, **more: Any) -> bytes:
    """A push that tells of a change of stock, of the size that they have."""
    records = records or [
        {"customerGoodsId": sku, "goodsName": f"Goods {sku}", "warehouseCode": "W1", "availableStock": 7, "stock": 9}
        for sku in skus
    ]
    message = {"customerCode": "C1", "cargoOwnerCode": "G1", "warehouseCode": "W1", "changeType": 3, "records": records}
    return form(event_id, "stock.change", {**message, "remark": "x" * 200}, **more)


def request(path: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    """The bytes of one request on a connection that stays open."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where no whole answer came; `seconds` counts from when the request was due."""

    status: int
    body: bytes
    seconds: float

    @property
    def taken(self) -> bool:
        """Whether the sender may forget the event."""
        return self.status == 200 and TAKEN in self.body


class Line:
    """One connection to the web processes; it is opened again after it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, raw: bytes) -> tuple[int, bytes]:
        """The status and the body; 0 where the connection broke, in which case nobody knows what became of it."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(raw)
            return self._read(self._socket)
        except OSError:
            self.close()
            return 0, b""

    def _read(self, wire: socket.socket) -> tuple[int, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            if not (more := wire.recv(65536)):
                raise ConnectionResetError
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(each[15:]) for each in lines if each.startswith(b"content-length:")), 0)
        while len(body) < length:
            if not (more := wire.recv(65536)):
                raise ConnectionResetError
            body += more
        if b"connection: close" in lines:
            self.close()
        return int(head[9:12]), body[:length]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def send_all(
    port: int,
    requests: Sequence[bytes],
    *,
    at_once: int = 8,
    rate: float | None = None,
    told: Callable[[int, Answer], None] = lambda number, answer: None,
) -> list[Answer]:
    """Send every request and give the answers in their order.

    With a `rate` each has its moment, however slowly the earlier ones are answered: an open loop, which hides no
    waiting.
    """
    answers: list[Answer | None] = [None] * len(requests)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(requests)):
        todo.put(number)
    began = time.perf_counter()

    def work() -> None:
        line = Line(port)
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                break
            due = time.perf_counter() if rate is None else began + number / rate
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
            status, body = line.send(requests[number])
            found = Answer(status, body, time.perf_counter() - due)
            answers[number] = found
            told(number, found)
        line.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return [each for each in answers if each is not None]
