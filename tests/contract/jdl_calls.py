"""JD Logistics' client with a remote that is a function, and what the tests ask of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.contract.errors import RemoteError
from portal.contract.http import Account, Answer, Line
from portal.contract.records import Tokens
from portal.integrations import get
from portal.integrations.jdl.client import JdlClient
from tests.contract.canned import NOON

ONE = get("jdl")
OUTSIDE = json.loads((Path(__file__).parent / "vectors" / "jdl.json").read_text("utf-8"))
SETTINGS = {
    "customer_code": "KH20000000001",
    "operator_code": "jd_demo_operator",
    "source_system_code": "neuro-demo",
    "cargo_owner_id": "CO0000042",
    "warehouse_code": "C0000000777",
    "sales_channel_code": "WEB",
    "customer_dept_code": "EBU1",
    "app_key": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "app_secret": "0f9e8d7c6b5a493827160f1e2d3c4b5a",
    "source_system": "LINTAS",
}
TOKENS = Tokens("granted-token", "refresh-token")
Reply = Callable[[httpx.Request], Any]


def client(reply: Reply, tokens: Tokens | None = TOKENS, **settings: str) -> JdlClient:
    """A client whose remote is a function of the request."""

    def send(request: httpx.Request) -> Answer:
        body = reply(request)
        return Answer(200, httpx.Headers(), body if isinstance(body, bytes) else json.dumps(body).encode())

    line = Line(send=send, wait=lambda: None, now=lambda: NOON)
    return JdlClient(Account(SETTINGS | settings, ONE.hosts, tokens), line)


def well(data: Any) -> Any:
    return {"code": 200, "message": "success", "success": True, "requestId": "1", "data": data}


def no(code: str, message: str = "no") -> Any:
    return {"code": code, "message": message, "success": False, "data": None}


def asked(request: httpx.Request) -> dict[str, Any]:
    (found,) = json.loads(request.content)
    return dict(found)


def raised(do: Callable[[], object]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        do()
    return caught.value
