"""Orders for JD Logistics at its sandbox: given twice, found after a lost answer, called back, their parcels followed.

Everything goes over real HTTP through the declaration, as the flows use it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.contract.definition import Resource
from portal.contract.errors import Busy, Cause, Refused, RemoteError
from portal.contract.http import Line
from portal.contract.records import Answer, Consignee, Outbound, OutboundLine, ShipmentStatus
from portal.integrations import get
from tests.contract.jdl_sandbox import Jdl
from tests.contract.lines import client_of, line_to

pytest_plugins = ("tests.sandbox_server",)

ONE = get("jdl")
assert ONE.fulfilling is not None
JOBS = ONE.fulfilling
WHO = Consignee(
    name="Ada Whitlock",
    phone="+44 113 496 0000",
    address="1 Canal Wharf",
    city="Leeds",
    postcode="LS11 5PS",
    country="gb",
)


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def jdl(sandbox: Any) -> Jdl:
    return Jdl(sandbox)


@pytest.fixture
def client(jdl: Jdl, line: Line) -> Any:
    return client_of(ONE, jdl.sandbox.url, jdl.sandbox.account("jdl", jdl.name), line)


def order(reference: str, *lines: tuple[str, int], **more: Any) -> Outbound:
    goods = tuple(OutboundLine(str(number), sku, count) for number, (sku, count) in enumerate(lines, 1))
    return Outbound(reference=reference, **{"consignee": WHO, "lines": goods, **more})


def refused(do: Any) -> RemoteError:
    with pytest.raises(Refused) as caught:
        do()
    return caught.value


def effects(jdl: Jdl, reference: str) -> Counter[str]:
    """How often each effect on an order happened at JD."""
    told = jdl.sandbox.journal(integration="jdl", kind="effect")
    return Counter(each["effect"] for each in told if each["arguments"].get("reference") == reference)


def bills(client: Any, reference: str) -> list[Any]:
    pull = ONE.pulls[Resource.OUTBOUND]
    assert pull.some is not None
    return [pull.read(each) for each in pull.some(client, [reference])]


# --- given ------------------------------------------------------------------------------------------------------------


def test_an_order_that_is_given_twice_is_one_order(jdl: Jdl, client: Any) -> None:
    first, second = jdl.skus(2)
    before = jdl.stock(first)["stockQuantity"]
    outbound = order("LT-1", (first, 2), (second, 1))
    made = JOBS.create(client, outbound)
    assert (made.reference, made.status_word, made.warehouse) == ("LT-1", "10010", jdl.types["warehouse_code"])
    assert JOBS.create(client, outbound) == made
    assert jdl.stock(first)["stockQuantity"] == before - 2
    assert effects(jdl, "LT-1") == {"outstock.created": 1}


def test_a_repeated_order_is_the_same_on_the_wire_to_the_byte(jdl: Jdl, line: Line) -> None:
    sent: list[bytes] = []
    watched = replace(line, send=lambda request: sent.append(request.content) or line.send(request))
    (sku,) = jdl.skus(1)
    for _ in range(3):
        account = jdl.sandbox.account("jdl", jdl.name)
        JOBS.create(client_of(ONE, jdl.sandbox.url, account, watched), order("LT-2", (sku, 1)))
    assert len(sent) == 3
    assert len(set(sent)) == 1


def test_the_same_number_with_other_content_is_refused_and_the_first_order_stays(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    JOBS.create(client, order("LT-3", (sku, 1)))
    why = refused(lambda: JOBS.create(client, order("LT-3", (sku, 2))))
    assert (why.cause, why.code) == (Cause.REFERENCE_TAKEN, "2218")
    (found,) = bills(client, "LT-3")
    assert [piece.quantity for piece in found.pieces] == [1]


def test_what_is_short_is_refused_with_every_sku_and_its_numbers(jdl: Jdl, client: Any) -> None:
    first, second = jdl.skus(2)
    has = jdl.stock(first)["stockQuantity"]
    why = refused(lambda: JOBS.create(client, order("LT-4", (first, has + 1), (second, 1))))
    assert why.cause is Cause.INSUFFICIENT_STOCK
    assert f"{first} ({has + 1} wanted, {has} there)" in why.detail
    assert first in why.said
    assert second not in why.said
    assert JOBS.find(client, "LT-4") is None


def test_a_sku_that_jd_does_not_know_is_named(client: Any) -> None:
    why = refused(lambda: JOBS.create(client, order("LT-5", ("NOBODY", 1))))
    assert (why.cause, "NOBODY" in why.said) == (Cause.UNKNOWN_GOODS, True)


@pytest.mark.parametrize("fault", ["reset", "http500", "html502", "busy"])
def test_an_answer_that_was_lost_leaves_the_outcome_open_and_the_order_is_found(
    jdl: Jdl, client: Any, fault: str
) -> None:
    (sku,) = jdl.skus(1)
    reference = f"LT-6-{fault}"
    outbound = order(reference, (sku, 2))
    jdl.sandbox.control("fault", integration="jdl", kind=fault, operation="outstock.create", times=1, after=True)
    with pytest.raises(Busy):
        JOBS.create(client, outbound)
    found = JOBS.find(client, reference)
    assert found is not None
    assert JOBS.create(client, outbound).remote_id == found.remote_id
    assert effects(jdl, reference) == {"outstock.created": 1}


def test_a_call_that_never_arrived_made_no_order_and_may_be_made_again(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    jdl.sandbox.control("fault", integration="jdl", kind="refuse", operation="outstock.create", times=1)
    with pytest.raises(Busy):
        JOBS.create(client, order("LT-7", (sku, 1)))
    assert JOBS.find(client, "LT-7") is None
    assert JOBS.create(client, order("LT-7", (sku, 1))).reference == "LT-7"


def test_an_order_with_everything_in_it_is_taken(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    long = Consignee(**{**vars_of(WHO), "address": "Unit 7 " * 40, "company": "Whitlock & Co", "email": "a@b.example"})
    outbound = order(
        "LT-8",
        (sku, 1),
        consignee=long,
        platform="JD.com",
        platform_number="2816100000001",
        placed_at=datetime(2026, 11, 20, 4, 0, tzinfo=UTC),
        buyer_note="Leave at the door.\n" * 30,
    )
    assert JOBS.create(client, outbound).reference == "LT-8"
    kept = jdl.sandbox.worlds["jdl"].memory.paper(jdl.name, "outstock", "LT-8")["consignee"]
    assert f"{kept['address1']} {kept['address2']}" == ("Unit 7 " * 40).strip()


def vars_of(who: Consignee) -> dict[str, str]:
    return {name: getattr(who, name) for name in who.__slots__}


def test_no_buyer_stands_in_the_journal_or_in_an_error(jdl: Jdl, client: Any) -> None:
    JOBS.create(client, order("LT-9", (jdl.skus(1)[0], 1)))
    why = refused(lambda: JOBS.create(client, order("LT-9", (jdl.skus(1)[0], 2))))
    told = json.dumps(jdl.sandbox.journal(integration="jdl")) + str(why) + why.said + repr(order("LT-9"))
    assert "LT-9" in told
    assert "Whitlock" not in told
    assert "Canal" not in told


# --- called back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("10010", Answer.CANCELLED),
        ("10014", Answer.CANCELLED),
        ("10016", Answer.ASKED),
        ("10018", Answer.ASKED),
        ("10051", Answer.ASKED),
        ("10027", Answer.ASKED),
        ("10028", Answer.CANCELLED),
        ("10029", Answer.ASKED),
        ("10020", Answer.TOO_LATE),
        ("10034", Answer.TOO_LATE),
        ("10035", Answer.TOO_LATE),
        ("10038", Answer.TOO_LATE),
    ],
)
def test_a_cancellation_is_answered_by_where_the_order_is(jdl: Jdl, client: Any, status: str, answer: Answer) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    JOBS.create(client, order("LT-20", (sku, 3)))
    if status != "10010":
        jdl.control("order", reference="LT-20", status=status)
    found = JOBS.cancel(client, "LT-20")
    assert found.answer is answer
    if answer is Answer.TOO_LATE:
        assert found.said
        assert found.left_at is not None
        assert abs(found.left_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert jdl.stock(sku)["totalQuantity"] == before["totalQuantity"] - 3
    if answer is Answer.CANCELLED:
        assert jdl.stock(sku) == before


@pytest.mark.parametrize(
    ("decided", "ends", "status"), [("succeeds", "10028", "cancelled"), ("fails", "10029", "keep")]
)
def test_a_cancellation_that_was_asked_for_ends_as_the_warehouse_decides(
    jdl: Jdl, client: Any, decided: str, ends: str, status: str
) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    JOBS.create(client, order("LT-21", (sku, 1)))
    jdl.control("order", reference="LT-21", status="10016")
    jdl.control("cancelling", answer=decided)
    assert JOBS.cancel(client, "LT-21").answer is Answer.ASKED
    assert JOBS.cancel(client, "LT-21").answer is Answer.ASKED
    jdl.control("order", reference="LT-21")
    found = JOBS.find(client, "LT-21")
    assert found is not None
    assert (found.status_word, ONE.statuses[found.status_word]) == (ends, ShipmentStatus(status))
    assert (jdl.stock(sku) == before) is (decided == "succeeds")
    if decided == "fails":
        jdl.control("order", reference="LT-21")
        assert JOBS.cancel(client, "LT-21").answer is Answer.TOO_LATE


def test_a_cancellation_of_an_order_that_jd_never_had_says_that_it_is_not_there(client: Any) -> None:
    assert refused(lambda: JOBS.cancel(client, "NOBODY-1")).cause is Cause.NOT_THERE
    assert JOBS.find(client, "NOBODY-1") is None


def test_a_cancellation_whose_answer_was_lost_is_made_again_and_happens_once(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    JOBS.create(client, order("LT-22", (sku, 2)))
    jdl.sandbox.control("fault", integration="jdl", kind="reset", operation="outstock.cancel", times=1, after=True)
    with pytest.raises(Busy):
        JOBS.cancel(client, "LT-22")
    assert JOBS.cancel(client, "LT-22").answer is Answer.CANCELLED
    assert jdl.stock(sku) == before
    assert effects(jdl, "LT-22")["outstock.cancelled"] == 1


# --- followed ---------------------------------------------------------------------------------------------------------


def test_a_tracking_number_before_dispatch_is_a_parcel_that_has_not_left(jdl: Jdl, client: Any) -> None:
    JOBS.create(client, order("LT-30", (jdl.skus(1)[0], 1)))
    jdl.control("order", reference="LT-30", status="10018")
    (packed,) = bills(client, "LT-30")
    (parcel,) = packed.parcels
    assert packed.tracking
    assert (parcel.tracking, parcel.left_at, packed.left_at) == (packed.tracking, None, None)
    jdl.control("order", reference="LT-30")
    (gone,) = bills(client, "LT-30")
    assert [(each.remote_id, each.tracking) for each in gone.parcels] == [(parcel.remote_id, packed.tracking)]
    assert gone.left_at is not None
    assert gone.parcels[0].left_at == gone.left_at


def test_three_parcels_come_in_whole(jdl: Jdl, client: Any) -> None:
    first, second = jdl.skus(2)
    JOBS.create(client, order("LT-31", (first, 4), (second, 2)))
    jdl.control("ship", reference="LT-31", parcels=3)
    (found,) = bills(client, "LT-31")
    assert len({each.tracking for each in found.parcels}) == len({each.remote_id for each in found.parcels}) == 3
    inside: Counter[str] = Counter()
    for parcel in found.parcels:
        assert parcel.left_at == found.left_at
        inside.update({piece.sku: piece.quantity for piece in parcel.pieces})
    assert inside == {first: 4, second: 2}
    assert [piece.done for piece in found.pieces] == [4, 2]


def test_a_part_that_leaves_now_and_the_rest_later_are_told_apart(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    JOBS.create(client, order("LT-32", (sku, 3)))
    jdl.control("ship", reference="LT-32", pieces=1)
    (part,) = bills(client, "LT-32")
    assert ([piece.done for piece in part.pieces], len(part.parcels)) == ([1], 1)
    between = jdl.stock(sku)
    assert between["totalQuantity"] == before["totalQuantity"] - 1
    assert between["preoccupiedQuantity"] == before["preoccupiedQuantity"] + 2
    jdl.control("ship", reference="LT-32")
    (whole,) = bills(client, "LT-32")
    assert ([piece.done for piece in whole.pieces], len(whole.parcels)) == ([3], 2)
    assert whole.parcels[0] == part.parcels[0]
    assert whole.left_at == part.left_at
    assert jdl.stock(sku)["preoccupiedQuantity"] == before["preoccupiedQuantity"]


def test_an_order_that_jd_splits_is_two_bills_with_our_number(jdl: Jdl, client: Any) -> None:
    first, second = jdl.skus(2)
    made = JOBS.create(client, order("LT-33", (first, 2), (second, 1)))
    jdl.control("ship", reference="LT-33", pieces=2, rest="split")
    found = {each.remote_id: each for each in bills(client, "LT-33")}
    main = JOBS.find(client, "LT-33")
    assert main is not None
    assert (main.remote_id, len(found), {each.reference for each in found.values()}) == (made.remote_id, 2, {"LT-33"})
    (other,) = (each for number, each in found.items() if number != main.remote_id)
    assert [(each.sku, each.quantity, each.done) for each in main.pieces] == [(first, 2, 2)]
    assert [(each.sku, each.quantity, each.done) for each in other.pieces] == [(second, 1, 0)]
    assert JOBS.create(client, order("LT-33", (first, 2), (second, 1))).remote_id == made.remote_id
    late = JOBS.cancel(client, "LT-33")
    assert (late.answer, late.left_at) == (Answer.TOO_LATE, main.left_at)
    jdl.control("order", reference=other.remote_id, status="10020")
    assert len(JOBS.trace(client, "LT-33")) == 2


def test_an_order_that_is_short_stands_still_and_goes_on_without_the_lost_piece(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    JOBS.create(client, order("LT-34", (sku, 3)))
    jdl.control("exception", reference="LT-34", pieces=1)
    (held,) = bills(client, "LT-34")
    assert ONE.statuses[held.status_word] is ShipmentStatus.ON_HOLD
    jdl.control("order", reference="LT-34", status="10020")
    (gone,) = bills(client, "LT-34")
    assert [(each.quantity, each.done) for each in gone.pieces] == [(3, 2)]
    after = jdl.stock(sku)
    assert after["totalQuantity"] == before["totalQuantity"] - 3
    assert after["preoccupiedQuantity"] == before["preoccupiedQuantity"]


def test_the_way_of_every_parcel_is_told_the_oldest_step_first(jdl: Jdl, client: Any) -> None:
    (sku,) = jdl.skus(1)
    JOBS.create(client, order("LT-35", (sku, 2)))
    assert list(JOBS.trace(client, "LT-35")) == []
    jdl.control("ship", reference="LT-35", parcels=2)
    jdl.control("order", reference="LT-35")
    steps = JOBS.trace(client, "LT-35")
    assert [each.category for each in steps] == ["420", "420", "510", "510"]
    assert {each.tracking for each in steps} == {each.tracking for each in bills(client, "LT-35")[0].parcels}
    assert refused(lambda: JOBS.trace(client, "NOBODY-2")).cause is Cause.NOT_THERE
