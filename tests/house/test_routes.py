"""Every address × everybody: generated from the address map, so that a new address is covered or the build is red."""

from __future__ import annotations

import io
import re
import uuid

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.kit.db import acting_for, db
from portal.models import Connection, LinkBatch, Listing, Order, Product, Run
from portal.web.doors import Needs, permission_of
from portal.web.machines import PROBES
from tests.addresses import (
    NOBODY,
    PASSING,
    SIGNED,
    UNSAFE,
    address,
    ask,
    enough_to_change,
    make_things,
    methods,
    named,
    rules,
    token_of,
)
from tests.cast import Cast, csrf


@pytest.fixture
def things(cast: Cast) -> dict[str, uuid.UUID]:
    return make_things(cast)


def test_another_merchants_thing_and_one_that_never_existed_answer_with_the_same_bytes(
    cast: Cast, things: dict[str, uuid.UUID]
) -> None:
    rex = cast.client_of(cast.rex)
    token = csrf(rex, "/stores/new")
    checked = 0
    for rule in rules(cast.app):
        if not named(rule) or permission_of(cast.app, rule.endpoint) is Needs.NOTHING:
            continue
        for method in methods(rule):
            theirs = ask(rex, method, address(rule, things), token)
            nobodys = ask(rex, method, address(rule, things, NOBODY), token)
            # The staff area is refused before anything is looked up.
            wanted = 403 if permission_of(cast.app, rule.endpoint) is Needs.STAFF else 404
            assert theirs.status_code == nobodys.status_code == wanted, f"{method} {rule.rule}: {theirs.status_code}"
            assert PASSING.sub("", theirs.text) == PASSING.sub("", nobodys.text), rule.rule
            checked += 1
    assert checked > 20


def test_a_stranger_is_sent_to_the_sign_in_and_learns_nothing(cast: Cast, things: dict[str, uuid.UUID]) -> None:
    stranger = cast.client_of(None)
    token = csrf(stranger, "/login")
    for rule in rules(cast.app):
        if permission_of(cast.app, rule.endpoint) is Needs.NOTHING:
            continue
        for method in methods(rule):
            for swap in (None, NOBODY):
                answer = ask(stranger, method, address(rule, things, swap), token)
                assert answer.status_code == 303, f"{method} {rule.rule}: {answer.status_code}"
                assert answer.location.startswith("/login"), rule.rule


@pytest.mark.parametrize("name", ["vera", "tom", "mei", "sam"])
def test_each_role_may_what_its_page_declares_and_nothing_else(
    cast: Cast, things: dict[str, uuid.UUID], name: str
) -> None:
    may = {
        "vera": {Needs.NOTHING, Needs.SIGN_IN, Needs.VIEW},
        "tom": {Needs.NOTHING, Needs.SIGN_IN, Needs.VIEW, Needs.MANAGE},
        "mei": {Needs.NOTHING, Needs.SIGN_IN, Needs.VIEW, Needs.MANAGE, Needs.OWN},
        "sam": {Needs.NOTHING, Needs.SIGN_IN, Needs.STAFF},
    }[name]
    client = cast.client_of(getattr(cast, name))
    token = token_of(client)
    for rule in rules(cast.app):
        if rule.endpoint == "people.logout":
            continue
        wanted = permission_of(cast.app, rule.endpoint)
        for method in methods(rule):
            # What a refused role asks for must be refused before anything is looked up; what an allowed role asks for
            # names nothing, so that no page of this walk changes what the next one needs.
            url = address(rule, things, NOBODY if wanted in may and method in UNSAFE and named(rule) else None)
            answer = ask(client, method, url, token)
            refused = answer.status_code in ({403, 404} if name == "sam" else {403})
            if wanted in may:
                assert answer.status_code != 403, f"{name} may {method} {rule.rule}"
            else:
                assert refused, f"{name} must not {method} {rule.rule}: {answer.status_code}"


def test_every_page_that_changes_something_asks_for_more_than_to_look(app: Flask) -> None:
    for rule in rules(app):
        if UNSAFE & (rule.methods or set()):
            assert permission_of(app, rule.endpoint) in enough_to_change(rule.endpoint), rule.rule


def test_no_unsafe_request_passes_without_its_token(cast: Cast, things: dict[str, uuid.UUID]) -> None:
    mei = cast.client_of(cast.mei)
    with_form = [rule for rule in rules(cast.app) if rule.endpoint not in SIGNED]
    assert len(with_form) == len(rules(cast.app)) - len(SIGNED)
    for rule in with_form:
        for method in set(methods(rule)) & UNSAFE:
            assert ask(mei, method, address(rule, things)).status_code == 400, f"{method} {rule.rule}"
    other = csrf(cast.client_of(cast.tom), "/stores/new")
    for rule in with_form:
        for method in set(methods(rule)) & UNSAFE:
            assert ask(mei, method, address(rule, things), other).status_code == 400, f"{method} {rule.rule}"


def test_a_nul_is_refused_wherever_it_stands(cast: Cast, things: dict[str, uuid.UUID]) -> None:
    """No page has to think of it: the database keeps none, and a page that let one through would fall."""
    mei = cast.client_of(cast.mei)
    token = token_of(mei)
    wrong = []
    for rule in rules(cast.app):
        # What watches the process is answered before anything of a request is read.
        if rule.endpoint in SIGNED or rule.rule in PROBES:
            continue
        url = address(rule, things, NOBODY)
        named_so = re.sub(r"<(?:\w+:)?\w+>", "a%00b", rule.rule)
        for method in methods(rule):
            form = {"csrf_token": token}
            told = [mei.open(f"{url}?word=a%00b", method=method, data=form, buffered=True)]
            told.append(mei.open(f"{url}?a%00b=word", method=method, data=form, buffered=True))
            if named_so != rule.rule:
                told.append(mei.open(named_so, method=method, data=form, buffered=True))
            if method in UNSAFE:
                told.append(mei.open(url, method=method, data={**form, "word": "a\0b"}, buffered=True))
                told.append(mei.open(url, method=method, data={**form, "a\0b": "word"}, buffered=True))
                file = (io.BytesIO(b"a"), "a\0b.csv")
                told.append(mei.open(url, method=method, data={**form, "file": file}, buffered=True))
            wrong += [f"{method} {rule.rule}: {each.status_code}" for each in told if each.status_code != 400]
    assert wrong == []


HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Request-Id": "",
}


def test_every_answer_carries_the_headers_also_errors_and_fragments(cast: Cast, things: dict[str, uuid.UUID]) -> None:
    mei = cast.client_of(cast.mei)
    asked = [(rule.rule, address(rule, things)) for rule in rules(cast.app) if "GET" in methods(rule)]
    asked += [("404", "/nowhere"), ("405", "/logout")]
    for name, url in asked:
        for extra in ({}, {"HX-Request": "true", "HX-Target": "anything"}):
            answer = mei.get(url, headers=extra, buffered=True)
            for header, beginning in HEADERS.items():
                assert answer.headers.get(header, "missing").startswith(beginning), f"{name}: {header}"
            assert "unsafe-" not in answer.headers["Content-Security-Policy"], name
            if not url.startswith(("/static", "/logos")):
                assert answer.headers["Cache-Control"] == "no-store", name


def test_looking_changes_nothing(cast: Cast, things: dict[str, uuid.UUID], owner_engine: sa.Engine) -> None:
    vera = cast.client_of(cast.vera)
    vera.get("/")

    def state() -> list[tuple[str, str]]:
        with cast.app.app_context(), acting_for(cast.lantern):
            newest = sa.func.max(sa.literal_column("xmin::text::bigint"))
            return [
                (
                    model.__tablename__,
                    str(db.session.execute(sa.select(sa.func.count(), newest).select_from(model)).one()),
                )
                for model in (Connection, Listing, Order, Product, Run, LinkBatch)
            ]

    before = state()
    for rule in rules(cast.app):
        if "GET" in methods(rule) and permission_of(cast.app, rule.endpoint) in {Needs.VIEW, Needs.SIGN_IN}:
            vera.get(address(rule, things), buffered=True)
    assert state() == before


def test_another_merchants_ids_in_a_form_or_query_find_nothing(cast: Cast, things: dict[str, uuid.UUID]) -> None:
    """Ids in a body or a query: whatever the page does with them, nothing of Blue Lantern shows or moves."""
    rex = cast.client_of(cast.rex)
    token = csrf(rex, "/stores/new")
    names = ["store", "connection", "connection_id", "product", "product_id", "listing", "ids", "id", "batch", "run"]
    for rule in rules(cast.app):
        open_to_all = permission_of(cast.app, rule.endpoint) is Needs.NOTHING
        if named(rule) or open_to_all or rule.endpoint == "people.logout":
            continue
        for method in methods(rule):
            for value in things.values():
                body = {**{name: str(value) for name in names}, "csrf_token": token}
                kind = {"data": body} if method in UNSAFE else {"query_string": body}
                answer = rex.open(address(rule, things), method=method, buffered=True, **kind)
                assert answer.status_code < 500, f"{method} {rule.rule}"
                for theirs in ("Blue Lantern", "Title of"):
                    assert theirs not in answer.text, f"{method} {rule.rule}"


ODD = [
    {"HX-Request": "true", "HX-Target": "anything", "HX-Current-URL": "http://[::1"},
    {"HX-Request": "true", "HX-History-Restore-Request": "true", "HX-Current-URL": "http://localhost/"},
    {"HX-Request": "true", "Accept": "application/json", "Referer": "http://[bad"},
    {"HX-Target": "dialog", "Accept": "garbage,,;;q=x"},
]


@pytest.mark.parametrize("headers", ODD, ids=["elsewhere", "history", "json", "no_htmx"])
def test_no_odd_word_of_htmx_brings_a_page_down(
    cast: Cast, things: dict[str, uuid.UUID], headers: dict[str, str]
) -> None:
    """What is sent for a block of another page, or from a page whose address cannot be read, is answered all the same.

    Nothing is typed, and what goes for good is asked for last, so that all others still find their things.
    """
    mei = cast.client_of(cast.mei)
    token = token_of(mei)
    fell = []
    for rule in sorted(rules(cast.app), key=lambda each: ("remove" in each.rule, each.rule)):
        if rule.endpoint in {"people.logout", "members.leave"} or rule.endpoint in SIGNED:
            continue
        for method in methods(rule):
            sent = {"data": {"csrf_token": token}} if method in UNSAFE else {}
            answer = mei.open(address(rule, things), method=method, headers=headers, buffered=True, **sent)
            if answer.status_code >= 500 and rule.endpoint != "health.ready":
                fell.append(f"{method} {rule.rule}: {answer.status_code}")
    assert not fell
