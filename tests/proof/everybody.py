"""Everybody who may stand before a page, for proofs that ask what each of them gets."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import people
from portal.kit.db import acting_for, db
from portal.models import Merchant, SupportConsent, User
from portal.web.doors import Needs
from tests.addresses import token_of
from tests.cast import PASSWORD, Cast, Person

OPEN = frozenset({Needs.NOTHING})
SIGNED_IN = OPEN | {Needs.SIGN_IN}
LOOKS = SIGNED_IN | {Needs.VIEW}
MANAGES = LOOKS | {Needs.MANAGE}
OWNS = MANAGES | {Needs.OWN}
STAFF = SIGNED_IN | {Needs.STAFF}


@dataclass(frozen=True)
class Body:
    """Somebody at a browser: what pages they may open by their permission, and whether as support staff who work as a
    merchant, looking or acting."""

    name: str
    client: FlaskClient
    token: str
    may: frozenset[Needs]
    looking: bool = False
    acting: bool = False
    of_a_merchant: bool = True
    without_the_right: bool = False


def everybody(cast: Cast) -> list[Body]:
    """A stranger, the roles of a merchant, and support staff."""
    people = [
        ("viewer", cast.vera, LOOKS, True),
        ("manager", cast.tom, MANAGES, True),
        ("owner", cast.mei, OWNS, True),
        ("staff", cast.sam, STAFF, False),
    ]
    stranger = cast.client_of(None)
    found = [Body("stranger", stranger, token_of(stranger, "/login"), OPEN, of_a_merchant=False)]
    for name, person, may, of_a_merchant in people:
        client = cast.client_of(person)
        found.append(Body(name, client, token_of(client), may, of_a_merchant=of_a_merchant))
    return found


def support_staff(cast: Cast) -> list[Body]:
    """Support staff without the right to work as a merchant, and as the owner of Blue Lantern, looking and acting."""
    with cast.app.app_context():
        people.create_user("uma@example.com", "Uma Staff", PASSWORD, is_staff=True)
        una = db.session.scalars(sa.select(User).where(User.email == "uma@example.com")).one()
        una.may_view_as = False
        without = Person(una.id, una.email, una.name)
        people.create_user("sid@example.com", "Sid Staff", PASSWORD, is_staff=True)
        sid = db.session.scalars(sa.select(User).where(User.email == "sid@example.com")).one()
        acting = Person(sid.id, sid.email, sid.name)
        db.session.commit()
        with acting_for(cast.lantern):
            db.session.get_one(Merchant, cast.lantern).support_consent = SupportConsent.ALWAYS
            db.session.commit()
    client = cast.client_of(without)
    found = [
        Body("staff without the right", client, token_of(client), STAFF, of_a_merchant=False, without_the_right=True)
    ]
    for name, person in (("staff looking", cast.sam), ("staff acting", acting)):
        client = cast.client_of(person)
        view_as(cast, client)
        if name == "staff acting":
            answer = client.post("/support/act", data={"csrf_token": token_of(client)})
            assert answer.status_code == 303, answer.text
        found.append(Body(name, client, token_of(client), OWNS | STAFF, looking="look" in name, acting="act" in name))
    return found


def view_as(cast: Cast, client: FlaskClient) -> None:
    """Have this browser of an agent work as the owner of Blue Lantern from now on."""
    page = f"/support/merchants/{cast.lantern}/view-as"
    form = {"whom": str(cast.mei.id), "reason": "question", "ticket": "T-1", "csrf_token": token_of(client, page)}
    answer = client.post(page, data=form)
    assert answer.status_code == 303, answer.text
