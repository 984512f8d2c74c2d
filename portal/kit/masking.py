"""Showing what somebody sent without the values of certain fields, wherever in it they stand."""

import json
import re
from collections.abc import Set
from typing import Any
from urllib.parse import parse_qsl

HIDDEN = "•••"
# Words in the names of fields that hold a person, at whichever sender: `consigneeMobile`, `ship_to_city`.
OF_PEOPLE = re.compile(
    r"consignee|receiver|recipient|buyer|contact|(customer|user|full|real|first|last)_?name|phone|mobile|\btel"
    r"|link_?(man|tel)|e-?mail|addr|street|district|(?<!capa)city|town|county|post_?(al|code)|zip|signer|signed_?by"
    r"|remark|note|message_?to|id_?card|latitude|longitude",
    re.IGNORECASE,
)
MOST_FIELDS = 1_000
LONGEST_SHOWN = 200_000
# The names of a form are plain words; what has others is more likely a broken text of another kind.
NAME = re.compile(r"[\w.\[\]-]{1,100}")


def shown(body: bytes, hidden: Set[str]) -> str | None:
    """A JSON text or a form, indented, with the values of the hidden fields and of all that stands below them masked.

    What by its name is a person's is hidden too, whether or not it is among them.
    Names are compared without regard to case.  A text inside that is JSON itself is opened, for a hidden field may
    stand in it.  None where it is neither: what cannot be read cannot be masked, and so is not shown.
    """
    names = {each.lower() for each in hidden}
    try:
        text = body.decode("utf-8")
        found = _read(text) if _opens(text) else _form(text)
        said = json.dumps(_masked(found, names), ensure_ascii=False, indent=2)
        said.encode()
    except (ValueError, RecursionError):
        return None
    return said if len(said) <= LONGEST_SHOWN else said[:LONGEST_SHOWN] + "\n…"


def _opens(text: str) -> bool:
    """Whether a text begins as an object or a list does."""
    return text.lstrip().startswith(("{", "["))


def _read(text: str) -> Any:
    """What a JSON text holds.  Raises ValueError.

    An object may name a field twice; every value is kept, or a hidden one could stand behind a harmless one.
    """
    return json.loads(text, object_pairs_hook=list_or_dict)


def list_or_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of an object; the values of a name that stands there more than once as a list."""
    found: dict[str, Any] = {}
    often: set[str] = set()
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif name in often:
            found[name].append(value)
        else:
            often.add(name)
            found[name] = [found[name], value]
    return found


def _form(text: str) -> dict[str, Any]:
    """The fields of a form.  Raises ValueError for what is none."""
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS)
    if not pairs or not all(NAME.fullmatch(name) for name, _ in pairs):
        raise ValueError("not a form")
    return list_or_dict(pairs)


def _shown_of(name: str, value: Any, names: Set[str]) -> Any:
    """What is shown of the field of that name."""
    return _hidden(value) if name.lower() in names or OF_PEOPLE.search(name) else _masked(value, names)


def _masked(value: Any, names: Set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _shown_of(name, each, names) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, names) for each in value]
    if isinstance(value, str) and _opens(value):
        try:
            return _masked(_read(value), names)
        except ValueError:
            return HIDDEN  # It looks as if it had fields, and which they are cannot be read.
    return value


def _hidden(value: Any) -> Any:
    """The form of a value without what it says: its fields keep their names, and every other thing is masked."""
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    return value if value is None else HIDDEN
