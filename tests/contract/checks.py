"""What is asked of every integration folder, as plain functions: a new folder is asked the same without a new test."""

import ast
import copy
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.numbers import list_currencies

from portal.contract.definition import Entry, Integration, Pull
from portal.contract.errors import BadRecord, Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, Answer, ApiClient, Line
from portal.contract.records import Shop, Tokens
from portal.contract.words import Text

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MARK = "5f2c9e"
SECRET_NAMES = re.compile(r"secret|token|password|private", re.IGNORECASE)
ANY = (Busy, Garbled, Refused, Unauthorised)
Send = Callable[[httpx.Request], Answer]

# --- a client that talks to canned answers ------------------------------------------------------------------------


def typed(one: Integration) -> dict[str, str]:
    """Settings as typed, every secret with a marker in it."""
    return {each.key: each.default or f"marker-{each.key}-{MARK}" for each in one.settings}


def client_for(one: Integration, send: Send, **settings: str) -> ApiClient:
    """A client whose remote is a function."""
    hosts = {use: f"https://{use.replace('_', '-')}.remote.example" for use in one.hosts}
    tokens = Tokens(access=f"marker-access-{MARK}", refresh=f"marker-refresh-{MARK}", expires_at=NOON)
    account = Account(settings=typed(one) | settings, hosts=hosts, tokens=tokens)
    return one.client(account, Line(send=send, wait=lambda: None, now=lambda: NOON))


def always(status: int, body: bytes, **headers: str) -> Send:
    """A remote that gives one answer to everything."""
    return lambda request: Answer(status, httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), body)


def deeds(one: Integration) -> dict[str, Callable[[Any], object]]:
    """Everything that a client of this integration is asked to do, by name."""
    found: dict[str, Callable[[Any], object]] = {"check": one.check}
    for resource, pull in one.pulls.items():
        found[resource.value] = _first_page(pull, None)
        if pull.incremental:
            found[f"{resource.value} since"] = _first_page(pull, NOON - timedelta(days=1))
    if one.grant:
        take, renew = one.grant.take, one.grant.renew
        found["take"] = lambda client: take(client, f"marker-code-{MARK}", "https://portal.example/callback")
        found["renew"] = lambda client: renew(client, client.account.tokens)
    return found


def attempts(one: Integration) -> Iterator[tuple[str, Callable[[Any], object], dict[str, str]]]:
    """Every deed under every choice that the settings offer."""
    choices = [{each.key: value} for each in one.settings if each.entry is Entry.CHOICE for value in each.choices]
    for choice in choices or [{}]:
        for deed, do in deeds(one).items():
            yield deed, do, choice


def _first_page(pull: Pull, since: datetime | None) -> Callable[[Any], object]:
    return lambda client: next(pull.pages(client, since, None))


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
    assert one.app_key in settings
    assert one.currency in list_currencies()
    assert one.locale in {"en", "id", "zh_Hans"}
    assert 1 <= len(one.tile) <= 3
    assert one.pace.rate > 0
    assert all(address.startswith("https://") for address in one.hosts.values())
    switches = {each.key for each in one.options if each.entry is Entry.SWITCH}
    assert {each.needs for each in one.options if each.needs} <= switches
    for setting in one.settings:
        assert setting.entry is not Entry.CHOICE or setting.default in {"", *setting.choices}
        assert not setting.pattern or (re.compile(setting.pattern) and setting.pattern_says)
    assert {each.copies for each in one.guide if each.copies} <= {"callback_url"}
    assert not one.grant or one.grant.renew_before > timedelta(0)


def imports_only_its_own(one: Integration) -> None:
    own = f"portal.integrations.{one.key}"
    for file in folder(one).rglob("*.py"):
        allowed = {"httpx", *sys.stdlib_module_names} | (
            {"werkzeug"} if "sandbox" in str(file.relative_to(folder(one))) else set()
        )
        for name in imported(file):
            inside = name == own or name.startswith((own + ".", "portal.contract."))
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


def plain(record: object) -> Any:
    """A record as JSON shows it."""
    assert is_dataclass(record) and not isinstance(record, type)
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


# --- what comes back ----------------------------------------------------------------------------------------------


def _raises(error: RemoteError) -> Send:
    def send(request: httpx.Request) -> Answer:
        raise error

    return send


GBK = '{"a":{"code":"0","名称":"保温杯"}}'.encode("gbk")
BAD: dict[str, tuple[Send, tuple[type[RemoteError], ...]]] = {
    "401": (always(401, b"{}"), (Unauthorised,)),
    "403": (always(403, b"no"), (Unauthorised,)),
    "404": (always(404, b"<html>"), (Refused,)),
    "redirect": (always(302, b"", Location="https://elsewhere.example"), (Refused,)),
    "429": (always(429, b"", Retry_After="7"), (Busy,)),
    "500": (always(500, b""), (Busy,)),
    "502 with a page": (always(502, b"<html>Bad Gateway</html>"), (Busy,)),
    "time-out": (_raises(Busy(Cause.TIMEOUT, "no whole answer within 25 s")), (Busy,)),
    "empty": (always(200, b""), (Garbled,)),
    "HTML": (always(200, b"<!doctype html><p>Maintenance", Content_Type="text/html"), (Garbled,)),
    "cut": (always(200, b'{"a_responce":{"code":"0","page":{"data":[{"id"'), (Garbled,)),
    "GBK": (always(200, GBK), (Garbled,)),
    "a list": (always(200, b'[{"code":"0"}]'), (Garbled,)),
    "a number": (always(200, b"17"), (Garbled,)),
    "null": (always(200, b"null"), (Garbled,)),
    "deep": (always(200, b"[" * 200_000), (Garbled,)),
    "a number without end": (always(200, b'{"a":{"code":' + b"9" * 6000 + b"}}"), (Garbled,)),
    "an exponent without end": (always(200, b'{"a":1E99999999999999999999}'), (Garbled,)),
    "not a number": (always(200, b'{"a":{"code":NaN}}'), (Garbled,)),
}  # fmt: skip
WRONG_TYPES: tuple[Any, ...] = (
    {}, {"a": None}, {"a": []}, {"a": "text"}, {"a": {}}, {"a": {"code": []}}, {"a": {"code": True}},
    {"a": {"code": "0"}}, {"a": {"code": 0, "page": []}}, {"a": {"code": "0", "page": {"data": {}, "totalItem": "x"}}},
    {"error_response": None}, {"error_response": "busy"}, {"error_response": {}}, {"error_response": {"code": {}}},
    {"error_response": {"code": "77777", "en_desc": 3}}, {"code": [], "access_token": 5}, {"success": "maybe"},
    {"a": {"code": "0", "returnType": {"success": True, "model": 5}}}, {"openapi_code": "0", "openapi_data": "{"},
    {"a": {"code": "0", "returnType": {"success": None}}}, {"openapi_code": 0, "openapi_data": {}},
)  # fmt: skip


def bad_answers_become_our_errors(one: Integration) -> None:
    for name, (send, expected) in BAD.items():
        for deed, do, choice in attempts(one):
            with pytest.raises(ANY) as caught:
                do(client_for(one, send, **choice))
            assert isinstance(caught.value, expected), f"{deed}, {choice}, {name}: {caught.value!r}"
            assert name != "429" or caught.value.after == 7


def wrong_types_become_our_errors(one: Integration) -> None:
    for body in WRONG_TYPES:
        for deed, do, choice in attempts(one):
            with pytest.raises(ANY):
                result = do(client_for(one, always(200, json.dumps(body).encode()), **choice))
                pytest.fail(f"{deed}, {choice}: {body} gave {result!r}")


def wrong_addresses_become_our_errors(one: Integration) -> None:
    for host in ("https://[bad", "nothing at all", ""):
        client = client_for(one, _raises(Refused(Cause.WRONG_ENDPOINT)))
        client.account = Account(client.account.settings, dict.fromkeys(one.hosts, host), client.account.tokens)
        for deed, do in deeds(one).items():
            with pytest.raises(Refused):
                result = do(client)
                pytest.fail(f"{deed}: {host!r} gave {result!r}")


def _echoes(status: int, form: str) -> Send:
    """A remote that repeats all it was sent, which is the worst that an error page does."""

    def send(request: httpx.Request) -> Answer:
        said = f"{request.url} {request.content.decode()} {dict(request.headers)}"
        said = f"{said} {httpx.QueryParams(request.content.decode())} {dict(request.url.params)}"
        body = form.replace("ECHO", json.dumps(said)[1:-1])
        return Answer(status, httpx.Headers({"Content-Type": "text/plain"}), body.encode())

    return send


ECHOES = (
    '<html>ECHO', '{"error_response":{"code":"12","en_desc":"ECHO"}}', '{"code":400,"msg":"ECHO"}', '{"a":"ECHO"',
    '{"a_responce":{"code":"0","error_description":"ECHO","x":"ECHO"}}', '{"openapi_code":7,"openapi_msg":"ECHO"}',
    '{"a":{"code":"0","returnType":{"success":false,"message":"ECHO"}}}', '{"success":false,"message":"ECHO"}',
)  # fmt: skip


def nothing_secret_gets_out(one: Integration, log: pytest.LogCaptureFixture) -> None:
    markers = [value for each in one.settings if each.secret for value in [typed(one)[each.key]] if MARK in value]
    markers += [f"marker-access-{MARK}", f"marker-refresh-{MARK}", f"marker-code-{MARK}"]
    log.set_level(logging.DEBUG)
    for form in ECHOES:
        for status in (200, 400, 401, 500):
            for deed, do, choice in attempts(one):
                client = client_for(one, _echoes(status, form), **choice)
                with pytest.raises(ANY) as caught:
                    do(client)
                told = _everything_of(caught.value) + log.text + repr(client.account) + repr(client)
                for marker in markers:
                    assert marker not in told, f"{deed}: {status} {form}"


def _everything_of(error: BaseException | None) -> str:
    told = ""
    while error is not None:
        sample = getattr(error, "sample", b"")
        told += f"{error!r} {error} {error.args} {getattr(error, 'detail', '')} {sample.decode(errors='replace')}\n"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


# --- the sandbox --------------------------------------------------------------------------------------------------


def sandbox_answers_the_check(one: Integration, client: ApiClient) -> None:
    shop = one.check(client)
    assert isinstance(shop, Shop)
    assert shop.remote_id.strip()


def pulled(pull: Pull, client: ApiClient, cursor: str | None = None, since: datetime | None = None) -> list[Any]:
    """All pages from a cursor on."""
    found = list(pull.pages(client, since, cursor))
    assert found, "a pull without any page"
    assert found[-1].cursor is None
    assert all(page.cursor for page in found[:-1])
    return found


def sandbox_fills_every_pull(one: Integration, client: ApiClient) -> None:
    for pull in one.pulls.values():
        found = pulled(pull, client)
        ids = set()
        for item in (item for page in found for item in page.items):
            record = pull.read(item)
            assert record.remote_id.strip()
            assert record.price is None or record.price.currency == one.currency
            for each in fields(record):
                value = getattr(record, each.name)
                assert not isinstance(value, datetime) or value.utcoffset() == timedelta(0)
            ids.add(record.remote_id)
        assert ids
        totals = {page.total for page in found} - {None}
        assert not totals or totals == {len(ids)}


def a_pull_goes_on_where_it_was_killed(one: Integration, fresh: Callable[[], ApiClient]) -> None:
    for pull in one.pulls.values():
        whole = _ids(pull, pulled(pull, fresh()))
        cursors = [page.cursor for page in pulled(pull, fresh()) if page.cursor]
        for place, cursor in enumerate(cursors, 1):
            before = list(islice(pull.pages(fresh(), None, None), place))
            assert _ids(pull, before) | _ids(pull, pulled(pull, fresh(), cursor)) == whole, cursor
            assert before[-1].cursor == cursor


def _ids(pull: Pull, found: list[Any]) -> set[str]:
    return {pull.read(item).remote_id for page in found for item in page.items}
