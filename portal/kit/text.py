"""Texts that people and remotes typed: comparing codes, and showing what the eye misses."""

import re
import unicodedata

DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－ー"), "-")
# Embeddings, overrides and isolates (UAX #9); plain right-to-left letters and marks are none of these.
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
SPACES = re.compile(r"\s+")


def storable(text: str) -> bool:
    """Whether the database can hold a text: no NUL, no half of a surrogate pair."""
    if text.isprintable():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def one_line(text: str) -> str:
    """The text on one line: every run of white space is one space, and there is none at its ends."""
    return " ".join(text.split())


def steers(text: str) -> bool:
    """Whether a text holds what steers a screen or a mail program instead of standing there to be read: control
    characters, and those that turn the direction of what follows."""
    return any(unicodedata.category(each) == "Cc" or unicodedata.bidirectional(each) in TURNING for each in text)


def near(code: str) -> str:
    """The twin by which two codes are *suggested* as the same, never linked.

    Full-width forms, letter case, kinds of dashes and all white space fall away.
    """
    plain = unicodedata.normalize("NFKC", code.translate(DASHES)).translate(DASHES).casefold()
    return SPACES.sub("", plain)


def invisible(code: str) -> list[str]:
    """Names of the characters in a code that the eye cannot see or cannot tell from another."""
    return [
        unicodedata.name(each, f"U+{ord(each):04X}")
        for each in code
        if unicodedata.category(each) in {"Cf", "Cc", "Zl", "Zp"}
        or (each.isspace() and each != " ")
        or unicodedata.east_asian_width(each) == "F"
    ]


def plain_code(code: str) -> str:
    """The code without what `invisible` names: unseen characters gone, full-width forms as ordinary ones."""
    seen = "".join(each for each in code if unicodedata.category(each) not in {"Cf", "Cc", "Zl", "Zp"})
    return "".join(
        unicodedata.normalize("NFKC", each) if unicodedata.east_asian_width(each) == "F" or each.isspace() else each
        for each in seen
    ).strip()
