"""Asking somebody to work for a merchant: the invitation, its letter, and what becomes of it.

The secret part of the link is made when the letter is sent, so it stands in that letter only; an invitation that is
sent again makes the link of the letter before useless.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.flows import audit, letters, members, memberships, passwords, people, sessions
from portal.flows.audit import By
from portal.flows.letters import Letter
from portal.flows.sessions import Browser, SignedIn
from portal.kit import passes, smtp
from portal.kit.clock import now
from portal.kit.db import acting_for, db, same_word, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Invitation, Membership, Merchant, Role, User

LIFETIME = timedelta(days=7)
# One press sends one letter; nobody's mailbox is filled from here.
PAUSE = timedelta(minutes=1)
MOST_OPEN = 50
# Taking back and inviting anew sends one more letter each time.
MOST_TO_ONE, MOST_TO_ALL, WITHIN = 3, 100, timedelta(hours=1)
LONGEST_EMAIL = 254
EMAIL = re.compile(r"[^@\s<>\"(),:;\[\]\\]+@[^@\s<>\"(),:;\[\]\\]+\.[^@\s<>\"(),:;\[\]\\.]+")
LETTER = "invitation"


@dataclass(frozen=True, slots=True)
class Asked:
    """An open invitation as whoever holds its link meets it.  `user_id` is the account with this address, None where
    there is none; the times are those of the merchant's `time_zone`."""

    email: str
    role: Role
    invited_by: str
    ends_at: datetime
    merchant: str
    time_zone: str
    user_id: uuid.UUID | None


def invite(email: str, role: Role, by: By) -> Invitation:
    """Ask somebody to join; a letter goes out.  Raises Refusal."""
    address = email.strip()
    _check(address)
    moment = now()
    db.session.execute(
        sa.update(Invitation)
        .where(*_open_to(address), Invitation.ends_at <= moment)
        .values(revoked_at=moment)
        .execution_options(synchronize_session=False)
    )
    invitation = Invitation(
        merchant_id=whose(), id=new_id(), email=address, role=role, invited_by=by.name, ends_at=moment + LIFETIME
    )
    db.session.add(invitation)
    try:
        db.session.flush()
    except IntegrityError:  # One open invitation per address.
        db.session.rollback()
        raise Refusal("invited_already", "email") from None
    audit.note(by, "invited", "invitation", invitation.id, name=address, after={"role": role.value})
    letters.post(LETTER, invitation.id)
    db.session.commit()
    return invitation


def _check(address: str) -> None:
    written = address.isprintable() and EMAIL.fullmatch(address) and smtp.is_address(address)
    if len(address) > LONGEST_EMAIL or not written:
        raise Refusal("email_form", "email")
    found = people.by_email(address)
    if found is not None and found.is_staff:
        raise Refusal("email_of_staff", "email")
    if found is not None and members.place_of(found.id) is not None:
        raise Refusal("is_member", "email", name=found.name)
    waiting = sa.select(sa.func.count()).where(*_open(), Invitation.ends_at > now())
    if (db.session.scalar(waiting) or 0) >= MOST_OPEN:
        raise Refusal("too_many_invitations", "email", most=MOST_OPEN)
    _check_pace(address)


def _check_pace(address: str) -> None:
    lately = (
        sa.select(sa.func.count())
        .select_from(Invitation)
        .where(Invitation.merchant_id == whose(), Invitation.created_at > now() - WITHIN)
    )
    to_one = db.session.scalar(lately.where(same_word(Invitation.email, address))) or 0
    if to_one >= MOST_TO_ONE or (db.session.scalar(lately) or 0) >= MOST_TO_ALL:
        raise Refusal("invited_often", "email")


def _open() -> list[sa.ColumnElement[bool]]:
    return [Invitation.merchant_id == whose(), Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)]


def _open_to(address: str) -> list[sa.ColumnElement[bool]]:
    return [*_open(), same_word(Invitation.email, address)]


def open_ones() -> list[Invitation]:
    """The invitations that nobody has answered, the newest first; also those that are over."""
    return list(db.session.scalars(sa.select(Invitation).where(*_open()).order_by(Invitation.id.desc())))


def resend(invitation: Invitation, by: By) -> None:
    """Send the letter once more, with another link, good from now on.  Raises Refusal."""
    found = _held(invitation)
    moment = now()
    if found.sent_at is not None and found.sent_at > moment - PAUSE:
        db.session.rollback()
        raise Refusal("sent_just_now")
    found.ends_at = moment + LIFETIME
    audit.note(by, "invited_again", "invitation", found.id, name=found.email, after={"role": found.role.value})
    letters.post(LETTER, found.id)
    db.session.commit()


def revoke(invitation: Invitation, by: By) -> None:
    """Take an invitation back; its link opens nothing any more.  Raises Refusal."""
    found = _held(invitation)
    found.revoked_at, found.token_hash = now(), None
    letters.withdraw(LETTER, found.id)
    audit.note(by, "invitation_revoked", "invitation", found.id, name=found.email)
    db.session.commit()


def _held(invitation: Invitation) -> Invitation:
    """The invitation, held against a second change.  Raises Refusal where it was answered or taken back."""
    db.session.refresh(invitation, with_for_update=True)
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        db.session.rollback()
        raise Refusal("invitation_over")
    return invitation


def asked(token: str) -> Asked | None:
    """What a link opens; None where it was used, taken back or replaced, is over, or never was."""
    with _opened(token) as found:
        if found is None:
            return None
        merchant, account = db.session.get_one(Merchant, whose()), people.by_email(found.email)
        return Asked(
            email=found.email,
            role=found.role,
            invited_by=found.invited_by,
            ends_at=found.ends_at,
            merchant=merchant.name,
            time_zone=merchant.time_zone,
            user_id=account.id if account else None,
        )


@contextmanager
def _opened(token: str) -> Iterator[Invitation | None]:
    """Within the block the database shows the merchant whose invitation this link opens; None where it opens none."""
    read = passes.read(token)
    if read is None:
        yield None
        return
    merchant_id, hashed = read
    with acting_for(merchant_id):
        query = sa.select(Invitation).where(*_open(), Invitation.token_hash == hashed, Invitation.ends_at > now())
        yield db.session.scalars(query).one_or_none()


def accept_anew(token: str, name: str, password: str, browser: Browser, locale: str) -> str:
    """Join with a new account; gives the token of its first session.  Raises Refusal."""
    with _opened(token) as invitation:
        if invitation is None:
            raise Refusal("invitation_over")
        email, called = invitation.email, people.checked_name(name)
        passwords.check(password, email, called)
        db.session.rollback()  # Whoever waits for a turn to hash holds no connection that a merchant needs.
        kept = passwords.hashed(password)
        _held(invitation)
        user = User(id=new_id(), email=email, name=called, password_hash=kept, locale=locale)
        db.session.add(user)
        try:
            db.session.flush()
        except IntegrityError:  # Somebody has made an account with this address meanwhile.
            db.session.rollback()
            raise Refusal("sign_in_to_join") from None
        by = people.by_browser(user, browser)
        _join(invitation, user, by)
        cookie = sessions.open_one(user, browser)
        memberships.note(by, "signed_in", user)
        db.session.commit()
        return cookie


def accept_as(token: str, signed_in: SignedIn, by: By) -> str:
    """Join with the account that is signed in; gives the new token of the session.  Raises Refusal.

    The invitation is for one address: a letter that was passed on lets nobody else in.
    """
    user = signed_in.user
    with _opened(token) as invitation:
        if invitation is None:
            raise Refusal("invitation_over")
        asked_for = people.by_email(invitation.email)
        if user.is_staff or asked_for is None or asked_for.id != user.id:
            raise Refusal("invited_another")
        _held(invitation)
        _join(invitation, user, by)
        cookie = members.under_a_new_id(signed_in.session_hash, whose())
        db.session.commit()
        return cookie


def _join(invitation: Invitation, user: User, by: By) -> None:
    """Write the membership into the open transaction.  Whoever is a member already stays what he or she is."""
    invitation.accepted_at, invitation.token_hash = now(), None
    if members.place_of(user.id) is None:
        db.session.add(Membership(merchant_id=whose(), user_id=user.id, role=invitation.role))
    audit.note(by, "joined", "user", user.id, name=user.name, after={"role": invitation.role.value})
    db.session.flush()


@letters.kind(LETTER)
def _letter(invitation_id: uuid.UUID) -> Sequence[Letter]:
    found = db.session.get(Invitation, (whose(), invitation_id), with_for_update=True)
    if found is None or found.accepted_at or found.revoked_at or found.ends_at <= now():
        return ()
    token, found.token_hash = passes.make(whose())
    found.sent_at = now()
    merchant = db.session.get_one(Merchant, whose())
    user = people.by_email(found.email)
    return (
        Letter(
            to=found.email,
            locale=(user.locale if user else None) or merchant.locale,
            time_zone=(user.time_zone if user else None) or merchant.time_zone,
            template="invitation",
            arguments={
                "merchant": merchant.name,
                "invited_by": found.invited_by,
                "role": found.role,
                "token": token,
                "ends_at": found.ends_at,
            },
        ),
    )
