"""A warehouse that takes orders and a channel that wants to hear of them: two integrations that exist in tests only.

Both are told how to fail: a reply can be lost after the effect, before it, refused, and something may happen in the
middle of a call.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.contract.records import Consignee, OrderStatus, RemoteDocument, RemoteParcel, RemotePiece
from portal.flows import order_buyers, planning, stock, stock_counts, warehouse, work
from portal.flows.audit import By
from portal.flows.order_buyers import Buyer
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import (
    Connection,
    ConnectionState,
    Notice,
    Order,
    OrderEvent,
    Product,
    Shipment,
    ShipmentOrder,
    StockWhy,
    Work,
)
from tests import goods, remotes, selling
from workers.jobs import VERBS

MEI = By("Mei Lin")
PLUGIN, CHANNEL = "kurir", "lapak"

KURIR = '''
"""Kurir, a warehouse that exists in tests only."""

from portal.contract.definition import Fulfilling, Integration, Kind, Pace, Setting
from portal.contract.records import ShipmentStatus
from portal.contract.words import Text, same
from portal.integrations.kurir.client import KurirClient, cancel, create, find, trace

INTEGRATION = Integration(
    key="kurir",
    name="Kurir",
    kind=Kind.FULFILMENT,
    tile="KU",
    summary=Text("A warehouse.", "Sebuah gudang.", "一个仓库。"),
    settings=(Setting(key="shop", label=same("Shop")),),
    options=(),
    hosts={"gateway": "https://api.kurir.example"},
    app_key="shop",
    client=KurirClient,
    check=KurirClient.shop,
    pulls={},
    statuses={
        "new": ShipmentStatus.SENT, "pick": ShipmentStatus.PROCESSING, "pack": ShipmentStatus.PACKED,
        "out": ShipmentStatus.DISPATCHED, "done": ShipmentStatus.DELIVERED, "stop": ShipmentStatus.CANCELLING,
        "void": ShipmentStatus.CANCELLED, "halt": ShipmentStatus.ON_HOLD, "nostop": ShipmentStatus.KEEP,
        "back": ShipmentStatus.RETURNED,
    },
    pace=Pace(rate=100000, burst=5000),
    sandbox=None,
    currency="CNY",
    fulfilling=Fulfilling(create=create, find=find, cancel=cancel, trace=trace),
)
'''

KURIR_CLIENT = '''
"""Where Kurir is and how it is asked."""

from dataclasses import asdict
from datetime import datetime

from portal.contract.errors import Cause, Refused, Unauthorised
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.records import Answer, CancelAnswer, RemoteDocument, Shop


class KurirClient(ApiClient):
    def call(self, path, body):
        found = read_json(self.ask(request_to("POST", self.account.hosts["gateway"] + path, json=body)))
        if found.get("who"):
            raise Unauthorised(Cause.WRONG_CREDENTIALS)
        if found.get("error"):
            raise Refused(Cause(found["error"]), "it said no", said=found.get("said", ""))
        return found

    def shop(self):
        return Shop("S1", "")


def document(raw):
    return RemoteDocument(remote_id=raw["bill"], reference=raw["reference"], status_word=raw["status"])


def create(client, outbound):
    body = asdict(outbound)
    body["placed_at"] = outbound.placed_at.isoformat() if outbound.placed_at else ""
    return document(client.call("/create", body)["order"])


def find(client, reference):
    found = client.call("/find", {"reference": reference})["order"]
    return document(found) if found else None


def cancel(client, reference):
    found = client.call("/cancel", {"reference": reference})
    left = datetime.fromisoformat(found["left_at"]) if found.get("left_at") else None
    return CancelAnswer(Answer(found["answer"]), found.get("said", ""), left)


def trace(client, reference):
    return ()
'''

LAPAK = '''
"""Lapak, a channel that exists in tests only."""

from portal.contract.definition import Confirming, Entry, Integration, Kind, Option, Pace, Setting
from portal.contract.records import OrderStatus
from portal.contract.words import Text, same
from portal.integrations.lapak.client import LapakClient, carriers, confirm

INTEGRATION = Integration(
    key="lapak",
    name="Lapak",
    kind=Kind.MARKETPLACE,
    tile="LP",
    summary=Text("A channel.", "Sebuah kanal.", "一个渠道。"),
    settings=(Setting(key="shop", label=same("Shop")),),
    options=(
        Option(key="auto_merge", label=same("Auto Merge Orders"), default=False),
        Option(key="merge_window", label=same("Window"), entry=Entry.NUMBER, default=30),
    ),
    hosts={"gateway": "https://api.lapak.example"},
    app_key="shop",
    client=LapakClient,
    check=LapakClient.shop,
    pulls={},
    statuses={"PAID": OrderStatus.TO_SHIP, "SENT": OrderStatus.SHIPPED},
    pace=Pace(rate=100000, burst=5000),
    sandbox=None,
    currency="CNY",
    confirming=Confirming(confirm=confirm, carriers=carriers),
)
'''

LAPAK_CLIENT = '''
"""Where Lapak is and how it is told."""

from portal.contract.errors import Cause, Refused
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.records import Carrier, Confirmed, Shop


class LapakClient(ApiClient):
    def call(self, path, body):
        found = read_json(self.ask(request_to("POST", self.account.hosts["gateway"] + path, json=body)))
        if found.get("error"):
            raise Refused(Cause(found["error"]), "it said no", said=found.get("said", ""))
        return found

    def shop(self):
        return Shop("S1", "")


def carriers(client):
    return [Carrier(each["id"], each["name"]) for each in client.call("/carriers", {})["items"]]


def confirm(client, dispatch):
    body = {"order": dispatch.order_id, "carrier": dispatch.carrier, "tracking": list(dispatch.tracking)}
    found = client.call("/confirm", body)
    return Confirmed(found["carrier"], found["tracking"])
'''

FILES = {
    f"{PLUGIN}/__init__.py": KURIR,
    f"{PLUGIN}/client.py": KURIR_CLIENT,
    f"{CHANNEL}/__init__.py": LAPAK,
    f"{CHANNEL}/client.py": LAPAK_CLIENT,
}


@dataclass
class Yard:
    """Both remotes: what they hold, what they were asked, and how the next calls fail.

    `faults` are taken one by one: "lost" does as asked and loses the reply, "down" does nothing, any other word is the
    cause of a refusal, which it explains as it `says`.  `during` runs in the middle of a call, after its effect.
    """

    url: str = ""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    confirmed: dict[str, dict[str, Any]] = field(default_factory=dict)
    carriers: dict[str, str] = field(default_factory=lambda: {"467": "SF", "463": "YTO"})
    asked: list[tuple[str, Any]] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    stops: str = ""
    says: str = "the remote's own words"
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fail(self, path: str, *faults: str) -> None:
        """How the next calls of this path end."""
        self.faults[path] = list(faults)

    def calls(self, path: str) -> list[Any]:
        """What was asked of this path."""
        return [body for where, body in self.asked if where == path]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one call."""
        body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        path = environ["PATH_INFO"].rpartition("/")[2]
        assert dict(parse_qsl(environ["QUERY_STRING"])) == {}
        self.asked.append((path, body))
        waiting = self.faults.get(path, [])
        fault = waiting.pop(0) if waiting else ""
        status, answer = "200 OK", {}
        if fault == "down":
            status = "503 Service Unavailable"
        elif fault == "who":
            answer = {"who": True}
        elif fault and fault != "lost":
            answer = {"error": fault, "said": self.says}
        else:
            with self.lock:
                answer = getattr(self, f"_{path}")(body)
            if (happens := self.during.pop(path, None)) is not None:
                happens()
            status = "503 Service Unavailable" if fault == "lost" else status
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        reference = body["reference"]
        content = json.dumps(body, sort_keys=True)
        if reference in self.orders and self.orders[reference]["content"] != content:
            return {"error": "reference_taken"}
        made = {"bill": f"B{len(self.orders) + 1:05d}", "reference": reference, "status": "new"}
        made |= {"content": content, "body": body, "left_at": None}
        return {"order": self.orders.setdefault(reference, made)}

    def _find(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"order": self.orders.get(body["reference"])}

    def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self.orders.get(body["reference"])
        if found is None:
            return {"error": "not_there"}
        if found["status"] in {"out", "done", "back"}:
            return {"answer": "too_late", "said": "it has left", "left_at": found["left_at"]}
        if self.stops == "asked" and found["status"] != "void":
            found["status"] = "stop"
            return {"answer": "asked"}
        found["status"] = "void"
        return {"answer": "cancelled"}

    def _carriers(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"items": [{"id": each, "name": name} for each, name in self.carriers.items()]}

    def _confirm(self, body: dict[str, Any]) -> dict[str, Any]:
        told = self.confirmed.setdefault(body["order"], body)
        return {"carrier": self.carriers.get(told["carrier"], ""), "tracking": ",".join(told["tracking"])}

    def leave(self, reference: str, *parcels: dict[str, Any], status: str = "out") -> None:
        """The warehouse's own doing: goods leave, in these parcels (all of them in one where none is named)."""
        order = self.orders[reference]
        order["status"] = status
        order["left_at"] = order["left_at"] or now().isoformat()
        if parcels:
            order["parcels"] = list(parcels)


@contextmanager
def open_at(app: Flask, folder: Path) -> Iterator[Yard]:
    """Both remotes, registered and listening, with this portal pointed at them."""
    yard = Yard()
    with remotes.opened(app, folder, yard, FILES):
        yield yard


@pytest.fixture
def yard(tmp_path: Path, app: Flask) -> Iterator[Yard]:
    """Both remotes, for one test."""
    with open_at(app, tmp_path) as remotes:
        yield remotes


# --- what the merchant has --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A connection by its id: workers close the session, and its objects with it."""

    id: uuid.UUID

    @property
    def row(self) -> Connection:
        """The connection as it is now."""
        return db.session.get_one(Connection, (whose(), self.id), populate_existing=True)


def connection(integration: str, name: str, **options: Any) -> Place:
    """A connection of the first store that is on."""
    made = goods.connection(integration, name)
    made.settings, made.state, made.active_since = {"shop": name}, ConnectionState.ACTIVE, now()
    made.options = {**made.options, **options}
    db.session.commit()
    return Place(made.id)


def warehouse_of(*skus: str, pieces: int = 100, name: str = "Kurir Jakarta") -> Place:
    """A plugin that is on and keeps so many pieces of each of these products."""
    made = connection(PLUGIN, name)
    for sku in skus:
        keep(sku, pieces)
    goods.take_in(made.row, [goods.listing(f"{name}-{sku}", sku) for sku in skus])
    return made


def keep(sku: str, pieces: int) -> Product:
    """A product of which so many pieces are counted."""
    found = product(sku)
    stock_counts.adjust(found, StockWhy.COUNT, pieces, "counted", MEI)
    return found


def product(sku: str) -> Product:
    """The product of a SKU, made where it is not there yet."""
    found = db.session.scalars(sa.select(Product).where(Product.sku == sku)).one_or_none()
    return found or goods.product(sku)


BUYER = Consignee(
    name="Ada Sample",
    phone="0800000001",
    address="1 Example Road",
    city="Exampleton",
    province="Example State",
    postcode="10000",
    country="ID",
)


def order(
    *skus: str, channel: Place | None = None, quantity: int = 1, buyer: Buyer | None = None, **more: Any
) -> uuid.UUID:
    """An order of these SKUs with its buyer sealed, its pieces promised, and not planned yet."""
    who = buyer or Buyer(consignee=BUYER, account="ada")
    key = order_buyers.secret_key()
    source = channel.id if channel else None
    keys = order_buyers.keys(who, bool(more.get("masked")), source, key)
    values = {"connection_id": source, "currency": "CNY", "placed_at": now(), "customer_key": keys.customer}
    values |= {"recipient_key": keys.recipient, "notes_key": keys.notes} | more
    made = selling.order(*((product(sku), quantity) for sku in skus), **values)
    the(made).sealed = order_buyers.seal(who, made)
    db.session.commit()
    return made


def the(order_id: uuid.UUID) -> Order:
    """An order as it is now."""
    return db.session.get_one(Order, (whose(), order_id), populate_existing=True)


def plan(plugin: Place, *orders: uuid.UUID) -> None:
    """What routing does once it has decided for a plugin."""
    planning.plan([the(each) for each in orders], plugin.row)
    db.session.commit()


def shipment_of(order_id: uuid.UUID, *, live: bool = True) -> Shipment | None:
    """The live shipment of an order; or its last one."""
    query = sa.select(Shipment).join(ShipmentOrder, ShipmentOrder.shipment_id == Shipment.id)
    query = query.where(ShipmentOrder.order_id == order_id)
    if live:
        query = query.where(ShipmentOrder.live)
    found = db.session.scalars(query.order_by(Shipment.id.desc()).execution_options(populate_existing=True))
    return found.first()


def work_off(rounds: int = 12, *, kinds: tuple[str, ...] = ()) -> None:
    """What the workers would do until nothing is due; waiting times are cut short.

    Works of other kinds than those named wait, where some are named.
    """
    for _ in range(rounds):
        due = kinds or ("send_shipment", "cancel_shipment", "confirm_order", "route")
        db.session.execute(sa.update(Work).where(Work.kind.in_(due)).values(not_before=now()))
        db.session.commit()
        if not work.drain_all(VERBS):
            break
    db.session.expire_all()


def once() -> None:
    """What the workers do now, each piece of work once; waiting times are cut short."""
    db.session.execute(sa.update(Work).values(not_before=now() - timedelta(seconds=1)))
    db.session.commit()
    for lane in work.lanes_ready():
        for claimed in work.claim(lane, 50):
            work.perform(claimed, VERBS)
    db.session.expire_all()


def told(place: Place, yard: Yard, reference: str, at: datetime | None = None) -> None:
    """The poll or the push that brings what the warehouse says of one order now."""
    raw = yard.orders[reference]
    moment = at or now()
    left = datetime.fromisoformat(raw["left_at"]) if raw["left_at"] else None
    lines = [(each["sku"], each["quantity"]) for each in raw["body"]["lines"]]
    parcels = raw.get("parcels")
    gone = raw["status"] in {"out", "done", "back"}
    if parcels is None:
        whole = [{"id": f"{raw['bill']}-1", "tracking": f"T{raw['bill']}", "carrier": "SF", "pieces": lines}]
        parcels = whole if gone else []
    done: dict[str, int] = {}
    for each in parcels:
        for sku, number in each["pieces"]:
            done[sku] = done.get(sku, 0) + number
    document = RemoteDocument(
        remote_id=raw["bill"],
        reference=reference,
        status_word=raw["status"],
        status_at=moment,
        pieces=tuple(RemotePiece(sku, number, done.get(sku, 0) if gone else 0) for sku, number in lines),
        parcels=tuple(
            RemoteParcel(
                each["id"], each["tracking"], each["carrier"], left, tuple(RemotePiece(*one) for one in each["pieces"])
            )
            for each in parcels
        ),
        left_at=left,
    )
    warehouse.keep_outbound(place.row, [document], moment)
    db.session.commit()


def becomes(order_id: uuid.UUID, status: OrderStatus) -> None:
    """What the intake does when a channel says that an order has another status."""
    from portal.flows import routing

    row = the(order_id)
    row.status = status
    db.session.flush()
    stock.settle([order_id])
    routing.consider([order_id])
    db.session.commit()
    db.session.expire_all()


def events(order_id: uuid.UUID) -> list[str]:
    """What happened to an order, in order."""
    query = sa.select(OrderEvent.what).where(OrderEvent.order_id == order_id).order_by(OrderEvent.at, OrderEvent.id)
    return list(db.session.scalars(query))


def notices(cause: str) -> list[dict[str, Any]]:
    """The arguments of the open notices of one cause."""
    query = sa.select(Notice.arguments).where(Notice.cause == cause, Notice.cleared_at.is_(None))
    return list(db.session.scalars(query))
