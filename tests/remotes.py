"""Remotes that exist in tests only: their folders beside the integrations, their server, the portal pointed at it."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from socketserver import ThreadingMixIn
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from flask import Flask

import portal.integrations
from portal.flows.house import House
from portal.integrations import all_integrations


class Remote(Protocol):
    """A WSGI application that is told at which address it stands."""

    url: str

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""


class _Quiet(WSGIRequestHandler):
    """Writes no line per request."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def registered(folder: Path, files: Mapping[str, str]) -> Iterator[None]:
    """The integrations of these files (`key/name.py`) beside the others; they are written into the folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    ours = tuple(f"portal.integrations.{key}" for key in {PurePosixPath(name).parts[0] for name in files})
    portal.integrations.__path__.append(str(folder))
    importlib.invalidate_caches()
    all_integrations.cache_clear()
    try:
        yield
    finally:
        portal.integrations.__path__.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(ours)]:
            del sys.modules[name]
        all_integrations.cache_clear()


@contextmanager
def served(application: Any, *, threaded: bool = False) -> Iterator[str]:
    """The address where the application listens, on loopback; one request at a time unless it is threaded."""
    kind = _Threaded if threaded else WSGIServer
    server = make_server("127.0.0.1", 0, application, server_class=kind, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(
    app: Flask,
    folder: Path,
    remote: Remote,
    files: Mapping[str, str],
    *,
    threaded: bool = False,
    paces: Mapping[str, float] | None = None,
) -> Iterator[None]:
    """The remote, registered and listening, with the portal pointed at it and these calls a second."""
    old: House = app.extensions["lintas"]
    with served(remote, threaded=threaded) as remote.url, registered(folder, files):
        settings = replace(old.settings, sandbox_url=remote.url, paces=old.settings.paces | dict(paces or {}))
        app.extensions["lintas"] = replace(old, settings=settings)
        try:
            yield
        finally:
            app.extensions["lintas"] = old
