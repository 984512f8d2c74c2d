"""Passwords: how they are kept, and which ones nobody may have."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.flows import passwords
from portal.kit.errors import Refusal


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password-2026",
        "P@ssw0rd!2026",
        "passwordpassword",
        "123456789012",
        "qwertyuiop123",
        "1q2w3e4r5t6y",
        "iloveyou2026!",
        "aaaaaaaaaaaaaa",
        "abababababab",
        "ＰＡＳＳＷＯＲＤ１２３４",
        "mei.lin@example.com",
        "Mei Lin Mei Lin",
        "meilin1234567",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(Refusal, match="password_used_by_many"):
        passwords.check(password, "mei.lin@example.com", "Mei Lin")


@pytest.mark.parametrize(
    "password",
    [
        "a-password-of-the-cast",
        "demo-owner-pass",
        "seven quiet lanterns",
        "  two spaces on each side  ",
        "灯笼在海上静静地亮着七盏灯",
    ],
)
def test_what_is_not_guessed_first_is_taken(password: str) -> None:
    passwords.check(password, "mei.lin@example.com", "Mei Lin")


@pytest.mark.parametrize("password", ["elevenchars", "a1" * 65])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(Refusal, match="password_length"):
        passwords.check(password)


def test_what_is_kept_is_argon2id_of_19_mib_and_two_passes(app: Flask) -> None:
    kept = passwords.HASHER.hash("seven quiet lanterns")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    with app.app_context():
        assert passwords.is_outdated(kept), "this house hashes quickly, so the next sign-in keeps it anew"
        assert passwords.matches(kept, "seven quiet lanterns")
        assert not passwords.matches(kept, "seven quiet lantern")
        assert not passwords.matches(None, "nobody has this password")


def test_what_is_longer_than_any_password_is_not_the_password(app: Flask) -> None:
    with app.app_context():
        longest = "a b c d e f " * 10 + "the last"
        assert len(longest) == passwords.LONGEST
        kept = passwords.hashed(longest)
        assert passwords.matches(kept, longest)
        assert not passwords.matches(kept, f"{longest} and more")
