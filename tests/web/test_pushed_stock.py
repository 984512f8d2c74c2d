"""The pushes of the sandbox's JD Logistics, over real HTTP, from a movement in its warehouse to our stock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from werkzeug.serving import make_server

from portal.flows import connections, receiving, secrets, webhooks, work
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for, db
from portal.models import ConnectionState, Delivery, DeliveryRefusal, DeliveryState, Store, WarehouseStock
from tests.cast import Cast
from tests.flows.jd import point_at
from tests.sandbox_server import Running, sandbox, sandbox_process
from workers.jobs import VERBS

__all__ = ["sandbox", "sandbox_process"]

ACCOUNT = {"integration": "jdl", "account": "northwick"}


@contextmanager
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


@pytest.fixture
def subscribed(cast: Cast, sandbox: Running) -> Iterator[Running]:
    """The sandbox with our address registered, and a plugin that is on and wants its stock."""
    before = cast.app.extensions["lintas"]
    point_at(cast.app, sandbox.url)
    server = make_server("127.0.0.1", 0, cast.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    who = sandbox.account("jdl", "northwick")
    with lantern(cast):
        store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
        made = connections.install(store, "jdl", LINTAS)
        made.settings, made.state = dict(who["types"]), ConnectionState.ACTIVE
        made.options = {**made.options, "sync_stock": True}
        secrets.keep(made, "token.access", who["tokens"][0]["access"], LINTAS.name)
        webhooks.open_hook(made)
        db.session.commit()
        path = webhooks.PATH + webhooks.address(made).rpartition("/")[2]
    sandbox.control("hook", **ACCOUNT, url=f"http://127.0.0.1:{server.server_port}{path}", subscribed=1)
    sandbox.control("push", **ACCOUNT, deed="pauses", seconds="0.05,0.05,0.05")
    try:
        yield sandbox
    finally:
        sandbox.control("push", **ACCOUNT, deed="pauses", seconds="")
        server.shutdown()
        server.server_close()
        thread.join()
        cast.app.extensions["lintas"] = before
        receiving._remembered.clear()


def until(holds: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen within four seconds")


def kept(cast: Cast) -> list[Delivery]:
    with lantern(cast):
        return list(db.session.scalars(sa.select(Delivery).order_by(Delivery.received_at)))


@pytest.mark.parametrize("form", ["form", "json"])
def test_a_movement_there_is_pushed_asked_for_and_kept_here(subscribed: Running, cast: Cast, form: str) -> None:
    subscribed.control("push", **ACCOUNT, deed="form", form=form)
    sku = subscribed.http.get("/control/listings", params={**ACCOUNT, "count": 1}).json()[0]["sku"]
    subscribed.control("stock", **ACCOUNT, sku=sku, quantity=17)
    until(lambda: kept(cast))
    with cast.app.app_context():
        work.drain_all(VERBS)
    found = kept(cast)[0]
    assert (found.state, found.cause, found.topic) == (DeliveryState.APPLIED, "", "stock.change")
    assert found.hint == {"resource": "stock", "keys": [sku]}
    with lantern(cast):
        assert db.session.execute(sa.select(WarehouseStock.sku, WarehouseStock.available)).one() == (sku, 17)
    page = cast.client_of(cast.mei).get(f"/deliveries/{found.id}").text
    assert "request_body" in page
    assert sku in page
    assert "&#34;token&#34;: &#34;•••&#34;" in page
    subscribed.control("push", **ACCOUNT, deed="form", form="form")


def test_a_push_that_is_sent_again_with_a_new_token_is_recognised(subscribed: Running, cast: Cast) -> None:
    sku = subscribed.http.get("/control/listings", params={**ACCOUNT, "count": 1}).json()[0]["sku"]
    subscribed.control("stock", **ACCOUNT, sku=sku, quantity=17)
    until(lambda: kept(cast))
    time.sleep(1.1)  # JD writes whole seconds; the token of another one is another token.
    subscribed.control("push", **ACCOUNT, deed="again", message_id=kept(cast)[0].event_id, times=2)
    until(lambda: kept(cast)[0].copies >= 3)
    assert len(kept(cast)) == 1
    with lantern(cast):
        assert db.session.scalars(sa.select(DeliveryRefusal.reason)).all() == []
