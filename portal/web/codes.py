"""SKU codes on screen: characters that the eye misses are marked and named, and near codes say where they differ."""

import unicodedata

from flask_babel import gettext as _
from markupsafe import Markup

from portal.kit.text import DASHES, SPACES

UNSEEN = {"Cf", "Cc", "Zl", "Zp", "Cn", "Co"}
OPEN_BOX = "␣"
MARK = Markup('<mark title="{name}">{sign}<span class="sr"> ({name}) </span></mark>')


def seen(code: str) -> Markup:
    """The code with a mark for every space at an edge, unseen character, full-width form and unusual dash."""
    return Markup("").join(_piece(code, at) for at in range(len(code)))


def _piece(code: str, at: int) -> Markup:
    each = code[at]
    name = unicodedata.name(each, f"U+{ord(each):04X}")
    if unicodedata.category(each) in UNSEEN:
        return MARK.format(name=name, sign=f"U+{ord(each):04X}")
    if each.isspace() and (each != " " or _at_an_edge(code, at)):
        return MARK.format(name=name, sign=OPEN_BOX)
    if unicodedata.east_asian_width(each) == "F" or (ord(each) in DASHES and each != "-"):
        return MARK.format(name=name, sign=each)
    return Markup("{}").format(each)


def _at_an_edge(code: str, at: int) -> bool:
    """Whether a space is one that nobody would notice: the first, the last, or beside another."""
    around = code[max(0, at - 1) : at] + code[at + 1 : at + 2]
    return not code[:at].strip() or not code[at:].strip() or " " in around


def differences(one: str, other: str) -> list[str]:
    """In what two codes with the same near twin differ, as words."""
    told = []
    if _spaces(one) != _spaces(other):
        told.append(_("spaces"))
    if _dashes(one) != _dashes(other):
        told.append(_("kind of dash"))
    if _wide(one) != _wide(other):
        told.append(_("full-width letters"))
    if _letters(one) != _letters(other):
        told.append(_("letter case"))
    return told


def _spaces(code: str) -> list[tuple[int, str]]:
    place, found = 0, []
    for each in code:
        if each.isspace():
            found.append((place, each))
        else:
            place += 1
    return found


def _dashes(code: str) -> str:
    return "".join(each for each in code if each == "-" or ord(each) in DASHES)


def _wide(code: str) -> str:
    plain = SPACES.sub("", code.translate(DASHES))
    return "".join(each for each in plain if unicodedata.normalize("NFKC", each) != each)


def _letters(code: str) -> str:
    return SPACES.sub("", unicodedata.normalize("NFKC", code.translate(DASHES)))
