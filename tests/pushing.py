"""A remote that pushes: an integration that exists in tests only, its sandbox, and pushes signed as it signs them.

It pushes by the Standard Webhooks with a key of each connection's own, and lets single SKUs be asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import connections, secrets, webhooks
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, Delivery, Store
from tests import remotes

KEY = "kirim"

DEFINITION = '''
"""Kirim, a warehouse that exists in tests only."""

from datetime import timedelta

from portal.contract.definition import Entry, Integration, Kind, Pace, Pull, Resource, Setting
from portal.contract.standard_webhooks import verify
from portal.contract.webhooks import Reply, Webhook
from portal.contract.words import Text, same
from portal.integrations.kirim.client import KirimClient, stock
from portal.integrations.kirim.webhook import hint

INTEGRATION = Integration(
    key="kirim",
    name="Kirim",
    kind=Kind.FULFILMENT,
    tile="KR",
    summary=Text("A warehouse.", "Sebuah gudang.", "一个仓库。"),
    settings=(Setting(key="shop", label=same("Shop")),),
    options=(),
    hosts={"gateway": "https://api.kirim.example"},
    app_key="shop",
    client=KirimClient,
    check=KirimClient.shop,
    pulls={
        Resource.STOCK: Pull(pages=KirimClient.pages, read=stock, some=KirimClient.some, option="import_products"),
        Resource.OUTBOUND: Pull(pages=KirimClient.pages, read=stock, some=KirimClient.some, option="export"),
        Resource.INBOUND: Pull(pages=KirimClient.pages, read=stock, option="import_products"),
    },
    pace=Pace(rate=1000, burst=50),
    sandbox=None,
    currency="IDR",
    webhook=Webhook(
        verify=verify,
        hint=hint,
        topics={"stock.change": Text("Stock changed", "Stok berubah", "库存变化")},
        repeats_for=timedelta(days=3),
        taken=Reply(202, b"thanks"),
        refused=Reply(401, b"who are you"),
        failed=Reply(503, b"later"),
        masked=frozenset({"phone", "buyer"}),
    ),
)
'''

CLIENT = '''
"""Where Kirim is and how it is asked."""

from portal.contract.errors import Cause, Refused, Unauthorised
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.reading import remote_id, text
from portal.contract.records import Page, RemoteStock, Shop


class KirimClient(ApiClient):
    def call(self, path):
        body = read_json(self.ask(request_to("GET", self.account.hosts["gateway"] + path)))
        if body.get("error") == "no":
            raise Refused(Cause.REFUSED, "it said no")
        if body.get("error") == "who":
            raise Unauthorised(Cause.WRONG_CREDENTIALS)
        return body

    def shop(self):
        return Shop("S1", "")

    def pages(self, since, cursor):
        yield Page(self.call("/stock")["items"], None)

    def some(self, keys):
        return self.call("/stock?skus=" + ",".join(keys))["items"]


def stock(raw):
    number = int(raw["number"])
    return RemoteStock(
        remote_id=remote_id(raw, "sku"), sku=text(raw, "sku"), title="", warehouse="W1", available=number,
        on_hand=number, reserved=0, locked=0, inbound=0,
    )
'''

WEBHOOK = '''
"""What Kirim's pushes hint at."""

import json

from portal.contract.webhooks import Hint


def hint(push):
    body = json.loads(push.body)
    topic = body["topic"] if isinstance(body, dict) else ""
    if topic == "note":
        return Hint("note")
    return Hint(topic, body.get("resource", "stock"), tuple(body["skus"]))
'''

FILES = {f"{KEY}/__init__.py": DEFINITION, f"{KEY}/client.py": CLIENT, f"{KEY}/webhook.py": WEBHOOK}


@dataclass
class Kirim:
    """The sandbox: the truth by SKU, which it tells in order; what it was asked, and how it is made to fail."""

    url: str = ""
    stock: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    error: str = ""
    status: str = "200 OK"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one call."""
        query = environ["QUERY_STRING"]
        self.asked.append(query)
        wanted = query.removeprefix("skus=").split(",") if query else list(self.stock)
        items = [{"sku": sku, "number": self.stock[sku]} for sku in wanted if sku in self.stock]
        body = {"error": self.error} if self.error else {"items": items}
        start_response(self.status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]


@pytest.fixture
def kirim(tmp_path: Path, app: Flask) -> Iterator[Kirim]:
    """The remote, registered and listening, with the portal of the tests pointed at it."""
    remote = Kirim()
    with remotes.opened(app, tmp_path, remote, FILES):
        yield remote


@dataclass(frozen=True)
class Hook:
    """Where a connection is pushed to, and the key that signs."""

    connection_id: uuid.UUID
    path: str
    key: str

    @property
    def token(self) -> str:
        """The last part of the address."""
        return self.path.rpartition("/")[2]


def hooked(name: str = "Kirim Jakarta") -> Hook:
    """A connection of the first store of the merchant of the moment that is on, with its address and key."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, KEY, LINTAS)
    made.name, made.settings, made.state = name, {"shop": "S1"}, ConnectionState.ACTIVE
    webhooks.open_hook(made)
    db.session.commit()
    address = webhooks.address(made)
    return Hook(made.id, webhooks.PATH + address.rpartition("/")[2], secrets.readable(made)[webhooks.KEY])


def push(hook: Hook, event_id: str, body: bytes | dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """The headers and the body of a signed push, as arguments of a client."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int((at or now()).timestamp()))
    return {
        "data": raw,
        "headers": {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(hook.key, event_id, stamp, raw),
        },
    }


def signature(key: str, event_id: str, stamp: str, body: bytes) -> str:
    """What the Standard Webhooks write into their header."""
    raw = base64.b64decode(key.removeprefix("whsec_"))
    made = hmac.new(raw, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


def of_stock(*skus: str, **more: Any) -> dict[str, Any]:
    """The body of a push that tells of a change of stock."""
    return {"topic": "stock.change", "skus": list(skus), **more}


def the_delivery(event_id: str) -> Delivery:
    """What was kept of an event, as the database has it."""
    db.session.expire_all()
    query = sa.select(Delivery).where(Delivery.merchant_id == whose(), Delivery.event_id == event_id)
    return db.session.scalars(query).one()


def connection_of(hook: Hook) -> Connection:
    """The connection as the database has it."""
    db.session.expire_all()
    return db.session.get_one(Connection, (whose(), hook.connection_id))


def key_of(hook: Hook) -> str:
    """The key that is current now."""
    return secrets.readable(connection_of(hook))[webhooks.KEY]
