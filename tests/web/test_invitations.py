"""Invitations: the letter, the link in it, and who may use it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import invitations, people
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import AuditNote, Invitation, Membership, Role, User, Work
from tests.cast import PASSWORD, Cast, csrf
from tests.mailbox import Mailbox, deliver, open_mailbox, posted_to
from tests.web.sandboxed import text_of

NEW = "ann@example.com"
A_PASSWORD = "seven quiet lanterns"


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    """A mail server that the portal hands its letters to."""
    with open_mailbox() as box, posted_to(app, box.url):
        yield box


def send(client: FlaskClient, page: str, url: str, **data: str) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf(client, page), **data})


def invite(cast: Cast, email: str = NEW, role: str = "manager") -> FlaskClient:
    """mei invites somebody through the page."""
    client = cast.client_of(cast.mei)
    answer = send(client, "/settings/people", "/settings/people", email=email, role=role)
    assert answer.status_code == 303, text_of(answer)
    return client


def the_invitation(cast: Cast) -> Invitation:
    with cast.app.app_context(), acting_for(cast.lantern):
        found = db.session.scalars(sa.select(Invitation).order_by(Invitation.id.desc())).first()
        assert found is not None
        db.session.expunge_all()
        return found


def link_of(cast: Cast, mailbox: Mailbox, email: str = NEW) -> str:
    deliver(cast.app)
    return mailbox.link(email, "/invited/")


def test_whoever_is_invited_stands_in_the_list_at_once_and_a_wrong_address_leaves_it_alone(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    hx = {"HX-Request": "true", "HX-Target": "invite", "HX-Current-URL": "http://localhost/settings/people"}
    form = {"csrf_token": csrf(client, "/settings/people"), "role": "viewer"}
    wrong = client.post("/settings/people", data={**form, "email": "nobody"}, headers=hx)
    assert wrong.status_code == 422
    assert 'id="invited_people" hx-swap-oob="true" hidden' in wrong.text
    part = client.post("/settings/people", data={**form, "email": NEW}, headers=hx, follow_redirects=True)
    assert "<html" not in part.text
    assert 'id="invited_people" hx-swap-oob="true">' in part.text, "the list is sent along with the form"
    assert NEW in part.text.partition('id="invited_people"')[2]


def test_an_invited_person_makes_an_account_and_is_signed_in_with_the_role(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    link = link_of(cast, mailbox)
    assert "Mei Lin invites you to work for Blue Lantern" in mailbox.to(NEW)[-1]["Subject"]
    stranger = cast.client_of(None)
    page = text_of(stranger.get(link))
    assert "Work for Blue Lantern" in page
    assert NEW in page
    answer = send(stranger, link, link, name="Ann Tan", password=A_PASSWORD)
    assert answer.status_code == 303, text_of(answer)
    assert stranger.get("/stores/new").status_code == 200, "a manager may add a store"
    assert stranger.get("/settings/people").status_code == 403
    assert cast.client_of(None).get(link).status_code == 404, "the link works once"
    with cast.app.app_context(), acting_for(cast.lantern):
        notes = [(each.what, each.who) for each in db.session.scalars(sa.select(AuditNote).order_by(AuditNote.id))]
    assert ("invited", "Mei Lin") in notes
    assert ("joined", "Ann Tan") in notes


def test_the_secret_of_the_link_stands_in_the_letter_only(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    token = link_of(cast, mailbox).removeprefix("/invited/")
    with cast.app.app_context(), acting_for(cast.lantern):
        rows = db.session.scalars(sa.select(Work).where(Work.kind == "letter")).all()
        assert rows
        assert all(token not in f"{each.body} {each.natural_key} {each.error}" for each in rows)
        assert token.encode() not in (the_invitation(cast).token_hash or b"")
    assert token not in cast.client_of(cast.mei).get("/settings/people").text


def test_an_existing_account_joins_after_signing_in_and_chooses_the_merchant(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast, cast.rex.email, "viewer")
    link = link_of(cast, mailbox, cast.rex.email)
    stranger = cast.client_of(None)
    assert "/login?next=/invited/" in stranger.get(link).text
    rex = cast.client_of(cast.rex)
    before = rex.get_cookie("sid")
    assert "Red Anchor" in rex.get("/settings/my-store").text
    assert send(rex, link, link).status_code == 303
    after = rex.get_cookie("sid")
    assert before is not None
    assert after is not None
    assert before.value != after.value, "a new session id at every change of rights"
    page = rex.get("/settings/my-store").text
    assert "Blue Lantern" in page
    assert rex.get("/stores/new").status_code == 403, "he only looks here"
    back = send(rex, "/stores", "/merchant", merchant=str(cast.rival))
    assert back.status_code == 303
    again = rex.get_cookie("sid")
    assert again is not None
    assert again.value != after.value
    assert rex.get("/stores/new").status_code == 200, "and owns the other one"
    old = cast.client_of(None)
    old.set_cookie("sid", after.value)
    assert old.get("/stores").status_code == 303, "the id of before opens nothing"


def test_the_switcher_shows_only_for_whoever_works_for_several(cast: Cast) -> None:
    assert 'name="merchant"' not in cast.client_of(cast.rex).get("/stores").text
    with cast.app.app_context():
        people.join(cast.lantern, db.session.get_one(people.User, cast.rex.id), Role.VIEWER)
    page = cast.client_of(cast.rex).get("/stores").text
    assert str(cast.lantern) in page
    assert "Blue Lantern" in page


def test_nobody_goes_over_to_a_merchant_of_others(cast: Cast) -> None:
    rex = cast.client_of(cast.rex)
    for wanted in (str(cast.lantern), "nonsense", ""):
        assert send(rex, "/stores/new", "/merchant", merchant=wanted).status_code == 303
        assert "Red Anchor" in rex.get("/settings/my-store").text


def test_a_letter_that_was_passed_on_lets_nobody_else_in(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    link = link_of(cast, mailbox)
    rex = cast.client_of(cast.rex)
    assert "is for ann@example.com" in text_of(rex.get(link))
    assert send(rex, link, link).status_code == 303
    with cast.app.app_context(), acting_for(cast.lantern):
        query = sa.select(Membership).where(Membership.merchant_id == cast.lantern, Membership.user_id == cast.rex.id)
        assert db.session.scalars(query).all() == []
    assert cast.client_of(None).get(link).status_code == 200, "and it is still there for whom it is"


def test_support_staff_cannot_be_invited_and_cannot_accept(cast: Cast, mailbox: Mailbox) -> None:
    client = cast.client_of(cast.mei)
    answer = send(client, "/settings/people", "/settings/people", email="SAM@example.com", role="viewer")
    assert answer.status_code == 422
    assert "belongs to the support team" in text_of(answer)


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("not an address", "Enter one whole e-mail address"),
        ("a@b", "Enter one whole e-mail address"),
        ("a@example.com, b@example.com", "Enter one whole e-mail address"),
        ("a@example.com\nBcc: c@example.com", "Enter one whole e-mail address"),
        ("a\u202emoc.elpmaxe@example.com", "Enter one whole e-mail address"),
        ("a@example..com", "Enter one whole e-mail address"),
        (f"a@{'ä' * 70}.com", "Enter one whole e-mail address"),
        (f"{'a' * 250}@example.com", "Enter one whole e-mail address"),
        ("TOM@example.com", "Tom Ellis works here already"),
    ],
)
def test_what_cannot_be_invited_is_said_at_the_field(cast: Cast, mailbox: Mailbox, email: str, said: str) -> None:
    client = cast.client_of(cast.mei)
    answer = send(client, "/settings/people", "/settings/people", email=email, role="viewer")
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert deliver(cast.app) == 0


@pytest.mark.parametrize(
    ("name", "status", "kept"),
    [
        ("Ann\r\n\r\nBcc: all@example.com", 303, "Ann Bcc: all@example.com"),
        ("张 　伟", 303, "张 伟"),
        ("Ann \u202egnihtemos", 422, ""),
        ("Ann\x1b[2J", 422, ""),
        ("a" * 81, 422, ""),
        ("\u3000", 422, ""),
    ],
)
def test_a_name_stands_on_one_line_and_steers_no_screen(
    cast: Cast, mailbox: Mailbox, name: str, status: int, kept: str
) -> None:
    invite(cast)
    link = link_of(cast, mailbox)
    stranger = cast.app.test_client()
    answer = send(stranger, link, link, name=name, password=A_PASSWORD)
    assert answer.status_code == status
    with cast.app.app_context():
        assert (db.session.scalar(sa.select(User.name).where(User.email == NEW)) or "") == kept


def test_taking_back_and_inviting_anew_fills_nobodys_mailbox(cast: Cast, mailbox: Mailbox) -> None:
    client = cast.client_of(cast.mei)
    said = []
    for _ in range(4):
        said.append(send(client, "/settings/people", "/settings/people", email=NEW, role="viewer"))
        deliver(cast.app)
        url = f"/settings/people/invitations/{the_invitation(cast).id}/revoke"
        send(client, "/settings/people", url)
    assert [each.status_code for each in said] == [303, 303, 303, 422]
    assert "Many invitations went out within the last hour." in text_of(said[-1])
    assert len(mailbox.to(NEW)) == 3


def test_an_address_is_invited_once_however_often_and_at_once(cast: Cast, mailbox: Mailbox) -> None:
    start, refused = Barrier(4), []

    def ask() -> None:
        with cast.app.app_context(), acting_for(cast.lantern):
            start.wait()
            try:
                invitations.invite(NEW.upper(), Role.VIEWER, By("Mei Lin", cast.mei.id))
            except Refusal as why:
                refused.append(why.reason)
            db.session.remove()

    threads = [Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert refused == ["invited_already"] * 3
    deliver(cast.app)
    assert len(mailbox.letters) == 1


def test_sending_again_makes_the_link_before_useless(cast: Cast, mailbox: Mailbox) -> None:
    client = invite(cast)
    first = link_of(cast, mailbox)
    url = f"/settings/people/invitations/{the_invitation(cast).id}/send"
    answer = send(client, "/settings/people", url)
    assert "less than a minute ago" in text_of(client.get(answer.location))
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Invitation).values(sent_at=now() - timedelta(minutes=2)))
        db.session.commit()
    assert send(client, "/settings/people", url).status_code == 303
    second = link_of(cast, mailbox)
    assert first != second
    assert cast.client_of(None).get(first).status_code == 404
    assert cast.client_of(None).get(second).status_code == 200


def test_taking_it_back_ends_the_link_and_a_letter_that_waits(cast: Cast, mailbox: Mailbox) -> None:
    client = invite(cast)
    url = f"/settings/people/invitations/{the_invitation(cast).id}/revoke"
    assert send(client, "/settings/people", url).status_code == 303
    deliver(cast.app)
    assert mailbox.letters == []
    invite(cast)
    link = link_of(cast, mailbox)
    send(client, "/settings/people", f"/settings/people/invitations/{the_invitation(cast).id}/revoke")
    stranger = cast.client_of(None)
    assert stranger.get(link).status_code == 404
    assert NEW not in client.get("/settings/people").text.partition("Invite somebody")[2]


def test_an_invitation_is_over_after_seven_days_and_may_be_made_anew(cast: Cast, mailbox: Mailbox) -> None:
    client = invite(cast)
    link = link_of(cast, mailbox)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Invitation).values(ends_at=now() - timedelta(seconds=1)))
        db.session.commit()
    assert cast.client_of(None).get(link).status_code == 404
    assert "Over since" in text_of(client.get("/settings/people"))
    invite(cast)
    assert cast.client_of(None).get(link_of(cast, mailbox)).status_code == 200


def test_two_browsers_that_accept_at_once_make_one_account(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    link = link_of(cast, mailbox)
    browsers = [cast.client_of(None) for _ in range(3)]
    tokens = [csrf(each, link) for each in browsers]
    start, answers = Barrier(3), []

    def accept(client: FlaskClient, token: str) -> None:
        start.wait()
        said = {"csrf_token": token, "name": "Ann", "password": A_PASSWORD}
        answers.append(client.post(link, data=said).status_code)

    threads = [Thread(target=accept, args=each) for each in zip(browsers, tokens, strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with cast.app.app_context(), acting_for(cast.lantern):
        assert (
            db.session.scalar(sa.select(sa.func.count()).select_from(people.User).where(people.User.email == NEW)) == 1
        )
        assert len(db.session.scalars(sa.select(Membership).where(Membership.merchant_id == cast.lantern)).all()) == 4
    assert sum(each.get("/stores").status_code == 200 for each in browsers) == 1


def test_a_password_that_nobody_may_have_is_refused_and_the_link_stays(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    link = link_of(cast, mailbox)
    stranger = cast.client_of(None)
    assert send(stranger, link, link, name="Ann", password="short").status_code == 422
    assert send(stranger, link, link, name="", password=PASSWORD).status_code == 422
    assert stranger.get(link).status_code == 200


def test_a_refused_letter_and_one_without_a_server_are_told_to_the_owner(cast: Cast, mailbox: Mailbox) -> None:
    client = invite(cast)
    mailbox.refusals = ["550 no such person"]
    deliver(cast.app)
    assert "Not taken" in text_of(client.get("/settings/people"))
    with posted_to(cast.app, ""):
        page = text_of(client.get("/settings/people"))
    assert "This installation sends no mail." in page


def test_managers_and_viewers_neither_see_nor_change_who_works_here(cast: Cast) -> None:
    for person in (cast.tom, cast.vera):
        client = cast.client_of(person)
        assert client.get("/settings/people").status_code == 403
        answer = send(client, "/settings/language", "/settings/people", email=NEW, role="owner")
        assert answer.status_code == 403


def test_a_link_that_names_another_merchant_or_nothing_opens_nothing(cast: Cast, mailbox: Mailbox) -> None:
    invite(cast)
    token = link_of(cast, mailbox).removeprefix("/invited/")
    with cast.app.app_context():
        from portal.kit import passes

        other, _ = passes.make(cast.rival)
    stranger = cast.client_of(None)
    for bad in (token[:-1], token[:22] + other[22:], other[:22] + token[22:], "x", other):
        assert stranger.get(f"/invited/{bad}").status_code == 404
