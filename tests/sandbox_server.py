"""The sandbox over real HTTP for tests: the `sandbox` fixture, and a signing helper of the tests' own.

A test module names this one in `pytest_plugins`, or imports `sandbox` and `sandbox_process`.  Since both happen in one
run: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from portal.sandbox import create_sandbox, make_threaded_server

ZONES = {"jd_com": timezone(timedelta(hours=8)), "jd_id": timezone(timedelta(hours=7))}
CALLBACK = "http://127.0.0.1:8000/oauth/{}/callback"


class Running:
    """A sandbox that listens at `url`."""

    def __init__(self, url: str, worlds: dict[str, Any]) -> None:
        self.url = url
        self.worlds = worlds
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def control(self, deed: str, /, **said: Any) -> Any:
        """POST /control/<deed>; fails the test when it cannot be done."""
        answer = self.http.post(f"/control/{deed}", json=said)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def account(self, integration: str, name: str) -> dict[str, Any]:
        """One account as /control/accounts shows it."""
        found = self.http.get("/control/accounts").json()
        return next(each for each in found if (each["integration"], each["name"]) == (integration, name))

    def journal(self, since: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        """The journal's entries after `since`, those that have all the wanted values."""
        lines = self.http.get("/control/journal", params={"since": since}).text.splitlines()
        entries = [json.loads(line) for line in lines]
        return [each for each in entries if all(each[key] == value for key, value in wanted.items())]

    def truth(self, first: str, second: str = "") -> dict[str, Any]:
        """What a portal must count."""
        return self.http.get("/control/truth", params={"first": first, "second": second}).json()

    def signed(
        self, integration: str, account: str, method: str, arguments: Any = None, **changed: str
    ) -> dict[str, str]:
        """The parameters of a call as the protocol wants them, second generation."""
        who = self.account(integration, account)
        zone = ZONES[integration]
        now = datetime.now(zone)
        params = {
            "method": method,
            "app_key": who["app_key"],
            "access_token": who["tokens"][0]["access"] if who["tokens"] else "",
            "timestamp": f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}{now:%z}",
            "v": "2.0",
            "360buy_param_json": json.dumps(arguments or {}, ensure_ascii=False),
        } | changed
        return sign({name: value for name, value in params.items() if value}, who["app_secret"])

    def call(self, integration: str, account: str, method: str, arguments: Any = None, **changed: str) -> Any:
        """One call, second generation: the answer's JSON, numbers with decimals kept as text."""
        params = self.signed(integration, account, method, arguments, **changed)
        answer = self.http.post(f"/{integration}/routerjson", data=params)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=str)

    def first(self, method: str, param_json: str, account: str = "samudra", **changed: str) -> Any:
        """One call of JD.ID's first generation."""
        params = self.signed("jd_id", account, method) | {"v": "1.0", "format": "json", "sign_method": "md5"} | changed
        del params["360buy_param_json"], params["sign"]
        secret = self.account("jd_id", account)["app_secret"]
        return self.http.post("/jd_id/api", data=sign(params | {"param_json": param_json}, secret)).json()

    def error(self, *args: Any, **changed: str) -> str:
        """The gateway's error code of one call."""
        return self.call(*args, **changed)["error_response"]["code"]


def sign(params: dict[str, str], secret: str) -> dict[str, str]:
    """The parameters with their signature, made here without the project's own function."""
    joined = secret + "".join(name + params[name] for name in sorted(params)) + secret
    return params | {"sign": hashlib.md5(joined.encode(), usedforsecurity=False).hexdigest().upper()}


@contextmanager
def running(state_dir: Path) -> Iterator[Running]:
    """A sandbox of its own on a free port."""
    app = create_sandbox(state_dir, "http://127.0.0.1")
    server = make_threaded_server(app, "127.0.0.1", 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    found = Running(f"http://127.0.0.1:{server.server_port}", app.worlds)
    try:
        yield found
    finally:
        found.http.close()
        server.shutdown()
        server.server_close()
        thread.join()
        app.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One sandbox for the whole run of tests."""
    with running(tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture
def sandbox(sandbox_process: Running) -> Iterator[Running]:
    """The sandbox as on its first day."""
    sandbox_process.control("reset")
    yield sandbox_process
    sandbox_process.control("reset")
