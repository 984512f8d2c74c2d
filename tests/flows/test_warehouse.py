"""What warehouses tell: newest wins, what a whole run does not find counts as none, and no status is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.errors import BadRecord
from portal.contract.records import RemoteDocument, RemoteParcel, RemotePiece, RemoteStock, ShipmentStatus
from portal.flows import resources, sync, warehouse
from portal.flows import statuses as meanings_of
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Connection, Document, Notice, Run, RunPage, RunState, WarehouseStock
from tests.cast import Cast
from tests.goods import connection
from tests.sandbox_server import Running, sandbox, sandbox_process
from tests.web.plugged import Warehouser
from tests.web.sandboxed import linked
from tests.web.shelf import lantern

__all__ = ["linked", "sandbox", "sandbox_process"]


@pytest.fixture
def jd(cast: Cast) -> Iterator[Connection]:
    """A plugin of Blue Lantern; the warehouse is asked by nobody."""
    with lantern(cast):
        yield connection("jdl")


def figures(sku: str, available: int, **more: Any) -> RemoteStock:
    return RemoteStock(sku, sku, "C1", available, available, **more)


def kept() -> dict[str, tuple[int, bool]]:
    """By SKU, how many are available, and whether it is told no more."""
    rows = db.session.scalars(sa.select(WarehouseStock).execution_options(populate_existing=True))
    return {row.sku: (row.available, row.gone_since is not None) for row in rows}


def a_run(jd: Connection, *seen: str, since: datetime | None = None) -> Run:
    """A run over stock that began now and saw these."""
    run = Run(merchant_id=jd.merchant_id, connection_id=jd.id, resource="stock", state=RunState.RUNNING, since=since)
    run.started_at = now()
    db.session.add(run)
    db.session.flush()
    db.session.add(RunPage(merchant_id=jd.merchant_id, run_id=run.id, remote_ids=list(seen)))
    db.session.flush()
    return run


def test_what_was_asked_for_later_is_never_replaced_by_what_was_asked_for_earlier(jd: Connection) -> None:
    moment = now()
    warehouse.keep_stock(jd, [figures("A", 5)], moment)
    warehouse.keep_stock(jd, [figures("A", 9)], moment - timedelta(minutes=1))
    assert kept() == {"A": (5, False)}
    warehouse.keep_stock(jd, [figures("A", 9)], moment + timedelta(minutes=1))
    assert kept() == {"A": (9, False)}


def test_the_same_figures_again_are_no_news(jd: Connection) -> None:
    first = warehouse.keep_stock(jd, [figures("A", 5), figures("B", 1)], now())
    again = warehouse.keep_stock(jd, [figures("A", 5), figures("B", 2)], now())
    assert (first.fresh, first.changed) == (2, 0)
    assert (again.fresh, again.changed, again.news) == (0, 1, ("B",))


def test_a_sku_that_a_whole_run_did_not_find_counts_as_none_and_comes_back(jd: Connection) -> None:
    warehouse.keep_stock(jd, [figures("A", 5), figures("B", 7, inbound=3)], now() - timedelta(minutes=1))
    run = a_run(jd, "A")
    assert warehouse.settle_stock(jd, run.id, complete=True) == 1
    assert kept() == {"A": (5, False), "B": (0, True)}
    row = db.session.scalars(sa.select(WarehouseStock).where(WarehouseStock.sku == "B")).one()
    assert (row.on_hand, row.inbound) == (0, 0)
    warehouse.keep_stock(jd, [figures("B", 2)], now())
    assert kept()["B"] == (2, False)


def test_a_run_that_is_filtered_or_broken_leaves_every_figure_alone(jd: Connection) -> None:
    warehouse.keep_stock(jd, [figures("A", 5), figures("B", 7)], now() - timedelta(minutes=1))
    run = a_run(jd, "A", since=now() - timedelta(hours=1))
    assert warehouse.settle_stock(jd, run.id, complete=False) == 0
    assert kept() == {"A": (5, False), "B": (7, False)}


def test_what_a_push_asked_for_while_the_run_went_on_is_newer_than_the_run(jd: Connection) -> None:
    run = a_run(jd, "A")
    warehouse.keep_stock(jd, [figures("B", 4)], now() + timedelta(seconds=1))
    warehouse.settle_stock(jd, run.id, complete=True)
    assert kept()["B"] == (4, False)


def test_a_warehouse_that_suddenly_tells_almost_nothing_is_not_believed_at_once(jd: Connection) -> None:
    many = [figures(f"S{number}", 1) for number in range(40)]
    warehouse.keep_stock(jd, many, now() - timedelta(minutes=1))
    run = a_run(jd, *(f"S{number}" for number in range(10)))
    door = resources.DOORS[Resource.STOCK]
    assert resources.too_many_lost(door, jd, run.id) == (30, 40)
    few = a_run_beside(jd, run, *(f"S{number}" for number in range(25)))
    assert resources.too_many_lost(door, jd, few.id) is None


def a_run_beside(jd: Connection, run: Run, *seen: str) -> Run:
    run.state, run.ended_at = RunState.DONE, now()
    db.session.flush()
    return a_run(jd, *seen)


@pytest.mark.parametrize(
    "record",
    [RemoteStock("A", "A", "C", 2**31, 0), RemoteStock("A", "A", "C", 0, -1), RemoteStock("A\0", "A", "C", 0, 0)],
)
def test_what_no_table_can_hold_is_a_bad_record_and_no_fault(record: RemoteStock) -> None:
    with pytest.raises(BadRecord):
        warehouse.check_stock(record)


def order(number: int, word: str, at: datetime | None = None) -> RemoteDocument:
    return RemoteDocument(f"ESL{number}", f"SO-{number}", word, status_at=at, pieces=(RemotePiece("A", 2),))


def statuses() -> dict[str, ShipmentStatus | None]:
    rows = db.session.scalars(sa.select(Document).execution_options(populate_existing=True))
    return {row.reference: row.status for row in rows}


def open_causes() -> set[str]:
    return set(db.session.scalars(sa.select(Notice.cause).where(Notice.cleared_at.is_(None))))


def test_an_order_takes_the_meaning_of_its_word_and_an_older_word_changes_nothing(jd: Connection) -> None:
    moment = now()
    warehouse.keep_outbound(jd, [order(1, "10018", moment)], moment)
    assert statuses() == {"SO-1": ShipmentStatus.PACKED}
    warehouse.keep_outbound(jd, [order(1, "10014", moment - timedelta(hours=1))], moment + timedelta(seconds=1))
    assert statuses() == {"SO-1": ShipmentStatus.PACKED}
    warehouse.keep_outbound(jd, [order(1, "10020", moment + timedelta(hours=1))], moment + timedelta(seconds=2))
    assert statuses() == {"SO-1": ShipmentStatus.DISPATCHED}


def test_an_unknown_word_is_not_guessed_it_is_told_once_and_a_meaning_lets_its_orders_follow(jd: Connection) -> None:
    warehouse.keep_outbound(jd, [order(1, "77777"), order(2, "77777"), order(3, "10034")], now())
    assert statuses() == {"SO-1": None, "SO-2": None, "SO-3": ShipmentStatus.DELIVERED}
    assert open_causes() == {"unknown_status_word"}
    meanings_of.save(jd, {"77777": "on_hold"}, LINTAS)
    assert statuses()["SO-1"] is ShipmentStatus.ON_HOLD
    assert open_causes() == set()
    with pytest.raises(Refusal, match="unknown_meaning"):
        meanings_of.save(jd, {"77777": "gone fishing"}, LINTAS)


def test_a_word_that_changes_nothing_keeps_the_status_and_is_told(jd: Connection) -> None:
    moment = now()
    warehouse.keep_outbound(jd, [order(1, "10018", moment)], moment)
    warehouse.keep_outbound(jd, [order(1, "10029", moment + timedelta(minutes=1))], moment + timedelta(minutes=1))
    assert statuses() == {"SO-1": ShipmentStatus.PACKED}
    assert open_causes() == {"status_kept"}
    warehouse.keep_outbound(jd, [order(1, "10020", moment + timedelta(minutes=2))], moment + timedelta(minutes=2))
    assert statuses() == {"SO-1": ShipmentStatus.DISPATCHED}
    assert open_causes() == set()


def parcelled(at: datetime, *parcels: RemoteParcel, left: datetime | None = None) -> RemoteDocument:
    return RemoteDocument("ESL1", "SO-1", "10020" if left else "10018", status_at=at, parcels=parcels, left_at=left)


def the_document() -> Document:
    return db.session.scalars(sa.select(Document).execution_options(populate_existing=True)).one()


def test_parcels_and_the_time_of_leaving_are_kept_whole_and_an_older_answer_takes_none_away(jd: Connection) -> None:
    moment = now()
    box = RemoteParcel("ESL1-1", "JDX1", "JNE", moment, (RemotePiece("A", 2),))
    other = RemoteParcel("ESL1-2", "JDX2", "JNE", moment, (RemotePiece("B", 1),))
    warehouse.keep_outbound(jd, [parcelled(moment, RemoteParcel("JDX1", "JDX1", "JNE"))], moment)
    assert (the_document().left_at, the_document().parcels[0]["left_at"]) == (None, None)
    later = moment + timedelta(minutes=1)
    warehouse.keep_outbound(jd, [parcelled(later, box, other, left=moment)], later)
    warehouse.keep_outbound(jd, [parcelled(moment, RemoteParcel("JDX1", "JDX1", "JNE"))], later)
    found = the_document()
    assert found.left_at == moment
    assert [(each["remote_id"], each["tracking"]) for each in found.parcels] == [("ESL1-1", "JDX1"), ("ESL1-2", "JDX2")]
    assert datetime.fromisoformat(found.parcels[0]["left_at"]) == moment
    assert found.parcels[1]["pieces"] == [{"sku": "B", "quantity": 1, "done": None, "damaged": None}]


def test_only_the_references_with_news_are_told_and_another_parcel_is_news(jd: Connection) -> None:
    moment = now()
    box, other = RemoteParcel("1", "JDX1", "JNE", moment), RemoteParcel("2", "JDX2", "JNE", moment)
    first = warehouse.keep_outbound(jd, [parcelled(moment, box, left=moment), order(2, "10018", moment)], moment)
    again = warehouse.keep_outbound(jd, [parcelled(moment, box, left=moment), order(2, "10018", moment)], moment)
    more = warehouse.keep_outbound(jd, [parcelled(moment, box, other, left=moment)], moment)
    assert [set(each.references) for each in (first, again, more)] == [{"SO-1", "SO-2"}, set(), {"SO-1"}]


def test_two_bills_of_one_reference_are_two_documents_and_one_reference(jd: Connection) -> None:
    bills = [RemoteDocument(number, "SO-7", "10020") for number in ("ESL71", "ESL72")]
    assert warehouse.keep_outbound(jd, bills, now()).references == ("SO-7",)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Document)) == 2


def test_a_new_meaning_of_a_word_tells_the_references_that_it_moved(jd: Connection) -> None:
    warehouse.keep_outbound(jd, [order(1, "77777"), order(2, "10034")], now())
    jd.statuses = {"77777": "on_hold"}
    assert warehouse.judge_again(jd) == ("SO-1",)
    assert warehouse.judge_again(jd) == ()


def test_a_parcel_with_a_text_that_no_table_can_hold_is_a_bad_record() -> None:
    with pytest.raises(BadRecord):
        warehouse.check_document(parcelled(now(), RemoteParcel("1", "JDX\0")))


def test_a_run_over_the_real_thing_counts_what_the_warehouse_lost(cast: Cast, linked: Running) -> None:
    mei = Warehouser(cast, cast.mei, linked).running(import_products="", import_orders="")
    with lantern(cast):
        ghost = RemoteStock("GHOST", "GHOST", "C1", 5, 5)
        jd = db.session.scalars(sa.select(Connection)).one()
        warehouse.keep_stock(jd, [ghost], now() - timedelta(minutes=5))
        db.session.commit()
        sync.ask(jd, Resource.STOCK, LINTAS)
    mei.work()
    with lantern(cast):
        run = db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(1)).one()
        assert (run.state, run.missing) == (RunState.DONE, 1)
        assert kept()["GHOST"] == (0, True)
        assert len(kept()) == 401
