"""What proofs build their houses of: merchants, accounts at the sandbox, connections that are on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import sqlalchemy as sa

from portal import integrations
from portal.flows import connections, grants, lines, people, stores
from portal.flows.audit import LINTAS, By
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Connection, Product, Store
from tests import cast
from tests import stack as house
from tests.proof import figure
from tests.sandbox_server import Running
from tests.stack import Stack

SESSION = b"the browser of a proof"


@contextmanager
def portal_alone() -> Iterator[Stack]:
    """The databases of a house, and the portal in this process: quiet, and answering a fault as its servers do."""
    with Stack(workers=0, relay=False, sandbox=False, durable=False, settings=figure.QUIET) as stack:
        stack.app.config["PROPAGATE_EXCEPTIONS"] = False
        yield stack


def merchant(name: str) -> uuid.UUID:
    """A merchant with one store.  Wants an application context."""
    made = people.create_merchant(name, "CNY", "Asia/Shanghai")
    with acting_for(made):
        stores.add(f"Store of {name}", "CNY", "Asia/Shanghai", LINTAS)
    return made


def settings_of(account: Mapping[str, Any], endpoint: str, **more: str) -> dict[str, str]:
    """What a merchant types for an account, at any remote."""
    return {
        "api_key": account["app_key"],
        "api_secret": account["app_secret"],
        "app_id": "1",
        "access_token": account["tokens"][0]["access"],
        "api_endpoint": endpoint,
        "shop_id": str(account["shop_id"]),
        **account.get("types", {}),
        **more,
    }


def connection(account: Mapping[str, Any], sandbox: Running, name: str, **typed: str) -> Connection:
    """A connection of the merchant of the moment, ready to be turned on; at JD.ID with the seller's consent."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    one = integrations.get(account["integration"])
    made = connections.install(store, one.key, LINTAS)
    connections.confirm(made, [str(number) for number, step in enumerate(one.guide) if step.confirm], LINTAS)
    keys = {each.key for each in one.settings}
    values = settings_of(account, lines.gateways(one)[0], **typed)
    connections.save_settings(made, name, {key: value for key, value in values.items() if key in keys}, LINTAS)
    if one.grant is not None and one.grant.needed(made.settings):
        consent(made, account, sandbox)
    return made


def consent(made: Connection, account: Mapping[str, Any], sandbox: Running) -> None:
    """The seller's trip to the consent page and back, with a browser that does only that."""
    one = integrations.get(made.integration)
    sandbox.control("callback", integration=one.key, account=account["name"], url=grants.callback_url(one))
    by = By("the proof", new_id())
    address = grants.begin(made, SESSION, by)
    asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    typed = {"email": account["email"], "password": account["password"], "decision": "allow"}
    sent_back = httpx.post(address.partition("?")[0], data=asked | typed, trust_env=False)
    said = {key: values[0] for key, values in parse_qs(urlsplit(sent_back.headers["location"]).query).items()}
    attempt = grants.returned(one, said, SESSION, grants.callback_url(one))
    assert not attempt.cause, f"the consent brought {attempt.cause} {attempt.detail}"
    grants.adopt(made, SESSION, by)


def browser(stack: Stack, person: cast.Person) -> httpx.Client:
    """A browser in which a person of the cast is signed in at the stack's web."""
    made = httpx.Client(base_url=stack.env["PORTAL_URL"], timeout=30, trust_env=False)
    typed = {"email": person.email, "password": cast.PASSWORD, "csrf_token": csrf(made, "/login")}
    answer = made.post("/login", data=typed)
    assert answer.status_code == 303, stack.last_words(house.WEB)
    return made


def csrf(made: httpx.Client, page: str) -> str:
    """The CSRF token that a page of this browser carries."""
    found = cast.TOKEN.search(made.get(page).text)
    assert found, f"{page} has no CSRF token"
    return found[1]


def products(skus: list[str]) -> None:
    """Products of the merchant of the moment."""
    db.session.add_all(
        Product(merchant_id=whose(), id=new_id(), sku=sku, sku_near=near(sku), title=f"Product {sku}") for sku in skus
    )
    db.session.commit()
