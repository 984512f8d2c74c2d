"""Buyers without their data: a name of which little shows, and keyed hashes by which equal ones are found."""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence

HIDDEN = "*"
LONGEST_WORD_SHOWN = 2


def masked_name(name: str) -> str:
    """The first letter of each of the first two words of a name, the rest hidden.

    A name that already hides a part of itself stays as it is; a number or an address among the words shows nothing.
    """
    plain = " ".join(name.split())
    if HIDDEN in plain:
        return plain
    words = [each for each in plain.split(" ") if each][:LONGEST_WORD_SHOWN]
    if len(words) == 1 and words[0] and not words[0].isascii():
        # Chinese names are written in one word: the family name shows, and how long the rest is up to two signs.
        return words[0][0] + HIDDEN * min(len(words[0]) - 1 or 1, 2)
    return " ".join(_masked_word(each) for each in words)


def _masked_word(word: str) -> str:
    return (word[0] if word[0].isalpha() else "") + HIDDEN * 3


def plain(text: str) -> str:
    """A text as two people would write it alike: full-width forms, letter case, spaces and punctuation fall away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding may bring back forms that are not normal.
    return "".join(each for each in unicodedata.normalize("NFKC", folded) if unicodedata.category(each)[0] in "LMNS")


def digits(phone: str) -> str:
    """The digits of a telephone number, full-width ones as ordinary ones; "" where there are none."""
    return "".join(each for each in unicodedata.normalize("NFKC", phone) if each.isascii() and each.isdigit())


def key_of(secret: str, owner: str) -> bytes:
    """The key of one owner's hashes, from the secret of the house."""
    return hmac.new(secret.encode(), b"lintas buyers|" + owner.encode(), hashlib.sha256).digest()


def hash_of(key: bytes, what: str, parts: Sequence[str]) -> bytes:
    """A keyed hash of texts that stand in this order; `what` keeps hashes of different things apart."""
    bound = "|".join(f"{len(each)}:{each}" for each in (what, *parts))
    return hmac.new(key, bound.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()[:16]
