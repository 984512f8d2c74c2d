"""What is asked of every integration's client, as plain functions: bad answers, secrets, its own sandbox."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from portal.contract.definition import Integration, Pull
from portal.contract.errors import BadRecord, Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, Answer, ApiClient
from portal.contract.records import Page, Record, RemoteDocument, RemoteOrder, Shop
from tests.contract.canned import ANY, MARK, Send, always, attempts, client_for, deeds, typed
from tests.contract.checks import changed_at, paths

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


def _told_by(do: Callable[[Any], object], client: ApiClient) -> object:
    """What was raised of our errors, or what came back."""
    try:
        return do(client)
    except ANY as why:
        return why


def wrong_types_become_our_errors(one: Integration) -> None:
    for body in WRONG_TYPES:
        for deed, do, choice in attempts(one):
            told = _told_by(do, client_for(one, always(200, json.dumps(body).encode()), **choice))
            # What goes out may need no more of an answer than that it went well.
            if deed in {"send stock", "send price"} and not told and '"success": true' in json.dumps(body):
                continue
            assert isinstance(told, ANY), f"{deed}, {choice}: {body} gave {told!r}"


def wrong_addresses_become_our_errors(one: Integration) -> None:
    for host in ("https://host:port", "nothing at all", ""):
        client = client_for(one, _raises(Refused(Cause.WRONG_ENDPOINT)))
        client.account = Account(client.account.settings, dict.fromkeys(one.hosts, host), client.account.tokens)
        for deed, do in deeds(one).items():
            told = _told_by(do, client)
            assert isinstance(told, Refused), f"{deed}: {host!r} gave {told!r}"


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
    secret = [each.key for each in (*one.settings, *one.house_values) if each.secret]
    markers = [value for key in secret if MARK in (value := typed(one)[key])]
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


ALL = (bad_answers_become_our_errors, wrong_types_become_our_errors, wrong_addresses_become_our_errors)

# --- the sandbox --------------------------------------------------------------------------------------------------


def sandbox_answers_the_check(one: Integration, client: ApiClient) -> None:
    shop = one.check(client)
    assert isinstance(shop, Shop)
    assert shop.remote_id.strip()


def pulled(pull: Pull, client: ApiClient, cursor: str | None = None, since: datetime | None = None) -> list[Any]:
    """All pages from a cursor on."""
    # A pull with a reach walks time; four days of it hold everything that was placed for it.
    if since is None and pull.reach:
        since = client.line.now() - timedelta(days=4)
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
            lines = getattr(record, "lines", ())
            amounts = [getattr(each, name, None) for each in (record, *lines) for name in ("price", "total", "freight")]
            assert {each.currency for each in amounts if each} <= {one.currency}
            for each in fields(record):
                value = getattr(record, each.name)
                assert not isinstance(value, datetime) or value.utcoffset() == timedelta(0)
            ids.add(record.remote_id)
        assert ids
        totals = {page.total for page in found} - {None}
        assert not totals or totals == {len(ids)}


def a_pull_goes_on_where_it_was_killed(one: Integration, fresh: Callable[[], ApiClient]) -> None:
    for pull in one.pulls.values():
        walk = list(pulled(pull, fresh()))
        whole = _ids(pull, walk)
        for place, page in enumerate(walk[:-1], 1):
            assert page.cursor
            before = _ids(pull, walk[:place])
            assert before | _ids(pull, pulled(pull, fresh(), page.cursor)) == whole, page.cursor


def sandbox_passes_every_step_of_the_check(one: Integration, client: ApiClient) -> None:
    for step in one.checks:
        assert isinstance(step.passes(client), str), step.key


def some_are_what_all_have_of_them(one: Integration, client: ApiClient) -> None:
    """Asked for by what a push names, the same comes as in the whole walk, and nothing for a name that nobody has."""
    for resource, pull in one.pulls.items():
        if pull.some is None:
            continue
        all_of_them = [pull.read(item) for page in pulled(pull, client) for item in page.items]
        wanted = {name_in_a_push(record): record for record in all_of_them[:3]}
        found = [pull.read(item) for item in pull.some(client, [*wanted, "nobody has this"])]
        assert sorted(found, key=lambda record: record.remote_id) == sorted(
            wanted.values(), key=lambda record: record.remote_id
        ), resource
        assert pull.some(client, []) == []


def name_in_a_push(record: Record) -> str:
    """What a push calls a record by: the merchant's own code or number."""
    if isinstance(record, RemoteOrder):
        return record.remote_id
    return record.reference if isinstance(record, RemoteDocument) else record.sku


def _ids(pull: Pull, found: list[Any]) -> set[str]:
    return {pull.read(item).remote_id for page in found for item in page.items}


SPOILED: tuple[Any, ...] = (None, True, "?", -1, [], {}, [None], 10**30)


def spoiled_answers_become_our_errors(one: Integration, fresh: Callable[[], ApiClient]) -> None:
    """A real answer with one value of another kind is an error of ours, or does not matter; nothing else happens."""
    for deed, do in deeds(one).items():
        if deed in {"take", "renew"}:
            continue
        for number, answer in enumerate(_recorded(fresh(), do)):
            body = json.loads(answer.body, parse_float=float)
            for path in _one_of_each_row(body):
                for strange in SPOILED:
                    client = fresh()
                    changed = json.dumps(changed_at(body, path, strange)).encode()
                    _replayed(client, number, Answer(200, answer.headers, changed))
                    try:
                        found = do(client)
                    except ANY:
                        continue
                    for item in _items_of(found):
                        _read_or_refused(one, item)


def _items_of(found: object) -> list[Any]:
    """The items of a page, or of a list of some."""
    return found if isinstance(found, list) else found.items if isinstance(found, Page) else []


def _read_or_refused(one: Integration, item: Any) -> None:
    for pull in one.pulls.values():
        with suppress(BadRecord):
            pull.read(item)


def _recorded(client: ApiClient, do: Callable[[Any], object]) -> list[Answer]:
    found: list[Answer] = []

    def send(request: httpx.Request) -> Answer:
        found.append(line.send(request))
        return found[-1]

    line = client.line
    client.line = replace(line, send=send, at_once=1)
    # What goes out may be refused: the listing and the order that it names are nobody's.
    with suppress(Refused):
        do(client)
    return found[:3]


def _replayed(client: ApiClient, number: int, instead: Answer) -> None:
    """Gives one call of the client another answer."""
    line, calls = client.line, iter(range(sys.maxsize))
    client.line = replace(
        line, at_once=1, send=lambda request: instead if next(calls) == number else line.send(request)
    )


def _one_of_each_row(body: Any) -> list[tuple[Any, ...]]:
    """The ways into an answer, of each list only its first row."""
    return [path for path in paths(body) if not any(isinstance(step, int) and step for step in path)]
