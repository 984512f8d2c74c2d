"""Signing in and out, limits, and what is kept of sessions."""

import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import attempts, passwords, people
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Attempt, Role, User
from tests.accounts import hashes, noted, sign_in, tell, wind_back, wind_back_attempts
from tests.cast import PASSWORD, Cast, Person, csrf

# The one-time mark of a form differs from answer to answer.
MARK = re.compile(r'value="[\w-]{22}"|[\w.-]{60,}')


def test_the_right_password_opens_a_session_and_signing_out_ends_it_on_the_server(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    cookie = client.get_cookie("sid")
    assert cookie is not None
    assert cookie.http_only
    assert client.get("/login").status_code == 303
    answer = client.post("/logout", data={"csrf_token": csrf(client, "/stores/new")})
    assert answer.status_code == 303
    client.set_cookie("sid", cookie.value)
    assert client.get("/stores").status_code == 303, "the old cookie opens nothing any more"


def test_a_wrong_password_and_an_unknown_address_answer_the_same(cast: Cast) -> None:
    client = cast.client_of(None)
    token = csrf(client, "/login")
    answers = [
        client.post("/login", data={"email": email, "password": "not the password", "csrf_token": token})
        for email in (cast.mei.email, "nobody@example.com")
    ]
    assert [each.status_code for each in answers] == [422, 422]
    texts = [
        MARK.sub("", each.text).replace(cast.mei.email, "@").replace("nobody@example.com", "@") for each in answers
    ]
    assert texts[0] == texts[1]
    assert "do not belong together" in texts[0]


OF_OTHERS = (
    "//evil.example",
    "https://evil.example/",
    "/\\evil",
    "/\t/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    "/ /evil.example",
    "/a\\evil",
    "///evil.example",
    "//[evil",
    "",
)


def test_the_way_back_leads_only_to_our_own_pages(cast: Cast) -> None:
    ours = [("/stores", "/stores")]
    others = [(each, "/") for each in OF_OTHERS]
    for wanted, landed in ours + others:
        client = cast.client_of(None)
        token = csrf(client, "/login")
        answer = client.post(
            "/login",
            query_string={"next": wanted},
            data={"email": cast.mei.email, "password": PASSWORD, "csrf_token": token},
        )
        assert answer.status_code == 303
        assert answer.location == landed


@pytest.mark.parametrize("wanted", OF_OTHERS)
def test_choosing_a_language_leads_only_to_our_own_pages(cast: Cast, wanted: str) -> None:
    client = cast.client_of(cast.mei)
    token = csrf(client, "/stores/new")
    answer = client.post("/language", data={"locale": "en", "next": wanted, "csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_password_is_what_was_typed_white_space_included(cast: Cast) -> None:
    password = "  two spaces on each side  "
    with cast.app.app_context():
        ann = people.create_user("ann@example.com", "Ann", password)
        people.join(cast.lantern, ann, Role.VIEWER)
    for typed, status in ((password.strip(), 422), (password, 303)):
        client = cast.client_of(None)
        form = {"email": " ann@example.com ", "password": typed, "csrf_token": csrf(client, "/login")}
        assert client.post("/login", data=form).status_code == status


def test_a_form_without_its_token_or_from_another_site_is_refused(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    assert client.post("/logout").status_code == 400
    token = csrf(client, "/stores/new")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = client.post("/logout", data={"csrf_token": token}, headers=headers)
        assert answer.status_code == 403
        assert "This came from another site" in answer.text
        assert "Your role does not allow this" not in answer.text, "it has nothing to do with a role"
    assert client.get("/stores").status_code == 200, "the session goes on"


WRONG = "not-the-password-at-all"


def test_the_eleventh_try_of_an_account_is_refused_and_the_right_password_tells_nothing(cast: Cast) -> None:
    for number in range(10):
        _, answer = try_from(cast, f"10.0.0.{number}", cast.mei.email, WRONG)
        assert answer.status_code == 422
    said = [try_from(cast, "10.0.1.1", cast.mei.email, password)[1] for password in (WRONG, PASSWORD)]
    assert [each.status_code for each in said] == [429, 429]
    assert "try again in 5 minutes." in said[0].text
    assert MARK.sub("", said[0].text) == MARK.sub("", said[1].text)
    assert try_from(cast, "10.0.1.2", cast.tom.email, PASSWORD)[1].status_code == 303, "others come in"
    wind_back_attempts(cast.app, timedelta(minutes=5, seconds=1))
    assert try_from(cast, "10.0.1.1", cast.mei.email, PASSWORD)[1].status_code == 303


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[2001:db8::1]:443", "2001:db8::/64"),
        ("2001:db8::ffff", "2001:db8::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_is_counted_as_one_place_however_it_is_written(address: str, place: str) -> None:
    assert attempts.network(address) == place


def test_strangers_who_use_up_every_try_lock_nobody_out_of_a_browser_that_is_known(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    client.post("/logout", data={"csrf_token": csrf(client, "/stores/new")})
    with cast.app.app_context():
        for each in range(attempts.USUAL.overall):
            attempts.count("sign_in", cast.mei.email if each < 20 else f"{each}@example.com", f"192.0.2.{each % 200}")
    _, elsewhere = sign_in(cast, cast.mei)
    assert elsewhere.status_code == 429

    def here(email: str, password: str) -> int:
        form = {"email": email, "password": password, "csrf_token": csrf(client, "/login")}
        return client.post("/login", data=form).status_code

    assert here(cast.tom.email, PASSWORD) == 429, "the mark is one person's"
    assert [here(cast.mei.email, "not-the-password") for _ in range(9)] == [422] * 9
    tell(cast.app)
    assert len(noted(cast, "sign_in_refused")) == 9
    assert here(cast.mei.email, PASSWORD) == 303


def test_who_guesses_in_a_known_browser_is_stopped_as_well_and_a_new_password_makes_it_unknown(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    client.post("/logout", data={"csrf_token": csrf(client, "/stores/new")})

    def here() -> int:
        form = {"email": cast.mei.email, "password": "not-the-password", "csrf_token": csrf(client, "/login")}
        return client.post("/login", data=form).status_code

    assert [here() for _ in range(11)] == [422] * 10 + [429]
    with cast.app.app_context():
        db.session.execute(sa.update(User).where(User.id == cast.mei.id).values(password_hash="another"))
        db.session.commit()
    assert here() == 422, "it is counted with the tries of the world again"


def test_the_eleventh_try_from_an_address_is_refused_whoever_is_tried(cast: Cast) -> None:
    for number in range(10):
        try_from(cast, "2001:db8::1", f"nobody{number}@example.com", WRONG)
    assert try_from(cast, "2001:db8::2", cast.mei.email, PASSWORD)[1].status_code == 429, "the same network"
    assert try_from(cast, "2001:db8:0:1::1", cast.mei.email, PASSWORD)[1].status_code == 303


def test_right_passwords_do_not_use_up_the_tries(cast: Cast) -> None:
    for _ in range(12):
        assert try_from(cast, "10.0.0.1", cast.mei.email, PASSWORD)[1].status_code == 303


def test_a_sign_in_and_a_refused_one_are_noted_with_where_they_came_from(cast: Cast) -> None:
    try_from(cast, "10.9.9.9", cast.mei.email, WRONG)
    try_from(cast, "10.9.9.9", "nobody@example.com", WRONG)
    tell(cast.app)
    tell(cast.app)
    (refused,) = noted(cast, "sign_in_refused")
    assert (refused.name, refused.address, refused.who) == ("Mei Lin", "10.9.9.9", "Lintas")
    try_from(cast, "10.9.9.9", cast.mei.email, PASSWORD)
    (came,) = noted(cast, "signed_in")
    assert (came.who, came.address, came.user_id) == ("Mei Lin", "10.9.9.9", cast.mei.id)


def test_signing_in_anew_ends_the_session_that_this_browser_had(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    before = hashes(cast.app, cast.mei)
    client.post(
        "/login", data={"email": cast.mei.email, "password": PASSWORD, "csrf_token": csrf(client, "/stores/new")}
    )
    after = hashes(cast.app, cast.mei)
    assert len(after) == 1
    assert not before & after


@pytest.mark.parametrize(("who", "idle", "whole"), [("mei", 30, 12 * 60), ("sam", 15, 8 * 60)])
def test_a_session_is_over_when_nobody_clicks_and_after_a_day_of_work(
    cast: Cast, who: str, idle: int, whole: int
) -> None:
    person = getattr(cast, who)
    client = cast.client_of(person)
    wind_back(cast.app, person, "seen_at", timedelta(minutes=idle - 1))
    assert client.get("/settings/security").status_code == 200
    wind_back(cast.app, person, "seen_at", timedelta(minutes=idle + 1))
    assert client.get("/settings/security").status_code == 303
    client = cast.client_of(person)
    wind_back(cast.app, person, "ends_at", timedelta(minutes=whole - 1))
    assert client.get("/settings/security").status_code == 200
    wind_back(cast.app, person, "ends_at", timedelta(minutes=2))
    assert client.get("/settings/security").status_code == 303


def test_a_session_is_known_to_the_database_by_a_hash_and_to_the_browser_by_256_bits(cast: Cast) -> None:
    cookie = cast.client_of(cast.mei).get_cookie("sid")
    assert cookie is not None
    assert len(cookie.value) >= 43
    assert hashes(cast.app, cast.mei) == {hashlib.sha256(cookie.value.encode()).digest()}


def test_of_many_tries_at_once_no_more_pass_than_the_limit(cast: Cast) -> None:
    at_once = 8
    together = threading.Barrier(at_once)

    def one(number: int) -> bool:
        with cast.app.app_context():
            db.session.execute(sa.text("select 1"))  # Each has its connection before they set out together.
            together.wait(timeout=10)
            try:
                attempts.claim("sign_in", f"person{number // at_once}@example.com", "")
            except Refusal:
                return False
            finally:
                db.session.remove()
            return True

    rounds = 5
    with cast.app.app_context():
        for each in range(rounds):
            for _ in range(9):
                attempts.count("sign_in", f"person{each}@example.com", "")
    with ThreadPoolExecutor(at_once) as pool:
        assert sum(pool.map(one, range(rounds * at_once))) == rounds, "one is left to each, and one passes"


def test_a_sign_in_that_is_under_way_when_the_password_is_replaced_comes_in_nowhere(cast: Cast) -> None:
    for _ in range(2):
        assert passwords.HASHING.acquire(timeout=10)  # So that the try waits with the old password in its hand.
    with ThreadPoolExecutor(1) as pool:
        try:
            trying = pool.submit(sign_in, cast, cast.mei)
            with cast.app.app_context():
                while not db.session.scalar(sa.select(sa.func.count()).select_from(Attempt)):
                    db.session.rollback()
                time.sleep(0.3)
                other = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("another-word-altogether")
                db.session.execute(sa.update(User).where(User.id == cast.mei.id).values(password_hash=other))
                db.session.commit()
        finally:
            for _ in range(2):
                passwords.HASHING.release()
        _, answer = trying.result(timeout=20)
    assert answer.status_code == 422
    assert hashes(cast.app, cast.mei) == set()


@pytest.mark.parametrize("email", ["İlker@example.com", "ÖNDER@example.com", "ΣΊΣΥΦΟΣ@example.com"])
def test_whoever_has_capitals_beyond_ascii_in_the_address_signs_in_with_it(cast: Cast, email: str) -> None:
    with cast.app.app_context():
        person = people.create_user(email, "Somebody", PASSWORD)
        people.join(cast.lantern, person, Role.VIEWER)
        somebody = Person(person.id, email, "Somebody")
    _, answer = sign_in(cast, somebody)
    assert answer.status_code == 303
    _, answer = sign_in(cast, somebody, "not the password at all")
    tell(cast.app)
    assert [each.name for each in noted(cast, "sign_in_refused")] == ["Somebody"]


def test_a_page_that_asks_for_news_by_itself_keeps_no_session_open(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    for asking, status in (({"X-By-Itself": "1"}, 303), ({}, 200)):
        client = cast.client_of(cast.mei)
        for _ in range(2):
            wind_back(cast.app, cast.mei, "seen_at", timedelta(minutes=20))
            answer = client.get("/stores", headers=asking)
        assert answer.status_code == status, asking


def try_from(cast: Cast, address: str, email: str, password: str) -> tuple[FlaskClient, TestResponse]:
    """A sign-in from somewhere."""
    client = cast.app.test_client()
    form = {"email": email, "password": password, "csrf_token": csrf(client, "/login")}
    return client, client.post("/login", data=form, environ_overrides={"REMOTE_ADDR": address})


def test_a_form_sent_after_the_session_ended_stays_on_its_page_or_leads_back_to_it(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    token = csrf(mei, "/stores/new")
    mei.delete_cookie("sid")
    sent = {"name": "A long name", "currency": "GBP", "csrf_token": token}
    page = "http://localhost/stores/new"
    part = mei.post("/stores/new", data=sent, headers={"HX-Request": "true", "HX-Current-URL": page})
    assert part.status_code == 401
    assert "HX-Redirect" not in part.headers
    assert "what you typed is still on this page" in part.headers["HX-Trigger"]
    whole = mei.post("/stores/new", data=sent, headers={"Referer": page})
    assert (whole.status_code, whole.location) == (303, "/login?next=/stores/new")
