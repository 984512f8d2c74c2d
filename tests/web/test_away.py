"""The database is away for a moment: what a browser, a script and a watchman are told meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from structlog.testing import capture_logs

from portal.config import Settings
from portal.factory import create_app
from portal.web.doors import COOKIE

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def orphan(settings: Settings) -> Flask:
    """The portal with a database that does not answer."""
    return create_app(replace(settings, database_url=NOWHERE))


def test_a_page_says_that_it_is_away_and_the_log_says_so_in_one_line(
    orphan: Flask,
) -> None:
    browser = orphan.test_client()
    browser.set_cookie(COOKIE, "a-cookie-of-somebody")
    with capture_logs() as said:
        answer = browser.get("/orders")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Lintas is away for a moment" in answer.text
    assert "Try again in a minute." in answer.text
    assert [each["event"] for each in said] == ["the database does not answer"]
    assert not any(each.get("exc_info") for each in said)


def test_a_part_that_htmx_asks_for_leaves_the_page_as_it_is(orphan: Flask) -> None:
    browser = orphan.test_client()
    browser.set_cookie(COOKIE, "a-cookie-of-somebody")
    answer = browser.get("/orders", headers={"HX-Request": "true", "HX-Target": "orders_list"})
    assert (answer.status_code, answer.text) == (503, "")
    assert "Lintas is away for a moment" in answer.headers["HX-Trigger"]


def test_a_script_gets_its_refusal_as_data(orphan: Flask) -> None:
    browser = orphan.test_client()
    browser.set_cookie(COOKIE, "a-cookie-of-somebody")
    answer = browser.get("/orders", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["error"]["code"] == "service_unavailable"


def test_a_watchman_learns_that_the_process_lives_and_what_is_missing_whatever_cookie_it_sends(orphan: Flask) -> None:
    watchman = orphan.test_client()
    watchman.set_cookie(COOKIE, "a-cookie-of-somebody")
    assert watchman.get("/healthz").json == {"status": "ok"}
    ready = watchman.get("/readyz")
    assert ready.status_code == 503
    assert ready.json is not None
    assert (ready.json["database"], ready.json["redis"]) == (False, True)


def test_the_page_that_says_so_has_its_looks(orphan: Flask) -> None:
    browser = orphan.test_client()
    browser.set_cookie(COOKIE, "a-cookie-of-somebody")
    assert browser.get("/static/app.css", buffered=True).status_code == 200
