"""Clients that talk to canned answers, and what they can be asked to do."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from portal.contract.definition import Entry, Integration, Pull
from portal.contract.errors import Busy, Garbled, Refused, Unauthorised
from portal.contract.http import Account, Answer, ApiClient, Line
from portal.contract.records import Dispatch, Level, Tokens
from portal.kit.money import money

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MARK = "5f2c9e"
ANY = (Busy, Garbled, Refused, Unauthorised)
Send = Callable[[httpx.Request], Answer]


def typed(one: Integration) -> dict[str, str]:
    """Settings as typed and what the operator set, every secret with a marker in it.  No file is set."""
    known = (*one.settings, *(each for each in one.house_values if not each.file))
    return {each.key: each.default or f"marker-{each.key}-{MARK}" for each in known}


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
        if pull.some:
            found[f"some {resource.value}"] = partial(_some, pull.some)
    found |= outward(one, "100012000001", "20000000000001")
    for step in one.checks:
        found[f"check {step.key}"] = step.passes
    if one.grant:
        take, renew = one.grant.take, one.grant.renew
        found["take"] = lambda client: take(client, f"marker-code-{MARK}", "https://portal.example/callback")
        found["renew"] = lambda client: renew(client, client.account.tokens)
    return found


def outward(one: Integration, listing: str, order: str) -> dict[str, Callable[[Any], object]]:
    """Everything that goes out, told of one listing and one order of the remote's."""
    found: dict[str, Callable[[Any], object]] = {}
    if one.stock_out:
        send, read = one.stock_out.send, one.stock_out.read
        found["send stock"] = lambda client: send(client, [Level(listing, "", 3)], "a-reference")
        found["read stock"] = lambda client: read(client, [listing])
    if one.price_out:
        price = one.price_out.send
        found["send price"] = lambda client: price(client, listing, money("12", one.currency))
    if one.confirming:
        confirm = one.confirming.confirm
        found["confirm"] = lambda client: confirm(client, Dispatch(order, "467", ("W1",)))
        if one.confirming.carriers:
            found["carriers"] = one.confirming.carriers
    return found


def choices(one: Integration) -> list[dict[str, str]]:
    """Every choice that the settings offer, one at a time."""
    found = [{each.key: value} for each in one.settings if each.entry is Entry.CHOICE for value in each.choices]
    return found or [{}]


def attempts(one: Integration) -> Iterator[tuple[str, Callable[[Any], object], dict[str, str]]]:
    """Every deed under every choice."""
    for choice in choices(one):
        for deed, do in deeds(one).items():
            yield deed, do, choice


def _some(some: Callable[[Any, Sequence[str]], object], client: Any) -> object:
    return some(client, ["1001"])


def _first_page(pull: Pull, since: datetime | None) -> Callable[[Any], object]:
    if pull.reach and since:
        # Such a pull may have several lists to walk, so it is not enough to look at the first page.
        return lambda client: [
            item for page in pull.pages(client, client.line.now() - timedelta(hours=2), None) for item in page.items
        ]
    return lambda client: next(pull.pages(client, since, None))
