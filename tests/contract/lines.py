"""Lines and clients to remotes that answer over real HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import httpx

from portal.contract.definition import Integration
from portal.contract.http import Account, ApiClient, Line
from portal.contract.records import Tokens
from portal.contract.wire import Wire
from portal.kit.clock import now


@contextmanager
def line_to(at_once: int = 4) -> Iterator[Line]:
    """A line without a pace; the house's own wire sends."""
    wire = Wire(httpx.Client(timeout=10, trust_env=False), lambda seconds: nullcontext())
    try:
        yield Line(send=wire.send, wait=lambda: None, now=now, at_once=at_once)
    finally:
        wire.close()


def client_of(
    one: Integration, url: str, account: Mapping[str, Any], line: Line, choice: Mapping[str, str] | None = None
) -> ApiClient:
    """A client of one of the sandbox's accounts, with what a merchant would have typed."""
    token = account["tokens"][0] if account["tokens"] else {"access": "", "refresh": ""}
    known = {"api_key": account["app_key"], "api_secret": account["app_secret"], "access_token": token["access"]}
    typed = known | dict(account.get("types") or {})
    settings = {each.key: str(typed.get(each.key) or account.get(each.key) or each.default) for each in one.settings}
    settings |= {each.key: getattr(one.sandbox, "house", {}).get(each.key, each.default) for each in one.house_values}
    hosts = dict.fromkeys(one.hosts, f"{url}/{one.key}")
    return one.client(Account(settings | dict(choice or {}), hosts, Tokens(token["access"], token["refresh"])), line)
