"""The pages of received pushes: what a person sees of them, and applying them again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.flows import receiving, work
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Delivery, DeliveryState
from tests.cast import Cast
from tests.goods import product
from tests.pushing import Hook, Kirim, hooked, kirim, of_stock, push, the_delivery
from tests.web.sandboxed import text_of
from tests.web.shelf import Browser
from workers.jobs import VERBS

__all__ = ["kirim"]


class Pushes:
    """A connection that pushes, and what the house does with it."""

    def __init__(self, cast: Cast, remote: Kirim) -> None:
        self.cast, self.remote = cast, remote
        with cast.app.app_context(), acting_for(cast.lantern):
            self.hook: Hook = hooked()
            product("A1")

    def take(self, event_id: str, body: object, *, status: int = 202, **more: str) -> None:
        """A push arrives."""
        sent = push(self.hook, event_id, body)  # type: ignore[arg-type]
        with self.cast.app.app_context():
            said = receiving.receive(self.hook.token, sent["headers"] | more, sent["data"], now())
        assert said is not None
        assert said.status == status

    def apply(self) -> None:
        """The workers see to what is due."""
        with self.cast.app.app_context():
            work.drain_all(VERBS)

    def row(self, event_id: str) -> Delivery:
        """What is kept of an event."""
        with self.cast.app.app_context(), acting_for(self.cast.lantern):
            found = the_delivery(event_id)
            db.session.expunge(found)
            return found


@pytest.fixture
def pushes(cast: Cast, kirim: Kirim) -> Iterator[Pushes]:
    yield Pushes(cast, kirim)
    receiving._remembered.clear()


@pytest.fixture
def mei(cast: Cast) -> Browser:
    return Browser(cast, cast.mei)


def test_the_list_shows_each_push_under_what_became_of_it(pushes: Pushes, mei: Browser) -> None:
    pushes.remote.stock = {"A1": 3}
    pushes.take("ev-applied", of_stock("A1"))
    pushes.take("ev-dead", b"{")
    pushes.apply()
    pushes.take("ev-waiting", of_stock("A1"))
    pushes.take("ev-forged", of_stock("A1"), status=401, **{"webhook-signature": "v1,AAAA"})
    shown = {
        view: mei.get(f"/deliveries?view={view}").text for view in ("all", "applied", "dead", "waiting", "refused")
    }
    events = {view: set(re.findall(r"ev-\w+", page)) for view, page in shown.items()}
    assert events == {
        "all": {"ev-applied", "ev-dead", "ev-waiting"},
        "applied": {"ev-applied"},
        "dead": {"ev-dead"},
        "waiting": {"ev-waiting"},
        "refused": {"ev-forged"},  # A header that is shown; nothing of the body is.
    }
    assert "Stock changed" in shown["applied"]
    assert "Its signature is not right." in shown["refused"]
    assert "AAAA" not in shown["refused"]
    assert "could not be read" in shown["dead"]


def test_a_push_is_found_by_the_id_of_its_event_and_by_its_connection(pushes: Pushes, mei: Browser, cast: Cast) -> None:
    pushes.take("ev-one", of_stock("A1"))
    pushes.take("ev-two", of_stock("A1"))
    found = mei.get("/deliveries?q=ev-two").text
    assert "ev-two" in found
    assert "ev-one" not in found
    with cast.app.app_context(), acting_for(cast.lantern):
        other = hooked("Kirim Bandung").connection_id
    assert "No push matches" in mei.get(f"/deliveries?connection={other}").text
    assert mei.get(f"/deliveries?connection={cast.rival_store}").status_code == 404
    part = mei.get("/deliveries?q=ev-one", headers={"HX-Request": "true", "HX-Target": "deliveries_table"}).text
    assert 'id="deliveries_table"' in part
    assert 'id="delivery_views" hx-swap-oob' in part
    assert "<html" not in part


def test_a_push_says_what_it_told_with_buyers_and_secrets_hidden_and_what_changed(pushes: Pushes, mei: Browser) -> None:
    pushes.remote.stock = {"A1": 3, "B2": 4}
    body = of_stock("A1", "B2", buyer={"name": "Wang Fang", "city": "Surabaya"}, list=[{"phone": "138-0000"}])
    pushes.take("ev-1", body, authorization="Bearer s3cret")
    pushes.apply()
    found = pushes.row("ev-1")
    page = mei.get(f"/deliveries/{found.id}")
    said = text_of(page)
    for hidden in ("Wang Fang", "Surabaya", "138-0000", "s3cret", pushes.hook.key):
        assert hidden not in said
    assert "authorization: •••" in said
    assert '"skus"' in said
    assert re.search(r'<a href="/products/[0-9a-f-]{36}">A1</a>', page.text)
    assert "<code>B2</code>" in page.text
    assert "Received and believed" in said


def test_a_push_that_cannot_be_read_is_not_shown_and_can_be_applied_again(pushes: Pushes, mei: Browser) -> None:
    pushes.take("ev-1", b"{ 138-0000")
    pushes.apply()
    found = pushes.row("ev-1")
    page = mei.get(f"/deliveries/{found.id}")
    assert "138-0000" not in page.text
    assert "could not be hidden" in page.text
    assert mei.post(f"/deliveries/{found.id}/replay").status_code == 303
    assert pushes.row("ev-1").state is DeliveryState.WAITING
    assert "Applied again by Mei Lin" in mei.get(f"/deliveries/{found.id}").text


def test_a_group_of_one_cause_is_applied_again_by_one_button(pushes: Pushes, mei: Browser) -> None:
    pushes.remote.error = "no"
    for number in range(3):
        pushes.take(f"ev-{number}", of_stock(f"A{number}"))
    pushes.take("ev-odd", b"{")
    pushes.apply()
    page = mei.get("/deliveries?view=dead").text
    assert "Apply 3 pushes again" in page
    assert "Apply 1 push again" in page
    pushes.remote.error, pushes.remote.stock = "", {f"A{number}": number for number in range(3)}
    form = {"view": "dead", "connection": str(pushes.hook.connection_id), "cause": "refused"}
    answer = mei.post("/deliveries/replay", form)
    assert (answer.status_code, "view=waiting" in answer.location) == (303, True)
    assert "3 pushes are applied again." in mei.get(answer.location).text
    pushes.apply()
    assert [pushes.row(f"ev-{number}").state.value for number in range(3)] == ["applied"] * 3
    assert pushes.row("ev-odd").state is DeliveryState.DEAD
    assert mei.post("/deliveries/replay", {"view": "refused"}).status_code == 303


def test_what_is_left_of_nothing_says_so(pushes: Pushes, mei: Browser, cast: Cast) -> None:
    pushes.take("ev-1", b"{")
    pushes.apply()
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Delivery).values(sealed=None))
        db.session.commit()
    found = pushes.row("ev-1")
    answer = mei.post(f"/deliveries/{found.id}/replay")
    assert answer.status_code == 422
    assert "is not kept any more" in answer.text
    assert "removed after 7 days" in answer.text


def test_scripts_read_the_same_as_json_without_the_body(pushes: Pushes, mei: Browser) -> None:
    pushes.remote.stock = {"A1": 3}
    pushes.take("ev-1", of_stock("A1", phone="138-0000"))
    pushes.apply()
    pushes.take("ev-2", of_stock("A1"), status=401, **{"webhook-signature": ""})
    wants = {"Accept": "application/json"}
    listed = mei.get("/deliveries", headers=wants).json
    assert [(each["event_id"], each["state"], each["changes"]) for each in listed["items"]] == [
        ("ev-1", "applied", ["A1"])
    ]
    one = mei.get(f"/deliveries/{listed['items'][0]['id']}", headers=wants)
    assert one.json["hint"] == {"resource": "stock", "keys": ["A1"]}
    assert "138-0000" not in one.text
    refused = mei.get("/deliveries?view=refused", headers=wants).json
    assert [(each["reason"], each["number"]) for each in refused["items"]] == [("no_signature", 1)]


def test_who_only_looks_has_no_buttons(pushes: Pushes, cast: Cast) -> None:
    pushes.take("ev-1", b"{")
    pushes.apply()
    vera = Browser(cast, cast.vera)
    for path in ("/deliveries?view=dead", f"/deliveries/{pushes.row('ev-1').id}"):
        assert "again</button>" not in vera.get(path).text
    assert vera.post(f"/deliveries/{pushes.row('ev-1').id}/replay").status_code == 403


def test_the_menu_leads_to_the_pushes(pushes: Pushes, mei: Browser) -> None:
    assert re.search(r'href="/deliveries"[^>]*>.*?Webhooks', mei.get("/").text, re.DOTALL)
    assert "No push came yet" in mei.get("/deliveries").text
