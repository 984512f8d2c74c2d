"""What the benchmarks stand on: a merchant, connections that are on, records, rows made by the superuser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.goods import Goods, Item
from portal.contract.records import RemoteListing
from portal.flows import connections, people, stores, sync, work
from portal.flows.audit import LINTAS
from portal.kit import roles
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.kit.text import near
from portal.models import Connection, ConnectionState, Product, Run, RunState, Store
from tests.stack import Stack


@contextmanager
def house(**options: Any) -> Iterator[Stack]:
    """A house with databases that keep every commit, and no process beside them unless one is asked for."""
    asked = {"workers": 0, "relay": False, "sandbox": False, **options}
    with Stack(**asked) as stack, stack.app.app_context():
        yield stack


@contextmanager
def merchant(name: str) -> Iterator[uuid.UUID]:
    """Within the block all work is done for a new merchant with one store."""
    made = people.create_merchant(name, "CNY", "Asia/Shanghai")
    with acting_for(made):
        stores.add(f"Store of {name}", "CNY", "Asia/Shanghai", LINTAS)
        yield made


def connection(name: str, integration: str = "jd_com") -> Connection:
    """A connection of the merchant of the moment that is on, though it was never asked for its credentials."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, integration, LINTAS)
    made.name, made.state, made.active_since = name, ConnectionState.ACTIVE, now()
    db.session.commit()
    return made


def run_of(of: Connection, resource: Resource = Resource.PRODUCTS) -> tuple[Run, work.Claim]:
    """A run that is under way, and the claim of its work."""
    found = sync.start(of, resource, LINTAS.name)
    found.state, found.started_at = RunState.RUNNING, now()
    db.session.commit()
    lane = db.session.scalar(sa.text("select lane from work where natural_key = :key"), {"key": f"{found.id}"})
    db.session.commit()
    (claimed,) = work.claim(lane)
    return found, claimed


def records(seed: str, size: int, *, dirty: float = 0.08) -> list[RemoteListing]:
    """What the mapping would make of a catalogue of the sandbox."""
    return [_record(item) for item in Goods(seed, "bench", size, dirty=dirty).items()]


def _record(item: Item) -> RemoteListing:
    return RemoteListing(
        remote_id=str(100_012_000_000 + item.slot),
        parent_id=str(10_020_000_000_000_001 + item.parent),
        sku=item.sku,
        title=item.title,
        parent_title=item.parent_title,
        price=Money(int(item.price * 100), "CNY"),
        quantity=item.stock,
        status_word="8/1",
        on_sale=item.on_sale,
        attributes=f"{item.colour_name} / {item.size}",
        barcode=item.barcode,
        updated_at=datetime.fromtimestamp(item.modified / 1000, UTC),
    )


def products_for(listed: Sequence[RemoteListing]) -> int:
    """A product for every SKU that stands once in a catalogue, so that most listings find their link."""
    skus = {each.sku: each for each in listed if near(each.sku)}
    rows = [
        {
            "merchant_id": whose(),
            "id": new_id(),
            "sku": sku,
            "sku_near": near(sku),
            "title": each.title,
            "barcode": each.barcode,
            "image": "",
            "created_at": now(),
        }
        for sku, each in skus.items()
    ]
    for at in range(0, len(rows), 5000):
        db.session.execute(sa.insert(Product), rows[at : at + 5000])
    db.session.commit()
    return len(rows)


@contextmanager
def superuser(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that stands above all walls."""
    with psycopg.connect(roles.dsn(url), autocommit=True) as wire:
        yield wire


def settled(stack: Stack) -> None:
    """Let the server do now what it would otherwise do in the middle of a measurement."""
    with superuser(stack.superuser_url) as wire:
        wire.execute("vacuum analyze")
        wire.execute("checkpoint")
