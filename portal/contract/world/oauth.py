"""The consent page and the token addresses of a JOS-like remote (authorisation code).

Sources and what of this is our invention: docs/jd.md, "Logging in".  The page works without scripts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from portal.contract.world import faults
from portal.contract.world.records import Fault, Seller, Token
from portal.contract.world.world import World

_CARRIED = ("app_key", "response_type", "redirect_uri", "state", "scope")
_STRICT_WINDOW = 86_400


@dataclass(frozen=True, kw_only=True)
class Consent:
    """How one remote's consent page speaks and looks.

    `words`: title, intro, app, shop, scope, email, password, allow, refuse, wrong, unknown_app, wrong_address, note.
    `gate(seller)` gives the error word and sentence with which the remote sends a seller back, None to let in.
    """

    language: str
    brand: str
    accent: str
    words: Mapping[str, str]
    gate: Callable[[Seller], tuple[str, str] | None] = lambda seller: None


class OAuth:
    """The addresses under `/oauth2/`."""

    def __init__(self, world: World, consent: Consent) -> None:
        self._world = world
        self._consent = consent

    def respond(self, request: Request) -> Response | None:
        """The answer, None for an address that is not ours."""
        if request.path == "/oauth2/to_login":
            return self._faulty("oauth.to_login", request, self._page)
        if request.path == "/oauth2/access_token":
            return self._faulty("oauth.access_token", request, self._exchange)
        if request.path == "/oauth2/refresh_token":
            return self._faulty("oauth.refresh_token", request, self._refresh)
        return None

    def _faulty(self, operation: str, request: Request, answer: Callable[[Request, str], Response]) -> Response:
        caller = self._world.by_key(request.values.get("app_key", ""))
        account = caller.name if caller else ""
        fault = self._world.take_fault(operation, account)
        call = self._world.new_call()
        if fault is not None and fault.kind in faults.BEFORE and not fault.after:
            self._note(call, account, operation, code="fault", fault=fault.kind)
            return self._acted(fault, request, call)
        response = answer(request, call)
        if fault is None:
            return response
        return self._acted(fault, request, call) if fault.kind in faults.BEFORE else faults.spoil(fault, response)

    def _acted(self, fault: Fault, request: Request, call: str) -> Response:
        def says(kind: str, code: str) -> Response:
            return _error(int(code or 500), kind, call)

        return faults.act(fault, request, says)

    def _note(self, call: str, account: str, operation: str, **more: Any) -> None:
        self._world.note("effect" if more.get("effect") else "request", call, account, operation, **more)

    # --- the seller's browser -----------------------------------------------------------------------------------------

    def _page(self, request: Request, call: str) -> Response:
        carried = {name: request.values.get(name, "") for name in _CARRIED}
        app = self._world.by_key(carried["app_key"])
        words = self._consent.words
        if app is None:
            return self._failed(words["unknown_app"])
        if carried["redirect_uri"] not in app.callbacks:
            return self._failed(f"{words['wrong_address']} {carried['redirect_uri']}")
        if carried["response_type"] != "code":
            return sent_back(carried, error="unsupported_response_type")
        if request.method != "POST":
            return Response(self._form(app, carried, app.email, app.password, ""), mimetype="text/html")
        return self._decided(request, call, app, carried)

    def _decided(self, request: Request, call: str, app: Seller, carried: dict[str, str]) -> Response:
        if request.form.get("decision") != "allow":
            self._note(call, app.name, "oauth.to_login", effect="consent.refused")
            return sent_back(carried, error="access_denied")
        email = request.form.get("email", "")
        seller = self._world.by_email(email)
        if seller is None or seller.password != request.form.get("password", ""):
            page = self._form(app, carried, email, "", self._consent.words["wrong"])
            return Response(page, 401, mimetype="text/html")
        turned_away = self._consent.gate(seller)
        if turned_away is not None:
            self._note(call, seller.name, "oauth.to_login", effect="consent.turned_away", code=turned_away[0])
            return sent_back(carried, error=turned_away[0], error_description=turned_away[1])
        code = self._world.new_code(app.app_key, seller.name, carried["redirect_uri"])
        self._note(call, seller.name, "oauth.to_login", effect="consent.given", arguments={"app": app.name})
        return sent_back(carried, code=code)

    def _failed(self, sentence: str) -> Response:
        words = self._consent.words
        page = f'<h1>{escape(words["title"])}</h1><p class="wrong" role="alert">{escape(sentence)}</p>'
        return Response(dressed(self._consent, page), 400, mimetype="text/html")

    def _form(self, app: Seller, carried: dict[str, str], email: str, password: str, wrong: str) -> str:
        words = {name: escape(word) for name, word in self._consent.words.items()}
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in carried.items()
        )
        alarm = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
        return dressed(
            self._consent,
            f"""<h1>{words["title"]}</h1><p>{words["intro"]}</p>
<dl><dt>{words["app"]}</dt><dd>{escape(app.app_name)}</dd><dt>{words["shop"]}</dt><dd>{escape(app.shop_name)}</dd></dl>
<p class="scope">{words["scope"]}</p>{alarm}
<form method="post" action="to_login">{hidden}
<label for="email">{words["email"]}</label>
<input id="email" name="email" type="email" autocomplete="username" required value="{escape(email)}">
<label for="password">{words["password"]}</label>
<input id="password" name="password" type="password" autocomplete="off" required value="{escape(password)}">
<div class="deeds"><button name="decision" value="allow">{words["allow"]}</button>
<button name="decision" value="refuse" class="plain" formnovalidate>{words["refuse"]}</button></div></form>""",
        )

    # --- the app's server ---------------------------------------------------------------------------------------------

    def _app(self, request: Request) -> Seller | None:
        app = self._world.by_key(request.values.get("app_key", ""))
        return app if app and app.app_secret == request.values.get("app_secret", "") else None

    def _exchange(self, request: Request, call: str) -> Response:
        app = self._app(request)
        if app is None:
            return self._refused(call, "", "oauth.access_token", 401, "invalid app_key or app_secret")
        if request.values.get("grant_type") != "authorization_code":
            return self._refused(call, app.name, "oauth.access_token", 400, "invalid grant_type")
        with self._world.deed():
            code = self._world.take_code(request.values.get("code", ""), app.app_key)
            token = self._world.new_token(app.app_key, code.seller) if code else None
        if token is None:
            return self._refused(call, app.name, "oauth.access_token", 400, "invalid code")
        self._note(call, token.seller, "oauth.access_token", effect="token.issued", arguments={"app": app.name})
        return self._granted(token)

    def _refresh(self, request: Request, call: str) -> Response:
        app = self._app(request)
        if app is None:
            return self._refused(call, "", "oauth.refresh_token", 401, "invalid app_key or app_secret")
        if request.values.get("grant_type") != "refresh_token":
            return self._refused(call, app.name, "oauth.refresh_token", 400, "invalid grant_type")
        text = request.values.get("refresh_token", "")
        if app.told.get("strict_refresh") and not self._in_window(text):
            return self._refused(call, app.name, "oauth.refresh_token", 400, "refresh only in the last 24 hours")
        token = self._world.renew_token(text, app.app_key)
        if token is None:
            return self._refused(call, app.name, "oauth.refresh_token", 400, "invalid refresh_token")
        self._note(call, token.seller, "oauth.refresh_token", effect="token.renewed", arguments={"app": app.name})
        return self._granted(token)

    def _in_window(self, refresh: str) -> bool:
        token = self._world.memory.token(refresh=refresh)
        left = token.expires - self._world.now().timestamp() if token else 0
        return 0 < left <= _STRICT_WINDOW

    def _refused(self, call: str, account: str, operation: str, code: int, sentence: str) -> Response:
        self._note(call, account, operation, code=str(code))
        return _error(code, sentence, call)

    def _granted(self, token: Token) -> Response:
        seller = self._world.seller(token.seller)
        return _json(
            {
                "access_token": token.access,
                "expires_in": int(token.expires - token.issued),
                "refresh_token": token.refresh,
                "scope": "snsapi_base",
                "open_id": f"sandbox-open-{seller.name}",
                "uid": str(1_000_000_000 + seller.vender_id),
                "time": int(token.issued * 1000),
                "token_type": "bearer",
                "code": 0,
            }
        )


def _error(code: int, sentence: str, call: str) -> Response:
    return _json({"code": code, "msg": sentence, "requestId": call})


def dressed(consent: Consent, inside: str) -> str:
    """A whole page of a remote's sign-in server."""
    return (
        f'<!doctype html><html lang="{consent.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(consent.words['title'])}</title><style>:root{{--accent:{consent.accent}}}{_STYLE}</style>"
        f'</head><body><header><strong>{escape(consent.brand)}</strong></header><main class="card">{inside}</main>'
        f"<footer>{escape(consent.words['note'])}</footer></body></html>"
    )


def _json(body: Any) -> Response:
    return Response(json.dumps(body), content_type="application/json;charset=utf-8")


def sent_back(carried: Mapping[str, str], **answer: str) -> Response:
    """Sends the browser to where the app wanted it, with the answer and the app's own state."""
    address = carried["redirect_uri"]
    said = {**answer, **({"state": carried["state"]} if carried["state"] else {})}
    return redirect(f"{address}{'&' if '?' in address else '?'}{urlencode(said, quote_via=quote)}", 302)


_STYLE = """
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:#f4f5f7;
color:#222;font:16px/1.5 system-ui,sans-serif}header{background:var(--accent);color:#fff;padding:.9rem 1.25rem;
font-size:1.15rem}.card{width:min(27rem,calc(100% - 2rem));margin:2rem auto;background:#fff;border-radius:8px;
padding:1.5rem;box-shadow:0 1px 6px #0002}h1{font-size:1.3rem;margin:0 0 .5rem}dl{display:grid;
grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0}dt{color:#555}dd{margin:0;font-weight:600;
overflow-wrap:anywhere}label{display:block;margin:.8rem 0 .25rem}input{width:100%;font:inherit;padding:.55rem .7rem;
border:1px solid #8a8f98;border-radius:5px;background:#fff;color:inherit}.deeds{display:flex;gap:.75rem;
margin-top:1.25rem}button{flex:1;font:inherit;min-height:2.75rem;border-radius:5px;border:1px solid var(--accent);
background:var(--accent);color:#fff;cursor:pointer}button.plain{background:transparent;color:inherit;border-color:#8a8f98}
:focus-visible{outline:3px solid #1a73e8;outline-offset:2px}.wrong{color:#a3131f;overflow-wrap:anywhere}
.tick{display:flex;gap:.6rem;align-items:baseline}.tick input{width:auto}code{overflow-wrap:anywhere}
.scope{color:#555;font-size:.92rem}footer{margin:auto 0 0;padding:1rem;text-align:center;color:#666;font-size:.85rem}
@media (prefers-color-scheme:dark){body{background:#15171a;color:#e8e8e8}.card{background:#202327}
input{background:#15171a}dt,.scope,footer{color:#aab}.wrong{color:#ff9aa2}}
"""
