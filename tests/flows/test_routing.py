"""Orders go where the rules say, where a person says, or nowhere; and the reason is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from portal.contract.records import OrderStatus
from portal.flows import connections, routing
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import BundlePart, ConnectionState, Order, OrderStage, RuleAction, Shipment, ShipmentState, Work
from tests import selling
from tests.cast import Cast
from tests.flows.routed import (
    TOM,
    condition,
    decisions,
    goes_to,
    named,
    open_notices,
    order,
    plugin,
    product,
    route,
    rule,
    seen,
    stage,
    the_store,
)
from tests.goods import connection
from tests.web.shelf import lantern

INDONESIA = condition("country", "is", "ID")


@pytest.fixture(autouse=True)
def inside(cast: Cast) -> Iterator[None]:
    with lantern(cast):
        yield
        db.session.remove()


def test_the_first_rule_that_holds_decides_and_the_default_takes_the_rest() -> None:
    plugin("Main", ["A"], default=True)
    away = plugin("Jakarta", ["A"])
    third = plugin("Third", ["A"])
    rule("Indonesia", INDONESIA, to=away)
    rule("Large", condition("quantity", "greater", 5), to=third)
    both, large, small = order("A", quantity=9, country="ID"), order("A", quantity=6), order("A", country="CN")
    route()
    assert [goes_to(each) for each in (both, large, small)] == ["Jakarta", "Third", "Main"]
    assert {stage(each) for each in (both, large, small)} == {OrderStage.ASSIGNED}
    (said,) = decisions(large)
    assert said.tried[0]["name"] == "Indonesia"
    assert said.tried[0]["failed"] == {**INDONESIA, "had": ""}
    assert (said.tried[1]["name"], said.tried[1]["place"], "failed" in said.tried[1]) == ("Large", 2, False)
    assert said.who == ""
    assert decisions(small)[0].rule_id is None


def test_a_hold_and_an_exclusion_keep_an_order_here_with_their_words() -> None:
    plugin("Main", ["A"], default=True)
    rule(
        "Look first",
        condition("value", "greater", {"minor": 100, "currency": "CNY"}),
        action=RuleAction.HOLD,
        text="dear",
    )
    rule("Theirs", condition("service", "is", "pickup"), action=RuleAction.EXCLUDE, text="the buyer comes")
    dear = order("A", total_minor=101, currency="CNY")
    rupiah = order("A", total_minor=999_999, currency="IDR")
    theirs = order("A", shipping_service="Pickup")
    route()
    assert (stage(dear), seen(dear).stage_why) == (OrderStage.HELD, "dear")
    assert (stage(theirs), seen(theirs).stage_why) == (OrderStage.EXCLUDED, "the buyer comes")
    assert goes_to(dear) == goes_to(theirs) == ""
    assert goes_to(rupiah) == "Main"
    assert decisions(rupiah)[0].tried[0]["failed"]["had"] == {"minor": 999_999, "currency": "IDR"}


def test_a_tag_stays_with_the_order_and_a_later_rule_sees_it() -> None:
    plugin("Main", ["A"], default=True)
    away = plugin("Jakarta", ["A"])
    rule("Early", condition("tag", "is", "abroad"), action=RuleAction.HOLD, text="too early to see it")
    rule("Abroad", INDONESIA, action=RuleAction.TAG, text="Abroad")
    rule("By tag", condition("tag", "is", "abroad"), to=away)
    made = order("A", country="ID")
    route()
    assert goes_to(made) == "Jakarta"
    assert seen(made).tags == ["Abroad"]
    assert decisions(made)[0].tags == ["Abroad"]


def test_without_a_default_an_order_waits_and_the_merchant_is_told_once_until_there_is_one() -> None:
    plugin("Main", ["A"])
    first, second = order("A"), order("A")
    route()
    assert stage(first) is stage(second) is OrderStage.NEEDS_PLUGIN
    assert open_notices() == {"needs_plugin": 2}
    main = named("Main")
    connections.save_settings(main, main.name, main.settings, TOM, is_default=True)
    assert open_notices() == {}
    route()
    assert goes_to(first) == goes_to(second) == "Main"
    assert [each.stage for each in decisions(first)] == [OrderStage.NEEDS_PLUGIN, OrderStage.ASSIGNED]


def test_an_order_whose_plugin_cannot_send_it_is_blocked_and_goes_nowhere_else() -> None:
    plugin("Main", ["A"], default=True)
    away = plugin("Jakarta", ["B"])
    rule("Indonesia", INDONESIA, to=away)
    made = order("A", country="ID")
    route()
    assert (stage(made), goes_to(made)) == (OrderStage.BLOCKED, "")
    assert (decisions(made)[0].cause, decisions(made)[0].text) == ("line_not_at_plugin", "A")
    assert open_notices() == {"orders_not_routed": 1}
    named("Jakarta").state = ConnectionState.SAVED
    db.session.commit()
    off = order("B", country="ID")
    route()
    assert seen(off).stage_why == "plugin_off"
    assert goes_to(off) == ""


def test_a_rule_may_let_the_default_have_what_its_plugin_cannot_send() -> None:
    main_id = plugin("Main", ["A"], default=True).id
    rule("Indonesia", INDONESIA, to=plugin("Jakarta", ["B"]), fall_back=True)
    made = order("A", country="ID")
    route()
    assert goes_to(made) == "Main"
    (said,) = decisions(made)
    assert (said.cause, said.connection_id) == ("line_not_at_plugin", main_id)


def test_a_line_without_a_product_blocks_an_order() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A")
    db.session.add(selling.line(made, None, 1, 1))
    db.session.commit()
    route()
    assert seen(made).stage_why == "line_unlinked"
    assert decisions(made)[0].text == "unknown"


def test_a_bundle_goes_where_all_of_its_parts_are() -> None:
    plugin("Main", ["A", "B"], default=True)
    half = plugin("Half", ["A"])
    bundle, parts = product("SET"), [product("A"), product("B")]
    db.session.add_all(
        BundlePart(merchant_id=bundle.merchant_id, product_id=bundle.id, part_id=each.id, quantity=2) for each in parts
    )
    db.session.commit()
    rule("Large", condition("quantity", "greater", 5), to=half)
    small, large = order("SET"), order("SET", quantity=6)
    route()
    assert goes_to(small) == "Main"
    assert seen(large).stage_why == "line_not_at_plugin"


@pytest.mark.parametrize(
    ("status", "more", "why"),
    [
        (None, {}, "unmapped"),
        (OrderStatus.UNPAID, {}, "unpaid"),
        (OrderStatus.ON_HOLD, {}, "on_hold"),
        (OrderStatus.TO_SHIP, {"by_channel": True}, "by_channel"),
    ],
)
def test_what_is_not_to_be_shipped_waits_and_says_why(
    status: OrderStatus | None, more: dict[str, bool], why: str
) -> None:
    plugin("Main", ["A"], default=True)
    made = order("A", status=status, **more)
    order("A")  # Another one of the store is routed meanwhile.
    route()
    assert stage(made) is OrderStage.PENDING
    assert routing.waits_for(seen(made)) == why
    assert decisions(made) == []


def test_an_order_is_routed_once_its_channel_says_that_it_is_paid_and_is_done_once_it_is_over() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A", status=OrderStatus.UNPAID)
    route()
    selling.becomes(made, OrderStatus.TO_SHIP, settle=False)
    routing.consider([made])
    db.session.commit()
    route()
    assert goes_to(made) == "Main"
    over = order("A", status=OrderStatus.COMPLETED)
    route()
    assert stage(over) is OrderStage.DONE


def test_a_channel_that_asks_first_keeps_its_orders_until_a_person_confirms_them() -> None:
    plugin("Main", ["A"], default=True)
    channel = connection("jd_com", "JD")
    channel.options = {**channel.options, "confirm_first": True}
    db.session.commit()
    made = order("A", connection_id=channel.id)
    route()
    assert stage(made) is OrderStage.CONFIRM
    assert routing.confirm([seen(made)], TOM).done == 1
    route()
    assert goes_to(made) == "Main"
    routing.consider([made])
    db.session.commit()
    assert stage(made) is OrderStage.ASSIGNED


def test_what_is_held_by_hand_leaves_its_shipment_and_what_is_let_go_passes_the_rule_that_holds() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A")
    route()
    deed = routing.hold([seen(made)], "the buyer called", TOM)
    assert (deed.done, stage(made), goes_to(made)) == (1, OrderStage.HELD, "")
    assert (decisions(made)[-1].who, seen(made).stage_why) == (TOM.name, "the buyer called")
    rule("All", condition("quantity", "greater", 0), action=RuleAction.HOLD, text="all wait")
    other = order("A")
    route()
    assert stage(other) is OrderStage.HELD
    assert routing.let_go([seen(made), seen(other)], TOM).done == 2
    route()
    assert goes_to(made) == goes_to(other) == "Main"
    assert decisions(other)[-1].tried[0]["passed_over"]
    assert routing.exclude([seen(other)], "somebody else ships it", TOM).done == 1
    assert stage(other) is OrderStage.EXCLUDED


def test_a_reason_is_wanted_and_an_order_that_a_warehouse_knows_is_left_alone() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A")
    route()
    with pytest.raises(Refusal):
        routing.hold([seen(made)], "  ", TOM)
    shipment = db.session.scalars(sa.select(Shipment)).one()
    shipment.move(ShipmentState.UNSURE)
    shipment.sent_at = sa.func.now()
    db.session.commit()
    for deed in (routing.hold([seen(made)], "late", TOM), routing.route_again([seen(made)], TOM)):
        assert (deed.done, dict(deed.left)) == (0, {"already_sent": 1})
    assert stage(made) is OrderStage.ASSIGNED


def test_a_person_may_send_an_order_elsewhere_but_not_where_it_cannot_be_sent() -> None:
    plugin("Main", ["A"], default=True)
    plugin("Other", ["A"])
    plugin("Empty")
    made = order("A")
    route()
    assert routing.send_to([seen(made)], named("Empty"), TOM).left == {"line_not_at_plugin": 1}
    assert goes_to(made) == "Main"
    assert routing.send_to([seen(made)], named("Other"), TOM).done == 1
    assert goes_to(made) == "Other"
    assert (decisions(made)[-1].cause, decisions(made)[-1].who) == ("by_hand", TOM.name)


def test_routing_again_shows_first_what_would_move_and_moves_only_that() -> None:
    plugin("Main", ["A"], default=True)
    plugin("Jakarta", ["A"])
    abroad, home = order("A", country="ID"), order("A", country="CN")
    route()
    kept = decisions(home)
    rule("Indonesia", INDONESIA, to=named("Jakarta"))
    both = [seen(abroad), seen(home)]
    (move,) = routing.preview_again(both)
    assert (move.order.id, move.to.decision.plugin) == (abroad, named("Jakarta").id)
    assert goes_to(abroad) == "Main"
    deed = routing.route_again(both, TOM)
    assert (deed.done, dict(deed.left)) == (1, {"stays": 1})
    assert (goes_to(abroad), goes_to(home)) == ("Jakarta", "Main")
    assert [each.id for each in decisions(home)] == [each.id for each in kept]
    assert [each.who for each in decisions(abroad)] == ["", TOM.name]


def test_editing_a_rule_moves_nothing_by_itself() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A", country="ID")
    route()
    rule("Indonesia", INDONESIA, to=plugin("Jakarta", ["A"]))
    routing.consider([made])
    db.session.commit()
    route()
    assert goes_to(made) == "Main"


def test_decisions_cannot_be_changed() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A")
    route()
    decisions(made)[0].cause = "another"
    with pytest.raises(ProgrammingError):
        db.session.flush()
    db.session.rollback()


def test_a_batch_takes_a_constant_number_of_statements(
    statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    plugin("Main", ["A"], default=True)
    away = plugin("Jakarta", ["B"])
    rule("All", condition("quantity", "is", 1), to=away)
    for number in range(5):
        rule(f"Rule {number}", INDONESIA, condition("quantity", "greater", 100 + number), to=away)

    def used(number: int) -> int:
        for _ in range(number):
            order("A", country="ID")
        store_id = the_store().id
        db.session.expire_all()
        with statements() as sent:
            assert routing._route_some(store_id) == number
        db.session.commit()
        return len(sent)

    assert used(3) == used(40)


def test_orders_that_come_while_others_are_routed_are_not_forgotten() -> None:
    plugin("Main", ["A"], default=True)
    made = [order("A") for _ in range(3)]
    open_work = db.session.scalars(sa.select(Work).where(Work.kind == "route", Work.status == "open")).all()
    assert len(open_work) == 1
    route()
    late = order("A")
    route()
    assert {goes_to(each) for each in (*made, late)} == {"Main"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order).where(Order.stage == "pending")) == 0


def test_a_plugin_that_a_rule_names_is_not_removed() -> None:
    away = plugin("Jakarta", ["A"])
    made = rule("Indonesia", INDONESIA, to=away)
    away.state = ConnectionState.SAVED
    db.session.commit()
    with pytest.raises(Refusal) as why:
        connections.remove(away, TOM)
    assert why.value.values["rules"] == [made.name]


def test_an_order_that_its_channel_cancels_leaves_the_shipment_that_waits_and_is_done() -> None:
    plugin("Main", ["A"], default=True)
    made = order("A")
    route()
    selling.becomes(made, OrderStatus.CANCELLED, settle=False)
    routing.consider([made])
    db.session.commit()
    assert (goes_to(made), stage(made)) == ("", OrderStage.DONE)
    selling.becomes(made, OrderStatus.TO_SHIP, settle=False)
    routing.consider([made])
    db.session.commit()
    route()
    assert goes_to(made) == "Main"
