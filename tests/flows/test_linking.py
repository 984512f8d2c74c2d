"""The decision table, row by row, and the merchant's own decisions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.flows import batches, connections, intake, linking, suggestions, work
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.text import near
from portal.models import LinkBatch, Listing, Product
from tests.cast import Cast
from tests.goods import AUDITS, connection, listing, product, product_of, row, states, take_in

MEI = By("Mei Lin")


@pytest.fixture(autouse=True)
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


def test_each_situation_of_the_table_has_its_state() -> None:
    known, twin_a, twin_b = product("CUP-01"), product("BOX 7"), product("box7")
    channel = connection()
    take_in(
        channel,
        [
            listing("exact", "CUP-01"),
            listing("unknown", "NEW-1"),
            listing("empty", ""),
            listing("blank", "  \u3000"),
            listing("double1", "D-1"),
            listing("double2", "D-1"),
            listing("near", "cup\uff0d01 "),
            listing("several", "BOX7"),
            listing("waits", "W-1", audit_word="2"),
            listing("strange", "S-1", audit_word="99"),
        ],
    )
    assert states(channel) == {
        "exact": "linked",
        "unknown": "new",
        "empty": "empty",
        "blank": "empty",
        "double1": "duplicate",
        "double2": "duplicate",
        "near": "near",
        "several": "ambiguous",
        "waits": "waiting",
        "strange": "waiting",
    }
    assert product_of(channel, "exact") == known.id
    assert {twin_a.id, twin_b.id} == {
        each.id for each in suggestions.of([row(channel, "several")])[row(channel, "several").id]
    }
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == 3, "no SKU is invented"


def test_a_second_run_over_the_same_writes_nothing() -> None:
    product("CUP-01")
    channel = connection()
    records = [
        listing("1", "CUP-01"),
        listing("2", "D"),
        listing("3", "D"),
        listing("4", ""),
        listing("5", "W", audit_word="2"),
    ]
    take_in(channel, records)
    before = db.session.execute(sa.text("select id, xmin::text, ctid::text from listing order by id")).all()
    kept = take_in(channel, records, pages=3)
    after = db.session.execute(sa.text("select id, xmin::text, ctid::text from listing order by id")).all()
    assert before == after
    assert (kept.fresh, kept.changed) == (0, 0)


def test_the_order_of_pages_does_not_matter() -> None:
    for sku in ("A", "B", "C"):
        product(sku)
    records = [listing(str(n), sku) for n, sku in enumerate(["A", "B", "A", "C", "c", "B ", "N", ""])]
    found = []
    for number in range(4):
        channel = connection(name=f"Channel {number}")
        random.Random(number).shuffle(records)
        take_in(channel, records, pages=number + 1)
        found.append(states(channel))
    assert all(each == found[0] for each in found)
    assert Counter(found[0].values()) == {"duplicate": 2, "linked": 2, "near": 2, "new": 1, "empty": 1}


def test_a_link_made_by_hand_stays_when_a_double_appears() -> None:
    known = product("A")
    channel = connection()
    take_in(channel, [listing("1", "A"), listing("2", "A")])
    assert states(channel) == {"1": "duplicate", "2": "duplicate"}
    linking.link(row(channel, "1"), known, MEI)
    take_in(channel, [listing("1", "A"), listing("2", "A"), listing("3", "A")])
    assert states(channel) == {"1": "linked", "2": "duplicate", "3": "duplicate"}
    linking.link(row(channel, "3"), known, MEI)
    assert product_of(channel, "3") == product_of(channel, "1") == known.id, "more than one per channel, on purpose"


def test_a_changed_sku_asks_once_and_keeps_the_link() -> None:
    known = product("A")
    channel = connection()
    take_in(channel, [listing("1", "A")])
    take_in(channel, [listing("1", "A-2")])
    assert states(channel) == {"1": "sku_changed"}
    assert product_of(channel, "1") == known.id
    linking.keep_link(row(channel, "1"), MEI)
    take_in(channel, [listing("1", "A-2")])
    assert states(channel) == {"1": "linked"}, "answered once, not asked again"
    take_in(channel, [listing("1", "A")])
    assert states(channel) == {"1": "sku_changed"}, "another change is another question"


def test_a_reissued_listing_is_offered_the_link_of_the_one_that_is_gone() -> None:
    known = product("A")
    channel = connection()
    take_in(channel, [listing("old", "A"), listing("other", "B")])
    take_in(channel, [listing("new", "A"), listing("other", "B")])
    assert states(channel) == {"new": "reissued", "other": "new"}
    assert product_of(channel, "old") == known.id, "the link waits on the missing one"
    linking.link(row(channel, "new"), known, MEI, suggested=True)
    assert product_of(channel, "new") == known.id
    assert product_of(channel, "old") is None
    take_in(channel, [listing("new", "A"), listing("other", "B")])
    assert states(channel)["new"] == "linked"


def test_a_replacement_seen_by_a_run_over_the_news_only_costs_the_old_one_nothing() -> None:
    known = product("A")
    channel = connection()
    take_in(channel, [listing("old", "A")])
    take_in(channel, [listing("new", "A")], complete=False)
    assert product_of(channel, "old") == known.id, "whether the old one is gone, only a whole run knows"
    take_in(channel, [listing("new", "A")])
    assert states(channel) == {"new": "reissued"}


def test_a_replacement_is_offered_the_product_of_the_old_one_also_under_another_sku() -> None:
    other = product("Q")
    channel = connection()
    take_in(channel, [listing("old", "A")])
    linking.link(row(channel, "old"), other, MEI)
    take_in(channel, [listing("new", "A")])
    assert states(channel) == {"new": "reissued"}
    assert [each.id for each in suggestions.of([row(channel, "new")])[row(channel, "new").id]] == [other.id]
    batches.begin("confirm", Choice("reissued", channel.id), MEI)
    assert (product_of(channel, "new"), product_of(channel, "old")) == (other.id, None)


def test_turning_automatic_linking_on_links_what_waited_for_a_yes() -> None:
    known = product("A")
    channel = connection()
    channel.options = {**channel.options, "auto_link": False}
    db.session.commit()
    take_in(channel, [listing("1", "A")])
    channel.options = {**channel.options, "auto_link": True}
    db.session.commit()
    take_in(channel, [listing("1", "A")])
    assert product_of(channel, "1") == known.id


def test_a_bulk_decision_passes_over_what_changed_since_its_preview() -> None:
    channel = connection()
    take_in(channel, [listing(str(n), f"S-{n}") for n in range(600)])
    batch = batches.begin("create", Choice("new", channel.id), MEI)
    batch_id = batch.id
    assert batch.state == "waiting", "so many are left to a worker"
    changed = [listing("0", ""), listing("1", "S-2"), *(listing(str(n), f"S-{n}") for n in range(2, 599))]
    take_in(channel, changed)
    channel_id = channel.id
    work.drain_all({"link_batch": batches.carry_out})
    channel = connections.find(channel_id)
    done = db.session.get_one(LinkBatch, (whose(), batch_id))
    assert (done.state, done.listings) == ("done", 596)
    assert Counter(states(channel).values()) == {"linked": 596, "empty": 1, "duplicate": 2}


def test_a_listing_that_comes_back_keeps_its_link() -> None:
    known = product("A")
    channel = connection()
    take_in(channel, [listing("1", "A"), listing("2", "B")])
    take_in(channel, [listing("2", "B")])
    assert row(channel, "1").missing_since is not None
    take_in(channel, [listing("1", "A"), listing("2", "B")])
    assert row(channel, "1").missing_since is None
    assert product_of(channel, "1") == known.id


def test_waiting_for_quality_check_is_looked_at_again() -> None:
    product("A")
    channel = connection()
    take_in(channel, [listing("1", "A", audit_word="2")])
    assert states(channel) == {"1": "waiting"}
    take_in(channel, [listing("1", "A", audit_word="1")])
    assert states(channel) == {"1": "linked"}


def test_a_waiting_double_does_not_count_as_a_double() -> None:
    product("A")
    channel = connection()
    take_in(channel, [listing("1", "A"), listing("2", "A", audit_word="2")])
    assert states(channel) == {"1": "linked", "2": "waiting"}


def test_without_auto_link_an_equal_sku_waits_for_a_yes() -> None:
    product("A")
    channel = connection()
    channel.options = {**channel.options, "auto_link": False}
    db.session.commit()
    take_in(channel, [listing("1", "A")])
    assert states(channel) == {"1": "matched"}


def test_an_older_record_never_overwrites_a_newer_one() -> None:
    from datetime import UTC, datetime

    channel = connection()
    take_in(channel, [listing("1", "A", title="new", updated_at=datetime(2026, 11, 2, tzinfo=UTC))])
    take_in(channel, [listing("1", "A", title="old", updated_at=datetime(2026, 11, 1, tzinfo=UTC))])
    assert row(channel, "1").title == "new"


def test_what_was_left_out_is_not_asked_about_until_it_is_taken_back() -> None:
    product("A")
    channel = connection()
    take_in(channel, [listing("1", "N")])
    linking.leave_out(row(channel, "1"), MEI)
    take_in(channel, [listing("1", "N", title="news")])
    assert states(channel) == {"1": "left_out"}
    linking.take_back(row(channel, "1"), MEI)
    assert states(channel) == {"1": "new"}


def test_creating_a_product_links_the_other_channel_too() -> None:
    first, second = connection(name="One"), connection(name="Two")
    take_in(first, [listing("1", "A"), listing("2", "B")])
    take_in(second, [listing("9", "A"), listing("8", "b")])
    linking.create_product(row(first, "1"), MEI)
    linking.create_product(row(first, "2"), MEI)
    assert states(second) == {"9": "linked", "8": "near"}
    with pytest.raises(Refusal):
        linking.create_product(row(second, "9"), MEI)


def test_a_bulk_decision_and_its_undoing_end_where_they_began() -> None:
    first, second = connection(name="One"), connection(name="Two")
    take_in(first, [listing(str(n), f"S-{n}") for n in range(30)] + [listing("x", "")])
    take_in(second, [listing(str(n), f"S-{n}") for n in range(20, 40)])
    before = states(first), states(second)
    choice = Choice("new", first.id)
    assert batches.preview("create", choice).products == 30
    batch = batches.begin("create", choice, MEI)
    assert (batch.listings, batch.products, batch.state) == (30, 30, "done")
    assert Counter(states(first).values()) == {"linked": 30, "empty": 1}
    assert Counter(states(second).values()) == {"linked": 10, "new": 10}
    batches.undo(batch, MEI)
    assert (states(first), states(second)) == before
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == 0
    with pytest.raises(Refusal):
        batches.undo(db.session.scalars(sa.select(LinkBatch)).one(), MEI)


def test_undo_leaves_what_was_decided_by_hand_since() -> None:
    first, second = connection(name="One"), connection(name="Two")
    take_in(first, [listing("1", "A")])
    take_in(second, [listing("9", "quite another")])
    batch = batches.begin("create", Choice("new", first.id), MEI)
    made = db.session.scalars(sa.select(Product)).one()
    linking.link(row(second, "9"), made, MEI)
    batches.undo(batch, MEI)
    assert product_of(second, "9") == made.id, "a product that someone else uses is not taken away"
    assert product_of(first, "1") in {made.id, None}


def test_a_page_costs_the_same_number_of_statements_whatever_its_length(statements) -> None:
    product("S-3")
    channel = connection()
    counts = []
    for number, size in enumerate((5, 500)):
        with statements() as sent:
            intake.keep(channel, [listing(f"{number}-{n}", f"{number}S-{n}") for n in range(size)], AUDITS)
            db.session.commit()
        counts.append(len(sent))
    assert counts[0] == counts[1]


def plain_states(products: list[str], records: list) -> dict[str, str]:
    """The table again, slowly and plainly, for a first import into one connection with automatic linking."""
    passed = [each for each in records if each.audit_word in (None, "1")]
    often = Counter(each.sku for each in passed)
    twins = Counter(near(sku) for sku in products)
    found = {}
    for each in records:
        if each not in passed:
            state = "waiting"
        elif not near(each.sku):
            state = "empty"
        elif often[each.sku] > 1:
            state = "duplicate"
        elif each.sku in products:
            state = "linked"
        elif twins[near(each.sku)] == 1:
            state = "near"
        elif twins[near(each.sku)] > 1:
            state = "ambiguous"
        else:
            state = "new"
        found[each.remote_id] = state
    return found


@pytest.mark.parametrize("seed", range(8))
def test_random_catalogues_agree_with_the_table_written_plainly(seed: int) -> None:
    dice = random.Random(seed)
    shapes = [str, str.lower, str.upper, lambda sku: sku + " ", lambda sku: sku.replace("-", "\u2013"), lambda _: ""]
    skus = [f"Sku-{n}" for n in range(12)]
    products = sorted({dice.choice(shapes[:5])(dice.choice(skus)) for _ in range(10)})
    for sku in products:
        product(sku)
    records = [
        listing(str(n), dice.choice(shapes)(dice.choice(skus)), audit_word=dice.choice([None, "1", "2"]))
        for n in range(60)
    ]
    channel = connection()
    take_in(channel, records, pages=dice.randint(1, 7))
    assert states(channel) == plain_states(products, records)
    linked = db.session.execute(sa.select(Listing.sku, Product.sku).join(Product, Product.id == Listing.product_id))
    assert all(ours == theirs for theirs, ours in linked)
