"""The demo: its merchants, and the connections that are made as a merchant would make them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from portal import demo
from portal.demo_browser import read_form
from portal.demo_trade import ORDERS
from portal.flows import connections, pulse
from portal.flows.audit import LINTAS
from portal.kit import embedded
from portal.kit.db import acting_for, db, whose
from portal.models import (
    Connection,
    ConnectionState,
    ExportStage,
    LinkBatch,
    Listing,
    Order,
    Product,
    Push,
    Run,
    WarehouseStock,
)
from tests.command import Command, command
from tests.sandbox_server import Running, sandbox, sandbox_process
from tests.stack import Stack

__all__ = ["command", "sandbox", "sandbox_process"]

PACES = "jd_com=5000,jd_id=5000"
HOME = "http://127.0.0.1:1"


@pytest.fixture
def small(sandbox: Running) -> Running:
    """The sandbox with catalogues that are imported in a moment."""
    for integration, name in (("jd_com", "northwick"), ("jd_com", "samudra"), ("jd_id", "samudra")):
        sandbox.control("account", integration=integration, name=name, size=60)
    return sandbox


def connect(command: Command, sandbox: Running, **more: str | None) -> Result:
    return command(
        "demo", "--connected", **{"PORTAL_SANDBOX_URL": sandbox.url, "PORTAL_PACES": PACES, "PORTAL_URL": HOME, **more}
    )


@contextmanager
def as_merchant(app: Flask, word: str) -> Iterator[None]:
    """As the demo merchant of that word, below the web."""
    with app.app_context():
        sample = next(each for each in demo.SAMPLES if each.word == word)
        found = demo.owner_of(sample)
        assert found is not None
        with acting_for(found[0]):
            yield


def channels() -> list[Connection]:
    query = sa.select(Connection).where(Connection.merchant_id == whose()).order_by(Connection.id)
    return list(db.session.scalars(query))


def count(model: Any, *wanted: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model).where(model.merchant_id == whose(), *wanted))


def everything(app: Flask) -> list[Any]:
    """What the demo made, as far as a second call could change it."""
    seen: list[Any] = []
    for word in ("northwick", "samudra"):
        with as_merchant(app, word):
            seen += [(each.id, each.state, each.generation, each.options) for each in channels()]
            seen += [count(model) for model in (Run, Product, Listing, LinkBatch)]
    return seen


def asked(small: Running) -> int:
    """How often the remotes were asked for something."""
    return sum(each["kind"] == "request" for each in small.journal())


def test_each_demo_merchant_is_connected_wherever_the_sandbox_knows_it_with_the_consent_of_its_own_page(
    command: Command, app: Flask, client: object, small: Running
) -> None:
    since = small.journal()[-1]["seq"]
    said = connect(command, small)
    assert said.exit_code == 0, said.output
    assert "The demo is connected." in said.output
    with as_merchant(app, "northwick"):
        assert [each.integration for each in channels()] == ["jd_com", "jdl"]
        assert {each.state for each in channels()} == {ConnectionState.ACTIVE}
        assert count(Product) == small.truth("jd_com/northwick")["products"]
    with as_merchant(app, "samudra"):
        first, second, plugin = channels()
        assert (first.integration, second.integration, plugin.integration) == ("jd_id", "jd_com", "jdl")
        assert {first.state, second.state, plugin.state} == {ConnectionState.ACTIVE}
        assert count(WarehouseStock) == count(Listing, Listing.connection_id == plugin.id) > 0
        assert first.granted_at is not None
        assert all(each.shop_id and each.export_stage is ExportStage.OPEN for each in (first, second))
        assert {count(Order, Order.connection_id == each.id) for each in (first, second)} == {ORDERS}
        assert count(Push, Push.acked < Push.wanted, Push.cause == "") == 0
        linked = count(Listing, Listing.connection_id == second.id, Listing.product_id.is_not(None))
        assert linked == small.truth("jd_id/samudra", "jd_com/samudra")["second"]["matched"] > 0
        assert db.session.scalar(sa.select(LinkBatch.verb)) == "create"
        assert db.session.scalar(sa.select(LinkBatch.made_by)) == "Dewi Lestari"
    given = small.journal(since, effect="consent.given")
    assert {(each["integration"], each["account"]) for each in given} == {
        ("jd_id", "samudra"),
        ("jdl", "samudra"),
        ("jdl", "northwick"),
    }
    assert f"{HOME}/oauth/jd_id/callback" in small.account("jd_id", "samudra")["callbacks"]


def test_a_second_call_changes_nothing_and_says_so_and_leaves_a_channel_as_it_is_that_was_turned_off(
    command: Command, app: Flask, client: object, small: Running
) -> None:
    connect(command, small)
    for account in ("northwick", "samudra"):
        small.control("pace", integration="jdl", account=account, seconds=0)
    before, calls = everything(app), asked(small)
    said = connect(command, small)
    assert said.exit_code == 0
    assert "Everything is connected already; nothing was changed." in said.output
    assert "JD.ID is connected already." in said.output
    assert everything(app) == before
    assert asked(small) == calls
    with as_merchant(app, "northwick"):
        connections.turn_off(channels()[0], LINTAS)
    said = connect(command, small)
    assert "JD.com is there and not on. It is left as it is: http" in said.output
    with as_merchant(app, "northwick"):
        assert channels()[0].state is ConnectionState.SAVED


def test_a_call_that_was_broken_off_is_taken_up_where_it_ended(
    command: Command, app: Flask, client: object, small: Running
) -> None:
    small.control("fault", integration="jd_id", kind="html502", operation="oauth.to_login", times=1)
    said = connect(command, small)
    assert said.exit_code == 1
    assert "The consent page" in said.output
    assert "Traceback" not in said.output
    assert connect(command, small).exit_code == 0
    with as_merchant(app, "samudra"):
        assert [each.integration for each in channels()] == ["jd_id", "jd_com", "jdl"]
        assert {each.state for each in channels()} == {ConnectionState.ACTIVE}


def test_a_remote_that_says_no_is_told_in_the_words_of_the_portal(
    command: Command, client: object, small: Running
) -> None:
    small.control("fault", integration="jd_com", kind="token", account="northwick", times="forever")
    said = connect(command, small)
    assert said.exit_code == 1
    assert "JD.com" in said.output
    assert "token_expired" not in said.output


def test_a_second_terminal_beside_a_running_house_leaves_the_work_to_its_workers() -> None:
    with Stack(workers=1, durable=False, settings={"PORTAL_PACES": PACES}) as stack:
        said = []
        with stack.app.app_context():
            demo.ensure()
        embedded.write(stack.home / "var" / "embedded.json", json.dumps(stack.env))
        stack.until(lambda: _answers_well(stack), 30)
        for _ in range(2):
            ran = subprocess.run(
                [Path(sys.executable).parent / "portal", "demo", "--connected"],
                env={"PATH": os.environ["PATH"], "PORTAL_VAR": str(stack.home / "var")},
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr
            said.append(ran.stdout)
        assert "The demo is connected." in said[0]
        assert "nothing was changed" in said[1]
        with as_merchant(stack.app, "samudra"):
            assert {each.state for each in channels()} == {ConnectionState.ACTIVE}


def _answers_well(stack: Stack) -> bool:
    with stack.app.app_context():
        return pulse.feel().works


def test_a_sandbox_that_does_not_answer_is_named_with_what_to_do(command: Command, client: object) -> None:
    said = command("demo", "--connected", PORTAL_SANDBOX_URL="http://127.0.0.1:9")
    assert said.exit_code == 1
    assert "The sandbox at http://127.0.0.1:9 does not answer" in said.output
    assert "make run" in said.output


def test_without_a_sandbox_there_is_no_demo(command: Command, client: object) -> None:
    for words in (("demo",), ("demo", "--connected")):
        said = command(*words)
        assert said.exit_code == 1
        assert "Demo data needs PORTAL_SANDBOX_URL" in said.output


def test_what_is_no_sandbox_of_this_version_is_told_apart(command: Command, client: object, small: Running) -> None:
    said = command("demo", "--connected", PORTAL_SANDBOX_URL=f"{small.url}/jd_com")
    assert said.exit_code == 1
    assert "is no sandbox of this version" in said.output


def test_an_installation_with_people_of_its_own_gets_no_demo(command: Command, cast: Any, small: Running) -> None:
    said = connect(command, small)
    assert said.exit_code == 1
    assert "this installation has people of its own" in said.output


def test_the_demo_alone_makes_people_and_connects_nothing(command: Command, app: Flask, client: object) -> None:
    first, second = (command("demo", PORTAL_SANDBOX_URL="http://127.0.0.1:9") for _ in range(2))
    assert "The demo merchants are there." in first.output
    assert "People exist already; nothing was changed." in second.output
    with as_merchant(app, "samudra"):
        assert channels() == []
        assert isinstance(whose(), uuid.UUID)


def test_a_form_is_read_as_a_browser_fills_it() -> None:
    form = read_form(
        '<p>x<form action="to_login"><input type=hidden name="state" value="a&amp;b"><input name=email value="x@y">'
        '<button name="decision" value="allow">Yes</button><button name="decision" value="refuse">No</button></form>'
        '<form><input name="other" value="z"></form>'
    )
    assert form is not None
    assert form.action == "to_login"
    assert form.filled["state"] == "a&b"
    assert form.button == ("decision", "allow")
    assert read_form("<p>nothing</p>") is None
