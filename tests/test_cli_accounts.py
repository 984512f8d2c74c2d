"""Passwords and second steps from the server's side."""

from __future__ import annotations

import pytest

from tests.accounts import hashes, noted, set_up, sign_in
from tests.cast import PASSWORD, Cast
from tests.command import Command, command

__all__ = ["command"]

NEW = "seven quiet lanterns over the sea"


@pytest.mark.parametrize("who", ["mei", "sam"])
def test_the_server_gives_anybody_a_new_password_and_signs_the_person_out(
    command: Command, cast: Cast, who: str
) -> None:
    person = getattr(cast, who)
    client = cast.client_of(person)
    set_up(client)
    done = command("reset-password", "--email", person.email.upper(), PORTAL_NEW_PASSWORD=NEW)
    assert done.exit_code == 0, done.output
    assert NEW not in done.output
    assert hashes(cast.app, person) == set()
    assert sign_in(cast, person, PASSWORD)[1].status_code == 422
    assert sign_in(cast, person, NEW)[1].location == "/login/code", "the second step stays"


def test_the_server_takes_a_lost_second_step_away(command: Command, cast: Cast) -> None:
    set_up(cast.client_of(cast.mei))
    done = command("drop-second-factor", "--email", cast.mei.email)
    assert done.exit_code == 0, done.output
    assert sign_in(cast, cast.mei)[1].location == "/"
    assert [each.who for each in noted(cast, "second_factor_off")] == ["Lintas"]
    again = command("drop-second-factor", "--email", cast.mei.email)
    assert again.exit_code == 1
    assert "There is no second step to change." in again.output


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (("reset-password", "--email", "nobody@example.com"), NEW, "Nobody signs in with nobody@example.com."),
        (("reset-password", "--email", "mei@example.com"), "short", "Use between 12 and 128 characters."),
        (("reset-password", "--email", "mei@example.com"), "password1234", "used by many"),
    ],
)
def test_what_cannot_be_done_is_said(
    command: Command, cast: Cast, words: tuple[str, ...], password: str, said: str
) -> None:
    done = command(*words, PORTAL_NEW_PASSWORD=password)
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output
    assert sign_in(cast, cast.mei)[1].status_code == 303
