"""Texts that people and remotes typed: comparing codes, and showing what the eye misses."""

import re
import unicodedata

DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－ー"), "-")
SPACES = re.compile(r"\s+")


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


def mis_decoded(text: str) -> str | None:
    """What the text was before its UTF-8 bytes were read as Latin-1 or Windows-1252; None where it looks fine."""
    if not any("\u0080" <= each <= "\u00ff" or each in "€‚ƒ„…†‡ˆ‰Š‹Œ\u017d‘’“”•–—˜™š›œžŸ" for each in text):
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            mended = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        if mended != text:
            return mended
    return None
