"""The sandbox's pushes: kept, signed, sent to the customer's address, and repeated until they are taken.

Only a customer who ticked the box while consenting is told anything.  Form, token and pauses are ours (docs/jd.md).
"""

import contextlib
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from portal.contract.signing import text_digest
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_accounts import HOUSE
from portal.integrations.jdl.sandbox_call import stamped
from portal.integrations.jdl.sandbox_oauth import SUBSCRIBED

PAUSES = (10.0, 60.0, 300.0, 1800.0, 7200.0)
HOOK = "hook"
PUSH = "push"
_PATIENCE = 5.0
_LOOK_EVERY = 0.05
_MOST_KEPT = 500


class Pusher:
    """Sends what waits, in a thread of its own that begins with the first message."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    # --- what is to be sent -------------------------------------------------------------------------------------------

    def tell(self, seller: Seller, topic: str, message: Mapping[str, Any]) -> None:
        """Keeps a message for a customer who subscribed and whose address is known."""
        memory = self._world.memory
        if not memory.paper(seller.name, SUBSCRIBED, "") or not memory.paper(seller.name, HOOK, ""):
            return
        number = int(memory.paper("", "count", PUSH) or 0) + 1
        memory.keep_paper("", "count", PUSH, number)
        message_id = f"jdl-{seller.vender_id}-{number:08d}"
        push = {
            "message_id": message_id,
            "seller": seller.name,
            "topic": topic,
            "request_body": json.dumps(message, ensure_ascii=False, separators=(",", ":")),
            "due": time.time(),
            "tries": 0,
            "done": False,
            "answer": "",
        }
        memory.keep_paper("", PUSH, message_id, push)
        self._forget_old()
        self.begin()

    def _forget_old(self) -> None:
        """Keeps the newest messages that were taken or given up, so that they can be pushed again."""
        done = [name for name, push in self._world.memory.papers("", PUSH).items() if push["done"]]
        for name in done[:-_MOST_KEPT]:
            self._world.memory.drop_paper("", PUSH, name)

    def pauses(self) -> tuple[float, ...]:
        """The seconds between two tries."""
        said = self._world.memory.paper("", "switch", "pauses")
        return tuple(float(each) for each in said) if said else PAUSES

    def set_pauses(self, seconds: list[float]) -> None:
        """Other pauses; none for the usual ones."""
        self._world.memory.keep_paper("", "switch", "pauses", seconds)
        self._wake.set()

    def listed(self, seller: str = "") -> list[dict[str, Any]]:
        """The messages, the oldest first."""
        return [each for each in self._world.memory.papers("", PUSH).values() if seller in {"", each["seller"]}]

    def again(self, message_id: str, *, times: int = 1) -> dict[str, Any]:
        """Pushes a message once more, under the same number.  Raises KeyError for one that is not kept."""
        push = self._world.memory.paper("", PUSH, message_id)
        if push is None:
            raise KeyError(message_id)
        for _ in range(times - 1):
            self._send(push)
        push |= {"due": time.time(), "tries": 0, "done": False}
        self._world.memory.keep_paper("", PUSH, message_id, push)
        self.begin()
        return dict(push)

    def now(self) -> int:
        """Makes everything that waits due; gives how many."""
        waiting = [each for each in self.listed() if not each["done"]]
        for push in waiting:
            self._world.memory.keep_paper("", PUSH, push["message_id"], push | {"due": time.time()})
        self.begin()
        return len(waiting)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Starts the thread where it does not run, and wakes it."""
        with self._world.lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="jdl-pushes", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            # A sandbox that is closed has no memory any more, and nothing to send.
            with contextlib.suppress(sqlite3.ProgrammingError):
                for push in self._due():
                    self._tried(push)
            waiting = self._soonest()
            if waiting is None:
                return
            self._wake.wait(max(_LOOK_EVERY, min(waiting - time.time(), 30.0)))

    def _due(self) -> Iterator[dict[str, Any]]:
        for push in self.listed():
            if not push["done"] and push["due"] <= time.time():
                yield push

    def _soonest(self) -> float | None:
        """When the next message is due; None where none waits, or where the sandbox is closed.

        The thread gives itself up under the lock, so that no message is kept between its last look and its end.
        """
        with self._world.lock:
            try:
                waiting = [push["due"] for push in self.listed() if not push["done"]]
            except sqlite3.ProgrammingError:
                waiting = []
            if not waiting:
                self._thread = None
            return min(waiting, default=None)

    def _tried(self, push: dict[str, Any]) -> None:
        answer = self._send(push)
        tries, pauses = push["tries"] + 1, self.pauses()
        taken = _is_taken(answer)
        later = {"tries": tries, "answer": answer[:200], "done": taken or tries > len(pauses)}
        if not later["done"]:
            later["due"] = time.time() + pauses[tries - 1]
        with self._world.memory.together():
            kept = self._world.memory.paper("", PUSH, push["message_id"])
            if kept is not None:
                self._world.memory.keep_paper("", PUSH, push["message_id"], kept | later)
        told = {"message_id": push["message_id"], "topic": push["topic"], "tries": tries, "taken": taken}
        self._world.note("push", "", push["seller"], push["topic"], effect="push.sent", arguments=told)

    def _send(self, push: Mapping[str, Any]) -> str:
        """Sends a message now, with a token for this moment; gives the body of the answer, or what went wrong."""
        address = str(self._world.memory.paper(push["seller"], HOOK, "") or "")
        stamp = stamped(self._world.now().timestamp()) or ""
        fields = {
            "message_id": push["message_id"],
            "format": "json",
            "timestamp": stamp,
            "token": text_digest(push["request_body"] + stamp + HOUSE["push_key"]),
            "topic": push["topic"],
            "request_body": push["request_body"],
        }
        if self._world.memory.paper("", "switch", "json"):
            return posted(address, json.dumps(fields, ensure_ascii=False).encode(), "application/json")
        return posted(address, urlencode(fields).encode(), "application/x-www-form-urlencoded")


def posted(address: str, body: bytes, content_type: str) -> str:
    """POSTs a body; gives the answer's body, or a word in brackets for an answer that never came."""
    parts = urlsplit(address)
    kinds: Mapping[str, Callable[..., http.client.HTTPConnection]] = {
        "http": http.client.HTTPConnection,
        "https": http.client.HTTPSConnection,
    }
    if parts.scheme not in kinds or not parts.hostname:
        return "(no address)"
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_PATIENCE)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body, {"Content-Type": content_type, "User-Agent": "jdl-push (sandbox)"})
        return connection.getresponse().read(10_000).decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as why:
        return f"({type(why).__name__})"
    finally:
        connection.close()


def _is_taken(answer: str) -> bool:
    try:
        found = json.loads(answer)
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get("statusCode")) == "0"
