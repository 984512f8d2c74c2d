"""Two catalogues of 20,000 listings each, dirty as real ones are: the counts of every group equal the truth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.flows import batches, connections, linking, sync
from portal.flows.batches import Choice
from portal.kit.db import acting_for, db
from portal.models import Connection, LinkBatch, Listing, Product, Run, RunState, Work, WorkStatus
from tests.cast import Cast
from tests.flows.jd import MEI, jd_com, jd_id, point_at, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
SIZE = 20_000


@pytest.fixture(autouse=True)
def lantern(cast: Cast, sandbox: Running) -> Iterator[None]:
    before = cast.app.extensions["lintas"]
    point_at(cast.app, sandbox.url)
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
    cast.app.extensions["lintas"] = before


def imported(connection: Connection) -> tuple[Run, dict[str, int]]:
    """Turn the connection on and give the run and the groups as a merchant sees them."""
    key = sa.inspect(connection).identity
    connections.turn_on(connection, MEI)
    work_off(rounds=400)
    query = sa.select(Run).where(Run.connection_id == key[1], Run.resource == "products")
    run = db.session.scalars(query.order_by(Run.id.desc()).limit(1)).one()
    assert (run.state, run.refused, run.cause) == (RunState.DONE, 0, "")
    return run, run.groups


def told(truth: dict[str, int]) -> dict[str, int]:
    """The generator's counts in the portal's words: what matches by SKU is linked."""
    return {("linked" if name == "matched" else name): number for name, number in truth.items() if number}


@pytest.mark.timeout(600)
def test_both_catalogues_come_in_and_are_linked_by_sku_as_the_generator_says(sandbox: Running) -> None:
    for integration in ("jd_id", "jd_com"):
        sandbox.control("catalogue", integration=integration, account="samudra", size=SIZE, dirty=0.08)
    truth = sandbox.truth("jd_id/samudra", "jd_com/samudra")

    first = jd_id(sandbox)
    first_id = first.id
    run, groups = imported(first)
    assert groups == told(truth["imported"])
    assert run.fresh == SIZE

    batches.begin("create", Choice("new", first_id), MEI)
    work_off(rounds=400)
    assert db.session.scalars(sa.select(LinkBatch)).one().state == "done"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == truth["products"]
    made = linking.groups(first_id)
    assert made == told(truth["created"])

    second = jd_com(sandbox, "samudra")
    second_id = second.id
    _, groups = imported(second)
    assert groups == told(truth["second"])

    wrong = sa.select(sa.func.count()).select_from(Listing).join(Product, Product.id == Listing.product_id)
    assert db.session.scalar(wrong.where(Listing.sku != Product.sku)) == 0, "no near match is linked by itself"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(Work.status == WorkStatus.DEAD)) == 0

    before = db.session.execute(sa.text("select sum(hashtext(id::text || xmin::text)) from listing")).scalar()
    for key in (first_id, second_id):
        sync.ask(connections.find(key), Resource.PRODUCTS, MEI)
    work_off(rounds=400)
    again = list(db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(2)))
    assert [(each.state, each.fresh, each.changed, each.missing) for each in again] == [(RunState.DONE, 0, 0, 0)] * 2
    after = db.session.execute(sa.text("select sum(hashtext(id::text || xmin::text)) from listing")).scalar()
    assert after == before, "a second run writes no listing"
