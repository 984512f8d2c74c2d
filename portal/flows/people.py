"""Accounts, merchants and their members, and signing in."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from babel.numbers import list_currencies

from portal.flows import attempts, audit, known_browsers, memberships, passwords, second_factor, sessions, staff_notes
from portal.flows.audit import By
from portal.flows.sessions import Browser, SignedIn, token_hash, who
from portal.kit.clock import now, zones
from portal.kit.db import acting_for, db, same_word
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.kit.text import one_line, steers
from portal.models import Membership, Merchant, Role, SessionStage, User

# What the other floors know by the name of this module.
__all__ = ["Browser", "SignedIn", "User", "token_hash", "who"]

IDLE, LONGEST = sessions.IDLE, sessions.LONGEST
SHORTEST_PASSWORD, LONGEST_PASSWORD = passwords.SHORTEST, passwords.LONGEST
LONGEST_NAME = 80

forget_old_sessions = sessions.forget_old
sign_out = sessions.sign_out


@dataclass(frozen=True, slots=True)
class Entered:
    """A sign-in that was right: the token of the new session, how long the cookie lives, whether the second factor has
    still to be shown, and the mark by which the browser is known from then on."""

    token: str
    longest: timedelta
    half: bool = False
    known: str = ""


def create_user(email: str, name: str, password: str, *, locale: str | None = None, is_staff: bool = False) -> User:
    """A new person.  Raises Refusal where the address is taken or nobody may have this password."""
    user = _new_user(email, name, password, locale, is_staff)
    if is_staff:
        db.session.flush()
        staff_notes.note(staff_notes.OPERATOR, "created", user)
    db.session.commit()
    return user


def _new_user(email: str, name: str, password: str, locale: str | None = None, is_staff: bool = False) -> User:
    called = checked_name(name)
    passwords.check(password, email, called)
    if by_email(email) is not None:
        raise Refusal("email_taken", "email")
    user = User(
        email=email.strip(),
        name=called,
        password_hash=passwords.hashed(password),
        locale=locale,
        is_staff=is_staff,
        may_view_as=is_staff,
    )
    db.session.add(user)
    return user


def checked_name(name: str) -> str:
    """The name of a person or a business as it is kept, on one line; letters carry it.  Raises Refusal."""
    found = one_line(name)
    if not 1 <= len(found) <= LONGEST_NAME:
        raise Refusal("name_length", "name", longest=LONGEST_NAME)
    if steers(found):
        raise Refusal("unreadable_text", "name")
    return found


def by_email(email: str) -> User | None:
    """Who signs in with this address; capitals and outer white space make no difference."""
    return db.session.scalar(sa.select(User).where(same_word(User.email, email.strip())))


def check_merchant(name: str, currency: str, time_zone: str) -> None:
    """Raises Refusal where no merchant can be made with these."""
    checked_name(name)
    if currency not in list_currencies():
        raise Refusal("unknown_currency", "currency", currency=currency)
    if time_zone not in zones():
        raise Refusal("unknown_zone", "time_zone", zone=time_zone)


def create_merchant(name: str, currency: str, time_zone: str, locale: str = "en") -> uuid.UUID:
    """A new tenant without people; gives its id.  Raises Refusal."""
    merchant = _new_merchant(name, currency, time_zone, locale)
    with acting_for(merchant.id):
        db.session.add(merchant)
        db.session.commit()
        return merchant.id


def _new_merchant(name: str, currency: str, time_zone: str, locale: str = "en") -> Merchant:
    check_merchant(name, currency, time_zone)
    return Merchant(id=new_id(), name=checked_name(name), currency=currency, time_zone=time_zone, locale=locale)


def join(merchant_id: uuid.UUID, user: User, role: Role, by: By = audit.LINTAS) -> None:
    """Make a person a member of a merchant."""
    with acting_for(merchant_id):
        _join(merchant_id, user, role, by)
        db.session.commit()


def _join(merchant_id: uuid.UUID, user: User, role: Role, by: By) -> None:
    db.session.add(Membership(merchant_id=merchant_id, user_id=user.id, role=role))
    audit.note(by, "joined", "user", user.id, name=user.name, after={"role": role.value})


def create_owner(
    merchant_name: str, currency: str, time_zone: str, email: str, name: str, password: str, by: By = audit.LINTAS
) -> None:
    """A new merchant and its first owner, both or neither.  Raises Refusal."""
    merchant = _new_merchant(merchant_name, currency, time_zone)
    user = _new_user(email, name, password)
    with acting_for(merchant.id):
        db.session.add(merchant)
        db.session.flush()  # What comes next refers to both by their ids.
        _join(merchant.id, user, Role.OWNER, by)
        db.session.commit()


def sign_in(email: str, password: str, browser: Browser, instead_of: str = "") -> Entered:
    """Open a session; the one whose token is `instead_of` ends.

    Raises Refusal where address and password do not belong together, which takes the same work and says the same
    whether the address is known or not, and where there were too many tries, whatever the password.
    """
    account = db.session.execute(
        sa.select(User.id, User.password_hash, User.disabled_at).where(same_word(User.email, email.strip()))
    ).first()
    # Whoever waits for a turn to hash holds no connection that a merchant needs: claiming ends the open transaction.
    if account is not None and known_browsers.is_mark_of(browser.known, account.id, account.password_hash):
        claimed = attempts.claim(attempts.SIGN_IN_AGAIN, browser.known, "")
    else:
        claimed = attempts.claim(attempts.SIGN_IN, email, browser.address)
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or account.disabled_at is not None:
        attempts.leave_word(claimed, email)
        raise Refusal("wrong_sign_in")
    attempts.forgive(claimed)
    kept_anew = passwords.hashed(password) if passwords.is_outdated(account.password_hash) else None
    user = _unchanged(account.id, account.password_hash)
    if kept_anew is not None:
        user.password_hash = kept_anew
    return _enter(user, browser, instead_of)


def _unchanged(user_id: uuid.UUID, kept: str) -> User:
    """The person, held until the session is open, so that whoever ends all sessions meanwhile ends this one too.

    Raises Refusal where the password was replaced, or the person disabled, while the one that was typed was looked at.
    """
    user = db.session.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None or user.password_hash != kept or user.disabled_at is not None:
        db.session.rollback()
        raise Refusal("wrong_sign_in")
    return user


def _enter(user: User, browser: Browser, instead_of: str) -> Entered:
    sessions.drop(instead_of)
    if user.second_factor_at is not None:
        token = sessions.open_one(user, browser, SessionStage.HALF)
        memberships.note(by_browser(user, browser), "password_given", user)
        db.session.commit()
        return Entered(token, sessions.HALF_LONGEST, half=True)
    token = sessions.open_one(user, browser)
    memberships.note(by_browser(user, browser), "signed_in", user)
    return _entered(user, token)


def _entered(user: User, token: str) -> Entered:
    """The whole sign-in is done."""
    entered = Entered(token, sessions.longest(user), known=known_browsers.mark(user.id, user.password_hash))
    db.session.commit()
    return entered


def second_step(half: SignedIn, code: str, browser: Browser) -> Entered:
    """The second factor was shown: open the session, under another id.  Raises Refusal."""
    user = half.user
    check_code(user, code, by_browser(user, browser))
    moment, longest = now(), sessions.longest(user)
    token = sessions.renew(half.session_hash, stage=SessionStage.OPEN, created_at=moment, ends_at=moment + longest)
    memberships.note(by_browser(user, browser), "signed_in", user)
    return _entered(user, token)


def confirm(signed_in: SignedIn, password: str, code: str, by: By) -> None:
    """Whoever is signed in shows again who he or she is: by the password, and by the code where there is a second
    factor.  Raises Refusal."""
    user = signed_in.user
    check_password(user, password, by)
    if user.second_factor_at is not None:
        check_code(user, code, by)
    memberships.note(by, "confirmed", user)
    sessions.confirmed(signed_in.session_hash)


def check_password(user: User, password: str, by: By, field: str = "password") -> None:
    """Raises Refusal where this is not the person's password, or after too many tries; they count with the sign-ins.

    The open transaction ends.
    """
    email, kept = user.email, user.password_hash
    claimed = attempts.claim(attempts.SIGN_IN, email, by.address)
    if not passwords.matches(kept, password):
        attempts.leave_word(claimed, email)
        raise Refusal("wrong_password", field)
    attempts.forgive(claimed)


def check_code(user: User, code: str, by: By) -> None:
    """Raises Refusal where this is no code of the person that still counts, or after too many tries.

    What was open before ends; that a code was used up is kept.
    """
    email = user.email
    claimed = attempts.claim(attempts.SECOND_FACTOR, email, by.address)
    if not second_factor.accepts(user, code, by):
        db.session.rollback()
        attempts.leave_word(claimed, email)
        raise Refusal("wrong_code", "code")
    db.session.commit()
    attempts.forgive(claimed)


def by_browser(user: User, browser: Browser) -> By:
    """Who acts where nobody is signed in yet."""
    return By(user.name, user.id, browser.request_id, browser.address)


def speak(user_id: uuid.UUID, locale: str) -> None:
    """Keep the language that a person chose."""
    db.session.execute(sa.update(User).where(User.id == user_id).values(locale=locale))
    db.session.commit()
