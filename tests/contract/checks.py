"""What is asked of every integration folder's definition and mapping, as plain functions.

A new folder is asked the same without a new test; `tests.contract.checks_of_answers` asks its client.
"""

import ast
import copy
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from babel.numbers import list_currencies

from portal.contract.definition import Entry, Integration, Pull, Resource
from portal.contract.errors import BadRecord
from portal.contract.options import Options
from portal.contract.records import OrderStatus, Record
from portal.contract.webhooks import Distrust, Push
from portal.contract.words import Text

SECRET_NAMES = re.compile(r"secret|token|password|private", re.IGNORECASE)

# --- the definition -----------------------------------------------------------------------------------------------


def folder(one: Integration) -> Path:
    """Where the integration lives."""
    return Path(str(import_module(f"portal.integrations.{one.key}").__file__)).parent


def key_is_the_folder(one: Integration) -> None:
    assert folder(one).name == one.key
    assert import_module(f"portal.integrations.{one.key}").INTEGRATION is one


def speaks_three_languages(one: Integration) -> None:
    said = list(texts(one))
    assert said
    for text in said:
        assert all(each.strip() for each in (text.en, text.id, text.zh)), text


def texts(thing: object) -> Iterator[Text]:
    """Every text inside a definition."""
    if isinstance(thing, Text):
        yield thing
    elif is_dataclass(thing) and not isinstance(thing, type):
        for each in fields(thing):
            yield from texts(getattr(thing, each.name))
    elif isinstance(thing, Mapping):
        for each in thing.values():
            yield from texts(each)
    elif isinstance(thing, tuple | list):
        for each in thing:
            yield from texts(each)


def secrets_are_marked(one: Integration) -> None:
    for setting in one.settings:
        assert setting.secret or not SECRET_NAMES.search(setting.key), setting.key
        assert not (setting.secret and setting.default), f"{setting.key} has a secret default"


def definition_holds_together(one: Integration) -> None:
    settings, options = [each.key for each in one.settings], [each.key for each in one.options]
    assert len(set(settings)) == len(settings)
    assert len(set(options)) == len(options)
    assert one.app_key in {*settings, *(each.key for each in one.house_values)}
    assert one.currency in list_currencies()
    assert one.locale in {"en", "id", "zh_Hans"}
    assert 1 <= len(one.tile) <= 3
    assert one.pace.rate > 0
    assert all(address.startswith("https://") for address in one.hosts.values())
    switches = {each.key for each in one.options if each.entry is Entry.SWITCH}
    assert {each.needs for each in one.options if each.needs} <= switches
    for setting in one.settings:
        assert setting.entry is not Entry.CHOICE or setting.default in {"", *setting.choices}
        assert setting.entry is not Entry.ADDRESS or set(setting.choices) <= set(one.hosts.values()), setting.key
        assert setting.entry is not Entry.ADDRESS or setting.use in one.hosts, setting.key
        assert not setting.pattern or setting.pattern_says
        re.compile(setting.pattern or "")
    assert {each.copies for each in one.guide if each.copies} <= {"callback_url"}
    assert not one.grant or one.grant.renew_before > timedelta(0)


def what_the_house_sets_holds_together(one: Integration) -> None:
    settings, values = {each.key for each in one.settings}, [each.key for each in one.house_values]
    assert len(set(values)) == len(values)
    assert not settings & set(values), "a value of the house would be covered by a typed one"
    assert {each.from_house for each in one.settings if each.from_house} <= set(values)
    for value in one.house_values:
        assert value.secret or not SECRET_NAMES.search(value.key), value.key
        assert not (value.secret and value.default), f"{value.key} has a secret default"
        if value.check:
            value.check(value.default)
            with pytest.raises(ValueError, match=r"\w"):
                value.check("{ certainly not this")


def statuses_have_their_words(one: Integration) -> None:
    assert set(one.statuses) <= set(one.status_texts), set(one.statuses) - set(one.status_texts)
    assert all(word == word.strip() and word for word in one.status_texts)


def steps_and_stock_hold_together(one: Integration) -> None:
    steps = [each.key for each in one.checks]
    assert len(set(steps)) == len(steps)
    assert set(one.one_stock) <= {each.key for each in one.settings}
    options = {*(each.key for each in one.options), *(each.name for each in fields(Options))}
    for resource, pull in one.pulls.items():
        assert pull.option in options, resource
        assert pull.every >= timedelta(minutes=1), resource
        assert pull.reach is None or (pull.incremental and pull.reach >= timedelta(days=1)), resource


def what_goes_out_holds_together(one: Integration) -> None:
    options = {*(each.key for each in one.options), *(each.name for each in fields(Options))}
    if one.stock_out:
        assert one.stock_out.option in options
        assert one.stock_out.most >= 1
        assert one.stock_out.most_read >= 1
    if one.price_out:
        assert one.price_out.option in {each.key for each in one.options}
    if Resource.ORDERS in one.pulls:
        assert {type(each) for each in one.statuses.values()} == {OrderStatus}
        assert {OrderStatus.TO_SHIP, OrderStatus.SHIPPED, OrderStatus.CANCELLED} <= set(one.statuses.values())
    assert not one.confirming or Resource.ORDERS in one.pulls, "nobody confirms what never came in"


def pushes_are_believed_by_their_signature_only(one: Integration) -> None:
    hook = one.webhook
    if hook is None:
        return
    assert hook.topics
    assert hook.key_from in {"", *(each.key for each in one.house_values if each.secret)}
    assert hook.taken.status < 300
    assert hook.failed.status >= 500
    assert hook.repeats_for > hook.window > timedelta(0)
    for body in STRANGE_BODIES:
        for keys in ([], [""], ["a-key"], ["a-key", "an-older-one"]):
            push = Push({"content-type": "application/json", "webhook-signature": "v1,AAAA"}, body)
            with pytest.raises(Distrust):
                hook.verify(push, keys, datetime(2026, 11, 20, 12, tzinfo=UTC))
        with suppress(ValueError):
            told = hook.hint(Push({}, body))
            assert told.resource in {"", *(each.value for each, pull in one.pulls.items() if pull.some)}


STRANGE_BODIES = (
    b"", b"{}", b"[]", b"null", b"17", b"\xff\xfe", b"\x00", b"a=1&a=2", b"token=&timestamp=&request_body=",
    b"{" * 9000, b'{"token":"x","request_body":"[]"}', b'{"token":"\\ud83d","request_body":"{}"}',
    b"token=%ff&request_body=%7B%7D",
    b'{"topic":"stock.change","request_body":"{\\"records\\":[{}]}"}', b'{"a":NaN}', b"&".join([b"x=1"] * 999),
)  # fmt: skip


def imports_only_its_own(one: Integration) -> None:
    own = f"portal.integrations.{one.key}"
    for file in folder(one).rglob("*.py"):
        allowed = {"httpx", *sys.stdlib_module_names} | (
            {"werkzeug"} if "sandbox" in str(file.relative_to(folder(one))) else set()
        )
        for name in imported(file):
            # Money is a word that the contract is spoken in.
            inside = name in {own, "portal.contract", "portal.kit.money"}
            inside = inside or name.startswith((own + ".", "portal.contract."))
            assert inside or name.partition(".")[0] in allowed, f"{file.name} imports {name}"


def imported(file: Path) -> Iterator[str]:
    """The full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file.name} imports relatively"
            yield node.module if node.module not in {"portal", "portal.integrations"} else f"{node.module}.?"


# --- samples ------------------------------------------------------------------------------------------------------


def samples(one: Integration) -> dict[str, tuple[Pull, Any, Any]]:
    """Each sample item by file name: its pull, the item, the record expected."""
    found = {}
    for resource, pull in one.pulls.items():
        for file in sorted((folder(one) / "samples").glob(f"{resource.value}.*.expected.json")):
            raw = file.with_name(file.name.replace(".expected", ""))
            found[raw.name] = pull, load(raw), json.loads(file.read_text("utf-8"))
    return found


def load(file: Path) -> Any:
    """A sample as the client reads it: no number through a float."""
    return json.loads(file.read_text("utf-8"), parse_float=Decimal)


def plain(record: Record) -> Any:
    """A record as JSON shows it."""
    return json.loads(
        json.dumps(asdict(record), default=lambda v: v.isoformat() if isinstance(v, datetime) else str(v))
    )


def samples_map_as_expected(one: Integration) -> None:
    found = samples(one)
    for resource in one.pulls:
        assert any(name.startswith(resource.value) for name in found), f"no sample of {resource.value}"
    for name, (pull, raw, expected) in found.items():
        assert plain(pull.read(raw)) == expected, name


def reading_is_pure(one: Integration) -> None:
    for name, (pull, raw, _) in samples(one).items():
        before = copy.deepcopy(raw)
        assert pull.read(raw) == pull.read(raw), name
        assert raw == before, name


STRANGE: tuple[Any, ...] = (
    None, True, "", " ", "?", "\0", "\ud83d", -1, 0, 10**30, "9" * 400, Decimal("1.005"), Decimal("NaN"),
    Decimal("1E+999999"), Decimal("-1E-999999"), [], [None], {}, {"a": [1]},
)  # fmt: skip


def reading_answers_or_refuses(one: Integration) -> None:
    for name, (pull, raw, _) in samples(one).items():
        for path in paths(raw):
            for strange in STRANGE:
                changed = changed_at(raw, path, strange)
                try:
                    record = pull.read(changed)
                except BadRecord:
                    continue
                assert record.remote_id.strip(), f"{name}: {path} = {strange!r}"
                json.dumps(plain(record)).encode()


def paths(raw: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside an item."""
    inside = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in inside:
        yield (*so_far, key)
        yield from paths(value, (*so_far, key))


def changed_at(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at one place."""
    changed = copy.deepcopy(raw)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def vectors_are_reproduced(one: Integration) -> None:
    """`client.sign(parameters, secret)` gives each vector's sign; a vector may name what else it takes under `how`."""
    file = folder(one) / "samples" / "vectors.json"
    if not file.exists():
        assert not hasattr(one.client, "sign"), "a client that signs has vectors"
        return
    vectors = json.loads(file.read_text("utf-8"))
    assert vectors
    for vector in vectors:
        made = one.client.sign(vector["parameters"], vector["secret"], **vector.get("how", {}))  # type: ignore[attr-defined]
        assert made == vector["sign"], vector["id"]


ALL = (
    key_is_the_folder,
    speaks_three_languages,
    secrets_are_marked,
    definition_holds_together,
    what_the_house_sets_holds_together,
    statuses_have_their_words,
    steps_and_stock_hold_together,
    what_goes_out_holds_together,
    pushes_are_believed_by_their_signature_only,
    imports_only_its_own,
    samples_map_as_expected,
    reading_is_pure,
    reading_answers_or_refuses,
    vectors_are_reproduced,
)
