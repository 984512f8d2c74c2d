"""The sandbox's sign-in server: a consent page with the tick box for messages, codes, tokens, and renewal.

Addresses and answers are established, numbers of refusals and the look of the page are ours (docs/jd.md).
"""

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from werkzeug.wrappers import Request, Response

from portal.contract.signing import pairs_digest
from portal.contract.world import faults
from portal.contract.world.oauth import Consent, dressed, sent_back
from portal.contract.world.records import Fault, Seller, Token
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_accounts import REFRESH_LONGER, codes_of
from portal.integrations.jdl.sandbox_call import stamped

SHOWN_HERE = "urn:ietf:wg:oauth:2.0:oob"
SUBSCRIBED = "subscribed"
_CODE_SECONDS = 600
_CARRIED = ("client_id", "response_type", "redirect_uri", "state")
_WORDS = {
    "title": "Authorise an application",
    "intro": "This application asks for access to your JD Logistics account:",
    "app": "Application",
    "shop": "Customer",
    "scope": "It will read your goods, stock and orders, and send orders to your warehouses.",
    "email": "JD account (email)",
    "password": "Password",
    "subscribe": "Subscribe to messages: orders, stock, deliveries",
    "allow": "Allow",
    "refuse": "Refuse",
    "wrong": "The account or the password is wrong.",
    "unknown_app": "There is no application with this client_id.",
    "wrong_address": "The callback address is not registered for the application:",
    "shown": "Copy this code into the application that asked. It is good for ten minutes, and once.",
    "note": "This is a sandbox of Lintas, not JD Logistics.",
}
CONSENT = Consent(language="en", brand="JD Logistics open platform (sandbox)", accent="#b3141d", words=_WORDS)


class OAuth:
    """The addresses under `/oauth/`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers: Mapping[str, tuple[str, Callable[[Request], Response]]] = {
            # The consent page keeps the name that faults without an operation leave alone.
            "/oauth/authorize": ("oauth.to_login", self._page),
            "/oauth/token": ("oauth.token", self._exchange),
            "/oauth/refresh": ("oauth.refresh", self._refresh),
        }

    def respond(self, request: Request) -> Response | None:
        """The answer, None for an address that is not ours."""
        if request.path not in self._answers:
            return None
        operation, answer = self._answers[request.path]
        caller = self._world.by_key(request.values.get("client_id") or request.values.get("app_key", ""))
        account = caller.name if caller else ""
        fault = self._world.take_fault(operation, account)
        if fault is not None and fault.kind in faults.BEFORE and not fault.after:
            self._world.note("request", self._world.new_call(), account, operation, code="fault", fault=fault.kind)
            return self._acted(fault, request)
        response = answer(request)
        if fault is None:
            return response
        return self._acted(fault, request) if fault.kind in faults.BEFORE else faults.spoil(fault, response)

    @staticmethod
    def _acted(fault: Fault, request: Request) -> Response:
        return faults.act(fault, request, lambda kind, code: _no(int(code or 500), kind))

    def _note(self, account: str, operation: str, **more: Any) -> None:
        kind = "effect" if more.get("effect") else "request"
        self._world.note(kind, self._world.new_call(), account, operation, **more)

    # --- the customer's browser ---------------------------------------------------------------------------------------

    def _page(self, request: Request) -> Response:
        carried = {name: request.values.get(name, "") for name in _CARRIED}
        app = self._world.by_key(carried["client_id"])
        if app is None:
            return self._failed(_WORDS["unknown_app"])
        if carried["redirect_uri"] not in {*app.callbacks, SHOWN_HERE}:
            return self._failed(f"{_WORDS['wrong_address']} {carried['redirect_uri']}")
        if carried["response_type"] != "code":
            return self._failed("response_type must be code")
        if request.method != "POST":
            return Response(self._form(app, carried, "", ""), mimetype="text/html")
        return self._decided(request, app, carried)

    def _decided(self, request: Request, app: Seller, carried: dict[str, str]) -> Response:
        here = carried["redirect_uri"] == SHOWN_HERE
        if request.form.get("decision") != "allow":
            self._note(app.name, "oauth.to_login", effect="consent.refused")
            return self._failed("access_denied") if here else sent_back(carried, error="access_denied")
        email = request.form.get("email", "")
        seller = self._world.by_email(email)
        if seller is None or seller.password != request.form.get("password", ""):
            return Response(self._form(app, carried, email, _WORDS["wrong"]), 401, mimetype="text/html")
        subscribes = request.form.get("subscribe", "") in {"1", "on", "true"}
        self._world.memory.keep_paper(seller.name, SUBSCRIBED, "", subscribes)
        code = self._world.new_code(app.app_key, seller.name, carried["redirect_uri"], _CODE_SECONDS)
        told = {"app": app.app_name, "subscribed": subscribes}
        self._note(seller.name, "oauth.to_login", effect="consent.given", arguments=told)
        if not here:
            return sent_back(carried, code=code)
        inside = f'<h1>{_WORDS["title"]}</h1><p>{_WORDS["shown"]}</p><p><code id="code">{escape(code)}</code></p>'
        return Response(dressed(CONSENT, inside), mimetype="text/html")

    @staticmethod
    def _failed(sentence: str) -> Response:
        inside = f'<h1>{_WORDS["title"]}</h1><p class="wrong" role="alert">{escape(sentence)}</p>'
        return Response(dressed(CONSENT, inside), 400, mimetype="text/html")

    def _form(self, app: Seller, carried: Mapping[str, str], email: str, wrong: str) -> str:
        words = {name: escape(word) for name, word in _WORDS.items()}
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in carried.items()
        )
        who = email or app.email
        known = self._world.by_email(who)
        password = known.password if known and not wrong else ""
        alarm = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
        return dressed(
            CONSENT,
            f"""<h1>{words["title"]}</h1><p>{words["intro"]}</p>
<dl><dt>{words["app"]}</dt><dd>{escape(app.app_name)}</dd></dl><p class="scope">{words["scope"]}</p>{alarm}
<form method="post" action="authorize">{hidden}
<label for="email">{words["email"]}</label>
<input id="email" name="email" type="email" autocomplete="username" required value="{escape(who)}">
<label for="password">{words["password"]}</label>
<input id="password" name="password" type="password" autocomplete="off" required value="{escape(password)}">
<label class="tick"><input type="checkbox" name="subscribe" value="1"> <span>{words["subscribe"]}</span></label>
<div class="deeds"><button name="decision" value="allow">{words["allow"]}</button>
<button name="decision" value="refuse" class="plain" formnovalidate>{words["refuse"]}</button></div></form>""",
        )

    # --- the app's server ---------------------------------------------------------------------------------------------

    def _exchange(self, request: Request) -> Response:
        app = self._world.by_key(request.args.get("client_id", ""))
        if app is None or app.app_secret != request.args.get("client_secret", ""):
            return self._refused("", "oauth.token", 2002, "invalid client")
        with self._world.deed():
            code = self._world.take_code(request.args.get("code", ""), app.app_key)
            token = self._world.new_token(app.app_key, code.seller) if code else None
        if code is None or token is None:
            return self._refused(app.name, "oauth.token", 2001, "invalid code")
        self._note(token.seller, "oauth.token", effect="token.issued", arguments={"app": app.app_name})
        told = {**self._told(token), "code": code.code}
        return _json(json.dumps(told) if self._world.seller(token.seller).told.get("doubly_encoded") else told)

    def _refresh(self, request: Request) -> Response:
        app = self._world.by_key(request.args.get("app_key", ""))
        if app is None:
            return self._refused("", "oauth.refresh", 2002, "invalid app_key")
        signed = {name: request.args.get(name, "") for name in ("app_key", "refresh_token", "timestamp")}
        if request.args.get("sign", "").lower() != pairs_digest(signed, app.app_secret):
            return self._refused(app.name, "oauth.refresh", 2003, "invalid sign")
        token = self._renewed(signed["refresh_token"], app)
        if token is None:
            return self._refused(app.name, "oauth.refresh", 2004, "invalid refresh_token")
        self._note(token.seller, "oauth.refresh", effect="token.renewed", arguments={"app": app.app_name})
        told = {"code": 1000, "message": "success", "enMessage": None, "data": self._told(token)}
        return _json(json.dumps(told) if self._world.seller(token.seller).told.get("doubly_encoded") else told)

    def _renewed(self, refresh: str, app: Seller) -> Token | None:
        """New access, or by the account's switch `refresh_unmoved` the same access with the same end once more."""
        old = self._world.memory.token(refresh=refresh)
        if old is None or old.revoked or old.expires + REFRESH_LONGER <= self._world.now().timestamp():
            return None
        if self._world.seller(old.seller).told.get("refresh_unmoved"):
            return old
        return self._world.renew_token(refresh, app.app_key)

    def _told(self, token: Token) -> dict[str, Any]:
        return {
            "accessToken": token.access,
            "accessExpire": stamped(token.expires),
            "refreshToken": token.refresh,
            "refreshExpire": stamped(token.expires + REFRESH_LONGER),
            "clientId": token.app_key,
            "sellerId": codes_of(self._world.seller(token.seller)).operator,
        }

    def _refused(self, account: str, operation: str, code: int, sentence: str) -> Response:
        self._note(account, operation, code=str(code))
        return _no(code, sentence)


def _no(code: int, sentence: str) -> Response:
    return _json({"code": code, "message": sentence, "enMessage": sentence, "data": None})


def _json(body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), content_type="application/json;charset=utf-8")
