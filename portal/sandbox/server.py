"""Runs the sandbox: Werkzeug's threaded server, with connections kept alive and nothing held back on the way."""

from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from portal.sandbox.app import create_sandbox

_IDLE_SECONDS = 75


class QuietHandler(WSGIRequestHandler):
    """Writes no line per request, sends small answers at once, and lets a broken connection go in silence."""

    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    wbufsize = 64 * 1024

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The journal has it all."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """A client left, or a fault closed the connection."""
        self.close_connection = True


def make_threaded_server(app: Any, host: str, port: int) -> BaseWSGIServer:
    """A server that listens already; `serve_forever` runs it, `shutdown` and `server_close` end it."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)


def serve(host: str, port: int, state_dir: Path, *, public_url: str = "", portal_url: str = "") -> None:
    """Runs the sandbox until it is interrupted.

    `public_url` is how browsers reach it, if not by host and port; `portal_url` is where the portal stands.
    """
    more = {"portal_urls": _both_names(portal_url)} if portal_url else {}
    app = create_sandbox(state_dir, public_url or f"http://{host}:{port}", **more)
    server = make_threaded_server(app, host, port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        app.close()


def _both_names(url: str) -> tuple[str, ...]:
    """This machine has two names in a browser."""
    other = url.replace("//127.0.0.1", "//localhost") if "//127.0.0.1" in url else url.replace("//localhost", "//127.0.0.1")
    return tuple(dict.fromkeys((url, other)))
