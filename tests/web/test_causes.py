"""Every cause in words: what is true, why, what to do, and buttons that lead somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from flask import Flask, g
from werkzeug.routing import MapAdapter

from portal import flows
from portal.contract.errors import Cause
from portal.kit.clock import now
from portal.kit.db import acting_for
from portal.models import Connection, ConnectionState
from portal.web import causes
from portal.web.cause_words import WORDS
from portal.web.causes import Explained, Turn
from tests.cast import Cast
from tests.goods import connection

NEVER = re.compile(r"\b(please|sorry|invalid|failed to|oops|forbidden|an error occurred)\b", re.IGNORECASE)
ARGUMENTS = {"name": "Lantern shop", "code": "12", "detail": "words", "words": ["7"], "number": 3, "by": "Mei Lin"}


@contextmanager
def made(cast: Cast, integration: str, **values: object) -> Iterator[Connection]:
    """A connection inside a request, in the state that the values say."""
    with cast.app.test_request_context(), acting_for(cast.lantern):
        found = connection(integration)
        for name, value in values.items():
            setattr(found, name, value)
        yield found


def causes_in_the_flows() -> set[str]:
    """Every cause that a flow names as a literal: of a notice, of a run's end, of a run's item.

    That of a routing decision is none: it is told by the stage that it led to.
    """
    found: set[str] = set()
    for path in Path(str(flows.__file__)).parent.glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name == "Decision":
                continue
            place = {"tell": 2, "_close": 2, "stop_all": 1}.get(name)
            given = [call.args[place]] if place is not None and len(call.args) > place else []
            given += [each.value for each in call.keywords if each.arg == "cause"]
            found |= {each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return found - {""}


def is_whole(said: Explained) -> None:
    """A title and a reason as sentences, somebody's turn, and nothing that scolds or begs."""
    assert said.title, said
    assert said.title[-1] in ".?!" or ":" in said.title, said.title
    assert said.why.endswith((".", "!")) or "http" in said.why, said.why
    assert said.todo.endswith("."), said.todo
    assert not NEVER.search(f"{said.title} {said.why} {said.todo}"), said
    assert "%(" not in f"{said.title} {said.why} {said.todo}"
    assert said.title.count(". ") + said.why.count(". ") + said.todo.count(". ") <= 6, "short enough to be read"


def test_every_cause_of_the_contract_and_of_the_flows_has_its_words() -> None:
    literal = causes_in_the_flows()
    assert {"unknown_audit_word", "unreadable_item", "stopped_by_hand", "turned_off", "removed"} <= literal
    assert literal | {each.value for each in Cause} <= set(WORDS)


@pytest.mark.parametrize("integration", ["jd_com", "jd_id", "jdl"])
def test_every_cause_reads_well_in_every_state_and_its_buttons_lead_to_pages(cast: Cast, integration: str) -> None:
    with made(cast, integration, token_expires_at=now() - timedelta(hours=1)) as found:
        routes: MapAdapter = cast.app.url_map.bind("localhost")
        for cause, subject, state in product(WORDS, ("connection", "run"), ConnectionState):
            found.state = state
            said = causes.explain(cause, subject, ARGUMENTS, found)
            is_whole(said)
            for action in said.actions:
                assert action.label
                if not action.away:
                    routes.match(action.url.partition("?")[0].partition("#")[0], "POST" if action.post else "GET")
            if said.turn is not Turn.THEIRS:
                assert "Nothing to do" not in said.todo
            else:
                assert said.todo.startswith("Nothing to do."), said


def test_a_cause_without_its_connection_is_told_too(app: Flask) -> None:
    with app.test_request_context():
        for cause in WORDS:
            said = causes.explain(cause, "run", {"name": "Old shop"})
            is_whole(said)
            assert said.actions == ()
        assert "Old shop" in causes.explain("busy", "run", {"name": "Old shop"}).title


def test_a_cause_that_nobody_knows_is_told_as_a_refusal_with_its_word_for_support(cast: Cast) -> None:
    with made(cast, "jd_com") as found:
        said = causes.explain("something_new", "connection", {"code": "99", "detail": "words"}, found)
    assert said.title == "JD.com refused the call."
    assert said.details == "something_new · 99 · words"


def test_the_end_of_the_access_is_told_to_the_minute_in_the_time_of_the_store(cast: Cast) -> None:
    with made(cast, "jd_id", token_expires_at=now().replace(2026, 11, 20, 5, 58)) as found:
        g.time_zone = "Asia/Shanghai"
        said = causes.explain("token_expired", "connection", {}, found)
        assert said.title == "JD.ID access ended on 20 Nov 2026, 13:58."


def test_who_types_the_token_is_sent_to_the_form_and_who_signs_in_to_the_sign_in(cast: Cast) -> None:
    with made(cast, "jd_com") as found:
        typed = causes.explain("token_expired", "connection", {}, found)
    with made(cast, "jd_id") as found:
        signed = causes.explain("token_expired", "connection", {}, found)
    assert [each.url.rpartition("/")[2] for each in typed.actions] == ["settings?replace=all"]
    assert [each.url.rpartition("/")[2] for each in signed.actions] == ["login"]


def test_a_seller_of_the_wrong_level_reads_what_the_declaration_says_about_it(cast: Cast) -> None:
    with made(cast, "jd_id", settings={"shop_id": "10045821"}) as found:
        said = causes.explain("seller_level", "connection", {}, found)
    assert "10045821" in said.why
    assert "Qualified Seller" in said.todo
    assert [each.away for each in said.actions] == [True, False]


def test_no_answer_is_theirs_while_we_go_on_and_yours_once_the_first_check_gave_up(cast: Cast) -> None:
    with made(cast, "jd_com", state=ConnectionState.ACTIVE) as found:
        assert causes.explain("unreachable", "run", {}, found).turn is Turn.THEIRS
        found.state = ConnectionState.FAILED
        said = causes.explain("unreachable", "connection", {}, found)
    assert said.turn is Turn.YOURS
    assert "within 5 minutes" in said.why
    assert [each.label for each in said.actions] == ["Check again"]
