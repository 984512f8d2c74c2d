"""Letters: asked for with the change, sent by a worker, in the language of the person, over real SMTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.flows import doctor, letters, work
from portal.flows.letters import Letter
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.kit.smtp import MailServer, NotAMailServer
from portal.models import Work, WorkStatus
from tests.cast import Cast
from tests.mailbox import Mailbox, deliver, open_mailbox, posted_to
from tests.stack import free_port
from workers.jobs import VERBS

# Whom the letters of these tests go to, by the thing that they are about.
READERS: dict[uuid.UUID, list[tuple[str, str]]] = {}


@letters.kind("news_of_the_tests")
def _news(subject_id: uuid.UUID) -> Sequence[Letter]:
    said = {"merchant": "Blue Lantern", "name": "Mei", "role": "owner"}
    return [Letter(to, locale, "Asia/Jakarta", "role_changed", said) for to, locale in READERS.get(subject_id, [])]


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    """A mail server that the portal hands its letters to."""
    with open_mailbox() as box, posted_to(app, box.url):
        yield box
    READERS.clear()


def post(cast: Cast, *readers: tuple[str, str]) -> uuid.UUID:
    about = new_id()
    READERS[about] = list(readers)
    with cast.app.app_context(), acting_for(cast.lantern):
        letters.post("news_of_the_tests", about)
        db.session.commit()
    return about


def rows(cast: Cast) -> list[Work]:
    with cast.app.app_context(), acting_for(cast.lantern):
        found = list(db.session.scalars(sa.select(Work).where(Work.kind == "letter").order_by(Work.id)))
        db.session.expunge_all()
        return found


def drain(cast: Cast) -> None:
    with cast.app.app_context():
        work.drain(letters.LANE, VERBS)


def test_a_letter_goes_out_over_smtp_in_the_language_of_its_reader(cast: Cast, mailbox: Mailbox) -> None:
    post(cast, ("mei@example.com", "en"))
    drain(cast)
    (letter,) = mailbox.letters
    assert letter["To"] == "mei@example.com"
    assert letter["Subject"] == "You are Owner of Blue Lantern now"
    assert "From now on you are Owner there." in letter.get_content()
    assert "http://127.0.0.1/login" in letter.get_content()
    assert (letter["Auto-Submitted"], letter["Content-Language"]) == ("auto-generated", "en")
    assert "lintas@localhost" in letter["From"]
    assert [each.status for each in rows(cast)] == [WorkStatus.DONE]


def test_a_letter_whose_change_was_rolled_back_is_never_sent(cast: Cast, mailbox: Mailbox) -> None:
    about = new_id()
    READERS[about] = [("mei@example.com", "en")]
    with cast.app.app_context(), acting_for(cast.lantern):
        letters.post("news_of_the_tests", about)
        db.session.rollback()
    assert deliver(cast.app) == 0
    assert mailbox.letters == []


def test_a_letter_to_several_people_reaches_each_once_though_one_address_is_refused(
    cast: Cast, mailbox: Mailbox
) -> None:
    mailbox.refusals = ["550 no such person", "451 try again later"]
    post(cast, ("one@example.com", "en"), ("two@example.com", "id"), ("three@example.com", "zh_Hans"))
    for _ in range(3):
        deliver(cast.app)
    assert sorted(str(each["To"]) for each in mailbox.letters) in (
        ["one@example.com", "three@example.com"],
        ["one@example.com", "two@example.com"],
        ["three@example.com", "two@example.com"],
    )
    assert [each.error for each in rows(cast) if each.status == WorkStatus.DEAD] == ["recipient 550"]


def test_work_rows_name_neither_people_nor_links(cast: Cast, mailbox: Mailbox) -> None:
    post(cast, ("one@example.com", "en"), ("two@example.com", "en"))
    deliver(cast.app)
    assert len(mailbox.letters) == 2
    for row in rows(cast):
        said = f"{row.natural_key} {row.body} {row.error}"
        assert "@" not in said
        assert "://" not in said


def test_a_refusal_that_passes_is_waited_for_and_the_repeat_is_known_as_the_same_letter(
    cast: Cast, mailbox: Mailbox
) -> None:
    mailbox.refusals = ["451 greylisted"] * 7
    post(cast, ("mei@example.com", "en"))
    drain(cast)
    (row,) = rows(cast)
    assert (row.status, row.error) == (WorkStatus.OPEN, "recipient 451")
    assert row.not_before > now() + timedelta(seconds=3)
    for _ in range(8):
        deliver(cast.app)
    assert len(mailbox.letters) == 1, "seven refusals, more than any other work may fail, and then it is taken"
    assert mailbox.letters[0]["Message-ID"].startswith(f"<{row.id}@")


def test_a_final_refusal_ends_the_letter_with_its_cause(cast: Cast, mailbox: Mailbox) -> None:
    mailbox.refusals = ["550 no such person"]
    about = post(cast, ("nobody@example.com", "en"))
    drain(cast)
    (row,) = rows(cast)
    assert (row.status, row.error) == (WorkStatus.DEAD, "recipient 550")
    with cast.app.app_context(), acting_for(cast.lantern):
        assert letters.standing("news_of_the_tests", [about])[about].dead
    assert deliver(cast.app) == 0
    assert mailbox.asked == 1


def test_a_mail_server_that_does_not_answer_is_waited_for_three_days(cast: Cast) -> None:
    post(cast, ("mei@example.com", "en"))
    with posted_to(cast.app, f"smtp://127.0.0.1:{free_port()}"):
        deliver(cast.app)
        (row,) = rows(cast)
        assert row.status == WorkStatus.OPEN
        assert row.error.startswith("no_answer")
        with cast.app.app_context(), acting_for(cast.lantern):
            old = now() - timedelta(days=3, minutes=1)
            db.session.execute(sa.update(Work).where(Work.id == row.id).values(created_at=old))
            db.session.commit()
        deliver(cast.app)
    assert [each.status for each in rows(cast)] == [WorkStatus.DEAD]
    READERS.clear()


def test_without_a_mail_server_letters_wait_and_the_doctor_says_so(cast: Cast, mailbox: Mailbox) -> None:
    with posted_to(cast.app, ""):
        post(cast, ("mei@example.com", "en"))
        drain(cast)
        (row,) = rows(cast)
        assert (row.status, row.error) == (WorkStatus.OPEN, letters.NO_SERVER)
        with cast.app.app_context():
            assert not letters.can_send()
            said = [each for each in doctor.examine() if "PORTAL_MAIL_URL" in each.says]
    assert [each.well for each in said] == [False]
    deliver(cast.app)
    assert len(mailbox.letters) == 1, "as soon as there is one, it goes out"


def test_the_doctor_tries_the_mail_server(cast: Cast, mailbox: Mailbox) -> None:
    with cast.app.app_context():
        assert any(each.well and "Letters" in each.says for each in doctor.examine())
    with posted_to(cast.app, f"smtp://127.0.0.1:{free_port()}"), cast.app.app_context():
        assert any(not each.well and "mail server" in each.says for each in doctor.examine())


@pytest.mark.parametrize(
    ("url", "port"),
    [("smtp://mail.example", 25), ("smtp+starttls://a:b@mail.example", 587), ("smtps://a:b@m.example:999", 999)],
)
def test_a_mail_server_is_read_from_its_address(url: str, port: int) -> None:
    found = MailServer.read(url)
    assert found.port == port
    assert "'b'" not in repr(found), "a password is in no log"


@pytest.mark.parametrize("url", ["", "mail.example", "https://mail.example", "smtp://", "smtp://h:port", "smtp://h/x"])
def test_other_texts_are_no_mail_server(url: str) -> None:
    with pytest.raises(NotAMailServer):
        MailServer.read(url)


@pytest.mark.parametrize(
    ("to", "reached"), [("ann@例子.中国", "ann@xn--fsqu00a.xn--fiqs8s"), ("a@b..com", ""), (f"a@{'ä' * 70}.com", "")]
)
def test_an_address_that_is_none_ends_its_letter_and_one_beyond_ascii_is_reached(
    cast: Cast, mailbox: Mailbox, to: str, reached: str
) -> None:
    post(cast, (to, "en"))
    drain(cast)
    (row,) = rows(cast)
    assert [each["To"] for each in mailbox.letters] == ([reached] if reached else [])
    assert (row.status, row.error) == ((WorkStatus.DONE, "") if reached else (WorkStatus.DEAD, "address"))
