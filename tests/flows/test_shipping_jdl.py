"""The whole way at the sandbox of JD Logistics: given to it, shipped there in parts, tracked, called back."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.records import OrderStatus
from portal.flows import cancelling, relinking, resources
from portal.kit.db import db, whose
from portal.models import Connection, OrderStage, Parcel, ShipmentState
from tests import goods, parceling
from tests.cast import Cast
from tests.contract.jdl_sandbox import Jdl
from tests.parceling import MEI, Place, events, notices, plan, shipment_of, the, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process
from tests.selling import numbers
from tests.web.plugged import Warehouser
from tests.web.sandboxed import linked
from tests.web.shelf import lantern

__all__ = ["linked", "sandbox", "sandbox_process"]


@pytest.fixture
def jdl(linked: Running) -> Jdl:
    return Jdl(linked)


@pytest.fixture
def place(cast: Cast, linked: Running) -> Place:
    """JD Logistics as a plugin that is on, its goods read; what is there is counted here by hand."""
    mei = Warehouser(cast, cast.mei, linked).connected(sync_stock="")
    with lantern(cast):
        row = db.session.scalars(sa.select(Connection).where(Connection.integration == "jdl")).one()
        row.state, row.options = parceling.ConnectionState.ACTIVE, {**row.options, "sync_stock": False}
        db.session.commit()
        assert str(row.id) == mei.id
        return Place(row.id)


def kept(place: Place, sku: str) -> None:
    """A product that JD keeps under the same code."""
    parceling.keep(sku, 50)
    goods.take_in(place.row, [goods.listing(f"J-{sku}", sku)], complete=False)
    relinking.links_changed()
    db.session.commit()


def told(place: Place, order_id: uuid.UUID) -> None:
    """The poll that follows."""
    reference = shipment_of(order_id, live=False).reference  # type: ignore[union-attr]
    resources.refresh(db.session.get_one(Connection, (whose(), place.id)), Resource.OUTBOUND, [reference])
    db.session.expire_all()


def test_an_order_is_created_shipped_in_two_parcels_and_tracked(
    cast: Cast, jdl: Jdl, place: Place, linked: Running
) -> None:
    (sku,) = jdl.skus(1)
    with lantern(cast):
        kept(place, sku)
        mine = parceling.order(sku, quantity=3)
        plan(place, mine)
        work_off()
        found = shipment_of(mine)
        assert found is not None
        assert (found.state, the(mine).stage) == (ShipmentState.ACCEPTED, OrderStage.ASSIGNED)
        assert found.remote_id.startswith("CSL")
        linked.control("order", integration="jdl", account="northwick", reference=found.reference, status="10018")
        told(place, mine)
        assert "packed" in events(mine)
        linked.control("ship", integration="jdl", account="northwick", reference=found.reference, pieces=1)
        told(place, mine)
        assert shipment_of(mine).state is ShipmentState.LEFT  # type: ignore[union-attr]
        assert numbers(parceling.product(sku)) == (49, 2)
        assert len(notices("left_partly")) == 1
        linked.control("order", integration="jdl", account="northwick", reference=found.reference, status="10020")
        told(place, mine)
        assert numbers(parceling.product(sku)) == (47, 0)
        parcels = db.session.scalars(sa.select(Parcel)).all()
        assert len(parcels) == 2
        assert all(each.tracking and each.left_at for each in parcels)
        assert the(mine).status is OrderStatus.SHIPPED
        linked.control("order", integration="jdl", account="northwick", reference=found.reference, status="10034")
        told(place, mine)
        assert shipment_of(mine).state is ShipmentState.DONE  # type: ignore[union-attr]


def test_what_is_being_picked_is_stopped_or_is_not_and_either_is_told(
    cast: Cast, jdl: Jdl, place: Place, linked: Running
) -> None:
    (sku,) = jdl.skus(1)
    with lantern(cast):
        kept(place, sku)
        for answer, state in (("succeeds", ShipmentState.CANCELLED), ("fails", ShipmentState.ACCEPTED)):
            mine = parceling.order(sku)
            plan(place, mine)
            work_off()
            reference = shipment_of(mine).reference  # type: ignore[union-attr]
            who = {"integration": "jdl", "account": "northwick"}
            linked.control("cancelling", **who, answer=answer)
            linked.control("order", **who, reference=reference, status="10016")
            told(place, mine)
            cancelling.take_back(mine, MEI)
            parceling.once()
            assert shipment_of(mine).state is ShipmentState.CANCELLING  # type: ignore[union-attr]
            linked.control("order", **who, reference=reference)
            told(place, mine)
            assert shipment_of(mine, live=False).state is state  # type: ignore[union-attr]
            held = the(mine).stage is OrderStage.HELD
            assert held is (answer == "succeeds")
            assert ("cancel_failed" in events(mine)) is (answer == "fails")


def test_too_few_pieces_at_jd_block_the_order_with_jds_own_words(
    cast: Cast, jdl: Jdl, place: Place, linked: Running
) -> None:
    (sku,) = jdl.skus(1)
    with lantern(cast):
        kept(place, sku)
        linked.control("stock", integration="jdl", account="northwick", sku=sku, quantity=0)
        mine = parceling.order(sku)
        plan(place, mine)
        work_off()
        found = shipment_of(mine)
        assert found is not None
        assert (found.state, found.cause) == (ShipmentState.REFUSED, "insufficient_stock")
        assert (the(mine).stage, the(mine).stage_why) == (OrderStage.BLOCKED, "insufficient_stock")
        assert sku in f"{found.detail} {found.said}"
