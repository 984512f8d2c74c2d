"""The sandbox: every integration's remote in a box, under one address, with a page to make the world move and fail.

`create_sandbox` builds the WSGI application, `serve` runs it.
"""

from portal.sandbox.app import SandboxApp, create_sandbox
from portal.sandbox.server import make_threaded_server, serve

__all__ = ["SandboxApp", "create_sandbox", "make_threaded_server", "serve"]
