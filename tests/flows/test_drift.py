"""What a channel shows is read back; a difference is found, told by where it comes from, and mended or asked about."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.flows import drift
from portal.flows.drift import Drift
from portal.kit.db import acting_for, db
from portal.models import AuditNote
from tests.cast import Cast
from tests.flows.pushing_off import calls_with, change, hurry, notice, the_push
from tests.shelves import Rak, channel, listed, rak, the

__all__ = ["rak"]


@pytest.fixture
def shop(cast: Cast, rak: Rak) -> Iterator[uuid.UUID]:
    """A channel of Blue Lantern that exports and shows 10 cups and 4 lids."""
    with cast.app.app_context(), acting_for(cast.lantern):
        made = channel()
        for product in listed(made, {"CUP": 10, "LID": 4}).values():
            change(product, 10)
        hurry()
        rak.told.clear()
        yield made


def read_back(shop: uuid.UUID) -> None:
    drift.ask(the(shop), "Mei Lin")
    db.session.commit()
    hurry()


def test_a_number_that_was_edited_at_the_channel_is_found_and_mended(shop: uuid.UUID, rak: Rak) -> None:
    rak.levels["R-CUP"] = 999
    read_back(shop)
    assert rak.levels["R-CUP"] == 10
    assert the_push("CUP").drift == Drift.EDITED
    assert (the_push("CUP").read_level, the_push("LID").drift) == (999, "")
    told = notice("stock_drift")
    assert told is not None
    assert (told.arguments["edited"], told.arguments["read"], told.arguments["asks"]) == (1, 2, 0)


def test_the_next_reading_that_finds_nothing_clears_it(shop: uuid.UUID, rak: Rak) -> None:
    rak.levels["R-CUP"] = 999
    read_back(shop)
    read_back(shop)
    assert the_push("CUP").drift == ""
    assert notice("stock_drift") is None
    kept = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "stock_read_back").order_by(AuditNote.id))
    assert [each.after["edited"] for each in kept] == [1, 0], "the figures of each reading are kept"


def test_what_is_edited_twice_is_asked_about_and_not_fought_over(shop: uuid.UUID, rak: Rak) -> None:
    for _ in range(2):
        rak.levels["R-CUP"] = 999
        read_back(shop)
    assert the_push("CUP").drift == Drift.AGAIN
    assert rak.levels["R-CUP"] == 999
    assert calls_with(rak, "CUP") == [10]
    told = notice("stock_drift")
    assert told is not None
    assert told.arguments["asks"] == 1


def test_a_listing_that_the_channel_does_not_know_is_asked_about(shop: uuid.UUID, rak: Rak) -> None:
    del rak.levels["R-CUP"]
    read_back(shop)
    assert the_push("CUP").drift == Drift.LINK
    assert calls_with(rak, "CUP") == []


def test_a_reading_tells_whether_a_lost_answer_had_arrived(shop: uuid.UUID, rak: Rak) -> None:
    db.session.execute(
        sa.text("update push set sent = sent + 1, wanted = wanted + 1, sent_level = 6, sent_at = now() - interval '1h'")
    )
    db.session.commit()
    rak.levels |= {"R-CUP": 6, "R-LID": 10}
    read_back(shop)
    assert (the_push("CUP").drift, the_push("LID").drift) == ("", Drift.FAILED)
    assert rak.levels == {"R-CUP": 10, "R-LID": 10}


def test_what_is_sent_while_the_reading_is_under_way_is_not_judged_by_it(shop: uuid.UUID, rak: Rak) -> None:
    listing = the_push("CUP").listing_id
    asked = the_push("CUP").sent_at
    assert asked is not None
    drift.keep(the(shop), {listing: "R-CUP"}, {"R-CUP": 3}, asked, may_be_order=False)
    db.session.commit()
    assert (the_push("CUP").drift, the_push("CUP").acked_level) == ("", 10)


@pytest.mark.parametrize(
    ("read", "level", "acked_level", "before", "may_be_order", "drift_", "send"),
    [
        (10, 10, 10, "", True, Drift.NONE, False),
        (8, 10, 10, "", True, Drift.ORDER, False),
        (8, 10, 10, "", False, Drift.EDITED, True),
        (12, 10, 10, "", True, Drift.EDITED, True),
        (12, 10, 10, Drift.EDITED, True, Drift.AGAIN, False),
        (8, 8, 10, "", True, Drift.NONE, False),
        (5, 9, None, "", True, Drift.NONE, True),
        (None, 9, 9, "", True, Drift.LINK, False),
    ],
)
def test_where_a_difference_comes_from(
    read: int | None, level: int, acked_level: int | None, before: str, may_be_order: bool, drift_: Drift, send: bool
) -> None:
    class Row:
        acked, sent, sent_level, cause = 3, 3, acked_level, ""

    row = Row()
    row.acked_level, row.drift = acked_level, before  # type: ignore[attr-defined]
    found = drift.judged(row, read, level, may_be_order=may_be_order)
    assert (found.drift, found.send) == (drift_, send)
