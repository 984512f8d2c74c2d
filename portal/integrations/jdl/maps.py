"""What an operator may correct without code, once JD's own document says otherwise: paths, names, values and numbers.

The file `PORTAL_JDL_MAPS` is a JSON object with any of these parts, each our word to JD's:

    {"paths": {"goods.save": "/fop/open/…"}, "request": {"scCode": "salesChannel"},
     "reply": {"customerGoodsId": "goodsNo"}, "values": {"orderType": "2"},
     "gateway_codes": {"12": "house_keys"}, "codes": {"2130": "wrong_warehouse"}}
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from portal.contract.errors import Cause
from portal.integrations.jdl.codes import MEANINGS

# JD Logistics, international fulfilment.  Those in the second half are our own choice: JD's are not established.
PATHS: Mapping[str, str] = {
    "warehouse.query": "/fop/open/querywarehouseinfoprovider/querywarehouseinfo",
    "goods.query": "/fop/open/querygoodsprovider/querypage",
    "stock.query": "/fop/open/stockprovider/querystockwarehouselistbypage",
    "stock.batch": "/fop/open/stockprovider/querystockbatchwarehouselistbypage",
    "outstock.query": "/fop/open/outstockprovider/queryoutstocklist",
    "goods.save": "/fop/open/goodsprovider/savegoods",
    "outstock.create": "/fop/open/outstockprovider/createoutstock",
    "outstock.cancel": "/fop/open/outstockprovider/canceloutstock",
    "outstock.trace": "/fop/open/outstockprovider/queryoutstocktrace",
    "instock.create": "/fop/open/instockprovider/createinstock",
    "instock.cancel": "/fop/open/instockprovider/cancelinstock",
    "instock.query": "/fop/open/instockprovider/queryinstocklist",
}

# What every order says of itself: to a person rather than a business, and of goods that are not damaged.
VALUES: Mapping[str, str] = {"orderType": "1", "goodsLevel": "100"}

_PARTS = ("paths", "request", "reply", "values", "gateway_codes", "codes")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,20}")


@dataclass(frozen=True)
class Maps:
    """What is called how.  `request` leads from our name to JD's, `reply` from JD's name back to ours."""

    paths: Mapping[str, str] = field(default_factory=lambda: PATHS)
    request: Mapping[str, str] = field(default_factory=dict)
    reply: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=lambda: VALUES)
    gateway_codes: Mapping[str, Cause] = field(default_factory=dict)
    codes: Mapping[str, Cause] = field(default_factory=dict)

    def outward(self, arguments: Any) -> Any:
        """Arguments with JD's names."""
        return _renamed(arguments, self.request) if self.request else arguments

    def inward(self, reply: Any) -> Any:
        """A reply with our names."""
        return _renamed(reply, self.reply) if self.reply else reply


def _renamed(found: Any, names: Mapping[str, str]) -> Any:
    if isinstance(found, Mapping):
        return {names.get(name, name): _renamed(value, names) for name, value in found.items()}
    return [_renamed(each, names) for each in found] if isinstance(found, list) else found


@lru_cache(maxsize=8)
def read(text: str) -> Maps:
    """The maps of an operator's file; the usual ones for an empty text.

    Raises ValueError with a sentence that says which entry cannot be used, and why.
    """
    if not text.strip():
        return Maps()
    try:
        found = json.loads(text)
    except ValueError as why:
        raise ValueError(f"The maps are not JSON: {why}.") from None
    if not isinstance(found, dict):
        raise ValueError("The maps are not one JSON object.")
    for name in found:
        if name not in _PARTS:
            raise ValueError(f"The maps know no part {name!r}; there are {', '.join(_PARTS)}.")
    reply = _part(found, "reply", _is_name, "a field's name")
    return Maps(
        paths={**PATHS, **_paths(found)},
        request=_part(found, "request", _is_name, "a field's name"),
        reply={theirs: ours for ours, theirs in _each_once(reply, "reply").items()},
        values={**VALUES, **_values(found)},
        gateway_codes=_codes(found, "gateway_codes"),
        codes=_codes(found, "codes"),
    )


def _part(found: Mapping[str, Any], name: str, fits: Callable[[str], bool], what: str) -> dict[str, str]:
    part = found.get(name, {})
    if not isinstance(part, dict):
        raise ValueError(f"The part {name!r} of the maps is not a JSON object.")
    for ours, theirs in part.items():
        if not isinstance(theirs, str) or not fits(theirs):
            raise ValueError(f"In the maps, {name}.{ours} is not {what}: {theirs!r}.")
    return part


def _paths(found: Mapping[str, Any]) -> dict[str, str]:
    part = _part(found, "paths", lambda path: bool(_PATH.fullmatch(path)), "a path such as /fop/open/provider/method")
    if unknown := [name for name in part if name not in PATHS]:
        raise ValueError(f"The maps name an operation {unknown[0]!r}; there are {', '.join(PATHS)}.")
    return part


def _values(found: Mapping[str, Any]) -> dict[str, str]:
    part = _part(found, "values", lambda text: bool(_CODE.fullmatch(text)), "a value such as 2")
    if unknown := [name for name in part if name not in VALUES]:
        raise ValueError(f"The maps give a value to {unknown[0]!r}; there are {', '.join(VALUES)}.")
    return part


def _codes(found: Mapping[str, Any], name: str) -> dict[str, Cause]:
    known = {each.value: each for each in MEANINGS}
    part = _part(found, name, known.__contains__, f"one of {', '.join(sorted(known))}")
    if odd := [code for code in part if not _CODE.fullmatch(code)]:
        raise ValueError(f"In the maps, {name} has a code {odd[0]!r} that is none.")
    return {code: known[meaning] for code, meaning in part.items()}


def _each_once(part: dict[str, str], name: str) -> dict[str, str]:
    if len(set(part.values())) < len(part):
        raise ValueError(f"In the maps, two entries of {name} stand for the same name at JD.")
    return part


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text))
