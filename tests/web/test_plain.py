"""Lists and details as JSON: the same rights and the same 404 as the pages, and keys that scripts may rely on."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.contract.definition import Resource
from portal.flows import linking, secrets, sync
from portal.flows.audit import By
from portal.kit.db import db
from portal.models import RunState
from portal.web import plain
from tests.cast import Cast, Person
from tests.goods import listing, row, take_in
from tests.web.shelf import Browser, lantern, turned_on

JSON = {"Accept": "application/json"}
MARK = "opens-nothing-but-must-not-show"
UTC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
MEI = By("Mei Lin")

CONNECTION = {"id", "name", "integration"}
LISTING = {
    "id",
    "connection",
    "remote_id",
    "parent_id",
    "sku",
    "title",
    "attributes",
    "barcode",
    "price",
    "quantity",
    "on_sale",
    "status_word",
    "audit_word",
    "missing_since",
    "link",
}
RUN = {
    "id",
    "connection",
    "store",
    "resource",
    "state",
    "since",
    "seen",
    "kept",
    "refused",
    "new",
    "changed",
    "unchanged",
    "held",
    "missing",
    "total",
    "cause",
    "slowed_until",
    "created_at",
    "started_at",
    "ended_at",
}
STORE = {"id", "name", "currency", "time_zone", "is_active", "created_at", "status", "listings", "linked_listings"}
KEYS = {
    "/stores": STORE | {"connected"},
    "/stores/{}": STORE | {"connections"},
    "/products": {"id", "sku", "title", "barcode", "updated_at", "listing_count", "connections"},
    "/products/{}": {"id", "sku", "title", "barcode", "created_at", "listings"},
    "/listings": LISTING,
    "/listings/{}": LISTING,
    "/sync": RUN,
    "/sync/{}": RUN | {"groups"},
}
LISTS = [each for each in KEYS if "{}" not in each]
DETAILS = [each for each in KEYS if "{}" in each]


@dataclass
class Shelf:
    """One thing of Blue Lantern for each address."""

    cast: Cast
    ids: dict[str, uuid.UUID]

    def address(self, of: str, public_id: object = None) -> str:
        return of.format(public_id or self.ids.get(of))

    def asked(self, of: str, person: Person | None, public_id: object = None) -> TestResponse:
        return Browser(self.cast, person).get(self.address(of, public_id), headers=JSON)

    def told(self, of: str, person: Person | None = None) -> dict[str, Any]:
        answer = self.asked(of, person or self.cast.vera)
        assert answer.status_code == 200
        assert answer.mimetype == "application/json"
        assert "Accept" in answer.headers["Vary"]
        found: dict[str, Any] = answer.json
        return found


@pytest.fixture
def shelf(cast: Cast) -> Shelf:
    with lantern(cast):
        channel = turned_on()
        secrets.keep(channel, "api_secret", MARK, "Mei Lin")
        take_in(channel, [listing("r-1", "CUP-1"), listing("r-2", "", price=None)])
        product = linking.create_product(row(channel, "r-1"), MEI)
        run = sync.start(channel, Resource.PRODUCTS, "Mei Lin")
        db.session.commit()
        ids = {
            "/stores/{}": cast.lantern_store,
            "/products/{}": product.id,
            "/listings/{}": row(channel, "r-1").id,
            "/sync/{}": run.id,
        }
    return Shelf(cast, ids)


@pytest.mark.parametrize("of", LISTS)
def test_a_list_has_items_with_the_keys_that_are_promised_and_cursors(shelf: Shelf, of: str) -> None:
    told = shelf.told(of)
    assert {"items", "next", "previous"} <= told.keys() <= {"items", "next", "previous", "count"}
    assert told["items"]
    for item in told["items"]:
        assert item.keys() == KEYS[of]


@pytest.mark.parametrize("of", DETAILS)
def test_a_detail_has_the_keys_that_are_promised(shelf: Shelf, of: str) -> None:
    told = shelf.told(of)
    assert told.keys() == KEYS[of]
    assert told["id"] == str(shelf.ids[of])


def test_a_stores_detail_tells_its_connections_and_nothing_that_was_typed(shelf: Shelf) -> None:
    (told,) = shelf.told("/stores/{}")["connections"]
    assert told.keys() == {
        *CONNECTION,
        "kind",
        "status",
        "trouble",
        "is_active",
        "is_default",
        "shop",
        "access_ends_at",
        "active_since",
        "synced_at",
        "created_at",
    }
    assert (told["integration"], told["kind"], told["status"]) == ("jd_com", "marketplace", "active")


@pytest.mark.parametrize("of", KEYS)
def test_no_secret_is_in_any_of_them(shelf: Shelf, of: str) -> None:
    text = shelf.asked(of, shelf.cast.mei).text
    assert MARK not in text
    assert MARK[-4:] not in text


def test_the_words_of_a_status_do_not_follow_the_language_of_the_reader(shelf: Shelf) -> None:
    spoken = {**JSON, "Accept-Language": "id"}
    vera = Browser(shelf.cast, shelf.cast.vera)
    for of in KEYS:
        assert vera.get(shelf.address(of), headers=spoken).json == shelf.told(of)


def test_money_is_whole_minor_units_with_their_currency(shelf: Shelf) -> None:
    prices = {each["remote_id"]: each["price"] for each in shelf.told("/listings")["items"]}
    assert prices == {"r-1": {"minor": 1990, "currency": "CNY"}, "r-2": None}


def test_every_time_is_told_in_utc(shelf: Shelf) -> None:
    seen = 0
    for of in KEYS:
        for key, value in _pairs(shelf.told(of)):
            if value is not None and (key in {"at", "since"} or key.endswith(("_at", "_since", "_until"))):
                assert UTC.fullmatch(value), f"{of}: {key} is {value}"
                seen += 1
    assert seen > 8


def _pairs(found: Any) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        return [pair for key, value in found.items() for pair in [(key, value), *_pairs(value)]]
    return [pair for each in found for pair in _pairs(each)] if isinstance(found, list) else []


def test_a_time_of_another_zone_becomes_utc(cast: Cast) -> None:
    jakarta = datetime(2026, 11, 24, 13, 30, tzinfo=timezone(timedelta(hours=7)))
    with cast.app.test_request_context():
        assert plain.as_json({"at": jakarta}).get_json() == {"at": "2026-11-24T06:30:00Z"}


@pytest.mark.parametrize("of", DETAILS)
def test_another_merchants_id_is_the_same_404_as_one_that_never_existed(shelf: Shelf, of: str) -> None:
    rex = shelf.cast.rex
    theirs, nobodys = shelf.asked(of, rex), shelf.asked(of, rex, uuid.uuid4())
    assert theirs.status_code == nobodys.status_code == 404
    bodies = [answer.json for answer in (theirs, nobodys)]
    numbers = {each["error"].pop("request") for each in bodies}
    assert len(numbers) == 2
    assert bodies[0] == bodies[1] == {"error": {"status": 404, "code": "not_found"}}


@pytest.mark.parametrize("of", LISTS)
def test_another_merchant_sees_nothing_of_it_in_lists(shelf: Shelf, of: str) -> None:
    text = shelf.asked(of, shelf.cast.rex).text
    assert "Lantern" not in text
    assert "CUP-1" not in text
    assert not any(str(each) in text for each in shelf.ids.values())


@pytest.mark.parametrize("of", KEYS)
def test_a_stranger_gets_401_and_no_redirect(shelf: Shelf, of: str) -> None:
    answers = [shelf.asked(of, None), shelf.asked(of, None, uuid.uuid4())]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.mimetype == "application/json"
        assert answer.json["error"]["code"] == "sign_in_first"
        assert answer.json["error"]["request"] == answer.headers["X-Request-Id"]
        assert "Location" not in answer.headers
    page = Browser(shelf.cast, None).get(shelf.address(of), headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 303


def test_staff_without_a_merchant_and_forms_without_a_token_are_refused_in_json(shelf: Shelf) -> None:
    assert shelf.asked("/stores", shelf.cast.sam).json["error"]["code"] == "not_found"
    mei = shelf.cast.client_of(shelf.cast.mei)
    refused = mei.post("/stores/new", headers=JSON)
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "bad_request")
    assert mei.get("/nowhere", headers=JSON).json["error"]["code"] == "not_found"
    assert mei.get("/logout", headers=JSON).json["error"]["code"] == "method_not_allowed"
    vera = shelf.cast.client_of(shelf.cast.vera)
    assert vera.get("/stores/new", headers=JSON).json["error"]["code"] == "forbidden"


@pytest.mark.parametrize("accept", ["*/*", "text/html", "", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_whoever_does_not_ask_for_json_gets_the_page(shelf: Shelf, accept: str) -> None:
    vera = Browser(shelf.cast, shelf.cast.vera)
    assert vera.get("/stores", headers={"Accept": accept}).mimetype == "text/html"
    assert vera.get("/nowhere", headers={"Accept": accept}).mimetype == "text/html"


def test_the_next_page_is_asked_by_its_cursor(cast: Cast) -> None:
    with lantern(cast):
        channel = turned_on()
        take_in(channel, [listing(f"r-{number}", f"S-{number:03}") for number in range(60)])
        for number in range(60):
            run = sync.start(channel, Resource.PRODUCTS, f"run {number}")
            sync._close(run, RunState.DONE)
            db.session.flush()
        db.session.commit()
    vera = Browser(cast, cast.vera)
    for of in ("/listings", "/sync"):
        first = vera.json(of)
        second = vera.json(f"{of}?page={first['next']}")
        assert (len(first["items"]), len(second["items"])) == (50, 10)
        assert first["previous"] is second["next"] is None
        assert not {each["id"] for each in first["items"]} & {each["id"] for each in second["items"]}
        assert vera.json(f"{of}?page={second['previous']}")["items"] == first["items"]
