"""Who is asked again who he or she is, and when."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.kit.db import acting_for, db
from portal.models import GrantAttempt
from portal.web.doors import declared_by
from tests.accounts import another_step, code, hashes, send, set_up, wind_back
from tests.cast import PASSWORD, Cast, csrf
from tests.goods import connection

HEARD = {"Referer": "http://localhost/connections?view=all"}


@pytest.fixture
def page(cast: Cast) -> str:
    """The page of a connection's keys."""
    with cast.app.app_context(), acting_for(cast.lantern):
        return f"/connections/{connection('jd_com').id}/settings"


def asked_for(answer_location: str) -> str:
    parts = urlsplit(answer_location)
    assert parts.path == "/confirm"
    return parse_qs(parts.query)["next"][0]


def test_a_page_with_keys_asks_again_ten_minutes_after_the_sign_in_and_leads_back(cast: Cast, page: str) -> None:
    mei = cast.client_of(cast.mei)
    assert mei.get(page).status_code == 200
    wind_back(cast.app, cast.mei, "fresh_at", timedelta(minutes=11))
    answer = mei.get(f"{page}?replace=secret")
    assert answer.status_code == 303
    assert asked_for(answer.location) == f"{page}?replace=secret"
    assert send(mei, answer.location, {"password": "not-the-password"}).status_code == 422
    assert mei.get(page).status_code == 303
    done = send(mei, answer.location, {"password": PASSWORD})
    assert (done.status_code, done.location) == (303, f"{page}?replace=secret")
    assert mei.get(page).status_code == 200


def test_whoever_changes_the_password_on_the_way_to_a_remote_comes_back_into_the_same_session(
    cast: Cast, page: str
) -> None:
    mei = cast.client_of(cast.mei)
    (before,) = hashes(cast.app, cast.mei)
    with cast.app.app_context(), acting_for(cast.lantern):
        trip = {"state_hash": b"s", "session_hash": before, "user_id": cast.mei.id, "redirect_uri": ""}
        place = {"merchant_id": cast.lantern, "connection_id": uuid.UUID(page.split("/")[2])}
        db.session.add(GrantAttempt(**place, **trip))
        db.session.commit()
    new = "several quiet lanterns"
    send(mei, "/settings/security/password", {"old": PASSWORD, "password": new, "again": new})
    with cast.app.app_context(), acting_for(cast.lantern):
        assert {db.session.scalar(sa.select(GrantAttempt.session_hash))} == hashes(cast.app, cast.mei)


def test_what_was_typed_within_half_an_hour_is_taken_and_later_it_is_said_that_nothing_was(
    cast: Cast, page: str
) -> None:
    mei = cast.client_of(cast.mei)
    token = csrf(mei, page)
    for minutes, status in ((29, 422), (2, 303)):
        wind_back(cast.app, cast.mei, "fresh_at", timedelta(minutes=minutes))
        answer = mei.post(page, data={"csrf_token": token, "name": ""}, headers=HEARD)
        assert answer.status_code == status, minutes
    assert asked_for(answer.location) == "/connections?view=all"
    assert "Nothing was changed yet." in mei.get(answer.location).text


def test_a_part_of_a_page_sends_the_whole_browser_to_confirm(cast: Cast, page: str) -> None:
    mei = cast.client_of(cast.mei)
    wind_back(cast.app, cast.mei, "fresh_at", timedelta(minutes=31))
    told = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{page}"}
    answer = mei.get(page, headers=told)
    assert answer.status_code == 200
    assert asked_for(answer.headers["HX-Redirect"]) == page
    as_json = mei.get(page, headers={"Accept": "application/json"})
    assert as_json.status_code == 401


def test_whoever_has_a_second_step_shows_both(cast: Cast, page: str) -> None:
    mei = cast.client_of(cast.mei)
    secret, _ = set_up(mei)
    another_step(cast.app, cast.mei)
    wind_back(cast.app, cast.mei, "fresh_at", timedelta(minutes=11))
    where = mei.get(page).location
    assert send(mei, where, {"password": PASSWORD}).status_code == 422
    assert send(mei, where, {"password": PASSWORD, "code": "000000"}).status_code == 422
    assert mei.get(page).status_code == 303
    assert send(mei, where, {"password": PASSWORD, "code": code(secret)}).status_code == 303
    assert mei.get(page).status_code == 200


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "/\\evil"])
def test_the_way_back_leads_only_to_our_own_pages(cast: Cast, wanted: str) -> None:
    mei = cast.client_of(cast.mei)
    form = {"password": PASSWORD, "csrf_token": csrf(mei, "/confirm")}
    assert mei.post("/confirm", query_string={"next": wanted}, data=form).location == "/"


def test_guessing_the_password_here_is_limited_too(cast: Cast) -> None:
    mei: FlaskClient = cast.client_of(cast.mei)
    for _ in range(10):
        assert send(mei, "/confirm", {"password": "not-the-password"}).status_code == 422
    assert send(mei, "/confirm", {"password": PASSWORD}).status_code == 429


def test_every_page_that_takes_or_gives_a_secret_asks_for_proof(cast: Cast) -> None:
    dear = {
        "wizard.settings",
        "wizard.save_settings",
        "push_access.address",
        "push_access.close",
        "push_access.key",
        "plugin_access.make",
        "plugin_access.revoke",
        "security.second_factor_page",
        "security.turn_on",
        "security.turn_off",
        "security.recovery_codes",
    }
    assert {each for each in dear if not declared_by(cast.app, each).fresh} == set()
