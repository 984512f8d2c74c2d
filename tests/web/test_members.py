"""Users and roles: what a change means on the next click, for whom, and what nobody can do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from portal.flows import members, people
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import AuditNote, LoginSession, Membership, Role, User
from tests.cast import Cast, Person, csrf
from tests.mailbox import Mailbox, deliver, open_mailbox, posted_to
from tests.web.sandboxed import text_of


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    """A mail server that the portal hands its letters to."""
    with open_mailbox() as box, posted_to(app, box.url):
        yield box


def place(cast: Cast, person: Person) -> uuid.UUID:
    """The id of somebody's place at Blue Lantern."""
    with cast.app.app_context(), acting_for(cast.lantern):
        query = sa.select(Membership.id).where(Membership.merchant_id == cast.lantern)
        return db.session.scalars(query.where(Membership.user_id == person.id)).one()


def roles(cast: Cast) -> dict[str, str]:
    with cast.app.app_context(), acting_for(cast.lantern):
        query = sa.select(people.User.name, Membership.role).join(Membership, Membership.user_id == people.User.id)
        found = db.session.execute(query.where(Membership.merchant_id == cast.lantern))
        return {row.name: row.role.value for row in found}


def send(client: FlaskClient, url: str, page: str = "/settings/people", **data: str) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf(client, page), **data})


def second_owner(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Membership).where(Membership.user_id == cast.tom.id).values(role=Role.OWNER))
        db.session.commit()


def test_the_page_says_who_works_here_and_what_each_role_may_do(cast: Cast) -> None:
    page = text_of(cast.client_of(cast.mei).get("/settings/people"))
    for said in ("Mei Lin", "tom@example.com", "Vera Novak", "Sees everything and changes nothing"):
        assert said in page
    assert "Rex Stone" not in page


def test_whoever_is_lowered_loses_the_right_with_the_next_click_in_every_browser(cast: Cast, mailbox: Mailbox) -> None:
    toms = [cast.client_of(cast.tom) for _ in range(2)]
    assert [each.get("/stores/new").status_code for each in toms] == [200, 200]
    mei = cast.client_of(cast.mei)
    assert send(mei, f"/settings/people/{place(cast, cast.tom)}", role="viewer").status_code == 303
    for each in toms:
        answer = each.get("/stores/new")
        assert answer.status_code == 303, "signed out, so that he comes back under a new id"
        assert answer.location.startswith("/login")
    assert cast.client_of(cast.tom).get("/stores/new").status_code == 403
    deliver(cast.app)
    assert "your role at Blue Lantern was changed" in mailbox.text(cast.tom.email)
    assert "Viewer" in mailbox.to(cast.tom.email)[-1]["Subject"]
    with cast.app.app_context(), acting_for(cast.lantern):
        note = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "role_changed")).one()
        assert (note.who, note.name, note.before, note.after) == (
            "Mei Lin",
            "Tom Ellis",
            {"role": "manager"},
            {"role": "viewer"},
        )


def test_the_right_is_gone_though_a_session_was_overlooked(cast: Cast) -> None:
    tom = cast.client_of(cast.tom)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Membership).where(Membership.user_id == cast.tom.id).values(role=Role.VIEWER))
        db.session.commit()
    assert tom.get("/stores/new").status_code == 403
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.delete(Membership).where(Membership.user_id == cast.tom.id))
        db.session.commit()
    assert tom.get("/stores").status_code == 303


def test_whoever_is_removed_sees_nothing_with_the_next_click_and_is_told(cast: Cast, mailbox: Mailbox) -> None:
    vera = cast.client_of(cast.vera)
    mei = cast.client_of(cast.mei)
    assert send(mei, f"/settings/people/{place(cast, cast.vera)}/remove").status_code == 303
    assert vera.get("/stores").status_code == 303
    assert "Vera Novak" not in roles(cast)
    deliver(cast.app)
    assert "took you off the list of its people" in mailbox.text(cast.vera.email)
    again = cast.client_of(cast.vera)
    assert again.get("/stores").status_code in (403, 404), "the account is there, and works for nobody"


def test_handing_over_changes_both_in_one_step_and_gives_a_new_session_id(cast: Cast, mailbox: Mailbox) -> None:
    mei, other = cast.client_of(cast.mei), cast.client_of(cast.mei)
    before = mei.get_cookie("sid")
    assert send(mei, f"/settings/people/{place(cast, cast.tom)}/hand-over").status_code == 303
    assert roles(cast) == {"Mei Lin": "manager", "Tom Ellis": "owner", "Vera Novak": "viewer"}
    after = mei.get_cookie("sid")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert mei.get("/stores/new").status_code == 200
    assert mei.get("/settings/people").status_code == 403
    assert other.get("/stores").status_code == 303, "her other browser has to sign in again"
    assert cast.client_of(cast.tom).get("/settings/people").status_code == 200
    deliver(cast.app)
    assert {str(each["To"]) for each in mailbox.letters} == {cast.mei.email, cast.tom.email}


@pytest.mark.parametrize("deed", ["", "/remove", "/hand-over"])
def test_nobody_changes_ones_own_place(cast: Cast, deed: str) -> None:
    mei = cast.client_of(cast.mei)
    answer = send(mei, f"/settings/people/{place(cast, cast.mei)}{deed}", role="viewer")
    assert "Nobody changes his or her own role" in text_of(mei.get(answer.location))
    assert roles(cast)["Mei Lin"] == "owner"


def test_the_last_owner_cannot_leave_and_one_of_two_can(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    assert "You are the last owner" in text_of(mei.get("/settings/leave"))
    answer = send(mei, "/settings/leave", "/settings/language", merchant=str(cast.lantern))
    assert "this is the last one" in text_of(mei.get(answer.location))
    assert roles(cast)["Mei Lin"] == "owner"
    second_owner(cast)
    assert send(mei, "/settings/leave", "/settings/language", merchant=str(cast.lantern)).location == "/login"
    assert "Mei Lin" not in roles(cast)
    assert mei.get("/stores").status_code == 303


def test_a_viewer_may_leave_by_himself(cast: Cast) -> None:
    vera = cast.client_of(cast.vera)
    assert send(vera, "/settings/leave", "/settings/leave", merchant=str(cast.rival)).location == "/settings/leave"
    assert "Vera Novak" in roles(cast), "the button was for another merchant than the one that is open"
    assert send(vera, "/settings/leave", "/settings/leave", merchant=str(cast.lantern)).status_code == 303
    assert "Vera Novak" not in roles(cast)


def _leave(place: Membership, by: By) -> None:
    del place
    members.leave(db.session.get_one(User, by.user_id), by)


# What each of two owners does, and what the second one hears.  Who was lowered or removed a moment ago has no right to
# do the same to others.
Deed = Callable[[Membership, By], None]
TOGETHER: dict[str, tuple[Deed, str]] = {
    "lowers the other": (lambda place, by: members.change_role(place, Role.MANAGER, by), "owner_no_more"),
    "removes the other": (members.remove, "owner_no_more"),
    "leaves": (_leave, "last_owner"),
}


@pytest.mark.parametrize("deed", TOGETHER, ids=str)
def test_two_owners_at_once_cannot_leave_the_merchant_without_one(cast: Cast, deed: str) -> None:
    second_owner(cast)
    start, said = Barrier(2), []

    def do(who: Person, whom: uuid.UUID) -> None:
        with cast.app.app_context(), acting_for(cast.lantern):
            other = db.session.get_one(Membership, (cast.lantern, whom))
            start.wait()
            try:
                TOGETHER[deed][0](other, By(who.name, who.id))
                said.append("done")
            except Refusal as why:
                said.append(why.reason)
            finally:
                db.session.remove()

    pairs = [(cast.mei, place(cast, cast.tom)), (cast.tom, place(cast, cast.mei))]
    threads = [Thread(target=do, args=each) for each in pairs]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == ["done", TOGETHER[deed][1]]
    assert list(roles(cast).values()).count("owner") == 1


def test_the_database_itself_keeps_the_last_owner(cast: Cast) -> None:
    owner = sa.and_(Membership.merchant_id == cast.lantern, Membership.role == Role.OWNER)
    for statement in (sa.delete(Membership).where(owner), sa.update(Membership).where(owner).values(role=Role.VIEWER)):
        with cast.app.app_context(), acting_for(cast.lantern):
            db.session.execute(statement)
            with pytest.raises(IntegrityError, match="the last owner stays"):
                db.session.commit()
            db.session.rollback()
    assert roles(cast)["Mei Lin"] == "owner"


def test_people_of_other_merchants_are_as_if_they_were_not(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.rival):
        theirs = db.session.scalars(sa.select(Membership.id)).one()
    mei = cast.client_of(cast.mei)
    assert mei.get(f"/settings/people/{theirs}").status_code == 404
    for deed in ("", "/remove", "/hand-over"):
        assert send(mei, f"/settings/people/{theirs}{deed}", role="viewer").status_code == 404


def test_changing_people_asks_for_a_fresh_proof(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    token = csrf(mei, "/settings/people")
    with cast.app.app_context():
        db.session.execute(sa.update(LoginSession).values(fresh_at=now() - timedelta(minutes=31)))
        db.session.commit()
    where = f"/settings/people/{place(cast, cast.tom)}"
    assert mei.get("/settings/people").location.startswith("/confirm")
    assert mei.post(where, data={"csrf_token": token, "role": "viewer"}).location.startswith("/confirm")
    assert roles(cast)["Tom Ellis"] == "manager"


def test_a_role_that_is_none_is_refused(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    assert send(mei, f"/settings/people/{place(cast, cast.tom)}", role="emperor").status_code == 422
    assert roles(cast)["Tom Ellis"] == "manager"
