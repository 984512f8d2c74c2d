"""Passwords: how they are kept, what they are checked against, and which ones nobody may have."""

import re
import threading
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.flows.house import house
from portal.kit.errors import Refusal

SHORTEST, LONGEST = 12, 128
# A password of fewer different characters is a row of the same ones.
FEWEST_CHARACTERS = 5

# argon2id at 19 MiB, two passes: OWASP's floor.  Two hashes at once at the most, so that a flood of sign-ins cannot
# take every core from the merchants who are in.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
HASHING = threading.BoundedSemaphore(2)

USED_BY_MANY = Path(__file__).with_name("used_passwords.txt")
# Signs that are written in place of a letter, and that deceive nobody who guesses.
DISGUISES = str.maketrans("@4830!1$57", "aabeoiisst")
SHORTEST_STEM = 3


def hashed(password: str) -> str:
    """How a password is kept."""
    with HASHING:
        return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password that was kept.  Where there is none (`kept` is None), it takes as long to say no."""
    with HASHING:
        try:
            right = _hasher().verify(kept or _nobodys(_hasher()), password[:LONGEST])
            return right and kept is not None and len(password) <= LONGEST
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether a password was kept in a way that is not today's."""
    return _hasher().check_needs_rehash(kept)


def check(password: str, *about: str) -> None:
    """Raises Refusal where nobody may have this password; `about` is what everybody knows of the person."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refusal("password_length", "password", shortest=SHORTEST, longest=LONGEST)
    if len(set(password)) < FEWEST_CHARACTERS or _is_used_by_many(password) or _is_about(password, about):
        raise Refusal("password_used_by_many", "password")


def _hasher() -> PasswordHasher:
    return QUICK_HASHER if house().settings.quick_hashing else HASHER


@cache
def _nobodys(hasher: PasswordHasher) -> str:
    # Verified against when nobody has the address, so that an unknown address takes as long as a wrong password.
    return hasher.hash("nobody has this password")


def _is_used_by_many(password: str) -> bool:
    """Whether it is one of the known ones, or one repeated, in disguise or not, with digits or signs around it."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    squeezed = re.sub(r"[\W_]+", "", plain)
    core = re.sub(r"^[\W_\d]+|[\W_\d]+$", "", plain)
    shapes = (plain, squeezed, core, plain.translate(DISGUISES), core.translate(DISGUISES))
    return any(_once(re.sub(r"[\W_]+", "", each)) in _used_by_many() for each in shapes)


def _once(text: str) -> str:
    """The shortest beginning of which the text is a repetition, a last one cut short included."""
    for length in range(SHORTEST_STEM, len(text) // 2 + 1):
        if (text[:length] * (len(text) // length + 1)).startswith(text):
            return text[:length]
    return text


def _is_about(password: str, about: tuple[str, ...]) -> bool:
    plain = re.sub(r"[\W_\d]+", "", password.casefold())
    known = {re.sub(r"[\W_\d]+", "", part.casefold()) for each in about for part in (each, each.partition("@")[0])}
    return _once(plain) in {each for each in known if len(each) >= SHORTEST_STEM}


@cache
def _used_by_many() -> frozenset[str]:
    lines = USED_BY_MANY.read_text(encoding="utf-8").split()
    return frozenset(each for each in lines if not each.startswith("#"))
