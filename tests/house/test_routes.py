"""Every address × everybody: generated from the address map, so that a new address is covered or the build is red."""

from __future__ import annotations

import re
import uuid

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.contract.definition import Resource
from portal.contract.records import Consignee
from portal.flows import batches, linking, order_hand, sync, uploads
from portal.flows import rules as rule_flows
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.flows.order_hand import Wish
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import (
    Connection,
    ConnectionState,
    Delivery,
    LinkBatch,
    Listing,
    Logo,
    Order,
    Product,
    RuleAction,
    Run,
    Store,
    UploadUse,
)
from portal.web.doors import Needs, permission_of
from tests.cast import Cast, csrf
from tests.goods import connection, listing, take_in

# Addresses that name no thing of a merchant, or whose name is a word and no id.
WORDS = {
    "step": "settings",
    "integration": "jd_id",
    "filename": "app.css",
    "verb": "leave_out",
    "key": "import_products",
    "token": "no-such-pass",
}
# Which thing the id of an address names, by the beginning of the address.
KINDS = {
    "/stores/": "store_id",
    "/connections/": "connection_id",
    "/links/batches/": "batch_id",
    "/links/": "listing_id",
    "/listings/": "listing_id",
    "/products/import/": "upload_id",
    "/products/": "product_id",
    "/logos/": "logo_id",
    "/sync/": "run_id",
    "/deliveries/": "delivery_id",
    "/orders/": "order_id",
    "/rules/": "rule_id",
    "/stock/": "product_id",
}
# Where whoever holds a connect link needs no account: the unguessable part of the address is the permission.
BY_LINK = {"connect.begin", "connect.paste", "connect.confirm"}
ID = "public_id"
PNG = b"\x89PNG\r\n\x1a\n"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# The only view that changes something without a form: what is sent to it is believed by its signature alone.
SIGNED = {"hooks.receive"}
NOBODY = uuid.UUID("01890000-0000-7000-8000-00000000dead")
# What differs between two answers that say the same: the CSRF token, which is signed with the second, the number of the
# request, and the address.
PASSING = re.compile(
    r'\b[0-9a-f]{12}\b|[\w.-]{60,}|value="[^"]*"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
)


@pytest.fixture
def things(cast: Cast) -> dict[str, uuid.UUID]:
    """One thing of each kind that belongs to Blue Lantern, by the name that addresses give its id."""
    with cast.app.app_context(), acting_for(cast.lantern):
        mei = By("Mei Lin", cast.mei.id)
        channel = connection("jd_id")
        take_in(channel, [listing("1", "A"), listing("2", "B"), listing("3", "")])
        rows = list(db.session.scalars(sa.select(Listing).order_by(Listing.remote_id)))
        product = linking.create_product(rows[0], mei)
        batch = batches.begin("leave_out", Choice("new", channel.id), mei)
        logos_row = Logo(merchant_id=cast.lantern, png=PNG, digest="x")
        db.session.add(logos_row)
        run = sync.start(channel, Resource.PRODUCTS, "Mei Lin")
        upload = uploads.receive("goods.csv", UploadUse.IMPORT, [b"SKU,Title\nA,Title of A\n"], mei)
        moment = now()
        delivery = Delivery(
            merchant_id=cast.lantern,
            connection_id=channel.id,
            event_id="Title of an event",
            digest=b"x",
            sealed=None,
            size=1,
            received_at=moment,
            last_at=moment,
        )
        db.session.add(delivery)
        store = db.session.get_one(Store, (cast.lantern, cast.lantern_store))
        order = order_hand.create(store, [Wish(product, 1)], Consignee(name="Title of a buyer"), "", mei)
        plugin = connection("jdl", "Title of a plugin")
        condition = {"field": "country", "operator": "is", "value": "ID"}
        said = rule_flows.Draft("Title of a rule", [condition], RuleAction.ASSIGN, plugin.id)
        rule = rule_flows.add(store, said, mei)
        db.session.execute(sa.update(Connection).values(state=ConnectionState.SAVED))
        db.session.commit()
        return {
            "store_id": cast.lantern_store,
            "connection_id": channel.id,
            "listing_id": rows[2].id,
            "product_id": product.id,
            "batch_id": batch.id,
            "logo_id": logos_row.id,
            "run_id": run.id,
            "delivery_id": delivery.id,
            "upload_id": upload.id,
            "order_id": order.id,
            "rule_id": rule.id,
        }


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def address(rule: Rule, things: dict[str, uuid.UUID], swap: uuid.UUID | None = None) -> str:
    """The address of one of the things; with `swap`, of something that never existed."""
    kind = next((kind for beginning, kind in KINDS.items() if rule.rule.startswith(beginning)), "")
    unknown = rule.arguments - WORDS.keys() - ({ID} if kind else set())
    assert not unknown, f"{rule.rule} names {unknown}: add one to `things`, so that the matrix covers it"
    values = {name: str(swap or things[kind]) if name == ID else WORDS[name] for name in rule.arguments}
    with_values = rule.rule
    for name, value in values.items():
        with_values = re.sub(rf"<(?:\w+:)?{name}>", value, with_values)
    return with_values


def named(rule: Rule) -> bool:
    return ID in rule.arguments


def ask(client: FlaskClient, method: str, url: str, token: str = "") -> TestResponse:
    data = {"csrf_token": token} if method in UNSAFE else None
    return client.open(url, method=method, data=data, buffered=True)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


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
            assert theirs.status_code == nobodys.status_code == 404, f"{method} {rule.rule}: {theirs.status_code}"
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
    token = _token(client)
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


def _token(client: FlaskClient) -> str:
    found = re.search(r'"X-CSRFToken": "([^"]+)"', client.get("/").text) or re.search(
        r"X-CSRFToken&#34;: &#34;([^&]+)&#34;", client.get("/").text
    )
    assert found, "the frame of a page carries the token for htmx"
    return found[1]


def test_every_page_that_changes_something_asks_for_more_than_to_look(app: Flask) -> None:
    harmless = {"people.login", "people.logout", "people.language", *SIGNED, *BY_LINK}
    for rule in rules(app):
        if UNSAFE & (rule.methods or set()) and rule.endpoint not in harmless:
            assert permission_of(app, rule.endpoint) in {Needs.MANAGE, Needs.OWN, Needs.STAFF}, rule.rule


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
