"""Turning the export on sends nothing: first the numbers are shown, then a few go out, then all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.flows import rehearsals
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.models import ExportStage, Rehearsal, RehearsalRow
from tests.cast import Cast
from tests.flows.pushing_off import change, hurry, notice
from tests.shelves import Rak, channel, listed, rak, the

__all__ = ["rak"]
MEI = By("Mei Lin")


@pytest.fixture
def shop(cast: Cast, rak: Rak) -> Iterator[uuid.UUID]:
    """A channel that is on and exports nothing; it shows 60 SKUs with 7 pieces, of which there are 10."""
    with cast.app.app_context(), acting_for(cast.lantern):
        made = channel(stage=ExportStage.HELD, export=False)
        listed(made, {f"S{n:02}": 10 for n in range(60)})
        rak.levels = {f"R-S{n:02}": 7 for n in range(60)}
        yield made


def rehearsed(shop: uuid.UUID) -> Rehearsal:
    rehearsals.begin(the(shop), MEI)
    hurry()
    return the_rehearsal(shop)


def the_rehearsal(shop: uuid.UUID) -> Rehearsal:
    db.session.expire_all()
    found = rehearsals.newest(shop)
    assert found is not None
    return found


def stocks(numbers: dict[str, int]) -> None:
    for sku, number in numbers.items():
        db.session.execute(
            sa.text("update stock set on_hand = :n where product_id = (select id from product where sku = :sku)"),
            {"n": number, "sku": sku},
        )
    db.session.commit()


def test_a_rehearsal_compares_every_listing_and_sends_nothing(shop: uuid.UUID, rak: Rak) -> None:
    stocks({"S00": 7, "S01": 0})
    made = rehearsed(shop)
    assert made.state == "ready"
    assert (made.listings, made.changes, made.zeroed, made.shown, made.braked) == (60, 59, 1, 60, False)
    assert rak.told == []
    rows = {row.would for row in db.session.scalars(sa.select(RehearsalRow).where(RehearsalRow.merchant_id == whose()))}
    assert rows == {0, 7, 10}
    assert the(shop).export_stage is ExportStage.HELD
    assert notice("rehearsal_ready") is not None


def test_what_changes_while_it_is_held_is_not_sent_either(shop: uuid.UUID, rak: Rak) -> None:
    rehearsed(shop)
    product = db.session.scalar(sa.text("select id from product where sku = 'S05'"))
    change(product, 3)
    hurry()
    assert rak.told == []


def test_all_that_differs_goes_out_and_what_agrees_needs_no_call(shop: uuid.UUID, rak: Rak) -> None:
    stocks({"S00": 7})
    rehearsals.send_all(rehearsed(shop), MEI)
    hurry()
    assert rak.levels == {"R-S00": 7} | {f"R-S{n:02}": 10 for n in range(1, 60)}
    assert not any("R-S00" in call for call in rak.told)
    assert the(shop).export_stage is ExportStage.OPEN
    assert notice("rehearsal_ready") is None


def test_a_first_lot_goes_out_alone_is_read_back_and_then_the_rest(shop: uuid.UUID, rak: Rak) -> None:
    rehearsals.send_first(rehearsed(shop), MEI)
    hurry()
    assert sum(level == 10 for level in rak.levels.values()) == rehearsals.FIRST_LOT
    made = the_rehearsal(shop)
    assert (made.state, made.cursor["agree"]) == ("first", rehearsals.FIRST_LOT)
    rehearsals.send_all(made, MEI)
    hurry()
    assert set(rak.levels.values()) == {10}


def test_a_first_lot_that_does_not_arrive_is_seen(shop: uuid.UUID, rak: Rak) -> None:
    made = rehearsed(shop)
    rak.refused = {"R-S00", "R-S01", *rak.levels}
    rehearsals.send_first(made, MEI)
    hurry()
    assert the_rehearsal(shop).cursor["agree"] == 0


def test_mass_zeroing_wants_the_number_to_be_said(shop: uuid.UUID, rak: Rak) -> None:
    stocks({f"S{n:02}": 0 for n in range(40)})
    made = rehearsed(shop)
    assert made.braked
    for wrong in (None, 39):
        with pytest.raises(Refusal) as refused:
            rehearsals.send_all(the_rehearsal(shop), MEI, wrong)
        assert refused.value.reason == "zeroing_not_confirmed"
        db.session.rollback()
    hurry()
    assert rak.told == []
    rehearsals.send_all(the_rehearsal(shop), MEI, 40)
    hurry()
    assert sum(level == 0 for level in rak.levels.values()) == 40, "what a person let go to 0 trips no brake"
    assert the(shop).export_stage is ExportStage.OPEN


def test_leaving_the_export_off_keeps_every_number_as_it_is(shop: uuid.UUID, rak: Rak) -> None:
    rehearsed(shop)
    rehearsals.turn_off(the(shop), MEI)
    hurry()
    assert the_rehearsal(shop).state == "dropped"
    assert (the(shop).known_options.export, set(rak.levels.values())) == (False, {7})


def test_an_old_rehearsal_lets_nothing_out(shop: uuid.UUID, rak: Rak) -> None:
    made = rehearsed(shop)
    made.ready_at = now() - timedelta(hours=25)
    db.session.commit()
    with pytest.raises(Refusal) as refused:
        rehearsals.send_all(the_rehearsal(shop), MEI)
    assert refused.value.reason == "rehearsal_too_old"


def test_a_rehearsal_that_is_cut_goes_on_where_it_was(
    shop: uuid.UUID, rak: Rak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsals, "AT_A_STRETCH", 0.0)
    made = rehearsed(shop)
    assert (made.state, made.listings) == ("ready", 60)
    assert rak.asked == 2, "50 of 60 the first time, and none of them again"


def test_a_channel_that_is_off_can_not_be_rehearsed(shop: uuid.UUID) -> None:
    the(shop).state = "saved"  # type: ignore[assignment]
    db.session.commit()
    with pytest.raises(Refusal) as refused:
        rehearsals.begin(the(shop), MEI)
    assert refused.value.reason == "connection_is_off"
