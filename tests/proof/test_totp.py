"""X10: a code of the second step counts once however it is written, guessing it is stopped, and nothing skips it.

Each promise is kept through the pages, as somebody with a browser would try it; then the one thing that keeps it is
taken away, and the same promise must be found broken.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import attempts, resets, second_factor
from portal.flows.attempts import Limit
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.ids import new_token
from portal.models import PasswordReset, RecoveryCode, User
from tests.accounts import another_step, code, send, set_up, sign_in, wind_back_attempts
from tests.cast import Cast, csrf

STEP = "/login/code"
NEW = "seven quiet lanterns over the sea"
AT_ONCE = 5
WIDE = 0xFEE0


def with_factor(cast: Cast) -> tuple[str, list[str]]:
    """Mei has a second step; the key of her authenticator and her recovery codes."""
    found = set_up(cast.client_of(cast.mei))
    another_step(cast.app, cast.mei)
    return found


def half_in(cast: Cast, password: str | None = None) -> FlaskClient:
    """A browser that showed Mei's password and has still to show a code."""
    client, answer = sign_in(cast, cast.mei, *([password] if password else []))
    assert (answer.status_code, answer.location) == (303, STEP), "the code is asked for"
    return client


def shows(client: FlaskClient, typed: str) -> TestResponse:
    return send(client, STEP, {"code": typed})


def at_once(cast: Cast, typed: str) -> list[int]:
    """The same code from several browsers at the same moment."""
    browsers = [half_in(cast) for _ in range(AT_ONCE)]
    tokens = [csrf(each, STEP) for each in browsers]
    begin = threading.Barrier(AT_ONCE)

    def one(number: int) -> int:
        begin.wait(20)
        form = {"code": typed, "csrf_token": tokens[number]}
        return browsers[number].post(STEP, data=form).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def counts_once_however_it_is_written(cast: Cast) -> None:
    secret, _ = with_factor(cast)
    shown = code(secret)
    wide = "".join(chr(ord(each) + WIDE) for each in shown)
    spellings = [
        f"{wide[:3]}\u3000{wide[3:]}",
        shown,
        wide,
        f"{shown[:3]} {shown[3:]}",
        f"\u00a0{shown[:3]}-{shown[3:]} ",
    ]
    assert shows(half_in(cast), spellings[0]).status_code == 303, "written in full width, it is the same code"
    for each in spellings[1:]:
        assert shows(half_in(cast), each).status_code == 422, f"{each!r} was used"


def one_of_many_wins(cast: Cast) -> None:
    secret, _ = with_factor(cast)
    answers = at_once(cast, code(secret))
    assert answers.count(303) == 1, answers
    assert set(answers) <= {303, 422, 429}, answers


def guessing_stops_after_five(cast: Cast) -> None:
    secret, codes = with_factor(cast)
    client = half_in(cast)
    for _ in range(5):
        assert shows(client, "000000").status_code == 422
    for right in (code(secret), codes[0]):
        assert shows(half_in(cast), right).status_code == 429, "another browser waits too, also with what is right"
    wind_back_attempts(cast.app, timedelta(minutes=4, seconds=50))
    assert shows(client, code(secret)).status_code == 429
    wind_back_attempts(cast.app, timedelta(seconds=15))
    assert shows(client, code(secret)).status_code == 303


def a_recovery_code_works_once(cast: Cast) -> None:
    _, codes = with_factor(cast)
    answers = at_once(cast, codes[0])
    assert answers.count(303) == 1, answers
    assert shows(half_in(cast), codes[0].upper().replace("-", " ")).status_code in {422, 429}
    wind_back_attempts(cast.app, timedelta(minutes=6))
    assert shows(half_in(cast), codes[0]).status_code == 422
    assert shows(half_in(cast), codes[1]).status_code == 303


def a_new_password_does_not_skip_it(cast: Cast) -> None:
    secret, _ = with_factor(cast)
    token = new_token()
    with cast.app.app_context():
        db.session.add(
            PasswordReset(
                user_id=cast.mei.id, token_hash=sha256(token.encode()).digest(), ends_at=now() + timedelta(minutes=5)
            )
        )
        db.session.commit()
    answer = send(cast.client_of(None), f"/reset/{token}", {"password": NEW, "again": NEW})
    assert answer.location == "/login", "the link signs nobody in"
    client = half_in(cast, NEW)
    assert client.get("/stores").location.startswith("/login"), "half a sign-in opens nothing"
    assert shows(client, code(secret)).status_code == 303
    assert client.get("/stores").status_code == 200


# The known-bad variants: what keeps each promise is taken away.


def never_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "_takes_step", lambda user_id, step: True)


def read_then_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def takes(user_id: uuid.UUID, step: int) -> bool:
        used = db.session.scalar(sa.select(User.second_factor_step).where(User.id == user_id))
        time.sleep(0.5)
        db.session.execute(sa.update(User).where(User.id == user_id).values(second_factor_step=step))
        return (used or 0) < step

    monkeypatch.setattr(second_factor, "_takes_step", takes)


def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(attempts.LIMITS, attempts.SECOND_FACTOR, Limit(1000, 1000))


def looked_up_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def takes(user_id: uuid.UUID, typed: str) -> bool:
        mine = sa.and_(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == second_factor._hash(typed))
        return db.session.scalar(sa.select(RecoveryCode.id).where(mine)) is not None

    monkeypatch.setattr(second_factor, "_takes_recovery_code", takes)


def forgotten_with_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = resets._set

    def keep_and_forget(user: User, kept: str, but: bytes | None = None) -> None:
        keep(user, kept, but)
        second_factor.forget(user)

    monkeypatch.setattr(resets, "_set", keep_and_forget)


PROMISES: list[tuple[Callable[[Cast], None], Callable[[pytest.MonkeyPatch], None]]] = [
    (counts_once_however_it_is_written, never_used_up),
    (one_of_many_wins, read_then_write),
    (guessing_stops_after_five, no_limit),
    (a_recovery_code_works_once, looked_up_only),
    (a_new_password_does_not_skip_it, forgotten_with_the_password),
]


@pytest.mark.parametrize("promise", [each for each, _ in PROMISES], ids=lambda each: each.__name__)
def test_the_promise_holds(cast: Cast, promise: Callable[[Cast], None]) -> None:
    promise(cast)


@pytest.mark.parametrize(("promise", "without"), PROMISES, ids=lambda each: each.__name__)
def test_the_promise_is_found_broken_without_what_keeps_it(
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    promise: Callable[[Cast], None],
    without: Callable[[pytest.MonkeyPatch], None],
) -> None:
    without(monkeypatch)
    with pytest.raises(AssertionError):
        promise(cast)
