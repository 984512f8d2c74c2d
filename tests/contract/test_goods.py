"""The generated goods: the same for ever, dirty by the shares, and their truth counted twice."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.contract.goods import BLOCK, Goods, Label
from portal.contract.goods_codes import near, twin
from portal.contract.goods_truth import Groups, plain_truth, truth

CHINA = Goods("samudra", "jd_com", 400, language="zh", currency="CNY")
JAVA = Goods("samudra", "jd_id", 400, language="id", currency="IDR", audited=True)


def pairs(goods):
    return [(each.sku, each.passed) for each in goods.items()]


def normal(text):
    """The normalised twin, written down a second time."""
    out = ""
    for sign in unicodedata.normalize("NFKC", text).casefold().strip():
        if unicodedata.category(sign) == "Pd" or sign == "\u2212":
            out += "-"
        elif not sign.isspace():
            out += sign
    return out


def slow(listings, products):
    """The decision table, row by row, every question asked of the whole lists."""
    counts = Counter()
    groups = []
    for sku, passed in listings:
        twins = [product for product in products if normal(product) == normal(sku)]
        if not passed:
            group = "waiting"
        elif sku.strip() == "":
            group = "empty"
        elif sum(other == sku and ok for other, ok in listings) >= 2:
            group = "duplicate"
        elif sku in products:
            group = "matched"
        elif len(twins) == 1:
            group = "near"
        elif len(twins) > 1:
            group = "ambiguous"
        else:
            group = "new"
        counts[group] += 1
        groups.append(group)
    return groups, Groups(**counts)


@pytest.mark.parametrize(("first", "second"), [(CHINA, JAVA), (JAVA, CHINA)])
def test_the_truth_equals_a_slow_recount(first, second):
    groups, imported = slow(pairs(first), [])
    products = [sku for (sku, _), group in zip(pairs(first), groups, strict=True) if group == "new"]
    found = truth(first, second)
    assert found.imported == imported
    assert found.products == len(products)
    assert found.created == slow(pairs(first), products)[1]
    assert found.second == slow(pairs(second), products)[1]


@settings(max_examples=40, deadline=None)
@given(st.text("abcxyz", min_size=1, max_size=6), st.integers(0, 260), st.integers(0, 260), st.floats(0, 0.5))
def test_block_by_block_and_all_at_once_agree(seed, many, few, dirty):
    first = Goods(seed, "a", many, dirty=dirty, audited=True)
    second = Goods(seed, "b", few, dirty=dirty)
    assert truth(first, second) == plain_truth(pairs(first), pairs(second))
    assert truth(first, second).second.total == few


def test_no_two_blocks_have_a_twin_in_common():
    where: dict[str, int] = {}
    for goods in (replace(CHINA, size=9000), replace(JAVA, size=9000)):
        for item in goods.items():
            if item.sku.strip():
                assert where.setdefault(twin(item.sku), item.slot // BLOCK) == item.slot // BLOCK


def test_labels_say_what_the_items_are():
    items = list(replace(JAVA, size=3000).items())
    seen = Counter(item.sku for item in items if item.passed)
    for item in items:
        assert (item.sku.strip() == "") == (item.label is Label.EMPTY)
        assert item.passed == (item.label is not Label.WAITING)
        if item.passed and item.sku.strip():
            assert (seen[item.sku] in {2, 3}) == (item.label is Label.DUPLICATE), item
    parents: dict[int, set[bool]] = {}
    for item in items:
        parents.setdefault(item.parent, set()).add(item.passed)
    assert all(len(each) == 1 for each in parents.values())


def test_the_shares_hold():
    goods = replace(JAVA, size=36_000)
    counts = Counter(each.label for block in range(goods.blocks) for each in goods.plan(block))
    for kind in (Label.EMPTY, Label.DUPLICATE, Label.NEAR, Label.WAITING):
        assert counts[kind] == pytest.approx(720, rel=0.12)
    only = replace(goods, shares={Label.EMPTY: 0.1, Label.DUPLICATE: 0, Label.NEAR: 0, Label.WAITING: 0})
    counts = Counter(each.label for block in range(only.blocks) for each in only.plan(block))
    assert counts == {Label.EMPTY: 3600, Label.CLEAN: 32_400}


def test_every_kind_of_trouble_is_in_the_ready_made_pair():
    found = truth(CHINA, JAVA)
    assert min(getattr(found.second, name) for name in Groups.__dataclass_fields__) > 0
    assert found.second.matched > 250


def test_parents_and_slots_fit_together():
    for size in (0, 1, 35, 36, 37, 400, 1001):
        goods = replace(CHINA, size=size)
        slots = [slot for parent in range(goods.parents) for slot in goods.slots_of(parent)]
        assert slots == list(range(size))
        assert all(1 <= len(goods.slots_of(parent)) <= 8 for parent in range(goods.parents))
        assert all(
            goods.parent_of(slot)[0] == parent for parent in range(goods.parents) for slot in goods.slots_of(parent)
        )


def test_any_page_of_a_million_comes_alone():
    goods = replace(CHINA, size=1_000_000)
    page = list(goods.items(999_950))
    assert [item.slot for item in page] == list(range(999_950, 1_000_000))
    assert page[0] == goods.item(999_950)
    with pytest.raises(IndexError):
        goods.item(1_000_000)


def test_the_catalogue_never_changes():
    item = Goods("harbour", "jd_com", 400, language="en").item(123)
    assert (item.sku, item.title, str(item.price), item.stock) == (
        "QHE-YGM-00026-NVY-6MM",
        "Qinghe Family Yoga Mat Navy 6MM",
        "114.10",
        8,
    )


def test_prices_and_barcodes_are_what_shops_have():
    for goods, decimals in ((CHINA, 2), (JAVA, 0)):
        for item in goods.items():
            assert item.price > 0
            assert isinstance(item.price, Decimal)
            assert -item.price.as_tuple().exponent == decimals
            digits = [int(sign) for sign in item.barcode]
            assert len(digits) == 13
            assert sum(digits[::2]) + 3 * sum(digits[1::2]) == (sum(digits[::2]) + 3 * sum(digits[1::2])) // 10 * 10


@pytest.mark.parametrize("way", range(8))
def test_near_codes_differ_and_have_the_same_twin(way):
    code = "KMS-CUP-00012-RED-350ML"
    assert near(code, way) != code
    assert twin(near(code, way)) == twin(code) == normal(near(code, way))


def test_impossible_catalogues_are_refused():
    with pytest.raises(ValueError, match="SKUs"):
        Goods("a", "b", 1_000_001)
    with pytest.raises(ValueError, match="share"):
        Goods("a", "b", 10, dirty=0.6)
