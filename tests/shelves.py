"""A marketplace that takes numbers of pieces: an integration that exists in tests only, and the shelves it shows.

It takes absolute numbers, many in one call, and can be made to lose calls and answers, to refuse single listings, and
to be edited by hand.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import connections, linking
from portal.flows.audit import LINTAS
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, ExportStage, Listing, Product, Stock, Store
from tests import remotes
from tests.goods import listing, product, take_in

KEY = "rak"
MOST = 30

DEFINITION = '''
"""Rak, a marketplace that exists in tests only."""

from portal.contract.definition import Integration, Kind, Option, Pace, Setting, StockOut
from portal.contract.words import Text, same
from portal.integrations.rak.client import RakClient

INTEGRATION = Integration(
    key="rak",
    name="Rak",
    kind=Kind.MARKETPLACE,
    tile="RK",
    summary=Text("A marketplace.", "Sebuah pasar.", "一个市场。"),
    settings=(Setting(key="shop", label=same("Shop")),),
    options=(Option(key="export", label=same("Sync Stock"), default=False),),
    hosts={"gateway": "https://api.rak.example"},
    app_key="shop",
    client=RakClient,
    check=RakClient.shop,
    pulls={},
    pace=Pace(rate=1000, burst=50),
    sandbox=None,
    currency="IDR",
    stock_out=StockOut(send=RakClient.send, read=RakClient.read, most=30, most_read=50),
)
'''

CLIENT = '''
"""How Rak is told numbers and asked for them."""

from portal.contract.errors import Cause, Refused, Unauthorised
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.records import Shop


class RakClient(ApiClient):
    def call(self, said):
        answer = read_json(self.ask(request_to("POST", self.account.hosts["gateway"] + "/stock", json=said)))
        if answer.get("error") == "who":
            raise Unauthorised(Cause.TOKEN_EXPIRED)
        return answer

    def shop(self):
        return Shop("S1", "")

    def send(self, levels, reference):
        said = self.call({"set": {each.remote_id: each.quantity for each in levels}, "reference": reference})
        return {each: Refused(Cause.REFUSED, "not on sale", code="41") for each in said["refused"]}

    def read(self, remote_ids):
        return self.call({"get": list(remote_ids)})["levels"]
'''


@dataclass
class Rak:
    """The shelves: what each listing shows, every call in its order, and how it is made to fail.

    `lose` and `lose_answer` are the share of calls that never arrive and whose answers are lost, `slow` the most
    seconds that a call takes.
    """

    url: str = ""
    levels: dict[str, int] = field(default_factory=dict)
    told: list[dict[str, int]] = field(default_factory=list)
    asked: int = 0
    refused: set[str] = field(default_factory=set)
    lose: float = 0.0
    lose_answer: float = 0.0
    slow: float = 0.0
    error: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    lock: threading.Lock = field(default_factory=threading.Lock)
    watcher: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one call."""
        said = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)))
        time.sleep(self.dice.random() * self.slow)
        with self.lock:
            answer = {"error": self.error} if self.error else self._get(said) if "get" in said else self._set(said)
        start_response("503 Busy" if answer is None else "200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer or {}).encode()]

    def _get(self, said: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        return {"levels": {each: self.levels[each] for each in said["get"] if each in self.levels}}

    def _set(self, said: dict[str, Any]) -> dict[str, Any] | None:
        self.told.append(said["set"])
        if self.dice.random() < self.lose:
            return None
        taken = {each: number for each, number in said["set"].items() if each not in self.refused}
        self.levels |= taken
        if self.watcher is not None:
            self.watcher(taken)
        if self.dice.random() < self.lose_answer:
            return None
        return {"refused": sorted(self.refused & said["set"].keys())}


@contextmanager
def opened(app: Flask, folder: Path) -> Iterator[Rak]:
    """The marketplace, registered and listening, with the portal pointed at it."""
    remote = Rak()
    files = {f"{KEY}/__init__.py": DEFINITION, f"{KEY}/client.py": CLIENT}
    with remotes.opened(app, folder, remote, files, threaded=True, paces={KEY: 5000.0}):
        yield remote


@pytest.fixture
def rak(tmp_path: Path, app: Flask) -> Iterator[Rak]:
    with opened(app, tmp_path) as remote:
        yield remote


def channel(name: str = "Rak", stage: ExportStage = ExportStage.OPEN, **options: Any) -> uuid.UUID:
    """A connection of the first store of the merchant of the moment that is on and exports."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, KEY, LINTAS)
    made.name, made.settings, made.state, made.export_stage = name, {"shop": name}, ConnectionState.ACTIVE, stage
    made.options = {**made.options, "export": True, **options}
    db.session.commit()
    return made.id


def the(channel_id: uuid.UUID) -> Connection:
    """A connection as the database has it."""
    db.session.flush()
    db.session.expire_all()
    return db.session.get_one(Connection, (whose(), channel_id))


def listed(channel_id: uuid.UUID, stocks: dict[str, int | None]) -> dict[str, uuid.UUID]:
    """One linked listing for each SKU, with a product that has so many on hand (None: never counted).

    Gives the ids of the products by SKU.
    """
    to = the(channel_id)
    there = {row.sku: row for row in db.session.scalars(sa.select(Product).where(Product.merchant_id == whose()))}
    made = {sku: there.get(sku) or product(sku) for sku in stocks}
    take_in(to, [listing(f"R-{sku}", sku) for sku in stocks])
    for sku, number in stocks.items():
        if number is not None and sku not in there:
            db.session.add(Stock(merchant_id=whose(), id=new_id(), product_id=made[sku].id, on_hand=number))
        row = db.session.scalars(
            sa.select(Listing).where(Listing.connection_id == to.id, Listing.remote_id == f"R-{sku}")
        ).one()
        if row.product_id is None:
            linking.link(row, made[sku], LINTAS)
    ids = {sku: each.id for sku, each in made.items()}
    db.session.commit()
    return ids


def count(of: uuid.UUID, on_hand: int, reserved: int = 0) -> None:
    """Another number of pieces, in the open transaction, as the ledger leaves it."""
    db.session.execute(
        sa.update(Stock)
        .where(Stock.merchant_id == whose(), Stock.product_id == of)
        .values(on_hand=on_hand, reserved=reserved, version=Stock.version + 1)
    )
