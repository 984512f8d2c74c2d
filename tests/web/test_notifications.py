"""Notices by mail, and the language and the time zone that a person chose."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.contract.errors import Cause
from portal.flows import notices
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import AuditNote, Connection, Mailed, Membership, Notice, User, Work
from tests import goods
from tests.cast import Cast, Person, csrf
from tests.mailbox import Mailbox, deliver, open_mailbox, posted_to
from tests.web.sandboxed import text_of


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    """A mail server that the portal hands its letters to."""
    with open_mailbox() as box, posted_to(app, box.url):
        yield box


def send(client: FlaskClient, url: str, **data: str) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf(client, url), **data})


def wants(cast: Cast, person: Person, mailed: Mailed, **more: str) -> None:
    with cast.app.app_context():
        db.session.execute(sa.update(User).where(User.id == person.id).values(mailed=mailed, **more))
        db.session.commit()


def happen(cast: Cast, *causes: str, grave: bool = True) -> list[uuid.UUID]:
    """These problems of one channel open in one transaction."""
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = db.session.scalar(sa.select(Connection)) or goods.connection("jd_id", "JD of the tests")
        for cause in causes:
            notices.tell("connection", channel.id, cause, grave=grave)
        db.session.commit()
        return list(db.session.scalars(sa.select(Notice.id).order_by(Notice.id)))


def due_in(cast: Cast) -> timedelta:
    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.scalars(sa.select(Work).where(Work.kind == "mail_notices", Work.status == "open")).one()
        return row.not_before - now()


def test_a_storm_of_notices_is_one_letter_after_two_minutes_in_the_words_of_the_page(
    cast: Cast, mailbox: Mailbox
) -> None:
    wants(cast, cast.vera, Mailed.NONE)
    happen(cast, Cause.TOKEN_EXPIRED.value, Cause.RATE_LIMITED.value, Cause.APP_OFFLINE.value)
    assert timedelta(seconds=100) < due_in(cast) <= timedelta(minutes=2)
    for _ in range(2):
        deliver(cast.app)
    assert sorted(str(each["To"]) for each in mailbox.letters) == [cast.mei.email, cast.tom.email]
    letter = " ".join(mailbox.text(cast.mei.email).split())
    assert mailbox.to(cast.mei.email)[0]["Subject"] == "Blue Lantern: 3 notices"
    page = text_of(cast.client_of(cast.mei).get("/"))
    for said in ("does not accept the access token any more.", "The app is not published at"):
        assert said in letter
        assert said in page
    assert "JD of the tests" in letter
    assert "http://127.0.0.1/" in letter
    deliver(cast.app)
    assert len(mailbox.letters) == 2, "what was told is not told again"


def test_what_was_cleared_meanwhile_is_not_told(cast: Cast, mailbox: Mailbox) -> None:
    happen(cast, Cause.TOKEN_EXPIRED.value)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Notice).values(cleared_at=now()))
        db.session.commit()
    for _ in range(2):
        deliver(cast.app)
    assert mailbox.letters == []


def test_each_person_gets_what_he_or_she_chose(cast: Cast, mailbox: Mailbox) -> None:
    wants(cast, cast.mei, Mailed.ALL)
    wants(cast, cast.vera, Mailed.NONE)
    happen(cast, Cause.BUSY.value, grave=False)
    assert timedelta(minutes=50) < due_in(cast) <= timedelta(hours=1)
    happen(cast, Cause.TOKEN_EXPIRED.value)
    assert due_in(cast) <= timedelta(minutes=2), "a grave one takes along what waits"
    for _ in range(2):
        deliver(cast.app)
    assert "2 notices" in mailbox.to(cast.mei.email)[0]["Subject"]
    assert "busy" not in mailbox.text(cast.tom.email)
    assert mailbox.to(cast.vera.email) == []


def test_people_of_other_merchants_and_those_who_left_get_nothing(cast: Cast, mailbox: Mailbox) -> None:
    happen(cast, Cause.TOKEN_EXPIRED.value)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.delete(Membership).where(Membership.user_id == cast.tom.id))
        db.session.commit()
    for _ in range(2):
        deliver(cast.app)
    assert {str(each["To"]) for each in mailbox.letters} == {cast.mei.email, cast.vera.email}


def test_without_a_mail_server_no_work_waits_for_one(cast: Cast) -> None:
    happen(cast, Cause.TOKEN_EXPIRED.value)
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.scalars(sa.select(Work).where(Work.lane == "mail")).all() == []
    page = text_of(cast.client_of(cast.mei).get("/settings/notifications"))
    assert "This installation sends no mail." in page


def test_the_choice_is_kept_and_noted(cast: Cast) -> None:
    vera = cast.client_of(cast.vera)
    assert send(vera, "/settings/notifications", mailed="all").status_code == 303
    assert send(vera, "/settings/notifications", mailed="some").status_code == 422
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.get_one(User, cast.vera.id).mailed is Mailed.ALL
        assert db.session.scalars(sa.select(AuditNote.what).where(AuditNote.what == "mailed_chosen")).all()


def test_letters_follow_the_language_of_the_person(cast: Cast, mailbox: Mailbox) -> None:
    wants(cast, cast.mei, Mailed.GRAVE, locale="id")
    wants(cast, cast.tom, Mailed.GRAVE, locale="zh_Hans")
    happen(cast, Cause.TOKEN_EXPIRED.value)
    for _ in range(2):
        deliver(cast.app)
    assert "token akses" in mailbox.text(cast.mei.email).lower()
    assert [each["Content-Language"] for each in mailbox.to(cast.tom.email)] == ["zh-Hans"]
    assert "does not accept" not in mailbox.text(cast.tom.email)


@pytest.mark.parametrize(
    ("zone", "clock", "name"), [("", "09:30", "Shanghai time"), ("Europe/London", "01:30", "London")]
)
def test_all_times_follow_the_zone_that_the_person_chose(cast: Cast, zone: str, clock: str, name: str) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = goods.connection("jd_id", "JD of the tests")
        notices.tell("connection", channel.id, Cause.TOKEN_EXPIRED.value)
        db.session.execute(sa.update(Notice).values(since=datetime(2026, 3, 2, 1, 30, tzinfo=UTC)))
        db.session.commit()
    mei = cast.client_of(cast.mei)
    assert send(mei, "/settings/language", time_zone=zone).status_code == 303
    assert f"2 Mar 2026, {clock}" in text_of(mei.get("/"))
    assert f"All times are {name}" in text_of(mei.get("/sync"))
    assert "Shanghai time" in text_of(mei.get(f"/stores/{cast.lantern_store}")), "the store itself keeps its zone"
    tom = cast.client_of(cast.tom)
    assert "2 Mar 2026, 09:30" in text_of(tom.get("/")), "others keep theirs"


def test_a_zone_that_is_none_is_refused(cast: Cast) -> None:
    answer = send(cast.client_of(cast.mei), "/settings/language", time_zone="Moon/Tranquility")
    assert answer.status_code == 422
    assert "is not a time zone" in text_of(answer)
