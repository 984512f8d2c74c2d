"""Puts every integration's sandbox under `/<key>` and the control page beside them."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware

import portal.integrations
from portal.contract.world.records import fake
from portal.contract.world.world import Shared, World
from portal.sandbox.control import Control
from portal.sandbox.mailbox import Mailbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class SandboxApp:
    """The WSGI application.  `worlds` are the memories by integration key; `mailbox` takes letters once it listens."""

    def __init__(self, worlds: dict[str, World], remotes: dict[str, Any], public_url: str) -> None:
        self.worlds = worlds
        self.mailbox = Mailbox()
        mounts = {f"/{key}": remote for key, remote in remotes.items()}
        self._answer = DispatcherMiddleware(Control(worlds, public_url, remotes, self.mailbox), mounts)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        return self._answer(environ, start_response)

    def close(self) -> None:
        """Closes the mailbox and the memories."""
        self.mailbox.close()
        for world in self.worlds.values():
            world.close()


def sandbox_classes() -> dict[str, Any]:
    """The `Sandbox` of every integration folder that brings one, by key."""
    folders = [module.name for module in iter_modules(portal.integrations.__path__) if module.ispkg]
    names = [f"{portal.integrations.__name__}.{folder}.sandbox" for folder in folders]
    classes = [import_module(name).Sandbox for name in names if find_spec(name) is not None]
    return {each.key: each for each in classes}


def create_sandbox(
    state_dir: Path, public_url: str, *, portal_urls: Iterable[str] = ("http://127.0.0.1:8000", "http://localhost:8000")
) -> SandboxApp:
    """The whole sandbox, its memory in one file per integration under `state_dir`.

    `portal_urls` are where the portal may stand: the ready-made apps have its callback addresses registered.
    """
    shared = Shared()
    worlds: dict[str, World] = {}
    remotes: dict[str, Any] = {}
    for key, remote in sandbox_classes().items():
        world = World(
            key,
            state_dir,
            ready=remote.ready,
            shelf=remote.shelf,
            shared=shared,
            rotates=remote.rotates,
            mint=getattr(remote, "mint", fake),
        )
        callbacks = tuple(f"{url.rstrip('/')}/oauth/{key}/callback" for url in portal_urls)
        world.register_callbacks(callbacks)
        worlds[key] = world
        remotes[key] = remote(world)
    return SandboxApp(worlds, remotes, public_url.rstrip("/"))
