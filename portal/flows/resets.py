"""New passwords: changed by whoever knows the old one, chosen through a link in a letter, or set at the server."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import attempts, audit, letters, memberships, passwords, people, second_factor, sessions
from portal.flows.audit import By
from portal.flows.letters import Letter
from portal.flows.sessions import Browser
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_token
from portal.models import Merchant, PasswordReset, User

MINUTES = 30
LIFETIME = timedelta(minutes=MINUTES)


def change(user: User, old: str, new: str, session_hash: bytes, by: By) -> str:
    """Give a person another password; gives the session's new token, every other session ends.  Raises Refusal."""
    passwords.check(new, user.email, user.name)
    if new == old:
        raise Refusal("password_is_the_old_one", "password")
    people.check_password(user, old, by, "old")
    kept = passwords.hashed(new)
    _set(user, kept, but=session_hash)
    token = sessions.renew(session_hash)
    memberships.note(by, "password_changed", user)
    db.session.commit()
    return token


def forgotten(email: str, address: str) -> None:
    """Somebody forgot a password: the person with this address, if there is one, gets a letter a little later.

    Raises Refusal after too many tries.
    """
    attempts.leave_word(attempts.claim(attempts.FORGOTTEN, email, address), email)


def ask(user: User) -> None:
    """Add a link to choose a new password to the open transaction, and the letter that brings it.

    Support staff get none: who can read their mail must not be able to work as a merchant.  They are reset at the
    server.
    """
    merchant_id = memberships.first_of(user.id)
    if merchant_id is None or user.is_staff or user.disabled_at is not None:
        return
    reset = PasswordReset(user_id=user.id, ends_at=now() + LIFETIME)
    db.session.add(reset)
    db.session.flush()
    with acting_for(merchant_id):
        letters.post("password_reset", reset.id)


def good(token: str) -> PasswordReset | None:
    """The link with this token, None where it was used, is over or never was."""
    return db.session.scalar(
        sa.select(PasswordReset).where(
            PasswordReset.token_hash == _hash(token), PasswordReset.used_at.is_(None), PasswordReset.ends_at > now()
        )
    )


def choose(token: str, password: str, browser: Browser) -> None:
    """Choose the new password of a link, once; every session of the person ends.

    Nobody is signed in by it, so a second factor is asked for as ever.  Raises Refusal.
    """
    reset = good(token)
    if reset is None:
        raise Refusal("reset_is_over")
    reset_id, user = reset.id, db.session.get_one(User, reset.user_id)
    passwords.check(password, user.email, user.name)
    db.session.rollback()
    kept = passwords.hashed(password)
    used = db.session.execute(
        sa.update(PasswordReset)
        .where(PasswordReset.id == reset_id, PasswordReset.used_at.is_(None), PasswordReset.ends_at > now())
        .values(used_at=now())
        .returning(PasswordReset.id)
    )
    if used.first() is None or user.disabled_at is not None:
        db.session.rollback()
        raise Refusal("reset_is_over")
    _set(user, kept)
    memberships.note(people.by_browser(user, browser), "password_reset", user)
    db.session.commit()


def set_at_server(email: str, password: str) -> None:
    """Give a person another password at the server; every session of the person ends.  Raises Refusal."""
    user = _known(email)
    passwords.check(password, user.email, user.name)
    _set(user, passwords.hashed(password))
    memberships.note(audit.LINTAS, "password_reset", user)
    db.session.commit()


def drop_second_factor(email: str) -> None:
    """Take the second factor from a person who lost it and the recovery codes; every session ends.  Raises Refusal."""
    user = _known(email)
    if user.second_factor is None:
        raise Refusal("person_without_factor", email=user.email)
    second_factor.forget(user)
    sessions.end_all(user.id)
    memberships.note(audit.LINTAS, "second_factor_off", user)
    db.session.commit()


def _known(email: str) -> User:
    user = people.by_email(email)
    if user is None:
        raise Refusal("unknown_person", "email", email=email)
    return user


def _set(user: User, kept: str, but: bytes | None = None) -> None:
    """Write the new password into the open transaction: sessions and links are void, and the person is told."""
    user.password_hash, user.password_at = kept, now()
    db.session.execute(
        sa.update(PasswordReset)
        .where(PasswordReset.user_id == user.id, PasswordReset.used_at.is_(None))
        .values(used_at=now())
    )
    sessions.end_all(user.id, but)
    db.session.flush()
    merchant_id = memberships.first_of(user.id)
    if merchant_id is not None:
        with acting_for(merchant_id):
            letters.post("password_changed", user.id)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@letters.kind("password_reset")
def _reset_letter(reset_id: uuid.UUID) -> Sequence[Letter]:
    reset = db.session.get(PasswordReset, reset_id)
    if reset is None or reset.used_at is not None or reset.ends_at <= now():
        return ()
    user = db.session.get_one(User, reset.user_id)
    if user.disabled_at is not None:
        return ()
    token = new_token()
    reset.token_hash = _hash(token)
    return (_letter(user, "password_reset", token=token, ends_at=reset.ends_at),)


@letters.kind("password_changed")
def _changed_letter(user_id: uuid.UUID) -> Sequence[Letter]:
    user = db.session.get(User, user_id)
    return () if user is None else (_letter(user, "password_changed", at=user.password_at, email=user.email),)


def _letter(user: User, template: str, **arguments: object) -> Letter:
    merchant = db.session.get_one(Merchant, whose())
    locale, zone = user.locale or merchant.locale, user.time_zone or merchant.time_zone
    return Letter(user.email, locale, zone, template, {"name": user.name, **arguments})
