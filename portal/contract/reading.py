"""Reading single values out of a remote's item.  What cannot be read is refused; nothing passes through a float."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from portal.contract.errors import BadRecord
from portal.kit.money import Money, money

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Fifteen digits before the point are more than any price, and keep an exponent from becoming a million digits.
_DIGITS = 15
# Counts and quantities are kept in four bytes.
_MOST = 2**31 - 1


def part(raw: Any, name: str) -> Mapping[str, Any]:
    """An object inside an item, empty where it is missing.  Raises BadRecord when something else stands there."""
    found = _found(raw, name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise BadRecord(f"{name} is a {type(found).__name__}, not an object")
    return found


def text(raw: Any, name: str) -> str:
    """A word exactly as it was given, "" where there is none.  Numbers become their digits."""
    found = _found(raw, name)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise BadRecord(f"{name} is a {type(found).__name__}, not text")
    word = str(found)
    if "\0" in word or any("\ud800" <= each <= "\udfff" for each in word):
        raise BadRecord(f"{name} holds half a character")
    return word


def remote_id(raw: Any, name: str) -> str:
    """An id as text: 64-bit numbers stay whole.  Raises BadRecord where there is none."""
    found = _found(raw, name)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise BadRecord(f"{name} is missing" if found is None else f"{name} is a {type(found).__name__}, not an id")
    word = text(raw, name).strip()
    if not word:
        raise BadRecord(f"{name} is empty")
    return word


def whole(raw: Any, name: str) -> int | None:
    """A whole number, given as number or text, None where there is none."""
    word = text(raw, name).strip()
    if not word:
        return None
    number = _decimal(word, name)
    if number != number.to_integral_value() or abs(number) > _MOST:
        raise BadRecord(f"{name} is not a whole number within reach")
    return int(number)


def amount(raw: Any, name: str, currency: str) -> Money | None:
    """An amount in major units, None where there is none."""
    word = text(raw, name).strip()
    if not word:
        return None
    try:
        return money(_decimal(word, name), currency)
    except ValueError as why:
        raise BadRecord(f"{name}: {why}") from None


def instant(raw: Any, name: str) -> datetime | None:
    """A moment given in milliseconds since 1970, None where there is none (0 counts as none)."""
    word = text(raw, name).strip()
    if not word:
        return None
    if not word.isascii() or not word.isdigit():
        raise BadRecord(f"{name} is not a moment in milliseconds")
    if not int(word):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(word))
    except OverflowError:
        raise BadRecord(f"{name} lies outside the calendar") from None


def local_time(raw: Any, name: str, zone: tzinfo) -> datetime | None:
    """A moment given as `yyyy-MM-dd HH:mm:ss` in the remote's zone, None where there is none."""
    word = text(raw, name).strip()
    if not word:
        return None
    found = moment_of(word, zone)
    if found is None:
        raise BadRecord(f"{name} is not a date and time")
    return found


def moment_of(word: str, zone: tzinfo) -> datetime | None:
    """The moment of a text `yyyy-MM-dd HH:mm:ss` in a zone, None for any other text."""
    if not _STAMP.fullmatch(word):
        return None
    try:
        return datetime.strptime(word, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _found(raw: Any, name: str) -> Any:
    if not isinstance(raw, Mapping):
        raise BadRecord(f"the item is a {type(raw).__name__}, not an object")
    return raw.get(name)


def _decimal(word: str, name: str) -> Decimal:
    try:
        number = Decimal(word)
    except ArithmeticError:
        raise BadRecord(f"{name} is not a number") from None
    if not number.is_finite() or number.adjusted() >= _DIGITS or number.adjusted() < -_DIGITS:
        raise BadRecord(f"{name} is not a number within reach")
    return number
