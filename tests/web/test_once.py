"""A form that is sent twice: one effect, and the same answer for both."""

from __future__ import annotations

import io
import re
import threading
from datetime import timedelta
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import AuditNote, SentForm, Store, Upload
from portal.web import once
from tests.cast import Cast

KIOSK = {"name": "Kiosk Jakarta", "currency": "IDR", "time_zone": "Asia/Jakarta"}
HX = {"HX-Request": "true", "HX-Target": "dialog", "HX-Current-URL": "http://localhost/stores"}


class Fields(HTMLParser):
    """The hidden fields of the form with this address."""

    def __init__(self, page: str, action: str) -> None:
        super().__init__()
        self.action, self.inside = action, False
        self.found: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = said.get("action", "").endswith(self.action) and said.get("method") == "post"
        if tag == "input" and self.inside and said.get("type") == "hidden":
            self.found[said["name"]] = said["value"]


def drawn(client: FlaskClient, page: str, action: str = "") -> dict[str, str]:
    """What a form of a page sends along by itself."""
    found = Fields(client.get(page).text, action or page).found
    assert found["once"], f"{page} has no form for {action} with a mark"
    return found


def at_once(cast: Cast, client: FlaskClient, url: str, data: dict[str, str], times: int = 5) -> list[TestResponse]:
    """The same form, sent from as many threads with the same cookies."""
    cookies = [(each.key, each.value) for each in client._cookies.values()]
    begin, answers = threading.Barrier(times), []

    def send() -> None:
        other = cast.app.test_client()
        for name, value in cookies:
            other.set_cookie(name, value)
        begin.wait(10)
        answers.append(other.post(url, data=dict(data)))

    threads = [threading.Thread(target=send) for _ in range(times)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


def count(cast: Cast, model: type, *conditions: sa.ColumnElement[bool]) -> int:
    with cast.app.app_context(), acting_for(cast.lantern):
        return db.session.scalar(sa.select(sa.func.count()).select_from(model).where(*conditions)) or 0


def stores(cast: Cast) -> int:
    return count(cast, Store, Store.name == KIOSK["name"])


def test_five_sendings_at_once_make_one_store_and_lead_to_the_same_page(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    notes = count(cast, AuditNote)
    answers = at_once(cast, tom, "/stores/new", drawn(tom, "/stores/new") | KIOSK)
    assert stores(cast) == 1
    assert count(cast, AuditNote) == notes + 1
    assert {each.status_code for each in answers} == {303}
    assert len({each.location for each in answers}) == 1
    # Whichever answer the browser shows in the end, the person reads what was done.
    for each in answers:
        shown = cast.app.test_client()
        shown.set_cookie("sid", tom.get_cookie("sid").value)
        shown.set_cookie("lintas", each.headers["Set-Cookie"].partition("lintas=")[2].partition(";")[0])
        assert "Kiosk Jakarta was added." in shown.get(each.location).text


def own_session(client: FlaskClient) -> str:
    """The address at which the page signs out the browser that shows it."""
    page = client.get("/settings/security").text
    return next(each for each in re.findall(r'action="(/settings/security/sessions/[0-9a-f-]+/end)"', page))


def test_a_browser_that_signs_itself_out_five_times_at_once_gets_one_answer(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    url = own_session(tom)
    answers = at_once(cast, tom, url, drawn(tom, "/settings/security", url))
    assert {(each.status_code, each.location) for each in answers} == {(303, "/login")}


@pytest.mark.parametrize(("late", "leads"), [(False, "/login"), (True, "/settings/security")])
def test_an_answer_that_ended_the_session_is_given_again_for_a_minute(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, late: bool, leads: str
) -> None:
    tom = cast.client_of(cast.tom)
    token, page = tom.get_cookie("sid").value, {"Referer": "http://localhost/settings/security"}
    url = own_session(tom)
    fields = drawn(tom, "/settings/security", url)
    assert tom.post(url, data=fields, headers=page).location == "/login"
    tom.set_cookie("sid", token)
    if late:
        monkeypatch.setattr(once, "SAME_PRESS", 0.0)
    assert tom.post(url, data=fields, headers=page).location == leads
    assert tom.get("/settings/security").location.startswith("/login")


def test_two_drawings_of_the_same_form_are_two_forms(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    for name in ("Kiosk one", "Kiosk two"):
        tom.post("/stores/new", data=drawn(tom, "/stores/new") | KIOSK | {"name": name})
    assert count(cast, Store, Store.name.like("Kiosk%")) == 2


def test_a_refused_form_can_be_corrected_and_sent_again_with_its_mark(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new")
    for _ in range(2):
        assert tom.post("/stores/new", data=fields | KIOSK | {"name": ""}).status_code == 422
    assert tom.post("/stores/new", data=fields | KIOSK).status_code == 303
    assert stores(cast) == 1
    assert count(cast, SentForm) == 1


def test_other_values_sent_from_a_page_that_was_gone_back_to_are_another_form(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new")
    tom.post("/stores/new", data=fields | KIOSK)
    tom.post("/stores/new", data=fields | KIOSK | {"name": "Kiosk Bandung"})
    assert count(cast, Store, Store.name.like("Kiosk%")) == 2


def test_a_mark_is_worth_nothing_to_another_person(cast: Cast) -> None:
    tom, mei = cast.client_of(cast.tom), cast.client_of(cast.mei)
    fields = drawn(tom, "/stores/new")
    first = tom.post("/stores/new", data=fields | KIOSK)
    theirs = drawn(mei, "/stores/new") | {"once": fields["once"]} | KIOSK | {"name": "Kiosk of Mei"}
    second = mei.post("/stores/new", data=theirs)
    assert first.location != second.location
    assert count(cast, Store, Store.name.like("Kiosk%")) == 2


def test_a_mark_does_not_stand_in_for_the_token_against_forged_forms(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new")
    assert tom.post("/stores/new", data=fields | KIOSK).status_code == 303
    del fields["csrf_token"]
    assert tom.post("/stores/new", data=fields | KIOSK).status_code == 400


def test_a_viewer_is_refused_whatever_mark_is_sent(cast: Cast) -> None:
    vera = cast.client_of(cast.vera)
    token = drawn(vera, "/stores", "/logout")
    assert vera.post("/stores/new", data=token | KIOSK).status_code == 403
    assert count(cast, SentForm) == 0


def test_a_form_that_htmx_sends_again_is_answered_the_same(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new")
    first, second = (tom.post("/stores/new", data=fields | KIOSK, headers=HX) for _ in range(2))
    assert first.headers["HX-Redirect"] == second.headers["HX-Redirect"]
    assert (first.status_code, first.text) == (second.status_code, second.text)
    # The same form from a page whose scripts came late is not given an answer that was made for a part of it.
    plain = tom.post("/stores/new", data=fields | KIOSK, headers={"Referer": "http://localhost/stores/new"})
    assert (plain.status_code, plain.location) == (303, "/stores/new")
    assert stores(cast) == 1


def test_a_block_that_is_swapped_carries_a_fresh_mark(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    url = f"/stores/{cast.lantern_store}"
    fields = drawn(tom, url)
    named = {"name": "Lantern Beijing", "currency": "CNY", "time_zone": "Asia/Shanghai"}
    here = {"HX-Request": "true", "HX-Target": "store_form", "HX-Current-URL": f"http://localhost{url}"}
    answer = tom.get(tom.post(url, data=fields | named, headers=here).location, headers=here)
    assert "<html" not in answer.text
    assert Fields(answer.text, url).found["once"] != fields["once"]


def test_a_sending_that_died_holds_its_mark_for_half_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "PATIENCE", 0.3)
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new") | KIOSK
    tom.post("/stores/new", data=fields)
    _died(cast, timedelta(seconds=25))
    waited = tom.post("/stores/new", data=fields, headers={"Referer": "http://localhost/stores/new"})
    assert (waited.status_code, waited.location) == (303, "/stores/new")
    assert "is still being worked on" in tom.get("/stores/new").text
    assert stores(cast) == 1
    _died(cast, timedelta(seconds=31))
    tom.post("/stores/new", data=fields | {"name": KIOSK["name"]})
    assert count(cast, SentForm, SentForm.answer.is_(None)) == 0


def _died(cast: Cast, ago: timedelta) -> None:
    with cast.app.app_context():
        db.session.execute(sa.update(SentForm).values(answer=None, at=now() - ago))
        db.session.commit()


@pytest.mark.parametrize("from_where", ["http://localhost//evil.example/", "https://evil.example/x", "http://[", "x"])
def test_the_way_back_leads_only_to_our_own_pages(cast: Cast, monkeypatch: pytest.MonkeyPatch, from_where: str) -> None:
    monkeypatch.setattr(once, "PATIENCE", 0.1)
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new") | KIOSK
    tom.post("/stores/new", data=fields)
    _died(cast, timedelta(seconds=1))
    answer = tom.post("/stores/new", data=fields, headers={"Referer": from_where})
    assert answer.location in {"/", "/evil.example/"}


def test_a_file_that_is_sent_twice_is_taken_once(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    line = b"%06d," + b"A title of a product " * 2 + b"\n"
    rows = b"SKU,Title\n" + b"".join(line % number for number in range(28_000))
    assert len(rows) > 1_300_000
    fields = drawn(tom, "/products/import")

    def sent(content: bytes) -> str | None:
        # Made in memory: the client would leave a temporary file of its own open.
        boundary, body = encode_multipart(fields | {"file": FileStorage(io.BytesIO(content), "goods.csv")})
        return tom.post(
            "/products/import", data=body, content_type=f"multipart/form-data; boundary={boundary}"
        ).location

    first = sent(rows)
    assert first
    assert sent(rows) == first
    assert count(cast, Upload) == 1
    assert sent(rows[: -len(line)]) != first
    assert count(cast, Upload) == 2


def test_drawing_a_form_leaves_nothing_and_what_was_answered_cannot_be_read_in_the_database(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    fields = drawn(tom, "/stores/new")
    assert count(cast, SentForm) == 0
    answer = tom.post("/stores/new", data=fields | KIOSK)
    with cast.app.app_context():
        row = db.session.scalars(sa.select(SentForm)).one()
        assert row.answer is not None
        for told in (answer.location, fields["once"], "Kiosk"):
            assert told.encode() not in row.answer + row.mark
