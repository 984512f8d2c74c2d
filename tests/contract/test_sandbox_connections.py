"""What the sandbox's server does with connections that do not end as they should."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer

from portal.sandbox.server import make_threaded_server

LINGER_NOT = struct.pack("ii", 1, 0)


def slowly(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """An answer whose parts come after the client has left."""
    start_response("200 OK", [("Content-Length", "4000")])
    for _ in range(4):
        time.sleep(0.1)
        yield b"x" * 1000


@pytest.fixture
def server() -> Iterator[BaseWSGIServer]:
    made = make_threaded_server(slowly, "127.0.0.1", 0)
    made.daemon_threads = False  # So that closing waits for the connections.
    running = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    running.start()
    yield made
    made.shutdown()
    running.join()
    made.server_close()


def test_a_client_that_leaves_early_is_no_fault_of_the_server(
    server: BaseWSGIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[object] = []
    monkeypatch.setattr(server, "handle_error", lambda request, address: faults.append(address))
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    time.sleep(0.8)
    assert not faults
