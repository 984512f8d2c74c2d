"""How a seller lets us in at JD.ID (JD.ID's sign-in server, authorisation code; the shape is JD.com's)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, read_json, request_to
from portal.contract.records import Tokens
from portal.contract.router import CODES, refusal
from portal.integrations.jd_id.client import JdIdClient

# One client of that time renewed four hours ahead, another one hour; the longer one leaves room for an outage.
RENEW_BEFORE = timedelta(hours=4)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def needed(settings: Mapping[str, str]) -> bool:
    """In the first generation tokens were handed out by hand."""
    return settings.get("generation") != "v1"


def authorise(account: Account, redirect_uri: str, state: str) -> str:
    """The address of the consent page."""
    asked = {
        "app_key": account.settings.get("api_key", ""),
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": "snsapi_base",
    }
    return str(httpx.URL(_address(account, "to_login"), params=asked))


def take(client: JdIdClient, code: str, redirect_uri: str) -> Tokens:
    """Change the code of the callback into tokens.  JD.ID did not ask for the redirect address again."""
    asked = {"grant_type": "authorization_code", "code": code}
    return _tokens(client, "access_token", asked, Refused(Cause.GRANT_REFUSED))


def renew(client: JdIdClient, tokens: Tokens) -> Tokens:
    """Change the refresh token into new tokens; both values change and both are kept."""
    if not tokens.refresh:
        raise Unauthorised(Cause.TOKEN_EXPIRED, "no refresh token is kept")
    asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    return _tokens(client, "refresh_token", asked, Unauthorised(Cause.TOKEN_EXPIRED), tokens)


def refused(query: Mapping[str, str]) -> RemoteError:
    """What a callback without a code means.

    How JD.ID told a Basic Seller no is not established; one of the gateway's numbers for a seller's level, given as
    `error` or `code`, is read as that, anything else as a refusal by the seller.
    """
    code = query.get("code") or query.get("error") or ""
    if CODES.get(code, (None, None))[1] is Cause.SELLER_LEVEL:
        return Unauthorised(Cause.SELLER_LEVEL, code=code)
    return Refused(Cause.GRANT_REFUSED, code=code[:40])


def _tokens(
    client: JdIdClient, path: str, asked: Mapping[str, str], no: RemoteError, old: Tokens | None = None
) -> Tokens:
    settings = client.account.settings
    keys = {"app_key": settings.get("api_key", ""), "app_secret": settings.get("api_secret", "")}
    body = _answer(client, request_to("GET", _address(client.account, path), params=keys | dict(asked)), no)
    code = str(body.get("code", "0"))
    if code != "0":
        raise _no(code, no)
    access = body.get("access_token")
    if not isinstance(access, str) or not access:
        raise Garbled(Cause.NOT_READABLE, "the sign-in server's answer holds no access token")
    refresh = body.get("refresh_token")
    return Tokens(
        access=access,
        refresh=refresh if isinstance(refresh, str) and refresh else (old.refresh if old else ""),
        expires_at=_expires(body, client.line.now()),
        account=str(body.get("uid") or (old.account if old else "")),
    )


def _answer(client: JdIdClient, request: httpx.Request, no: RemoteError) -> dict[str, Any]:
    try:
        return read_json(client.ask(request))
    except Garbled as why:
        # A cut answer may hold tokens, so no sample of it is kept.
        raise Garbled(why.cause, why.detail) from None
    except Refused as why:
        if why.code != "400":
            raise
        raise _no(why.code, no) from None


def _no(code: str, otherwise: RemoteError) -> RemoteError:
    """The gateway's numbers where it is one of them; that 401 and the 500s mean what they mean in HTTP is our reading.

    The words are left out: they may echo what was sent.
    """
    if code == "401":
        return Unauthorised(Cause.WRONG_CREDENTIALS, "sign-in server", code=code)
    if code in CODES:
        return refusal(code, "sign-in server")
    if len(code) == 3 and code.startswith("5"):
        return Busy(Cause.BUSY, "sign-in server", code=code)
    return type(otherwise)(otherwise.cause, "sign-in server", code=code)


def _expires(body: Mapping[str, Any], now: datetime) -> datetime | None:
    """When the token ends: `expires_in` seconds after `time`, which is in milliseconds and given as number or text."""
    lives, issued = _digits(body.get("expires_in")), _digits(body.get("time"))
    if lives is None:
        return None
    try:
        begins = _EPOCH + timedelta(milliseconds=issued) if issued else now
        return begins + timedelta(seconds=lives)
    except OverflowError:
        raise Garbled(Cause.NOT_READABLE, "the token's end lies outside the calendar") from None


def _digits(found: Any) -> int | None:
    word = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 18 else None


def _address(account: Account, path: str) -> str:
    return account.hosts["oauth"].rstrip("/") + "/oauth2/" + path
