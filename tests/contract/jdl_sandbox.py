"""How the tests speak to the sandbox of JD Logistics: signed here, without the project's own functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from portal.integrations import get

if TYPE_CHECKING:
    from tests.sandbox_server import Running

HOUSE = get("jdl").sandbox.house
PATHS = {
    "warehouse.query": "/fop/open/querywarehouseinfoprovider/querywarehouseinfo",
    "goods.query": "/fop/open/querygoodsprovider/querypage",
    "goods.save": "/fop/open/goodsprovider/savegoods",
    "stock.query": "/fop/open/stockprovider/querystockwarehouselistbypage",
    "stock.batch": "/fop/open/stockprovider/querystockbatchwarehouselistbypage",
    "outstock.create": "/fop/open/outstockprovider/createoutstock",
    "outstock.cancel": "/fop/open/outstockprovider/canceloutstock",
    "outstock.query": "/fop/open/outstockprovider/queryoutstocklist",
    "outstock.trace": "/fop/open/outstockprovider/queryoutstocktrace",
    "instock.create": "/fop/open/instockprovider/createinstock",
    "instock.cancel": "/fop/open/instockprovider/cancelinstock",
    "instock.query": "/fop/open/instockprovider/queryinstocklist",
}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Jdl:
    """One customer of the sandbox, and calls as that customer's."""

    def __init__(self, sandbox: Running, name: str = "northwick") -> None:
        self.sandbox = sandbox
        self.name = name
        self.account = sandbox.account("jdl", name)
        self.types: dict[str, str] = self.account["types"]
        # The pace of calls is a test of its own.
        sandbox.control("limits", integration="jdl", account="northwick", rate=None)

    def block(self, **changed: Any) -> dict[str, Any]:
        types = self.types
        block = {
            "customerCode": types["customer_code"],
            "customerDeptCode": types["customer_dept_code"],
            "operatorAccount": types["operator_code"],
            "systemCode": types["source_system_code"],
            "systemType": "10",
            "cargoOwnerCode": types["cargo_owner_id"],
            "warehouseCode": types["warehouse_code"],
            "scCode": types["sales_channel_code"],
        } | changed
        return {name: value for name, value in block.items() if value is not None}

    def query(self, path: str, body: str, **changed: str) -> dict[str, str]:
        now = datetime.now(timezone(timedelta(hours=8)))
        signed = {
            "access_token": self.account["tokens"][0]["access"] if self.account["tokens"] else "",
            "app_key": HOUSE["app_key"],
            "timestamp": f"{now:%Y-%m-%d %H:%M:%S}",
            "v": "2.0",
        }
        signed |= {name: value for name, value in changed.items() if name in signed}
        whole = signed | {"method": path, "param_json": body}
        joined = "".join(name + whole[name] for name in sorted(whole))
        query = {"LOP-DN": "JD_FOP_FULFILLMENT_CENTE", **signed}
        query |= {"sign": md5(f"{HOUSE['app_secret']}{joined}{HOUSE['app_secret']}"), "algorithm": "md5-salt"}
        query |= {name.replace("_DN", "-DN"): value for name, value in changed.items() if name not in signed}
        return {name: value for name, value in query.items() if value}

    def post(
        self, operation: str, body: str, *, headers: dict[str, str] | None = None, **changed: str
    ) -> httpx.Response:
        path = PATHS.get(operation, operation)
        query = self.query(path, body, **changed)
        return self.sandbox.http.post(f"/jdl{path}", params=query, content=body.encode(), headers=headers or {})

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """One call with the whole block; gives the answer's JSON."""
        answer = self.post(operation, json.dumps([self.block(**arguments)], ensure_ascii=False))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def data(self, operation: str, /, **arguments: Any) -> Any:
        answer = self.call(operation, **arguments)
        assert answer.get("success") is True, answer
        assert answer["requestId"]
        return answer["data"]

    def code(self, operation: str, /, **arguments: Any) -> str:
        """The code of a refusal, the gateway's or a service's."""
        answer = self.call(operation, **arguments)
        if "error_response" in answer:
            return str(answer["error_response"]["code"])
        assert answer["success"] is False, answer
        return str(answer["code"])

    def skus(self, count: int, least: int = 10) -> list[str]:
        """Some SKUs of which the first warehouse may sell at least so many."""
        records = self.data("stock.query", pageSize=50)["records"]
        return [each["customerGoodsId"] for each in records if each["stockQuantity"] >= least][:count]

    def stock(self, sku: str, warehouse: str | None = None) -> dict[str, Any]:
        where = warehouse or self.types["warehouse_code"]
        (record,) = self.data("stock.query", customerGoodsIdList=[sku], warehouseCode=where)["records"]
        parts = ("stockQuantity", "preoccupiedQuantity", "operatorLockNum", "inventoryLockNum")
        assert record["totalQuantity"] == sum(record[name] for name in parts)
        return dict(record)

    def order(self, reference: str, *lines: tuple[str, int], **changed: Any) -> dict[str, Any]:
        """The arguments of an outbound order."""
        goods = [
            {"orderLine": str(number), "customerGoodsId": sku, "quantity": count}
            for number, (sku, count) in enumerate(lines, 1)
        ]
        consignee = {
            "consigneeName": "Ada Whitlock",
            "phone": "+44 113 496 0000",
            "country": "GB",
            "city": "Leeds",
            "address1": "1 Canal Wharf",
            "postcode": "LS11 5PS",
        }
        made = {
            "customerOrderNo": reference,
            "orderType": "1",
            "consigneeInformation": consignee,
            "goodsDtoList": goods,
        }
        return made | changed

    def control(self, deed: str, /, **said: Any) -> Any:
        return self.sandbox.control(deed, integration="jdl", account=self.name, **said)


class Receiver:
    """A portal that takes pushes: what came, and what it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes]] = []
        self._came = Event()

    def took(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.got.append((headers, body))
        self._came.set()
        return self.answers.pop(0) if self.answers else (200, b'{"statusCode":0,"statusMessage":"OK"}')

    def wait(self, count: int, seconds: float = 8.0) -> list[dict[str, str]]:
        """The fields of the first so many pushes."""
        ends = datetime.now().astimezone() + timedelta(seconds=seconds)
        while len(self.got) < count and datetime.now().astimezone() < ends:
            self._came.wait(0.1)
            self._came.clear()
        assert len(self.got) >= count, f"{len(self.got)} pushes came"
        return [_fields(headers, body) for headers, body in self.got]


def _fields(headers: dict[str, str], body: bytes) -> dict[str, str]:
    if headers["content-type"] == "application/json":
        return dict(json.loads(body))
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens on a port of its own."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Takes one push."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = found.took({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hooks/made-up?x=1"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def consented(sandbox: Running, name: str = "northwick", *, subscribe: bool, address: str, state: str = "st&te") -> Any:
    """Goes through the consent page; gives the query of the callback, or the page where it stayed."""
    who = sandbox.account("jdl", name)
    asked = {"client_id": who["app_key"], "response_type": "code", "redirect_uri": address, "state": state}
    shown = sandbox.http.get("/jdl/oauth/authorize", params=asked)
    if shown.status_code != 200:
        return shown
    assert 'name="subscribe"' in shown.text
    form = asked | {"email": who["email"], "password": who["password"], "decision": "allow"}
    answer = sandbox.http.post("/jdl/oauth/authorize", data=form | ({"subscribe": "1"} if subscribe else {}))
    if answer.status_code != 302:
        return answer
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
