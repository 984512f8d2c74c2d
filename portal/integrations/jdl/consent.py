"""How a merchant lets us in at JD Logistics (its sign-in server, authorisation code).

The answers are JSON, or a JSON text that holds JSON; the ends of the tokens are text at GMT+8.  The access lasts a
year.  Refreshing is documented, and was seen to give the same tokens and ends again, so a merchant is asked in time.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.gateway import code_of
from portal.contract.http import Account, parsed, read_any_json, request_to
from portal.contract.reading import moment_of
from portal.contract.records import Tokens
from portal.integrations.jdl.client import ZONE, JdlClient

RENEW_BEFORE = timedelta(days=30)
WARN_BEFORE = timedelta(days=30)
# With this address JD shows what it grants on a page of its own, and nothing leads back.
SHOWN_HERE = "urn:ietf:wg:oauth:2.0:oob"

_WELL = frozenset({"0", "200", "1000"})
_LONGEST_PASTE = 20_000
_CODE = re.compile(r"[A-Za-z0-9._~+/=-]{4,512}")
# Our sandbox's number for keys that do not belong together; JD's own is not established.
_WRONG_KEYS = "2002"


def authorise(account: Account, redirect_uri: str, state: str) -> str:
    """The address of the consent page."""
    asked = {"client_id": account.settings.get("app_key", ""), "redirect_uri": redirect_uri, "response_type": "code"}
    return str(httpx.URL(_address(account, "authorize"), params={**asked, **({"state": state} if state else {})}))


def shown_at(account: Account) -> str:
    """The address of the consent page that shows the code instead of leading back."""
    return authorise(account, SHOWN_HERE, "")


def take(client: JdlClient, code: str, redirect_uri: str) -> Tokens:
    """Change a code into tokens.  JD does not ask for the redirect address again."""
    key, secret = client.key_and_secret()
    asked = {"client_id": key, "client_secret": secret, "code": code}
    no = Refused(Cause.GRANT_REFUSED)
    return _tokens(_answer(client, "token", asked, no), None, no)


def renew(client: JdlClient, tokens: Tokens) -> Tokens:
    """Ask for a later end.  JD may give the same tokens and ends again; then these come back."""
    if not tokens.refresh:
        raise Unauthorised(Cause.TOKEN_EXPIRED, "no refresh token is kept")
    key, secret = client.key_and_secret()
    signed = {"app_key": key, "refresh_token": tokens.refresh, "timestamp": client.timestamp()}
    asked = {**signed, "sign": client.sign(signed, secret), "timezone": "8"}
    no = Unauthorised(Cause.TOKEN_EXPIRED)
    return _tokens(_answer(client, "refresh", asked, no), tokens, no)


def pasted(text: str) -> str:
    """The code in what a merchant pasted: a whole address, the code alone, or JSON that has one; "" for none."""
    found = text.strip()
    if not found or len(found) > _LONGEST_PASTE:
        return ""
    inside = _unwrapped(found)
    if inside is not None:
        code = inside.get("code")
        return code if isinstance(code, str) and not inside.get("accessToken") and _CODE.fullmatch(code) else ""
    if "://" in found or "code=" in found:
        return _code_in_address(found)
    return found if _CODE.fullmatch(found) else ""


def pasted_tokens(text: str) -> Tokens | None:
    """The tokens in what JD's own page showed, None where the text holds none."""
    found = text.strip()
    inside = _unwrapped(found) if len(found) <= _LONGEST_PASTE else None
    if inside is None:
        return None
    try:
        return _tokens(inside, None, Refused(Cause.GRANT_REFUSED))
    except RemoteError:
        return None


def _code_in_address(found: str) -> str:
    try:
        query = urlsplit(found).query or found.partition("?")[2] or found
        codes = parse_qs(query, max_num_fields=50).get("code", [])
    except ValueError:
        return ""
    return codes[0].strip() if codes and _CODE.fullmatch(codes[0].strip()) else ""


def _unwrapped(text: str) -> dict[str, Any] | None:
    """The object in a text that is JSON, or JSON inside a JSON text; None where there is none."""
    found: Any = text
    for _ in range(3):
        if not isinstance(found, str):
            break
        try:
            found = parsed(found)
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


def _answer(client: JdlClient, path: str, asked: Mapping[str, str], no: RemoteError) -> dict[str, Any]:
    try:
        found = read_any_json(client.ask(request_to("GET", _address(client.account, path), params=asked)))
    except Garbled as why:
        # A cut answer may hold tokens, so no sample of it is kept.
        raise Garbled(why.cause, why.detail) from None
    except Refused as why:
        if why.code != "400":
            raise
        raise type(no)(no.cause, "sign-in server", code=why.code) from None
    inside = _unwrapped(found) if isinstance(found, str) else found
    if not isinstance(inside, dict):
        raise Garbled(Cause.NOT_READABLE, f"the sign-in server's answer is a {type(found).__name__}, not an object")
    return inside


def _tokens(answer: Mapping[str, Any], old: Tokens | None, no: RemoteError) -> Tokens:
    """The tokens of an answer, which stand in it or in its `data`; what is not told again stays as it was."""
    inside = answer
    if "accessToken" not in answer:
        # With the code of the grant itself in it, an answer without tokens is a refusal all the same.
        if (code := _refused_with(answer)) is not None:
            raise _no(code, no)
        data = answer.get("data")
        opened = _unwrapped(data) if isinstance(data, str) else data
        if not isinstance(opened, dict):
            raise Garbled(Cause.NOT_READABLE, "the sign-in server's answer holds no access token")
        inside = opened
    access = inside.get("accessToken")
    if not isinstance(access, str) or not access:
        raise Garbled(Cause.NOT_READABLE, "the sign-in server's answer holds no access token")
    return Tokens(
        access=access,
        refresh=_word(inside, "refreshToken") or (old.refresh if old else ""),
        expires_at=_ends(inside),
        account=_word(inside, "sellerId") or (old.account if old else ""),
    )


def _refused_with(answer: Mapping[str, Any]) -> str | None:
    """The number of a refusal, None where the answer is none."""
    if "code" not in answer and "data" not in answer:
        return None
    code = code_of(answer, missing="0")
    return None if code in _WELL else code


def _no(code: str, otherwise: RemoteError) -> RemoteError:
    """The words are left out: they may echo what was sent."""
    if code == _WRONG_KEYS:
        return Refused(Cause.HOUSE_KEYS, "sign-in server", code=code)
    if len(code) == 3 and code.startswith("5"):
        return Busy(Cause.BUSY, "sign-in server", code=code)
    return type(otherwise)(otherwise.cause, "sign-in server", code=code[:40])


def _ends(inside: Mapping[str, Any]) -> datetime | None:
    found = inside.get("accessExpire")
    if found is None or found == "":
        return None
    moment = moment_of(found.strip(), ZONE) if isinstance(found, str) else None
    if moment is None:
        raise Garbled(Cause.NOT_READABLE, "the token's end cannot be read")
    return moment


def _word(inside: Mapping[str, Any], name: str) -> str:
    found = inside.get(name)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _address(account: Account, path: str) -> str:
    return account.hosts["oauth"].rstrip("/") + "/oauth/" + path
