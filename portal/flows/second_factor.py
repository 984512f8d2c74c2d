"""The second factor: one-time passwords by the clock (RFC 6238), and recovery codes for a lost device."""

import base64
import hashlib
import hmac
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import sqlalchemy as sa

from portal.flows import memberships, sessions
from portal.flows.audit import By
from portal.flows.house import house
from portal.flows.sessions import SignedIn
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.kit.sealing import NotOurs
from portal.models import RecoveryCode, Role, User

FIELD = "second_factor"
ISSUER = "Lintas"
STEP_SECONDS, DIGITS = 30, 6
# A clock may be one step off to either side.
STEPS_OFF = (0, -1, 1)
CODES = 10
# No letter that is taken for a digit; 12 of 32 are 60 bits, too many to be guessed and so kept by a plain hash.
ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"
CODE_LENGTH, GROUP = 12, 4
# More than a code with spaces and hyphens; what is longer is none, and is not worth the work.
LONGEST_TYPED = 100


# How long whoever sets a factor up may take to bring the first code.
OFFER_LIVES = timedelta(minutes=30)


def needed(signed_in: SignedIn) -> bool:
    """Whether somebody must have a second factor: owners and the support staff, in production."""
    strong = signed_in.user.is_staff or signed_in.role is Role.OWNER
    return strong and house().settings.env == "production"


def place(user_id: uuid.UUID) -> tuple[str, ...]:
    """Where the secret of a person lies, and so where alone it opens."""
    return ("person", str(user_id), FIELD)


@dataclass(frozen=True, slots=True)
class Offer:
    """A new secret that is not kept yet: its text in base32, and the same sealed for this person, for the form."""

    secret: str
    sealed: str


def offer(user: User) -> Offer:
    """A secret for an authenticator, 160 bits.  Nothing is written until its first code is there."""
    secret = pyotp.random_base32()
    text = f"{secret} {int(now().timestamp())}"
    sealed = house().keyring.seal(text, _place_of_offer(user.id))
    return Offer(secret, base64.urlsafe_b64encode(sealed).decode())


def offered(user: User, sealed: str) -> Offer | None:
    """The offer that a form brings back, None where it is over or was never made to this person."""
    try:
        text = house().keyring.open(base64.urlsafe_b64decode(sealed.encode()), _place_of_offer(user.id))
    except (NotOurs, ValueError):
        return None
    secret, _, made_at = text.partition(" ")
    if now().timestamp() - int(made_at) > OFFER_LIVES.total_seconds():
        return None
    return Offer(secret, sealed)


def _place_of_offer(user_id: uuid.UUID) -> tuple[str, ...]:
    return ("person", str(user_id), f"{FIELD} offer")


def address(user: User, secret: str) -> str:
    """The secret as authenticators read it from a QR code."""
    return _clockwork(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def plain(code: str) -> str:
    """A code as it was meant: full-width signs made narrow, without spaces, hyphens and capitals."""
    narrow = unicodedata.normalize("NFKC", code if len(code) <= LONGEST_TYPED else "").casefold()
    return "".join(each for each in narrow if each.isalnum())


def turn_on(user: User, secret: str, code: str, session_hash: bytes, by: By) -> tuple[str, list[str]]:
    """Keep a secret whose code the person has shown, in place of an older one.

    Gives the session's new token and the recovery codes, which are shown this once.  Every other session ends.  Raises
    Refusal where the code is not one of this secret.
    """
    step = _step_of(secret, code)
    if step is None:
        raise Refusal("wrong_new_code", "code")
    user.second_factor = house().keyring.seal(secret, place(user.id))
    user.second_factor_at, user.second_factor_step = now(), step
    codes = _new_codes(user.id)
    sessions.end_all(user.id, session_hash)
    token = sessions.renew(session_hash)
    memberships.note(by, "second_factor_on", user)
    db.session.commit()
    return token, codes


def turn_off(signed_in: SignedIn, by: By) -> str:
    """Do without a second factor; gives the session's new token, every other session ends.  Raises Refusal."""
    user = signed_in.user
    if needed(signed_in):
        raise Refusal("second_factor_needed")
    if user.second_factor_at is None:
        raise Refusal("no_second_factor")
    forget(user)
    sessions.end_all(user.id, signed_in.session_hash)
    token = sessions.renew(signed_in.session_hash)
    memberships.note(by, "second_factor_off", user)
    db.session.commit()
    return token


def forget(user: User) -> None:
    """Destroy the secret and the recovery codes in the open transaction."""
    user.second_factor = user.second_factor_at = None
    db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def make_codes_anew(user: User, by: By) -> list[str]:
    """Ten new recovery codes, shown this once; those before are void.  Raises Refusal without a second factor."""
    if user.second_factor_at is None:
        raise Refusal("no_second_factor")
    codes = _new_codes(user.id)
    memberships.note(by, "recovery_codes_made", user)
    db.session.commit()
    return codes


def codes_left(user_id: uuid.UUID) -> int:
    """How many recovery codes of a person can still be used."""
    query = sa.select(sa.func.count()).select_from(RecoveryCode)
    return db.session.scalar(query.where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))) or 0


def accepts(user: User, code: str, by: By) -> bool:
    """Whether this is the person's code of the moment, or an unused recovery code; either counts once.

    What was used up stands in the open transaction.
    """
    if _takes_recovery_code(user.id, code):
        memberships.note(by, "recovery_code_used", user, {"left": codes_left(user.id)})
        return True
    secret = _secret(user)
    step = _step_of(secret, code) if secret else None
    return step is not None and _takes_step(user.id, step)


def _secret(user: User) -> str | None:
    if user.second_factor is None or user.second_factor_at is None:
        return None
    try:
        return house().keyring.open(user.second_factor, place(user.id))
    except NotOurs:  # The key that sealed it is gone: recovery codes still work.
        return None


def _clockwork(secret: str) -> pyotp.TOTP:
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)


def _step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is, None where it is none of the present ones."""
    typed = plain(code)
    present = int(now().timestamp()) // STEP_SECONDS
    clockwork = _clockwork(secret)
    steps = [present + off for off in STEPS_OFF]
    # Every step is compared, so that the time it takes says nothing.
    fitting = [step for step in steps if hmac.compare_digest(clockwork.generate_otp(step).encode(), typed.encode())]
    return fitting[0] if fitting else None


def _takes_step(user_id: uuid.UUID, step: int) -> bool:
    """Use up a time step; of two that try at once, one does."""
    taken = db.session.execute(
        sa.update(User)
        .where(User.id == user_id, User.second_factor_step < step)
        .values(second_factor_step=step)
        .returning(User.id)
    )
    return taken.first() is not None


def _takes_recovery_code(user_id: uuid.UUID, code: str) -> bool:
    taken = db.session.execute(
        sa.update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(code), RecoveryCode.used_at.is_(None))
        .values(used_at=now())
        .returning(RecoveryCode.id)
    )
    return taken.first() is not None


def _new_codes(user_id: uuid.UUID) -> list[str]:
    # Of two that make codes at once, those of the last one count and no others.
    db.session.execute(sa.select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(each)) for each in codes)
    return ["-".join(each[at : at + GROUP] for at in range(0, CODE_LENGTH, GROUP)) for each in codes]


def _hash(code: str) -> bytes:
    return hashlib.sha256(plain(code).encode()).digest()
