"""What support staff at work as a merchant are refused: by mode, by role, and whatever anybody allows."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import sqlalchemy as sa

from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import AuditNote, Membership, Order, OrderStage, Role, RoutingDecision
from tests.addresses import make_things
from tests.cast import Cast
from tests.web.visiting import acting, send, the_visit, token_of, view_as


def test_who_looks_changes_nothing_whatever_the_address(cast: Cast) -> None:
    things = make_things(cast)
    sam = view_as(cast)
    token = token_of(sam)
    for address in ("/stores/new", f"/connections/{things['connection_id']}/active", "/nowhere", "/language", "/login"):
        answer = sam.post(address, data={"csrf_token": token})
        assert answer.status_code == 403, address
        assert "You only look" in answer.text, address
        assert "ask the merchant to let you act" in answer.text
    assert "Add store" not in sam.get("/stores").text, "what would be refused is not offered"


def test_an_agent_who_looks_and_one_who_acts_reveal_a_buyer_and_it_is_kept_with_both_names(cast: Cast) -> None:
    things = make_things(cast)
    address = f"/orders/{things['order_id']}"
    for begun in (view_as, acting):
        sam = begun(cast)
        page = sam.get(address).text
        assert "Title of a buyer" not in page
        assert f'action="{address}/reveal"' in page
        assert "Title of a buyer" in send(sam, f"{address}/reveal").text
        send(sam, "/support/stop")
    mei = cast.client_of(cast.mei)
    timeline = mei.get(address).text
    assert timeline.count("Sam Staff / Mei Lin") >= 2
    assert "Buyer's data" in unescape(mei.get(f"/settings/support/{the_visit(cast).id}").text)
    with cast.app.app_context(), acting_for(cast.lantern):
        notes = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "buyer_revealed")).all()
        assert [(each.who, each.as_whom) for each in notes] == [("Sam Staff", "Mei Lin")] * 2


def test_neither_an_agent_nor_a_viewer_reads_where_a_buyer_lives_before_it_is_revealed(cast: Cast) -> None:
    things = make_things(cast)
    with cast.app.app_context(), acting_for(cast.lantern):
        order = db.session.get_one(Order, (cast.lantern, things["order_id"]))
        order.city, order.postcode = "Thornmoresby", "QX9-4ZJ7"
        failed = {"field": "postcode", "operator": "is", "value": "00000", "had": "QX9-4ZJ7"}
        tried = [{"rule": str(order.id), "version": 1, "name": "Far", "place": 1, "failed": failed}]
        own = {"merchant_id": cast.lantern, "id": new_id(), "order_id": order.id, "at": now() + timedelta(minutes=1)}
        db.session.add(RoutingDecision(**own, stage=OrderStage.NEEDS_PLUGIN, cause="no_default_plugin", tried=tried))
        db.session.commit()
    address = f"/orders/{things['order_id']}"
    for client in (view_as(cast), cast.client_of(cast.vera)):
        for headers in ({}, {"Accept": "application/json"}):
            said = client.get(address, headers=headers).text
            assert "Thornmoresby" not in said
            assert "QX9-4ZJ7" not in said
            assert "00000" in said, "what the rule wanted is its merchant's"
    mine = cast.client_of(cast.mei).get(address).text
    assert "Thornmoresby" in mine
    assert mine.count("QX9-4ZJ7") == 2, "the address, and what the rule saw"


def test_an_agent_in_the_place_of_a_viewer_may_not_more_than_the_viewer(cast: Cast) -> None:
    things = make_things(cast)
    sam = view_as(cast, whom=str(cast.vera.id))
    assert sam.get("/stores/new").status_code == 403
    page = sam.get(f"/orders/{things['order_id']}").text
    assert "/reveal" not in page
    assert send(sam, f"/orders/{things['order_id']}/reveal").status_code == 403


def test_a_role_that_is_lowered_during_a_visit_counts_from_the_next_request(cast: Cast) -> None:
    sam = view_as(cast, whom=str(cast.tom.id))
    assert sam.get("/stores/new").status_code == 200
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Membership).where(Membership.user_id == cast.tom.id).values(role=Role.VIEWER))
        db.session.commit()
    assert sam.get("/stores/new").status_code == 403


def test_who_acts_may_only_what_is_let_and_never_what_is_closed(cast: Cast) -> None:
    things = make_things(cast)
    sam = acting(cast)
    for address in ("/stores/new", "/language", f"/connections/{things['connection_id']}/disconnect", "/orders/new"):
        answer = send(sam, address)
        assert answer.status_code == 403, address
        assert "Support may never do this" in answer.text, address
    for address in (f"/connections/{things['connection_id']}/settings", "/products/export/file", "/settings/people"):
        assert sam.get(address).status_code == 403, address
    page = sam.get(f"/connections/{things['connection_id']}").text
    assert "/disconnect" not in page, "what is closed is not offered"
