"""No address that a merchant could type leads the portal to this machine or to its neighbours.

A sentinel listens on loopback, on the very port that the guard allows, so that nothing but the check of addresses
stands before it.  Names are answered by a resolver of the proof; nothing leaves this machine.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from portal.contract.errors import RemoteError
from portal.contract.http import request_to
from portal.contract.wire import Wire
from portal.kit import guard
from tests.proof import figure
from tests.proof.figure import Figure, say

PUBLIC, PUBLIC6 = "93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
# What each name answers, one list for each time that it is asked; the last one stays.
NAMES: dict[str, list[list[str]]] = {
    "public.example": [[PUBLIC]],
    "rebinding.example": [[PUBLIC], ["127.0.0.1"]],
    "rebinding6.example": [[PUBLIC6], ["::1"]],
    "mixed.example": [[PUBLIC, "127.0.0.1"]],
    "mixed-first.example": [["127.0.0.1", PUBLIC]],
    "mixed6.example": [[PUBLIC, "::1"]],
    "loopback.example": [["127.0.0.1"]],
    "loopback6.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "compatible.example": [["::127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "nat64-local.example": [["64:ff9b:1::7f00:1"]],
    "six-to-four.example": [["2002:7f00:1::1"]],
    "teredo.example": [["2001:0:7f00:1::1"]],
    "any.example": [["0.0.0.0"]],  # noqa: S104
    "any6.example": [["::"]],
    "private-a.example": [["10.0.0.1"]],
    "private-b.example": [["172.16.0.1"]],
    "private-c.example": [["192.168.1.1"]],
    "shared.example": [["100.64.0.1"]],
    "metadata.example": [["169.254.169.254"]],
    "metadata-alibaba.example": [["100.100.100.200"]],
    "metadata-oracle.example": [["192.0.0.192"]],
    "metadata-azure.example": [["168.63.129.16"]],
    "metadata-aws6.example": [["fd00:ec2::254"]],
    "unique-local.example": [["fd12:3456::1"]],
    "site-local.example": [["fec0::1"]],
    "link-local6.example": [["fe80::1%lo"]],
    "benchmark.example": [["198.18.0.1"]],
    "documentation.example": [["203.0.113.7"]],
    "documentation6.example": [["2001:db8::1"]],
    "anycast.example": [["192.88.99.1"]],
    "multicast.example": [["224.0.0.1"]],
    "multicast6.example": [["ff02::1"]],
    "reserved.example": [["240.0.0.1"]],
    "broadcast.example": [["255.255.255.255"]],
    "discard.example": [["100::1"]],
    "nobody.example": [[]],
}
# Hosts as they may stand in an address; "{port}" is where the sentinel listens and what the guard allows.
HOSTS = (
    *("127.0.0.1", "127.1", "127.0.1", "127.0.0.2", "127.255.255.254", "127.0.0.1.", "0.0.0.0", "0"),  # noqa: S104
    *("2130706433", "017700000001", "0x7f000001", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0x7f.1", "127.0.0.0x1"),
    *("localhost", "LOCALHOST", "localhost.", "ip6-localhost", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::1]", "[fec0::1]", "[fd00::1]"),
    *("[fe80::1%25lo]", "[fe80::1%lo]", "[ff02::1]", "169.254.169.254", "[::ffff:169.254.169.254]", "192.0.0.192"),
)
SHAPES = (
    "https://public.example@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}@127.0.0.1:{port}/",
    "https://public.example:{port}@localhost:{port}/",
    "https://public.example%2f@127.0.0.1:{port}/",
    "https://public.example\\@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@public.example/",
    "https://127.0.0.1:{port}?@public.example/",
    "https:127.0.0.1:{port}/",
    "https:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_x",
    "file:///etc/passwd",
    "unix:///tmp/sentinel",
    "https://public.example:22/",
    "https://public.example:6379/",
    "http://public.example/",
    "https://127.0.0.1:{other}/",
    "http://localhost:{named}/",
    "http://127.1:{named}/",
    "http://[::ffff:127.0.0.1]:{named}/",
    "http://127.0.0.1:{named}/to/loopback",
    "http://127.0.0.1:{named}/to/scheme-relative",
    "http://127.0.0.1:{named}/to/rebinding",
)
Ask = Callable[[str], str]


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("ssrf")
    with Sentinel() as sentinel, _resolver(), _nothing_leaves() as left, _named_server(sentinel.port) as named:
        guard.HTTPS = sentinel.port
        os.environ |= dict.fromkeys(("HTTPS_PROXY", "ALL_PROXY", "http_proxy"), f"http://127.0.0.1:{sentinel.port}")
        ask = _check_then_get if given.control else _through_the_guard(named)
        tried = 0
        for address in _addresses(sentinel.port, named):
            tried += 1
            before = sentinel.hits
            said = ask(address)
            hits = sentinel.settled() - before
            found.must(hits == 0, f"{address} reached the sentinel, and said: {said}")
        if not given.control:
            tried += 1
            found.must(_unix_is_shut(), "a unix socket could be reached")
        say(f"{len(left)} connections would have gone to public addresses: {sorted(set(left))}")
        strangers = {each for each in left if each not in {PUBLIC, PUBLIC6}}
        found.must(not strangers, f"connections were tried to {sorted(strangers)}")
        return found.end(f"{tried} hostile endpoints, {sentinel.hits} connections to the sentinel")


def _addresses(port: int, named: int) -> list[str]:
    places = {"port": port, "named": named, "other": port + 1}
    hosts = [f"https://{host}:{port}/" for host in (*HOSTS, *NAMES)]
    # A name that answers differently the second time is asked a second time too.
    return [*hosts, *(each.format(**places) for each in SHAPES), *(f"https://{name}:{port}/" for name in NAMES)]


def _through_the_guard(named: int) -> Ask:
    """Ours: one client behind the guard, as `lines.open_client` makes it, with the sandbox as the one named pair."""

    def ask(address: str) -> str:
        wire = Wire(guard.guarded_client({("127.0.0.1", named)}), guard.within, seconds=3)
        try:
            return f"HTTP {wire.send(request_to('GET', address)).status}"
        except RemoteError as why:
            return str(why)
        finally:
            wire.close()

    return ask


def _check_then_get(address: str) -> str:
    """The known-bad variant: look at the address, then let the client fetch it."""
    try:
        host = urlsplit(address).hostname or ""
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        if not answers or not all(guard.is_public(str(each[4][0])) for each in answers):
            return "refused"
        return f"HTTP {httpx.get(address, trust_env=False, verify=False, timeout=3, follow_redirects=True).status_code}"  # noqa: S501
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as why:
        return type(why).__name__


def _unix_is_shut() -> bool:
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = str(Path(folder) / "s")
        listening.bind(path)
        listening.listen()
        try:
            guard.Guard().connect_unix_socket(path)
        except httpcore.ConnectError:
            return True
        return False


class Sentinel:
    """Listens on loopback, on both families, and counts who comes."""

    def __init__(self) -> None:
        self.hits = 0
        first = socket.create_server(("127.0.0.1", 0))
        self.port = int(first.getsockname()[1])
        self._listening = [first]
        with suppress(OSError):  # A machine without IPv6 has no loopback of it to be reached.
            self._listening.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))

    def __enter__(self) -> Sentinel:
        for each in self._listening:
            threading.Thread(target=self._count, args=(each,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._listening:
            each.close()

    def settled(self) -> int:
        """The number of hits, after whoever was on the way has been counted."""
        reach = REAL_CONNECT
        before = self.hits
        with socket.socket() as probe:
            reach(probe, ("127.0.0.1", self.port))
            while self.hits == before:
                threading.Event().wait(0.001)
        # The probe is behind everybody who came before it.
        self.hits -= 1
        return self.hits

    def _count(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                guest, _ = listening.accept()
                self.hits += 1
                guest.close()


@contextmanager
def _named_server(sentinel: int) -> Iterator[int]:
    """The operator's own named server, which sends on to where nobody may go."""
    targets = {
        "/to/loopback": f"https://127.0.0.1:{sentinel}/",
        "/to/scheme-relative": f"//127.0.0.1:{sentinel}/",
        "/to/rebinding": f"https://loopback.example:{sentinel}/",
    }

    class Sends(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", targets.get(self.path, "/"))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody wants to know."""

    server = HTTPServer(("127.0.0.1", 0), Sends)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _resolver() -> Iterator[None]:
    """Answers the names of the proof, whether they come as text or as bytes; all else goes to the real one."""
    real = socket.getaddrinfo
    asked: dict[str, int] = {}

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        name = text.rstrip(".").lower()
        if name not in NAMES:
            return real(host, port, *args, **options)
        answers = NAMES[name][min(asked.get(name, 0), len(NAMES[name]) - 1)]
        asked[name] = asked.get(name, 0) + 1
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [_answer(each, int(port or 0)) for each in answers]

    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = real


def _answer(address: str, port: int) -> tuple[Any, ...]:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


REAL_CONNECT = socket.socket.connect


@contextmanager
def _nothing_leaves() -> Iterator[list[str]]:
    """No connection beyond this machine is made; gives the addresses to which one would have gone."""
    left: list[str] = []

    def connect(self: socket.socket, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host and not (host.startswith(("127.", "0.", "::ffff:127.")) or host in {"::1", "::"}):
            left.append(host)
            raise ConnectionRefusedError(host)
        REAL_CONNECT(self, address)

    socket.socket.connect = connect  # type: ignore[assignment, method-assign]
    try:
        yield left
    finally:
        socket.socket.connect = REAL_CONNECT  # type: ignore[method-assign]


if __name__ == "__main__":
    figure.run(main)
