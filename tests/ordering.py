"""A channel with orders: an integration that exists in tests only, and its sandbox.

It tells its times in its own zone (UTC+8) and by its own clock, sorts what changed by that time, pages by key, and
shows an order that arrived late only when it has arrived.
"""

from __future__ import annotations

import bisect
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import connections
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Connection, ConnectionState, Store
from tests import remotes

KEY = "pasar"
ZONE = timezone(timedelta(hours=8))
TIMES = "%Y-%m-%d %H:%M:%S"

DEFINITION = '''
"""Pasar, a channel that exists in tests only."""

from datetime import timedelta

from portal.contract.definition import Integration, Kind, Option, Entry, Pace, Pull, Resource, Setting
from portal.contract.records import OrderStatus
from portal.contract.words import Text, same
from portal.integrations.pasar.client import PasarClient, order

INTEGRATION = Integration(
    key="pasar",
    name="Pasar",
    kind=Kind.MARKETPLACE,
    tile="PS",
    summary=Text("A channel.", "Sebuah kanal.", "一个渠道。"),
    settings=(Setting(key="shop", label=same("Shop")),),
    options=(
        Option(key="use_channel_names", label=same("Use Channel Names"), default=False),
        Option(key="import_orders_from", label=same("Order Importing Type"), entry=Entry.MOMENT),
    ),
    hosts={"gateway": "https://api.pasar.example"},
    app_key="shop",
    client=PasarClient,
    check=PasarClient.shop,
    pulls={
        Resource.ORDERS: Pull(
            pages=PasarClient.pages, read=order, some=PasarClient.some, incremental=True, option="import_orders",
            every=timedelta(minutes=3), reach=timedelta(days=9),
        ),
    },
    statuses={
        "NEW": OrderStatus.UNPAID,
        "PAID": OrderStatus.TO_SHIP,
        "SENT": OrderStatus.SHIPPED,
        "GONE": OrderStatus.CANCELLED,
        "STOP": OrderStatus.ON_HOLD,
        "HUH": OrderStatus.KEEP,
    },
    pace=Pace(rate=100000, burst=5000),
    sandbox=None,
    currency="CNY",
)
'''

CLIENT = '''
"""Where Pasar is and how it is asked."""

from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from portal.contract.errors import BadRecord, Cause, Refused
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.records import Consignee, Page, RemoteLine, RemoteOrder, Shop
from portal.kit.money import money

ZONE = timezone(timedelta(hours=8))


class PasarClient(ApiClient):
    def call(self, **query):
        url = self.account.hosts["gateway"] + "/orders?" + urlencode(query)
        body = read_json(self.ask(request_to("GET", url)))
        if body.get("error"):
            raise Refused(Cause.REFUSED, "it said no")
        return body

    def shop(self):
        return Shop("S1", "")

    def pages(self, since, cursor):
        text = since.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        while True:
            body = self.call(since=text, cursor=cursor or "")
            cursor = body["next"]
            yield Page(body["items"], cursor, body["total"])
            if cursor is None:
                return

    def some(self, keys):
        return self.call(ids=",".join(keys))["items"]


def moment(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE) if text else None


def order(raw):
    if "id" not in raw:
        raise BadRecord("no id")
    lines = tuple(
        RemoteLine(each["id"], each.get("listing", ""), each["sku"], each["title"], each["quantity"],
                   money(each["price"], "CNY") if "price" in each else None)
        for each in raw["lines"]
    )
    return RemoteOrder(
        remote_id=raw["id"], status_word=raw["state"], lines=lines, placed_at=moment(raw["placed"]),
        updated_at=moment(raw["updated"]), number=raw.get("number", ""), ship_by=moment(raw.get("ship_by")),
        total=money(raw["total"], "CNY") if "total" in raw else None,
        consignee=Consignee(**raw.get("to", {})), buyer=raw.get("buyer", ""), buyer_note=raw.get("note", ""),
        masked=raw.get("masked", False), by_channel=raw.get("by_channel", False),
        carrier=raw.get("carrier", ""), tracking=raw.get("tracking", ""), raw=raw,
    )
'''

FILES = {f"{KEY}/__init__.py": DEFINITION, f"{KEY}/client.py": CLIENT}


@dataclass
class Pasar:
    """The channel: its orders by id, what it was asked, how far its clock is off, how many orders a page has.

    `paged` is called after each page that was told, for what happens while somebody pages.
    """

    url: str = ""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen_from: dict[str, datetime] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    off: timedelta = timedelta(0)
    size: int = 50
    error: bool = False
    paged: Any = None
    _sorted: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def clock(self, moment: datetime | None = None) -> str:
        """What the channel's clock shows at a moment."""
        return ((moment or now()) + self.off).astimezone(ZONE).strftime(TIMES)

    def put(self, remote_id: str, at: datetime | None = None, *, late: datetime | None = None, **more: Any) -> None:
        """Place an order, or change one: `at` is when, `late` from when on it is shown."""
        with self._lock:
            old = self.orders.get(remote_id)
            if old is not None:
                del self._sorted[bisect.bisect_left(self._sorted, (old["updated"], remote_id))]
            made = old or {"id": remote_id, "state": "PAID", "placed": self.clock(at), "lines": [line("1", "A")]}
            self.orders[remote_id] = {**made, **more, "updated": self.clock(at)}
            bisect.insort(self._sorted, (self.orders[remote_id]["updated"], remote_id))
            if late is not None:
                self.seen_from[remote_id] = late

    def changed(self, remote_id: str) -> datetime:
        """When an order changed last, by the clock of the world."""
        shown = datetime.strptime(self.orders[remote_id]["updated"], TIMES).replace(tzinfo=ZONE)
        return shown.astimezone(UTC) - self.off

    def forget(self) -> None:
        """Be an empty shop again."""
        with self._lock:
            self.orders, self.seen_from, self._sorted = {}, {}, []
            self.asked.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one call."""
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        self.asked.append(query)
        with self._lock:
            body = {"error": "no"} if self.error else self._answer(query)
        start_response("200 OK", [("Content-Type", "application/json")])
        sent = [json.dumps(body).encode()]
        if self.paged is not None and "since" in query:
            self.paged()
        return sent

    def _answer(self, query: dict[str, str]) -> dict[str, Any]:
        if "ids" in query:
            wanted = [self.orders[each] for each in query["ids"].split(",") if self.is_there(each)]
            return {"items": wanted, "next": None, "total": len(wanted)}
        after = tuple(json.loads(query["cursor"])) if query["cursor"] else (query["since"], "")
        at = bisect.bisect_right(self._sorted, after)
        found: list[str] = []
        while at < len(self._sorted) and len(found) < self.size:
            if self.is_there(self._sorted[at][1]):
                found.append(self._sorted[at][1])
            at += 1
        last = json.dumps([self.orders[found[-1]]["updated"], found[-1]]) if found else ""
        more = at < len(self._sorted)
        return {"items": [self.orders[each] for each in found], "next": last if more and found else None, "total": None}

    def is_there(self, remote_id: str) -> bool:
        """Whether the channel shows an order yet."""
        return remote_id in self.orders and self.seen_from.get(remote_id, now()) <= now()


def line(number: str, sku: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    """One line as the channel tells it."""
    return {"id": number, "sku": sku, "title": f"Title of {sku}", "quantity": quantity, "price": "19.90", **more}


@contextmanager
def open_at(app: Flask, folder: Path) -> Iterator[Pasar]:
    """The channel, registered and listening, with this portal pointed at it."""
    remote = Pasar()
    with remotes.opened(app, folder, remote, FILES):
        yield remote


@pytest.fixture
def pasar(tmp_path: Path, app: Flask) -> Iterator[Pasar]:
    """The channel, for one test."""
    with open_at(app, tmp_path) as remote:
        yield remote


def channel(name: str = "Pasar Shanghai", start: datetime | None = None) -> Connection:
    """A connection to it of the first store of the merchant of the moment, that is on; orders count from `start`."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, KEY, LINTAS)
    made.name, made.settings, made.state = name, {"shop": "S1"}, ConnectionState.ACTIVE
    made.active_since = now()
    if start is not None:
        made.options = {**made.options, "import_orders_from": start.isoformat()}
    db.session.commit()
    return made
