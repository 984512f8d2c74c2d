"""What the address of a list asks for: words to search, a cursor, one channel of the merchant's own."""

import uuid
from collections.abc import Mapping
from typing import TypeVar

from flask import abort, request

T = TypeVar("T")
LONGEST_SEARCH = 200


def words(name: str = "q") -> str:
    """The words to search, "" where there are none."""
    return plain(request.values.get(name, ""))


def plain(text: str) -> str:
    """A text to search for: without outer white space, of bounded length."""
    return text.strip()[:LONGEST_SEARCH]


def many(name: str, most: int) -> list[str]:
    """The values of a repeated field of a form, to the letter, and `most` at the most."""
    return request.form.getlist(name)[:most]


def cursor() -> str | None:
    """Where the page begins."""
    return request.values.get("page") or None


def one_of(known: Mapping[str, T], name: str) -> str:
    """The value of a filter when it is a known one, else "" for no filter."""
    wanted = request.values.get(name, "")
    return wanted if wanted in known else ""


def own(known: Mapping[uuid.UUID, T], name: str) -> T | None:
    """The one that the address names out of the merchant's own; what is not theirs is not there (404)."""
    text = request.values.get(name, "")
    if not text:
        return None
    try:
        found = known.get(uuid.UUID(text))
    except ValueError:
        found = None
    if found is None:
        abort(404)
    return found
