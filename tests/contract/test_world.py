"""The sandbox's memory: what it keeps over a restart, how it pages an edited catalogue, what it lets go wrong."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from portal.contract.goods import Label
from portal.contract.world.catalogue import Shelf
from portal.contract.world.faults import parsed
from portal.contract.world.records import Fault, Seller
from portal.contract.world.world import World, truth_between

SHELF = Shelf(language="id", currency="IDR", audited=True, first_id=600_000_000, first_parent_id=500_000_000)
READY = (
    Seller.named("toy", "ana", 1, shop_name="Ana", seed="s", size=200),
    Seller.named("toy", "budi", 2, shop_name="B"),
)


@pytest.fixture
def world(tmp_path):
    found = World("toy", tmp_path, ready=READY, shelf=SHELF, rotates=True)
    yield found
    found.close()


def again(world, tmp_path):
    world.close()
    return World("toy", tmp_path, ready=READY, shelf=SHELF, rotates=True)


def test_everything_survives_a_restart(world, tmp_path):
    ana = world.change_seller("ana", rate=5, size=250)
    token = world.new_token(ana.app_key, "ana")
    world.add_fault(Fault(0, "busy", left=None))
    world.edit(ana, 3, sku="EDITED", price=Decimal("1500"))
    world.edit(ana, 4, gone=True)
    world.move_clock(60)
    world.note("effect", "c1", "ana", "op", effect="stock.set", arguments={"sku": 1, "quantity": 2})
    world = again(world, tmp_path)
    try:
        ana = world.seller("ana")
        assert (ana.rate, ana.size) == (5, 250)
        assert world.token(token.access) == token
        assert world.take_fault("any", "ana").kind == "busy"
        assert world.catalogue(ana).listing(3).sku == "EDITED"
        assert world.catalogue(ana).listing(3).price == 1500
        assert world.catalogue(ana).listing(4) is None
        assert world.clock_offset == 60
        world.note("effect", "c2", "ana", "op")
        assert [json.loads(line)["seq"] for line in world.journal()] == [1, 2]
    finally:
        world.close()


def test_secrets_never_come_into_the_journal(world):
    world.note("request", "c", "ana", "op", arguments={"access_token": "T", "req": {"sign": "S", "sku": 1}})
    assert json.loads(world.journal()[0])["arguments"] == {"req": {"sku": 1}}


def test_faults_wait_for_their_call_and_are_used_up(world):
    world.add_fault(Fault(0, "busy", operation="jingdong.sku.*", left=2))
    world.add_fault(Fault(0, "reset", seller="budi"))
    assert world.take_fault("jingdong.ware.x", "ana") is None
    assert [world.take_fault("jingdong.sku.x", "ana").kind for _ in range(2)] == ["busy", "busy"]
    assert world.take_fault("jingdong.sku.x", "ana") is None
    assert world.take_fault("anything", "budi").kind == "reset"
    world.add_fault(Fault(0, "hang", left=None))
    assert world.take_fault("oauth.to_login", "ana") is None
    world.clear_faults()
    assert world.faults() == []


@pytest.mark.parametrize("text", ["nonsense", "latency", "latency:x", "code", "rate:500", "drip:fast"])
def test_faults_that_do_not_exist_are_refused(text):
    with pytest.raises(ValueError, match=r"fault|number|rate"):
        parsed(text)


def test_codes_are_good_once_and_tokens_end(world):
    key = world.seller("ana").app_key
    code = world.new_code(key, "ana", "http://x/")
    assert world.take_code(code, "other") is None
    assert world.take_code(code, key) is None
    first = world.new_token(key, "ana")
    second = world.renew_token(first.refresh, key)
    assert second.refresh != first.refresh
    assert world.token(first.access) is None
    assert world.renew_token(first.refresh, key) is None
    world.move_clock(second.expires - second.issued + 5)
    assert world.token(second.access) is None
    assert world.renew_token(second.refresh, key) is not None
    world.end_tokens("ana", revoke=True)
    assert world.renew_token(second.refresh, key) is None


def test_limits_count(world):
    ana = world.change_seller("ana", rate=2, quota=2)
    assert [world.over_rate(ana) for _ in range(3)] == [False, False, True]
    assert [world.over_quota(ana, day) for day in ("1", "1", "1", "2")] == [False, False, True, False]


def test_an_edited_catalogue_pages_like_a_written_out_one(world):
    ana, dice = world.seller("ana"), random.Random(7)
    catalogue = world.catalogue(ana)
    for _ in range(60):
        slot = dice.randrange(200)
        dice.choice(
            [
                lambda slot=slot: world.edit(ana, slot, sku="x"),
                lambda slot=slot: world.edit(ana, slot, gone=True),
                lambda slot=slot: world.edit(ana, slot, gone=False),
                lambda slot=slot: world.edit(ana, slot, touch=False, stock=1),
                lambda slot=slot: world.reissue(ana, slot),
            ]
        )()
    everything = list(catalogue)
    moments = sorted({each.modified for each in everything})
    windows = [None, (0, moments[20]), (moments[10], moments[-1]), (moments[-3], moments[-1]), (moments[5], moments[9])]
    for window in windows:
        inside = [each for each in everything if window is None or window[0] <= each.modified <= window[1]]
        orders = {"": lambda each: each.item.slot, "id": lambda each: each.remote_id}
        orders["modified"] = lambda each: (each.modified, each.item.slot)
        for by, key in orders.items():
            wanted = [each.item.slot for each in sorted(inside, key=key)]
            rising, falling = (catalogue.listings(by=by, falling=each, between=window) for each in (False, True))
            assert len(rising) == len(wanted)
            assert [slot for start in range(0, 200, 7) for slot in rising.page(start, 7)] == wanted
            assert falling.page(0, 200) == wanted[::-1]
        touched = {parent: catalogue.parent_modified(parent) for parent in {each.item.parent for each in everything}}
        kept = sorted(each for each in touched if window is None or window[0] <= touched[each] <= window[1])
        assert catalogue.parents(between=window).page(0, 500) == kept
        by_time = sorted(kept, key=lambda each: (touched[each], each))
        assert catalogue.parents(by="modified", between=window).page(0, 500) == by_time


def test_a_reissued_listing_has_a_new_id_and_the_old_one_is_gone(world):
    ana = world.seller("ana")
    before = world.catalogue(ana).listing(9)
    after = world.reissue(ana, 9)
    assert (after.sku, after.label) == (before.sku, Label.REISSUED)
    assert world.catalogue(ana).by_id(before.remote_id) is None
    assert world.catalogue(ana).by_id(after.remote_id) == after


def test_the_truth_takes_edits_in(world):
    ana = world.seller("ana")
    before = truth_between((world, "ana"))
    clean = next(each for each in world.catalogue(ana) if each.label is Label.CLEAN)
    world.edit(ana, clean.item.slot, sku=" ")
    waiting = [each.item.slot for each in world.catalogue(ana) if not each.passed]
    for slot in waiting:
        world.edit(ana, slot, passed=True)
    after = truth_between((world, "ana"))
    assert after.imported.empty == before.imported.empty + 1
    assert (before.imported.waiting, after.imported.waiting) == (len(waiting), 0)


def test_another_catalogue_undoes_edits(world):
    world.edit(world.seller("ana"), 3, sku="EDITED")
    ana = replace(world.seller("ana"), size=220)
    world.keep_seller(ana)
    assert world.catalogue(ana).listing(3).sku != "EDITED"


def fail_after_noting(world):
    with world.deed():
        world.note("effect", "c", "ana", "op")
        raise RuntimeError


def test_a_block_that_fails_keeps_nothing(world):
    with pytest.raises(RuntimeError):
        fail_after_noting(world)
    assert world.journal() == []
