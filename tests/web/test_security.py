"""Security of one's own account: passwords, the second step, recovery codes, and the browsers that are signed in."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import people, resets, second_factor, sessions
from portal.flows.audit import LINTAS
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import PasswordReset, RecoveryCode, User
from tests.accounts import CODES, FORM, another_step, code, hashes, noted, send, set_up, sign_in, tell, wind_back
from tests.cast import PASSWORD, Cast, csrf
from tests.mailbox import Mailbox, deliver, open_mailbox, posted_to

NEW = "seven quiet lanterns over the sea"
PAGE = "/settings/security"


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    """A mail server that the portal hands its letters to."""
    with open_mailbox() as box, posted_to(app, box.url):
        yield box


@contextmanager
def in_production(app: Flask) -> Iterator[None]:
    """The portal as it is in production."""
    old = app.extensions["lintas"]
    app.extensions["lintas"] = replace(old, settings=replace(old.settings, env="production"))
    try:
        yield
    finally:
        app.extensions["lintas"] = old


# Passwords.


def change(client: FlaskClient, old: str, new: str, again: str = "") -> TestResponse:
    return send(client, f"{PAGE}/password", {"old": old, "password": new, "again": again or new})


def test_changing_the_password_gives_a_new_session_ends_all_others_and_writes_a_letter(
    cast: Cast, mailbox: Mailbox
) -> None:
    here, there = cast.client_of(cast.mei), cast.client_of(cast.mei)
    old_cookie = here.get_cookie("sid")
    assert change(here, PASSWORD, NEW).status_code == 303
    assert here.get(PAGE).status_code == 200
    assert there.get(PAGE).status_code == 303, "the other browser is out"
    assert old_cookie is not None
    there.set_cookie("sid", old_cookie.value)
    assert there.get(PAGE).status_code == 303, "the id from before opens nothing"
    assert sign_in(cast, cast.mei, PASSWORD)[1].status_code == 422
    assert sign_in(cast, cast.mei, NEW)[1].status_code == 303
    deliver(cast.app)
    assert "the password of mei@example.com was changed" in mailbox.text(cast.mei.email)
    assert [each.who for each in noted(cast, "password_changed")] == ["Mei Lin"]


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("not-the-old-one", NEW, NEW, "This is not your password."),
        (PASSWORD, NEW, "another", "Enter the same password twice."),
        (PASSWORD, "short", "short", "Use between 12 and 128 characters."),
        (PASSWORD, PASSWORD, PASSWORD, "This is the password you have."),
        (PASSWORD, "P@ssw0rd2026!", "P@ssw0rd2026!", "used by many"),
    ],
)
def test_a_password_that_will_not_do_is_refused_at_its_field(
    cast: Cast, old: str, new: str, again: str, said: str
) -> None:
    client = cast.client_of(cast.mei)
    answer = change(client, old, new, again)
    assert answer.status_code == 422
    assert said in answer.text
    assert sign_in(cast, cast.mei, PASSWORD)[1].status_code == 303


def test_guessing_the_old_password_counts_with_the_sign_ins(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    for _ in range(10):
        assert change(client, "not-the-old-one", NEW).status_code == 422
    assert change(client, PASSWORD, NEW).status_code == 429


# The forgotten password.


def forget(cast: Cast, email: str) -> str:
    answer = send(cast.client_of(None), "/forgotten", {"email": email})
    assert answer.status_code == 200
    tell(cast.app)
    deliver(cast.app)
    return answer.text.replace(email, "@")


def test_a_forgotten_password_answers_the_same_for_everybody_and_writes_to_those_who_are_known(
    cast: Cast, mailbox: Mailbox
) -> None:
    said = {
        re.sub(r'value="[^"]+"|[\w.-]{60,}', "", forget(cast, each)) for each in ("mei@example.com", "no@one.example")
    }
    assert len(said) == 1
    assert [each["To"] for each in mailbox.letters] == ["mei@example.com"]


def test_the_link_of_the_letter_works_once_and_ends_every_session(cast: Cast, mailbox: Mailbox) -> None:
    signed_in = cast.client_of(cast.mei)
    forget(cast, cast.mei.email)
    link = mailbox.link(cast.mei.email, "/reset/")
    stranger = cast.client_of(None)
    assert send(stranger, link, {"password": "short", "again": "short"}).status_code == 422
    done = send(stranger, link, {"password": NEW, "again": NEW})
    assert (done.status_code, done.location) == (303, "/login")
    assert signed_in.get(PAGE).status_code == 303
    assert stranger.get(link).status_code == 404
    assert sign_in(cast, cast.mei, NEW)[1].status_code == 303
    deliver(cast.app)
    assert "was changed" in mailbox.text(cast.mei.email)
    assert [each.name for each in noted(cast, "password_reset")] == ["Mei Lin"]


def test_a_link_is_over_after_half_an_hour_and_when_the_password_changed_meanwhile(
    cast: Cast, mailbox: Mailbox
) -> None:
    forget(cast, cast.mei.email)
    first = mailbox.link(cast.mei.email, "/reset/")
    with cast.app.app_context():
        db.session.execute(sa.update(PasswordReset).values(ends_at=PasswordReset.ends_at - timedelta(minutes=31)))
        db.session.commit()
    assert cast.client_of(None).get(first).status_code == 404
    forget(cast, cast.mei.email)
    second = mailbox.link(cast.mei.email, "/reset/")
    assert cast.client_of(None).get(second).status_code == 200
    change(cast.client_of(cast.mei), PASSWORD, NEW)
    assert cast.client_of(None).get(second).status_code == 404


def test_no_token_of_a_link_is_kept_and_staff_get_no_letter(cast: Cast, mailbox: Mailbox) -> None:
    forget(cast, cast.sam.email)
    assert mailbox.letters == []
    forget(cast, cast.mei.email)
    token = mailbox.link(cast.mei.email, "/reset/").rpartition("/")[2]
    with cast.app.app_context():
        (kept,) = db.session.scalars(sa.select(PasswordReset.token_hash))
    assert kept is not None
    assert token.encode() not in kept


# The second step.


def test_a_second_step_is_asked_for_after_the_password_and_until_then_nothing_is_open(cast: Cast) -> None:
    first = cast.client_of(cast.mei)
    before = hashes(cast.app, cast.mei)
    secret, codes = set_up(first)
    assert len(set(codes)) == 10
    assert not before & hashes(cast.app, cast.mei), "a new id with the new factor"
    another_step(cast.app, cast.mei)
    client, answer = sign_in(cast, cast.mei)
    assert (answer.status_code, answer.location) == (303, "/login/code")
    half = hashes(cast.app, cast.mei)
    assert [each.address for each in noted(cast, "password_given")] == ["127.0.0.1"], "whoever has the password is seen"
    for path in ("/stores", PAGE, "/confirm", "/"):
        assert client.get(path).location.startswith("/login"), path
    assert send(client, "/login/code", {"code": "000000"}).status_code == 422
    assert send(client, "/login/code", {"code": code(secret)}).status_code == 303
    assert client.get("/stores").status_code == 200
    assert len(hashes(cast.app, cast.mei) - half) == 1, "another id after the second step"


def test_a_code_counts_once_also_with_spaces_and_full_width_digits(cast: Cast) -> None:
    secret, _ = set_up(cast.client_of(cast.mei))
    another_step(cast.app, cast.mei)
    shown = code(secret)
    wide = "".join(chr(ord(each) + 0xFEE0) for each in shown)
    client, _answer = sign_in(cast, cast.mei)
    assert send(client, "/login/code", {"code": f"{wide[:3]}　{wide[3:]}"}).status_code == 303
    for again in (shown, wide, f"{shown[:3]} {shown[3:]}", f" {shown[:3]}-{shown[3:]}"):
        other, _answer = sign_in(cast, cast.mei)
        assert send(other, "/login/code", {"code": again}).status_code == 422, again


def test_of_many_who_send_one_code_at_once_one_comes_in(cast: Cast) -> None:
    secret, _ = set_up(cast.client_of(cast.mei))
    another_step(cast.app, cast.mei)
    shown = code(secret)

    def one(_: int) -> bool:
        with cast.app.app_context():
            taken = second_factor.accepts(db.session.get_one(User, cast.mei.id), shown, LINTAS)
            db.session.commit()
            db.session.remove()
            return taken

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(24))) == 1


def test_the_code_that_set_the_factor_up_does_not_sign_in(cast: Cast) -> None:
    secret, _ = set_up(cast.client_of(cast.mei))
    client, _answer = sign_in(cast, cast.mei)
    assert send(client, "/login/code", {"code": code(secret)}).status_code == 422


def test_after_five_wrong_codes_the_right_one_has_to_wait(cast: Cast) -> None:
    secret, _ = set_up(cast.client_of(cast.mei))
    another_step(cast.app, cast.mei)
    client, _answer = sign_in(cast, cast.mei)
    for _ in range(5):
        assert send(client, "/login/code", {"code": "000000"}).status_code == 422
    late = send(client, "/login/code", {"code": code(secret)})
    assert late.status_code == 429
    assert "try again in" in late.text
    tell(cast.app)
    assert len(noted(cast, "second_factor_refused")) == 5


def test_a_recovery_code_counts_once_and_new_ones_replace_them(cast: Cast) -> None:
    first = cast.client_of(cast.mei)
    _, codes = set_up(first)
    client, _answer = sign_in(cast, cast.mei)
    assert send(client, "/login/code", {"code": codes[0].upper().replace("-", " ")}).status_code == 303
    other, _answer = sign_in(cast, cast.mei)
    assert send(other, "/login/code", {"code": codes[0]}).status_code == 422
    assert [each.after for each in noted(cast, "recovery_code_used")] == [{"left": 9}]
    anew = CODES.findall(send(first, f"{PAGE}/recovery-codes", page=PAGE).text)
    assert len(set(anew)) == 10
    assert not set(anew) & set(codes)
    assert send(other, "/login/code", {"code": codes[1]}).status_code == 422
    assert send(other, "/login/code", {"code": anew[1]}).status_code == 303


def test_of_two_who_make_recovery_codes_at_once_ten_count(cast: Cast) -> None:
    set_up(cast.client_of(cast.mei))
    together, made = threading.Barrier(2), []

    def make() -> None:
        with cast.app.app_context():
            user = db.session.get_one(User, cast.mei.id)
            together.wait(timeout=10)
            made.append(second_factor.make_codes_anew(user, LINTAS))
            db.session.remove()

    for _ in range(5):
        threads = [threading.Thread(target=make) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        with cast.app.app_context():
            assert second_factor.codes_left(cast.mei.id) == 10
    assert len(made) == 10


def test_a_text_that_is_longer_than_any_code_is_none(cast: Cast) -> None:
    _, codes = set_up(cast.client_of(cast.mei))
    client, _ = sign_in(cast, cast.mei)
    for typed in (codes[0] + "-" * 200, "\ufdfa" * 100_000):
        assert send(client, "/login/code", {"code": typed}).status_code == 422, typed[:20]
    assert send(client, "/login/code", {"code": codes[0]}).status_code == 303


def test_of_two_who_change_the_password_of_one_session_one_does(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    (mine,) = hashes(cast.app, cast.mei)
    with cast.app.app_context():
        user = db.session.get_one(User, cast.mei.id)
        sessions.renew(mine)
        db.session.commit()
        with pytest.raises(Refusal, match="session_over"):
            resets.change(user, PASSWORD, "several quiet lanterns", mine, LINTAS)
    assert len(hashes(cast.app, cast.mei)) == 1, "the session that goes on was not ended"
    _, answer = sign_in(cast, cast.mei)
    assert answer.status_code == 303, "the password is the old one"
    assert mei.get("/stores").status_code == 303


def test_neither_the_key_nor_a_recovery_code_lies_open_in_the_database(cast: Cast) -> None:
    secret, codes = set_up(cast.client_of(cast.mei))
    with cast.app.app_context():
        user = db.session.get_one(User, cast.mei.id)
        assert user.second_factor is not None
        assert secret.encode() not in user.second_factor
        kept = b"".join(db.session.scalars(sa.select(RecoveryCode.code_hash)))
    assert all(each.encode() not in kept and each.replace("-", "").encode() not in kept for each in codes)


def test_a_new_password_by_letter_does_not_skip_the_second_step(cast: Cast, mailbox: Mailbox) -> None:
    secret, _ = set_up(cast.client_of(cast.mei))
    another_step(cast.app, cast.mei)
    forget(cast, cast.mei.email)
    send(cast.client_of(None), mailbox.link(cast.mei.email, "/reset/"), {"password": NEW, "again": NEW})
    client, answer = sign_in(cast, cast.mei, NEW)
    assert answer.location == "/login/code"
    assert client.get("/stores").status_code == 303
    assert send(client, "/login/code", {"code": code(secret)}).status_code == 303


def test_a_wrong_first_code_keeps_nothing_and_the_same_picture(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    page = client.get(FORM).text
    offer = re.search(r'name="offer"[^>]*value="([^"]+)"', page)
    assert offer
    answer = send(client, FORM, {"offer": offer[1], "code": "000000"})
    assert answer.status_code == 422
    assert offer[1] in answer.text
    assert "data:image/svg+xml" in page
    assert sign_in(cast, cast.mei)[1].location == "/"


def test_an_offer_of_somebody_else_is_not_taken(cast: Cast) -> None:
    theirs = re.search(r'name="offer"[^>]*value="([^"]+)"', cast.client_of(cast.rex).get(FORM).text)
    assert theirs
    assert send(cast.client_of(cast.mei), FORM, {"offer": theirs[1], "code": "123456"}).status_code == 422


def test_the_second_step_can_be_turned_off_and_every_other_browser_is_out(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    set_up(client)
    assert send(client, f"{PAGE}/second-factor/off", page=PAGE).status_code == 303
    assert sign_in(cast, cast.mei)[1].location == "/"
    assert [each.what for each in noted(cast, "second_factor_on", "second_factor_off")] == [
        "second_factor_on",
        "second_factor_off",
    ]


def test_owners_and_staff_must_set_one_up_in_production_before_anything_else(cast: Cast) -> None:
    with in_production(cast.app):
        for person, path in ((cast.mei, "/stores"), (cast.sam, "/support")):
            client = cast.client_of(person)
            assert client.get(path).location == FORM
            assert client.get(PAGE).status_code == 200
            set_up(client)
            assert client.get(path).status_code != 303, person.name
            assert "Turn off the second step" not in client.get(PAGE).text
            send(client, f"{PAGE}/second-factor/off", page=PAGE)
            assert sign_in(cast, person)[1].location == "/login/code", "it stays on"
        assert cast.client_of(cast.tom).get("/stores").status_code == 200
    assert cast.client_of(cast.rex).get("/stores").status_code == 200


# Browsers.

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


def test_the_browsers_are_listed_in_words_and_one_or_all_others_can_be_signed_out(cast: Cast) -> None:
    here, _ = sign_in(cast, cast.mei, **{"User-Agent": FIREFOX})
    phone, _ = sign_in(cast, cast.mei, **{"User-Agent": PHONE})
    third, _ = sign_in(cast, cast.mei)
    page = here.get(PAGE).text
    assert "Firefox on Windows" in page
    assert "Chrome on Android" in page
    assert page.count("This browser") == 1
    ends = re.findall(r"/settings/security/sessions/[0-9a-f-]{36}/end", page)
    assert len(ends) == 3
    of_phone = re.findall(r"/settings/security/sessions/[0-9a-f-]{36}/end", page.partition("Chrome on Android")[2])[0]
    assert send(here, of_phone, page=PAGE).status_code == 303
    assert phone.get(PAGE).status_code == 303
    assert third.get(PAGE).status_code == 200
    assert send(here, f"{PAGE}/sessions/end-others", page=PAGE).status_code == 303
    assert third.get(PAGE).status_code == 303
    assert here.get(PAGE).status_code == 200
    assert [each.after.get("agent", "")[-6:] for each in noted(cast, "session_ended")] == [PHONE[-6:]]
    assert [each.after for each in noted(cast, "sessions_ended")] == [{"number": 1}]


def test_a_browser_of_somebody_else_cannot_be_signed_out(cast: Cast) -> None:
    rex = cast.client_of(cast.rex)
    theirs = re.findall(r"/settings/security/sessions/[0-9a-f-]{36}/end", rex.get(PAGE).text)[0]
    mei = cast.client_of(cast.mei)
    assert send(mei, theirs, page=PAGE).status_code == 404
    assert rex.get(PAGE).status_code == 200


def test_a_session_that_is_over_is_not_listed(cast: Cast) -> None:
    cast.client_of(cast.mei)
    wind_back(cast.app, cast.mei, "seen_at", timedelta(minutes=31))
    client = cast.client_of(cast.mei)
    assert len(re.findall(r"/sessions/[0-9a-f-]{36}/end", client.get(PAGE).text)) == 1
    with cast.app.app_context():
        people.forget_old_sessions()
    assert len(hashes(cast.app, cast.mei)) == 1
    assert csrf(client, PAGE)
