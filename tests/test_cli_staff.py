"""`portal staff`: who belongs to the support staff, and what each of them may."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.kit.db import acting_for, db
from portal.models import SupportEnd, SupportSession
from tests.cast import PASSWORD, Cast, csrf
from tests.command import Command, command

__all__ = ["command"]

SAM = "sam@example.com"


def begin(cast: Cast) -> FlaskClient:
    """A browser in which Sam looks as Mei."""
    sam = cast.client_of(cast.sam)
    page = f"/support/merchants/{cast.lantern}/view-as"
    form = {"whom": str(cast.mei.id), "reason": "connection", "ticket": "SUP-4711", "csrf_token": csrf(sam, page)}
    assert sam.post(page, data=form).status_code == 303
    assert "Blue Lantern" in sam.get("/stores").text
    return sam


def end_of_session(cast: Cast) -> SupportEnd | None:
    with cast.app.app_context(), acting_for(cast.lantern):
        return db.session.scalars(sa.select(SupportSession)).one().end


def test_the_staff_are_listed_with_what_each_may(command: Command, cast: Cast) -> None:
    said = command("staff", "list").output
    row = next(line for line in said.splitlines() if SAM in line)
    assert re.search(r"Sam Staff +yes +yes +no", row)
    assert "mei@example.com" not in said


def test_without_anybody_the_list_says_how_to_make_somebody(command: Command, client: object) -> None:
    assert "portal create-staff" in command("staff", "list").output


def test_disabling_ends_every_session_at_once_and_enabling_lets_in_again(command: Command, cast: Cast) -> None:
    inside, beside = begin(cast), cast.client_of(cast.sam)
    said = command("staff", "disable", "SAM@example.com")
    assert said.exit_code == 0, said.output
    assert "2 sessions ended" in said.output
    assert "Blue Lantern" not in inside.get("/stores", follow_redirects=True).text
    assert beside.get("/support").status_code == 303
    assert end_of_session(cast) is SupportEnd.RIGHT
    assert re.search(r"Sam Staff +no +yes", command("staff", "list").output)
    with pytest.raises(AssertionError):
        cast.client_of(cast.sam)
    assert command("staff", "enable", SAM).exit_code == 0
    assert cast.client_of(cast.sam).get("/support").status_code == 200


def test_taking_the_right_ends_a_session_as_a_merchant_and_nothing_else(command: Command, cast: Cast) -> None:
    sam = begin(cast)
    said = command("staff", "take-view-as", SAM)
    assert "may not view as a merchant any more" in said.output
    assert end_of_session(cast) is SupportEnd.RIGHT
    assert "Blue Lantern</span>" not in sam.get("/stores", follow_redirects=True).text
    own = cast.client_of(cast.sam)
    assert own.get("/support").status_code == 200
    assert own.get(f"/support/merchants/{cast.lantern}/view-as").status_code == 403
    assert "may view as a merchant" in command("staff", "grant-view-as", SAM).output
    assert own.get(f"/support/merchants/{cast.lantern}/view-as").status_code == 200


@pytest.mark.parametrize("verb", ["disable", "enable", "grant-view-as", "take-view-as"])
def test_who_is_nobody_or_a_member_of_a_merchant_is_refused_by_name(command: Command, cast: Cast, verb: str) -> None:
    nobody, member = command("staff", verb, "nobody@example.com"), command("staff", verb, "mei@example.com")
    assert (nobody.exit_code, member.exit_code) == (1, 1)
    assert "Nobody signs in with nobody@example.com." in nobody.output
    assert "mei@example.com does not belong to the support staff." in member.output
    assert cast.client_of(cast.mei).get("/stores").status_code == 200


def test_what_happened_to_the_accounts_of_the_staff_can_be_read_afterwards_and_not_changed(
    command: Command, cast: Cast
) -> None:
    command("create-staff", "--email", "ana@example.com", "--name", "Ana Support", PORTAL_NEW_PASSWORD=PASSWORD)
    cast.client_of(cast.sam)
    for verb in ("take-view-as", "grant-view-as", "disable", "enable"):
        assert command("staff", verb, SAM).exit_code == 0
    lines = command("staff", "trail", "SAM@example.com").output.splitlines()
    whats = [line.split("  ")[2] for line in lines]
    assert whats[:5] == ["enabled", "disabled", "right_given", "right_taken", "signed_in"]
    assert "sessions: 1" in lines[1]
    assert all("by operator" in line for line in lines[:4])
    assert "by Sam Staff" in lines[4]
    whole = command("staff", "trail").output
    assert re.search(r"ana@example.com  created  by operator", whole)
    assert "mei@example.com" not in whole
    for statement in ("update staff_note set who = 'nobody'", "delete from staff_note"):
        with cast.app.app_context(), pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            db.session.execute(sa.text(statement))
    assert "Nothing was noted." in command("staff", "trail", "nobody@example.com").output
