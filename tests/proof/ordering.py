"""Orders for proofs of the stock: written in pages as an import writes them, and settled in the same transaction."""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url

from portal.config import Settings
from portal.factory import create_app
from portal.flows import stock, stock_counts
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, array, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, Product, StockWhy, Store
from tests import goods
from tests.stack import Stack

# With more the pool of the database would decide who comes, and not the locks.
THREADS = 12
CHANNELS = 3


@dataclass(frozen=True)
class Piece:
    """One order of a few lines: product and number of pieces."""

    id: uuid.UUID
    channel: uuid.UUID
    lines: Sequence[tuple[uuid.UUID, uuid.UUID, int]]


@dataclass(frozen=True)
class Ground:
    """A merchant with some SKUs and three channels."""

    merchant: uuid.UUID
    store: uuid.UUID
    channels: Sequence[uuid.UUID]
    products: Sequence[uuid.UUID]

    def order(self, chance: random.Random, lines: int, pieces: int = 1) -> Piece:
        """An order of so many different SKUs in an order left to chance."""
        chosen = chance.sample(self.products, lines)
        return Piece(new_id(), chance.choice(self.channels), [(new_id(), each, pieces) for each in chosen])


def ground(merchant: uuid.UUID, skus: int, on_hand: int) -> Ground:
    """So many SKUs with so many pieces each.  Wants an application context of that merchant."""
    store = db.session.scalars(sa.select(Store.id)).one()
    channels = [goods.connection("jd_com", f"Channel {number}").id for number in range(CHANNELS)]
    products = []
    for number in range(skus):
        made: Product = goods.product(f"SKU-{number:03}")
        stock_counts.adjust(made, StockWhy.COUNT, on_hand, "first count", LINTAS)
        products.append(made.id)
    db.session.execute(sa.update(Connection).values(active_since=now()))
    db.session.commit()
    return Ground(merchant, store, channels, products)


ORDERS = sa.text(
    """
    insert into orders (merchant_id, id, store_id, connection_id, remote_id, number, status_word, status_text, status,
        placed_at, currency, payment_word, paid_on_delivery, by_channel, gift, shipping_service, country, province,
        city, postcode, buyer_shown, masked, sealed, carrier, tracking, tags, pieces, flagged, digest, asked_at,
        changed_at, created_at)
    select :merchant, r.id, :store, r.channel, cast(r.id as text), cast(r.id as text), '', '', 'to_ship', :moment, '',
        '', false, false, false, '', '', '', '', '', '', false, '', '', '', '{}', 1, false, '', :moment, :moment,
        :moment
    from unnest(cast(:ids as uuid[]), cast(:channels as uuid[])) as r(id, channel)
    on conflict do nothing
    """
)
LINES = sa.text(
    """
    insert into order_line (merchant_id, id, order_id, remote_id, place, remote_listing_id, product_id, sku, title,
        quantity)
    select :merchant, r.id, r.order_id, cast(r.id as text), 0, '', r.product_id, '', '', r.quantity
    from unnest(cast(:ids as uuid[]), cast(:orders as uuid[]), cast(:products as uuid[]), cast(:numbers as integer[]))
        as r(id, order_id, product_id, quantity)
    on conflict do nothing
    """
)


def keep(place: Ground, page: Sequence[Piece]) -> None:
    """Write a page of orders in the open transaction; one that is there already stays as it is."""
    rows = sorted(page, key=lambda each: each.id)
    values = {"merchant": whose(), "store": place.store, "moment": now()}
    of_orders = {"ids": array(each.id for each in rows), "channels": array(each.channel for each in rows)}
    db.session.execute(ORDERS, {**values, **of_orders})
    lines = [(line, each.id, product, number) for each in rows for line, product, number in each.lines]
    columns = [array(column) for column in zip(*lines, strict=True)]
    names = ("ids", "orders", "products", "numbers")
    db.session.execute(LINES, {"merchant": whose(), **dict(zip(names, columns, strict=True))})


def import_page(place: Ground, page: Sequence[Piece]) -> None:
    """A page of orders comes in: kept and settled in one transaction."""
    keep(place, page)
    stock.settle([each.id for each in page])
    db.session.commit()


def pages(orders: Sequence[Piece], chance: random.Random, most: int) -> Iterator[Sequence[Piece]]:
    """The orders in pages of different length."""
    at = 0
    while at < len(orders):
        size = chance.randint(1, most)
        yield orders[at : at + size]
        at += size


def at_once(
    app: Flask, merchant: uuid.UUID, todo: Iterable[Sequence[Piece]], do: Callable[[Sequence[Piece]], None]
) -> list[str]:
    """Carry out all pages with many threads at once; gives the faults that reached one of them."""
    waiting: Queue[Sequence[Piece]] = Queue()
    for each in todo:
        waiting.put(each)
    faults: list[str] = []

    def work() -> None:
        with app.app_context(), acting_for(merchant):
            while True:
                try:
                    page = waiting.get_nowait()
                except Empty:
                    return
                try:
                    do(page)
                except Exception as why:  # Whatever reaches a caller is what is counted.
                    db.session.rollback()
                    faults.append(f"{type(getattr(why, 'orig', why)).__name__}: {why}"[:200])

    threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return faults


# --- a slow way to the database ---------------------------------------------------------------------------------------


@contextmanager
def slow_app(stack: Stack, milliseconds: tuple[int, int]) -> Iterator[Flask]:
    """The portal on the same database by way of a proxy that holds every message back for a while."""
    settings = Settings.from_env(stack.env)
    url = make_url(settings.database_url)
    named = {**url.query, "host": url.query.get("host") or url.host, "port": url.query.get("port") or url.port or 5432}
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_serve, args=(door, named, milliseconds), daemon=True).start()
        rest = url.difference_update_query(["host", "port"])
        slow = rest.set(host="127.0.0.1", port=door.getsockname()[1]).render_as_string(hide_password=False)
        yield create_app(replace(settings, database_url=slow, quick_hashing=True))


def _reach(named: dict[str, Any]) -> socket.socket:
    """The database itself, by its socket in a folder or by its port."""
    host = str(named["host"])
    if not host.startswith("/"):
        return socket.create_connection((host, int(named["port"])))
    far = socket.socket(socket.AF_UNIX)
    far.connect(f"{host}/.s.PGSQL.{named['port']}")
    return far


def _serve(door: socket.socket, named: dict[str, Any], milliseconds: tuple[int, int]) -> None:
    with suppress(OSError):
        while True:
            near, _address = door.accept()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = _reach(named)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target, milliseconds), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, milliseconds: tuple[int, int]) -> None:
    chance = random.Random()
    with suppress(OSError):
        while data := source.recv(65536):
            # Half of the delay on each way, so that a question and its answer take all of it.
            time.sleep(chance.uniform(*milliseconds) / 2000)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
