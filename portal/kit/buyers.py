"""Buyers without their data: a name of which little shows, and keyed hashes by which equal ones are found."""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence

HIDDEN = "*"
MOST_WORDS_SHOWN = 2


def masked_name(name: str) -> str:
    """The first letter of each of the first two words of a name, the rest hidden.

    A number or an address among the words shows nothing.  A name that hides a part of itself already is hidden like any
    other: a star in it may be somebody's own, and the rest of the name in plain.
    """
    words = name.split()
    if words and not words[0].isascii():
        # Chinese names are short: the family name shows, and how long the rest is up to two signs.
        whole = "".join(words)
        return whole[0] + HIDDEN * min(len(whole) - 1 or 1, 2)
    return " ".join(_masked_word(each) for each in words[:MOST_WORDS_SHOWN])


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
