"""The way to a remote: addresses, credentials, the guard, the pace."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portal import integrations
from portal.contract.definition import Entry, Integration
from portal.contract.errors import Busy, Cause, Refused, Unauthorised
from portal.contract.http import Account, ApiClient, Line
from portal.contract.records import Tokens
from portal.contract.wire import TOTAL_SECONDS, Wire
from portal.flows import secrets
from portal.flows.house import house
from portal.kit import guard
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.kit.pace import Pacer, TooLong
from portal.models import Connection

IN_A_REQUEST = 10.0


def addresses(one: Integration) -> dict[str, str]:
    """Where the remote is: its own hosts, or the same paths at the sandbox where the house runs with one."""
    sandbox = house().settings.sandbox_url
    if not sandbox:
        return dict(one.hosts)
    return {use: f"{sandbox}/{one.key}{urlsplit(url).path}" for use, url in one.hosts.items()}


def consent_origins() -> tuple[str, ...]:
    """The origins of every remote's consent pages, for the policy that says where forms may lead."""
    granting = [one for one in integrations.all_integrations().values() if one.grant]
    found = [each for one in granting for each in gateways(one, "oauth")[: 1 if is_sandbox() else None]]
    return tuple(dict.fromkeys(f"{urlsplit(each).scheme}://{urlsplit(each).netloc}" for each in found))


def gateways(one: Integration, use: str = "gateway") -> list[str]:
    """The known addresses that a form offers for a typed endpoint: the sandbox's first, where there is one."""
    live = [
        address for each in one.settings if each.entry is Entry.ADDRESS and each.use == use for address in each.choices
    ]
    known = [addresses(one).get(use, ""), *(live or [one.hosts.get(use, "")])]
    return list(dict.fromkeys(each for each in known if each))


def house_value(one: Integration, key: str) -> str:
    """What the operator set for all connections of a remote, "" where nothing is.

    Where the house runs with a sandbox, what the sandbox knows stands in for what is not set.  Raises Refused for a
    file that cannot be read and for a value that the remote could not use.
    """
    declared = next(each for each in one.house_values if each.key == key)
    name = f"PORTAL_{one.key}_{key}".upper()
    said = house().settings.of_remotes.get(name, "").strip()
    if said and declared.file:
        try:
            said = Path(said).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise Refused(Cause.HOUSE_KEYS, f"{name} names a file that cannot be read as UTF-8 text") from None
    ready: Mapping[str, str] = getattr(one.sandbox, "house", {}) if is_sandbox() else {}
    value = said or ready.get(key, "") or declared.default
    if value and declared.check is not None:
        try:
            declared.check(value)
        except ValueError as why:
            raise Refused(Cause.HOUSE_KEYS, f"{name}: {why}") from None
    return value


def is_sandbox() -> bool:
    """Whether this house speaks to the sandbox; it then does so for every connection, whatever address is typed.

    A house with sample data must never call a real remote.
    """
    return bool(house().settings.sandbox_url)


def _typed_endpoints(one: Integration, settings: Mapping[str, Any]) -> dict[str, str]:
    typed = {each.use: str(settings.get(each.key) or "") for each in one.settings if each.entry is Entry.ADDRESS}
    return {use: address for use, address in typed.items() if address}


def check_endpoint(one: Integration, url: str) -> None:
    """Refuse a typed endpoint that is not on the list: the integration's own hosts, and those the operator allows."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refusal("endpoint_form") from None
    sandbox = urlsplit(house().settings.sandbox_url)
    if sandbox.hostname and (parts.scheme, parts.netloc) == (sandbox.scheme, sandbox.netloc):
        if f"{parts.path}/".startswith(f"/{one.key}/"):
            return
        raise Refusal("endpoint_path", host=parts.netloc)
    allowed = {urlsplit(each).hostname for each in one.hosts.values()} | house().settings.allowed_hosts
    if parts.scheme != "https" or parts.username or port not in {None, guard.HTTPS}:
        raise Refusal("endpoint_form")
    if (parts.hostname or "").lower() not in allowed:
        raise Refusal("endpoint_host", host=parts.hostname or "", known=gateways(one))


def account(connection: Connection, tokens: Tokens | None = None) -> Account:
    """The account of a connection, its secrets opened.

    Raises Unauthorised where a typed one opens no more, and Refused where the operator has set no key for this remote.

    Tokens that open no more count as none, so that the merchant can sign in for new ones.
    """
    one = integrations.get(connection.integration)
    opened = secrets.readable(connection)
    lost = {each.field for each in secrets.saved(connection)} - opened.keys()
    if lost & {each.key for each in one.settings}:
        raise Unauthorised(Cause.WRONG_CREDENTIALS, "a saved secret can no longer be opened")
    settings = {each.key: str(connection.settings.get(each.key) or opened.get(each.key) or "") for each in one.settings}
    settings |= {each.key: house_value(one, each.key) for each in one.house_values}
    if _is_of_the_house(one) and not settings[one.app_key]:
        raise Refused(Cause.HOUSE_KEYS, f"PORTAL_{one.key}_{one.app_key}".upper())
    hosts = addresses(one)
    if not is_sandbox():
        hosts |= _typed_endpoints(one, settings)
    if tokens is None and "token.access" in opened:
        refresh, whose_token = opened.get("token.refresh", ""), opened.get("token.account", "")
        tokens = Tokens(opened["token.access"], refresh, connection.token_expires_at, whose_token)
    return Account(settings, hosts, tokens)


def _is_of_the_house(one: Integration) -> bool:
    """Whether all connections of a remote call it under one key, the operator's."""
    return any(each.key == one.app_key for each in one.house_values)


def lane(connection: Connection) -> str:
    """The lane of a connection's work: one app key at one remote, so that all who share the key share its pace."""
    one = integrations.get(connection.integration)
    if _is_of_the_house(one):
        key = house_value(one, one.app_key)
    else:
        key = str(connection.settings.get(one.app_key) or secrets.readable(connection).get(one.app_key) or "")
    key = key or str(connection.id)
    return f"{one.key}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


@contextmanager
def open_client(
    connection: Connection, *, with_account: Account | None = None, seconds: float = TOTAL_SECONDS
) -> Iterator[ApiClient]:
    """A client for a connection.  Ends the open transaction first: none stays open while the remote thinks."""
    one = integrations.get(connection.integration)
    who = with_account or account(connection)
    pace_of = lane(connection)
    db.session.commit()
    wire = Wire(
        guard.guarded_client(_named(), connections=one.pace.at_once),
        guard.within,
        blocked=guard.Blocked,
        seconds=seconds,
    )
    rate = house().settings.paces.get(one.key, one.pace.rate)
    pacer = Pacer(house().redis, pace_of, rate, one.pace.burst, patience=seconds)
    try:
        yield one.client(who, Line(send=wire.send, wait=lambda: _wait(pacer), now=now, at_once=one.pace.at_once))
    finally:
        wire.close()


def _wait(pacer: Pacer) -> None:
    try:
        pacer.wait()
    except TooLong as why:
        raise Busy(Cause.RATE_LIMITED, "our own share of the pace is used", after=why.seconds) from None


def _named() -> set[tuple[str, int]]:
    # The sandbox is the one remote on a private address, and only because the operator's own setting names it.
    sandbox = urlsplit(house().settings.sandbox_url)
    if not sandbox.hostname:
        return set()
    return {(sandbox.hostname, sandbox.port or (443 if sandbox.scheme == "https" else 80))}


def with_tokens(who: Account, tokens: Tokens | None) -> Account:
    """The same account with other tokens."""
    return replace(who, tokens=tokens)
