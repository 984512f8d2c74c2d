"""The cast of the tests: a merchant with its people, and a rival who must see nothing of it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient

from portal.flows import people, stores
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for
from portal.models import Role

PASSWORD = "a-password-of-the-cast"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Person:
    """Who signs in."""

    id: uuid.UUID
    email: str
    name: str


@dataclass(frozen=True)
class Cast:
    """mei owns Blue Lantern, tom manages there, vera only looks; rex owns another business; sam is support staff."""

    app: Flask
    lantern: uuid.UUID
    lantern_store: uuid.UUID
    rival: uuid.UUID
    rival_store: uuid.UUID
    mei: Person
    tom: Person
    vera: Person
    rex: Person
    sam: Person

    def client_of(self, person: Person | None) -> FlaskClient:
        """A browser in which this person is signed in; None is a stranger."""
        client = self.app.test_client()
        if person is not None:
            answer = client.post(
                "/login",
                data={"email": person.email, "password": PASSWORD, "csrf_token": csrf(client, "/login")},
            )
            assert answer.status_code == 303, answer.text
        return client


def csrf(client: FlaskClient, page: str) -> str:
    """The CSRF token that a page of this browser carries."""
    found = TOKEN.search(client.get(page).text)
    assert found, f"{page} has no CSRF token"
    return found[1]


def make(app: Flask) -> Cast:
    """Write the cast into an empty database."""
    with app.app_context():
        lantern = people.create_merchant("Blue Lantern", "CNY", "Asia/Shanghai")
        rival = people.create_merchant("Red Anchor", "IDR", "Asia/Jakarta")
        mei, tom, vera, rex, sam = (
            _person(name) for name in ("Mei Lin", "Tom Ellis", "Vera Novak", "Rex Stone", "Sam Staff")
        )
        for person, merchant, role in (
            (mei, lantern, Role.OWNER),
            (tom, lantern, Role.MANAGER),
            (vera, lantern, Role.VIEWER),
            (rex, rival, Role.OWNER),
        ):
            people.join(merchant, person, role)
        with acting_for(lantern):
            lantern_store = stores.add("Lantern Shanghai", "CNY", "Asia/Shanghai", LINTAS).id
        with acting_for(rival):
            rival_store = stores.add("Anchor Jakarta", "IDR", "Asia/Jakarta", LINTAS).id
        cast = [Person(each.id, each.email, each.name) for each in (mei, tom, vera, rex, sam)]
    return Cast(app, lantern, lantern_store, rival, rival_store, *cast)


def _person(name: str) -> people.User:
    first = name.partition(" ")[0].lower()
    return people.create_user(f"{first}@example.com", name, PASSWORD, is_staff=first == "sam")
