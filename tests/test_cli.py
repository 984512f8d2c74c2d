"""Every command as somebody types it: what it says, and what it says when something is not there."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import work
from portal.kit import embedded
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Membership, Merchant, Role, User, Work, WorkStatus
from tests.cast import Cast, csrf
from tests.command import Command, command

__all__ = ["command"]

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "a-password-for-ana"
ANA = ("--email", "ana@example.com", "--name", "Ana Putri")
OWNER = ("create-owner", "--merchant", "Toko Ana", "--currency", "IDR", "--zone", "Asia/Jakarta", *ANA)


def said_well(output: str) -> None:
    """What every refusal has in common: no traceback, no slug, no secret."""
    assert "Traceback" not in output
    assert PASSWORD not in output
    assert not re.search(r"\b[a-z]+_[a-z_]+\b", re.sub(r"PORTAL_\w+", "", output)), output


# --- people -----------------------------------------------------------------------------------------------------------


def test_an_owner_is_made_with_a_typed_password_and_can_sign_in(command: Command, app: Flask, client: object) -> None:
    made = command(*OWNER, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert "ana@example.com is the owner of Toko Ana." in made.output
    assert PASSWORD not in made.output
    browser = app.test_client()
    form = {"email": "ana@example.com", "password": PASSWORD, "csrf_token": csrf(browser, "/login")}
    assert browser.post("/login", data=form).status_code == 303
    assert "Toko Ana" in browser.get("/").text
    with app.app_context():
        user = db.session.scalars(sa.select(User)).one()
        with acting_for(None, user.id):
            member = db.session.scalars(sa.select(Membership)).one()
            merchant = db.session.scalars(sa.select(Merchant)).one()
        assert (member.role, merchant.currency, merchant.time_zone) == (Role.OWNER, "IDR", "Asia/Jakarta")


def test_two_typed_passwords_that_differ_are_asked_again(command: Command, client: object) -> None:
    made = command(*OWNER, typed=f"{PASSWORD}\nanother-password\n{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0
    assert "do not match" in made.output


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--currency": "DOGE"}, "DOGE is not a currency."),
        ({"--zone": "Mars/Olympus"}, "Mars/Olympus is not a time zone."),
        ({"--merchant": " "}, "Enter a name of 1 to 80 characters."),
        ({"--email": "ana"}, "is not an e-mail address"),
        ({"--name": " "}, "The name is empty."),
        ({"--email": "MEI@example.com"}, "Somebody signs in with this e-mail address already."),
    ],
)
def test_what_is_wrong_with_a_new_owner_is_said_and_nothing_is_written(
    command: Command, cast: Cast, changed: dict[str, str], said: str
) -> None:
    words = dict(zip(OWNER[1::2], OWNER[2::2], strict=True)) | changed
    made = command("create-owner", *[each for pair in words.items() for each in pair], PORTAL_NEW_PASSWORD=PASSWORD)
    assert made.exit_code != 0
    assert said in made.output
    said_well(made.output)
    with cast.app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(User)) == 5


def test_a_short_password_is_refused_with_the_length_that_is_wanted(command: Command, client: object) -> None:
    made = command(*OWNER, PORTAL_NEW_PASSWORD="short")
    assert made.exit_code == 1
    assert "Use between 12 and 128 characters." in made.output
    said_well(made.output)


def test_a_member_of_the_staff_belongs_to_no_merchant(command: Command, app: Flask, client: object) -> None:
    made = command("create-staff", *ANA, PORTAL_NEW_PASSWORD=PASSWORD)
    assert "ana@example.com belongs to the support staff." in made.output
    with app.app_context():
        user = db.session.scalars(sa.select(User)).one()
        assert user.is_staff
        with acting_for(None, user.id):
            assert db.session.scalars(sa.select(Membership)).all() == []
    again = command("create-staff", *ANA, PORTAL_NEW_PASSWORD=PASSWORD)
    assert again.exit_code == 1
    assert "Somebody signs in with this e-mail address already." in again.output


# --- what is not there ------------------------------------------------------------------------------------------------

OF_THE_HOUSE = [OWNER, ("create-staff", *ANA), ("doctor",), ("work",), ("demo",), ("routes",)]
OF_DATA = [
    ("rotate-keys",),
    ("merchants",),
    ("export-merchant", "--merchant", "Toko Ana", "--to", "toko.zip"),
    ("delete-merchant", "--merchant", "Toko Ana", "--confirm", "Toko Ana"),
]


@pytest.mark.parametrize("words", OF_THE_HOUSE + OF_DATA, ids=lambda words: words[0])
def test_without_settings_each_command_names_what_to_set(command: Command, words: tuple[str, ...]) -> None:
    said = command(*words, PORTAL_SECRET_KEY=None, PORTAL_SEALING_KEYS="short", PORTAL_DATABASE_URL=None)
    assert said.exit_code == 1
    for name in ("PORTAL_SECRET_KEY", "PORTAL_SEALING_KEYS", "PORTAL_DATABASE_URL"):
        assert f"{name}: set" in said.output
    assert "make run" in said.output
    said_well(said.output)


@pytest.mark.parametrize("words", OF_THE_HOUSE[:5] + OF_DATA, ids=lambda words: words[0])
def test_a_database_that_does_not_answer_is_named(command: Command, words: tuple[str, ...]) -> None:
    gone = {"PORTAL_DATABASE_URL": "postgresql://lintas_app@127.0.0.1:9/lintas", "PORTAL_NEW_PASSWORD": PASSWORD}
    said = command(*words, PORTAL_SANDBOX_URL="http://127.0.0.1:9", **gone)
    assert said.exit_code == 1
    assert "PORTAL_DATABASE_URL" in said.output
    assert "does not answer" in said.output
    assert "Traceback" not in said.output


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PORTAL_DATABASE_URL": "nonsense"}, "PORTAL_DATABASE_URL is no address of a database"),
        ({"PORTAL_PROXIES": "two"}, "cannot be read"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_without_a_traceback(
    command: Command, changed: dict[str, str], said: str
) -> None:
    told = command("routes", **changed)
    assert told.exit_code == 1
    assert said in told.output
    assert "Traceback" not in told.output


# --- migrate ----------------------------------------------------------------------------------------------------------


def test_migrating_twice_ends_at_the_newest_version(command: Command) -> None:
    for _ in range(2):
        said = command("migrate")
        assert said.exit_code == 0, said.output
        assert "The tables are up to date (version " in said.output


@pytest.mark.parametrize("url", [None, "postgresql://lintas_owner@127.0.0.1:9/lintas", "nonsense"])
def test_an_owners_database_that_is_not_there_is_named(command: Command, url: str | None) -> None:
    said = command("migrate", PORTAL_OWNER_DATABASE_URL=url)
    assert said.exit_code == 1
    assert "PORTAL_OWNER_DATABASE_URL" in said.output
    assert "Traceback" not in said.output


# --- routes -----------------------------------------------------------------------------------------------------------


def test_the_routes_say_who_may(command: Command) -> None:
    lines = {tuple(line.split()) for line in command("routes").output.splitlines()}
    assert ("/stores", "GET", "view", "sees") in lines
    assert ("/healthz", "GET", "nothing", "sees") in lines
    # What support staff may there is the page's own business; that it is said is asked here.
    assert {line[:3] for line in lines} >= {("/stores/new", "GET,POST", "manage")}
    assert all(line[3] in {"sees", "acts", "always", "never"} and line[4:] in {(), ("fresh",)} for line in lines)


# --- work -------------------------------------------------------------------------------------------------------------


def with_work(cast: Cast) -> None:
    """Two open rows and three dead ones, of two causes."""
    with cast.app.app_context(), acting_for(cast.lantern):
        for number in range(5):
            work.add("sync", f"lane-{number % 2}", f"row-{number}", {})
        for number, why in ((1, "busy: HTTP 500"), (2, "busy: HTTP 502"), (3, "KeyError")):
            dead = {"status": WorkStatus.DEAD, "error": why, "ended_at": now(), "attempts": 5}
            db.session.execute(sa.update(Work).where(Work.natural_key == f"row-{number}").values(**dead))
        db.session.commit()


def test_the_lanes_and_the_dead_are_shown_by_cause(command: Command, cast: Cast) -> None:
    with_work(cast)
    lines = [line.split() for line in command("work").output.splitlines()]
    assert ["lane-0", "2", "1"] in lines
    assert ["lane-1", "0", "2"] in lines
    assert [line[:3] for line in lines if line[:1] == ["sync"]] == [["sync", "busy", "2"], ["sync", "KeyError", "1"]]


def test_the_dead_are_opened_again(command: Command, cast: Cast) -> None:
    with_work(cast)
    said = command("work", "--replay").output
    assert "3 dead rows are open again." in said
    assert ["lane-0", "3", "0"] in [line.split() for line in said.splitlines()]
    assert "cause" not in said
    assert "0 dead rows are open again." in command("work", "--replay").output


def test_a_house_without_work_says_so(command: Command, client: object) -> None:
    assert "No row of work is open, and none is dead." in command("work").output


# --- sandbox and help -------------------------------------------------------------------------------------------------


def test_a_taken_port_is_told_by_the_sandbox(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["sandbox", "--port", str(taken.getsockname()[1]), "--state", str(tmp_path)]
        ended = subprocess.run(
            [sys.executable, "-m", "portal.cli", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_command_explains_itself(command: Command) -> None:
    said = command("--help").output
    for name in ("create-owner", "create-staff", "doctor", "work", "sandbox", "demo", "routes", "migrate"):
        assert f"  {name} " in said
        assert "Options:" in command(name, "--help").output
    for words in OF_DATA:
        assert f"  {words[0]} " in said
        assert "Options:" in command(words[0], "--help").output


def test_a_second_terminal_finds_the_running_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "NOTE", tmp_path / "embedded.json")
    embedded.leave({"PORTAL_DATABASE_URL": "from the note", "PORTAL_URL": "http://127.0.0.1:1"})
    mine = {"PORTAL_URL": "http://127.0.0.1:2"}
    assert embedded.adopt(mine)
    assert mine == {"PORTAL_DATABASE_URL": "from the note", "PORTAL_URL": "http://127.0.0.1:2"}
    complete = {"PORTAL_DATABASE_URL": "my own"}
    assert not embedded.adopt(complete)
    assert complete == {"PORTAL_DATABASE_URL": "my own"}
