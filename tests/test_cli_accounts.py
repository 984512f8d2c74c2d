"""Passwords and second steps from the server's side."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from portal.config import Settings
from portal.kit import embedded, roles
from portal.kit.db import db
from portal.kit.servers import wait_until
from portal.models import User
from tests import servers
from tests.accounts import hashes, noted, set_up, sign_in
from tests.cast import PASSWORD, Cast
from tests.command import Command, command, environment

__all__ = ["command"]

NEW = "seven quiet lanterns over the sea"


@pytest.mark.parametrize("who", ["mei", "sam"])
def test_the_server_gives_anybody_a_new_password_and_signs_the_person_out(
    command: Command, cast: Cast, who: str
) -> None:
    person = getattr(cast, who)
    client = cast.client_of(person)
    set_up(client)
    done = command("reset-password", "--email", person.email.upper(), PORTAL_NEW_PASSWORD=NEW)
    assert done.exit_code == 0, done.output
    assert NEW not in done.output
    assert hashes(cast.app, person) == set()
    assert sign_in(cast, person, PASSWORD)[1].status_code == 422
    assert sign_in(cast, person, NEW)[1].location == "/login/code", "the second step stays"


def test_the_server_takes_a_lost_second_step_away(command: Command, cast: Cast) -> None:
    set_up(cast.client_of(cast.mei))
    done = command("drop-second-factor", "--email", cast.mei.email)
    assert done.exit_code == 0, done.output
    assert sign_in(cast, cast.mei)[1].location == "/"
    assert [each.who for each in noted(cast, "second_factor_off")] == ["Lintas"]
    again = command("drop-second-factor", "--email", cast.mei.email)
    assert again.exit_code == 1
    assert f"{cast.mei.email} has no second step, so nothing was changed." in again.output


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (("reset-password", "--email", "nobody@example.com"), NEW, "Nobody signs in with nobody@example.com."),
        (("reset-password", "--email", "mei@example.com"), "short", "Use between 12 and 128 characters."),
        (("reset-password", "--email", "mei@example.com"), "password1234", "used by many"),
    ],
)
def test_what_cannot_be_done_is_said(
    command: Command, cast: Cast, words: tuple[str, ...], password: str, said: str
) -> None:
    done = command(*words, PORTAL_NEW_PASSWORD=password)
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output
    assert sign_in(cast, cast.mei)[1].status_code == 303


WAITING = "select exists (select 1 from pg_locks where relation = 'membership'::regclass and not granted)"


def test_a_new_owner_whose_making_is_killed_leaves_no_person_without_a_merchant(
    settings: Settings, database: servers.Servers, app: Flask, client: object
) -> None:
    merchant = ("--merchant", "Toko Ana", "--email", "ana@example.com", "--name", "Ana Putri")
    words = [sys.executable, "-m", "portal.cli", "create-owner", *merchant]
    variables = {**os.environ, **environment(settings, database), "PORTAL_NEW_PASSWORD": NEW}
    with psycopg.connect(roles.dsn(database.owner_url)) as wire:
        # Reading goes on; whoever writes down who works for whom waits.
        wire.execute("lock table membership in exclusive mode")
        making = subprocess.Popen(words, cwd=embedded.ROOT, env=variables)
        try:
            assert wait_until(lambda: wire.execute(WAITING).fetchone() == (True,), 30, making)
        finally:
            making.kill()
            making.wait()
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(User)) == 0
