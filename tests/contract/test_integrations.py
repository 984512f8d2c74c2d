"""Every integration is asked the same.  A folder that appears beside the others is asked unasked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from portal.contract.definition import Entry, Integration, Resource
from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import ApiClient, Line
from portal.integrations import all_integrations
from tests.contract import checks, checks_of_answers, checks_of_what_goes_out
from tests.contract.canned import choices, deeds
from tests.contract.lines import client_of, line_to

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ["tests.sandbox_server"]

each = pytest.mark.parametrize("one", all_integrations().values(), ids=lambda one: one.key)


@each
@pytest.mark.parametrize("check", [*checks.ALL, *checks_of_answers.ALL], ids=lambda check: check.__name__)
def test_every_folder_keeps_the_contract(one: Integration, check: Callable[[Integration], None]) -> None:
    check(one)


@each
def test_nothing_secret_gets_out(one: Integration, caplog: pytest.LogCaptureFixture) -> None:
    checks_of_answers.nothing_secret_gets_out(one, caplog)


# --- over real HTTP -----------------------------------------------------------------------------------------------


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def fresh(one: Integration, sandbox: Running, line: Line) -> Callable[..., ApiClient]:
    """Makes clients of the first account of the integration's sandbox, with some hundred SKUs where it has any."""
    name = sandbox.worlds[one.key].sellers()[0].name
    sandbox.control("account", integration=one.key, name=name, size=500)
    sandbox.control("limits", integration=one.key, account=name, rate=None, quota=None)
    if Resource.ORDERS in one.pulls:
        sandbox.control("order", integration=one.key, account=name, many=230, minutes_ago=3000)
        sandbox.control("order", integration=one.key, account=name, many=3, minutes_ago=60, unpaid=True)
    account = sandbox.account(one.key, name)
    return lambda **choice: client_of(one, sandbox.url, account, line, choice)


@each
def test_the_sandbox_answers_the_check(one: Integration, fresh: Callable[..., ApiClient]) -> None:
    for choice in choices(one):
        checks_of_answers.sandbox_answers_the_check(one, fresh(**choice))


@each
def test_what_a_merchant_types_for_an_account_of_the_sandbox_fills_the_form_and_opens_the_shop(
    one: Integration, sandbox: Running, line: Line
) -> None:
    known = {each.key: each for each in one.settings}
    for seller in sandbox.worlds[one.key].sellers():
        account = sandbox.account(one.key, seller.name)
        types = account["types"]
        assert types.keys() <= known.keys()
        for key, each in known.items():
            value = types.get(key, each.default)
            assert value or not each.required, f"{seller.name} leaves {key} empty"
            assert not (value and each.pattern) or re.fullmatch(each.pattern, value), f"{key}: {value}"
            if each.entry is Entry.ADDRESS:
                assert value.startswith(f"{sandbox.url}/{one.key}"), f"{value} is not the address that was asked"
            if each.secret:
                assert each.key not in types or types[each.key] in _words_of(account), f"{key} is of no one"
        assert account["merchant"]
    first = sandbox.account(one.key, sandbox.worlds[one.key].sellers()[0].name)
    checks_of_answers.sandbox_answers_the_check(one, client_of(one, sandbox.url, first, line, first["types"]))


def _words_of(account: dict[str, Any]) -> set[str]:
    return {account["app_secret"], *(each["access"] for each in account["tokens"])}


@each
def test_the_sandbox_fills_every_pull(one: Integration, fresh: Callable[..., ApiClient], sandbox: Running) -> None:
    for choice in choices(one):
        checks_of_answers.sandbox_fills_every_pull(one, fresh(**choice))


@each
def test_the_sandbox_passes_every_step_of_the_check(one: Integration, fresh: Callable[..., ApiClient]) -> None:
    for choice in choices(one):
        checks_of_answers.sandbox_passes_every_step_of_the_check(one, fresh(**choice))


@each
def test_some_are_what_all_have_of_them(one: Integration, fresh: Callable[..., ApiClient]) -> None:
    for choice in choices(one):
        checks_of_answers.some_are_what_all_have_of_them(one, fresh(**choice))


@each
def test_a_pull_goes_on_where_it_was_killed(one: Integration, fresh: Callable[..., ApiClient]) -> None:
    for choice in choices(one):
        checks_of_answers.a_pull_goes_on_where_it_was_killed(one, lambda choice=choice: fresh(**choice))


@each
def test_spoiled_answers_become_our_errors(one: Integration, fresh: Callable[..., ApiClient], sandbox: Running) -> None:
    sandbox.control("account", integration=one.key, name=sandbox.worlds[one.key].sellers()[0].name, size=20)
    for choice in choices(one):
        checks_of_answers.spoiled_answers_become_our_errors(one, lambda choice=choice: fresh(**choice))


@each
def test_what_goes_out_arrives_at_the_sandbox(
    one: Integration, fresh: Callable[..., ApiClient], sandbox: Running
) -> None:
    for choice in choices(one):
        client = fresh(**choice)
        checks_of_what_goes_out.stock_arrives(one, client, sandbox)
        checks_of_what_goes_out.a_refused_listing_is_told_alone(one, client, sandbox)
        checks_of_what_goes_out.a_lost_reply_is_an_unknown_outcome(one, client, sandbox)
        checks_of_what_goes_out.a_price_arrives(one, client, sandbox)
        checks_of_what_goes_out.an_order_is_confirmed_once(one, client, sandbox)


@each
def test_every_order_comes_once_with_a_word_that_has_a_meaning(
    one: Integration, fresh: Callable[..., ApiClient], sandbox: Running
) -> None:
    if Resource.ORDERS in one.pulls:
        for choice in choices(one):
            checks_of_what_goes_out.orders_come_once(one, fresh(**choice), sandbox)


@each
@pytest.mark.parametrize(
    ("fault", "error", "causes"),
    [
        ("busy", Busy, {Cause.BUSY}),
        ("error200", Busy, {Cause.BUSY}),
        ("quota", Busy, {Cause.QUOTA_USED, Cause.RATE_LIMITED}),
        ("rate", Busy, {Cause.QUOTA_USED, Cause.RATE_LIMITED}),
        ("rate:429:3", Busy, {Cause.RATE_LIMITED}),
        ("token", Unauthorised, {Cause.TOKEN_EXPIRED}),
        ("clock", Refused, {Cause.CLOCK}),
        ("http500", Busy, {Cause.BUSY}),
        ("html502", Busy, {Cause.BUSY}),
        ("html200", Garbled, {Cause.NOT_READABLE}),
        ("cut", Garbled, {Cause.NOT_READABLE, Cause.WRONG_ENCODING}),  # Perhaps in the middle of a letter.
        ("gbk", Garbled, {Cause.WRONG_ENCODING}),
        ("reset", Busy, {Cause.UNREACHABLE}),
        ("refuse", Busy, {Cause.UNREACHABLE}),
    ],
)
def test_a_fault_of_the_sandbox_becomes_our_error(
    one: Integration,
    fresh: Callable[..., ApiClient],
    sandbox: Running,
    fault: str,
    error: type[RemoteError],
    causes: set[Cause],
) -> None:
    for choice in choices(one):
        sandbox.control("fault", integration=one.key, kind=fault, times="forever")
        for deed, do in deeds(one).items():
            if deed not in {"take", "renew"}:
                with pytest.raises(RemoteError) as caught:
                    do(fresh(**choice))
                assert isinstance(caught.value, error), f"{deed}: {caught.value!r}"
                assert caught.value.cause in causes, deed
        sandbox.control("clear", integration=one.key)
        checks_of_answers.sandbox_answers_the_check(one, fresh(**choice))
