"""Hands of a person for the tests of accounts: authenticator, forms, and a clock that has gone on."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import told_later
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Attempt, AuditNote, LoginSession, User
from tests.cast import PASSWORD, Cast, Person, csrf

KEY = re.compile(r'id="factor_key"[^>]*>([A-Z2-7 ]+)<')
OFFER = re.compile(r'name="offer"[^>]*value="([^"]+)"')
CODES = re.compile(r"(?<![\w-])[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}(?=$|<)", re.MULTILINE)
FORM = "/settings/security/second-factor"


def send(client: FlaskClient, url: str, data: dict[str, str] | None = None, page: str = "") -> TestResponse:
    """Fill in the form of a page and send it."""
    token = csrf(client, page or url)
    return client.post(url, data={**(data or {}), "csrf_token": token})


def sign_in(cast: Cast, person: Person, password: str = PASSWORD, **headers: str) -> tuple[FlaskClient, TestResponse]:
    """A new browser that tries to sign in, and the answer."""
    client = cast.app.test_client()
    form = {"email": person.email, "password": password, "csrf_token": csrf(client, "/login")}
    return client, client.post("/login", data=form, headers=headers)


def set_up(client: FlaskClient) -> tuple[str, list[str]]:
    """Set up a second step as a person does; gives the key of the authenticator and the recovery codes."""
    page = client.get(FORM).text
    key, offer = KEY.search(page), OFFER.search(page)
    assert key, "the page shows the key"
    assert offer, "the form carries the offer"
    secret = key[1].replace(" ", "")
    answer = send(client, FORM, {"offer": offer[1], "code": code(secret)})
    assert answer.status_code == 200, answer.text
    return secret, CODES.findall(answer.text)


def code(secret: str, later: int = 0) -> str:
    """What an authenticator shows, now or so many steps later."""
    return pyotp.TOTP(secret).at(now() + timedelta(seconds=30 * later))


def another_step(app: Flask, person: Person) -> None:
    """Let the steps that were used be long ago, as if the person came back another day."""
    with app.app_context():
        db.session.execute(sa.update(User).where(User.id == person.id).values(second_factor_step=0))
        db.session.commit()


def wind_back(app: Flask, person: Person, column: str, by: timedelta) -> None:
    """Let a moment of each session of somebody be longer ago."""
    with app.app_context():
        moment = getattr(LoginSession, column)
        db.session.execute(
            sa.update(LoginSession).where(LoginSession.user_id == person.id).values({column: moment - by})
        )
        db.session.commit()


def wind_back_attempts(app: Flask, by: timedelta) -> None:
    """Let every try be longer ago."""
    with app.app_context():
        db.session.execute(sa.update(Attempt).values(at=Attempt.at - by))
        db.session.commit()


def tell(app: Flask) -> None:
    """What the relay does every few seconds."""
    with app.app_context():
        told_later.tell()


def noted(cast: Cast, *what: str) -> list[AuditNote]:
    """The notes of Blue Lantern about these things, oldest first."""
    with cast.app.app_context(), acting_for(cast.lantern):
        query = sa.select(AuditNote).where(AuditNote.what.in_(what)).order_by(AuditNote.at, AuditNote.id)
        found = list(db.session.scalars(query))
        db.session.expunge_all()
        return found


def hashes(app: Flask, person: Person) -> set[bytes]:
    """The sessions of somebody, as the database knows them."""
    with app.app_context():
        return set(db.session.scalars(sa.select(LoginSession.token_hash).where(LoginSession.user_id == person.id)))
