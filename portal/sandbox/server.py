"""Runs the sandbox: Werkzeug's threaded server, with connections kept alive and nothing held back on the way."""

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from portal.sandbox.app import create_sandbox

_IDLE_SECONDS = 75
_LARGEST_BODY = 8 * 1024 * 1024


class QuietHandler(WSGIRequestHandler):
    """Keeps connections alive, sends small answers at once, writes no line per request.

    Werkzeug's own handler closes after every answer, waits for stray bytes before that, and adds this machine's `Date`
    to the remote's.
    """

    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    wbufsize = 64 * 1024

    def run_wsgi(self) -> None:
        """One request and its answer.  A connection that a fault or the client broke off ends in silence."""
        environ = self._environ()
        try:
            self._answer(environ)
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            self.close_connection = True
            self.server.log("error", "%s", traceback.format_exc())
            if not self._begun:
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")

    def finish(self) -> None:
        """The end of a connection, also of one whose client left before it had read everything."""
        with suppress(ConnectionError):
            super().finish()

    def _environ(self) -> dict[str, Any]:
        """Reads the body first, so that the connection can be used again whatever the application reads of it."""
        self._begun = False
        environ: dict[str, Any] = self.make_environ()
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > _LARGEST_BODY:
            self.close_connection = True
        else:
            environ["wsgi.input"] = BytesIO(self.rfile.read(int(length)))
        environ["sandbox.arrived"] = time.monotonic()
        return environ

    def _answer(self, environ: dict[str, Any]) -> None:
        said: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], why: Any = None, /) -> Callable[[bytes], None]:
            said[:] = [status, headers]
            return self._refuse_write

        parts = self.server.app(environ, start_response)
        try:
            chunked = self._head(*said)
            for part in parts:
                if part:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                    self.wfile.flush()
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            if hasattr(parts, "close"):
                parts.close()

    @staticmethod
    def _refuse_write(part: bytes) -> None:
        raise NotImplementedError("an application gives its parts, it does not write them")

    def _head(self, status: str, headers: list[tuple[str, str]]) -> bool:
        """Writes the status and the headers; says whether the body goes in chunks."""
        names = {name.lower() for name, _ in headers}
        chunked = "content-length" not in names and self.command != "HEAD"
        more = [("Transfer-Encoding", "chunked")] if chunked else []
        more += [("Connection", "close")] if self.close_connection else []
        more += [] if "date" in names else [("Date", self.date_time_string())]
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (*headers, *more))]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        self._begun = True
        return chunked


def make_threaded_server(app: Any, host: str, port: int) -> BaseWSGIServer:
    """A server that listens already; `serve_forever` runs it, `shutdown` and `server_close` end it."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)


def serve(
    host: str, port: int, state_dir: Path, *, public_url: str = "", portal_url: str = "", mail_port: int = 0
) -> None:
    """Runs the sandbox until it is interrupted.

    `public_url` is how browsers reach it, if not by host and port; `portal_url` is where the portal stands.  On
    `mail_port` it takes letters; 0 is for none.
    """
    more = {"portal_urls": _both_names(portal_url)} if portal_url else {}
    app = create_sandbox(state_dir, public_url or f"http://{host}:{port}", **more)
    server = make_threaded_server(app, host, port)
    try:
        if mail_port:
            app.mailbox.start(host, mail_port)
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        app.close()


def _both_names(url: str) -> tuple[str, ...]:
    """This machine has two names in a browser."""
    other = (
        url.replace("//127.0.0.1", "//localhost") if "//127.0.0.1" in url else url.replace("//localhost", "//127.0.0.1")
    )
    return tuple(dict.fromkeys((url, other)))
