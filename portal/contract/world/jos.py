"""A gateway of the JOS kind, as JD.com's and JD.ID's sandboxes both need it: merge, check, act, wrap, note down.

Sources and what of this is our invention: docs/jd.md, "Transport", "Signature", "Order of checks".  Shared between two
remotes because JD.ID's gateway was a copy of JD.com's; each brings its own doors, operations and envelopes.
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from portal.contract.signing import pairs_digest
from portal.contract.world import faults
from portal.contract.world.catalogue import Catalogue, Shelf
from portal.contract.world.deeds import Deed
from portal.contract.world.jos_codes import OF_FAULT, described
from portal.contract.world.oauth import Consent, OAuth
from portal.contract.world.records import Seller
from portal.contract.world.sales import Book
from portal.contract.world.sales_deeds import deeds_of_sales
from portal.contract.world.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOLERANCE = timedelta(minutes=6)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3}[+-]\d{4})?")
_HASHES = {"hmacsha256": "sha256", "hmacmd5": "md5"}


class Refusal(Exception):
    """The gateway refuses a call with a code.  `note` says more to whoever reads the answer."""

    def __init__(self, code: str, note: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.note = note


@dataclass(frozen=True, kw_only=True)
class Door:
    """One address of a gateway and the form it is spoken to in."""

    parameter: str
    versions: frozenset[str]
    zone: timezone
    wrap: Callable[[str, Any], Any]
    refuse: Callable[[str, str], Any]
    objects_only: bool = True
    generation: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that passed the gateway's checks."""

    world: World
    id: str
    operation: str
    seller: Seller
    arguments: Any

    @property
    def catalogue(self) -> Catalogue:
        """The caller's own catalogue."""
        return self.world.catalogue(self.seller)

    @property
    def book(self) -> Book:
        """The caller's own orders book."""
        return Book(self.world, self.seller, self.effect)

    def effect(self, name: str, **arguments: Any) -> None:
        """Writes an effect into the journal."""
        self.world.note("effect", self.id, self.seller.name, self.operation, effect=name, arguments=arguments)

    def has(self, name: str) -> bool:
        """Whether an argument is there and not blank."""
        return self.arguments.get(name) not in (None, "")

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number, also as text.  Refuses the call without one."""
        if not self.has(name):
            if default is None:
                raise Refusal("60", name)
            return default
        return whole(self.arguments[name], name)

    def numbers(self, name: str) -> list[int]:
        """A list of whole numbers: one comma text, a JSON array, or a single number."""
        return [whole(each, name) for each in self.words(name)]

    def words(self, name: str) -> list[str]:
        """A list: one comma text, a JSON array (also as text), or a single value."""
        found = self.arguments.get(name)
        if isinstance(found, str) and found.lstrip().startswith("["):
            found = parsed_json(found)
        if isinstance(found, str):
            found = found.split(",")
        if found is None:
            return []
        if isinstance(found, dict):
            raise Refusal("62", name)
        listed = found if isinstance(found, list) else [found]
        return [str(each) for each in listed if str(each).strip()]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of the gateway.  `run` gives the business part of the answer or raises Refusal."""

    run: Callable[[Call], Any]
    open: bool = False
    writes: bool = False


def whole(value: Any, name: str) -> int:
    """A whole number given as one or as text.  Refuses anything else."""
    if isinstance(value, bool) or not re.fullmatch(r"\s*-?\d{1,19}\s*", str(value)):
        raise Refusal("61", name)
    return int(value)


def amount(value: Any, name: str, decimals: int, most: int = 999_999_999) -> Decimal:
    """A price above nothing with at most that many decimals.  Refuses anything else."""
    if isinstance(value, bool) or not re.fullmatch(rf"\d{{1,12}}(\.\d{{1,{max(1, decimals)}}})?", str(value)):
        raise Refusal("61", name)
    found = Decimal(str(value))
    if not 0 < found <= most or (decimals == 0 and found != found.to_integral_value()):
        raise Refusal("61", name)
    return found


def parsed_json(text: str) -> Any:
    """JSON with exact decimals.  Refuses the call for anything else."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Refusal("63") from None


def written_json(found: Any) -> str:
    """JSON in which a Decimal stands as a plain number with the digits that it has."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), default=lambda each: f"\0{each:f}\0")
    return re.sub(r'"\\u0000([-0-9.]+)\\u0000"', r"\1", text)


def merged(request: Request) -> dict[str, str]:
    """Every parameter of query and body; where both have one, the body's."""
    return {**request.args.to_dict(), **request.form.to_dict()}


def signature(params: Mapping[str, str], secret: str) -> str:
    """The signature that belongs to these parameters: blank ones and `sign` itself take no part."""
    pairs = {name: value for name, value in params.items() if name != "sign" and value.strip()}
    method = params.get("sign_method", "md5")
    if method in _HASHES:
        joined = "".join(name + pairs[name] for name in sorted(pairs))
        return hmac.new(secret.encode(), joined.encode(), _HASHES[method]).hexdigest().upper()
    return pairs_digest(pairs, secret).upper()


def moment(text: str, zone: timezone) -> datetime | None:
    """A timestamp in either form, the short one read in the gateway's zone; None for anything else."""
    if not _STAMP.fullmatch(text):
        return None
    try:
        if len(text) > 19:
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f%z")
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return None


@dataclass
class Gateway:
    """Base of a sandbox with a gateway of this kind and the OAuth pages beside it.

    A subclass names its `key`, the sellers that are `ready`, the `shelf`, its `doors` by path, its `consent` page,
    whether refresh tokens rotate, and its operations by door generation and name.
    """

    world: World
    oauth: OAuth = field(init=False)

    key: ClassVar[str]
    ready: ClassVar[tuple[Seller, ...]]
    shelf: ClassVar[Shelf]
    rotates: ClassVar[bool] = False
    doors: ClassVar[Mapping[str, Door]]
    consent: ClassVar[Consent]
    writes_by_get: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Opens the OAuth pages."""
        self.oauth = OAuth(self.world, self.consent)

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """What the control page can do with the orders here."""
        return deeds_of_sales(self.world)

    def operations(self, generation: str) -> Mapping[str, Operation]:
        """The methods behind a door."""
        raise NotImplementedError

    def types(self, seller: Seller, access: str, address: str) -> Mapping[str, str]:
        """What a merchant with this account types into the portal, by the key of the integration's setting.

        `access` is the newest live access token, "" without one, `address` where this sandbox is.  A setting that is
        left as the form offers it is left out.
        """
        raise NotImplementedError

    def welcome(self, call: Call) -> Any:
        """A business answer to give instead of acting, None to go on."""
        return None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        request.max_form_memory_size = 4 * 1024 * 1024
        response = self.respond(request)
        response.headers["Date"] = http_date(self.world.now())
        return response(environ, start_response)

    def respond(self, request: Request) -> Response:
        """The answer to one request."""
        door = self.doors.get(request.path)
        if door is not None:
            return self.gateway(door, request)
        return self.oauth.respond(request) or Response("not found", 404, mimetype="text/plain")

    # --- one call -----------------------------------------------------------------------------------------------------

    def gateway(self, door: Door, request: Request) -> Response:
        """One call through a door: fault, checks, act, note, wrap."""
        params = merged(request)
        call = self.world.new_call()
        operation = params.get("method", "")[:200]
        caller = self.world.by_key(params.get("app_key", ""))
        account = caller.name if caller else ""
        fault = self.world.take_fault(operation, account)

        def says(kind: str, code: str) -> Response:
            return self._written(door.refuse(OF_FAULT.get(kind, code), ""))

        if fault is not None and fault.kind in faults.BEFORE and not fault.after:
            self._note(call, account, operation, door, params, code="fault", fault=fault.kind)
            return faults.act(fault, request, says)
        code, body = self._answered(door, request, params, call, operation)
        self._note(call, account, operation, door, params, code=code, fault=fault.kind if fault else "")
        response = self._written(body)
        if fault is None:
            return response
        return faults.act(fault, request, says) if fault.kind in faults.BEFORE else faults.spoil(fault, response)

    def _answered(
        self, door: Door, request: Request, params: dict[str, str], call: str, operation: str
    ) -> tuple[str, Any]:
        try:
            seller = self._checked(door, request, params)
            method = self.operations(door.generation)[operation]
            made = Call(self.world, call, operation, seller, _arguments(door, params))
            with self.world.deed() if method.writes else self.world.lock:
                found = self.welcome(made)
                return "0", door.wrap(operation, method.run(made) if found is None else found)
        except Refusal as why:
            return why.code, door.refuse(why.code, why.note)

    @staticmethod
    def _written(body: Any) -> Response:
        return Response(written_json(body), mimetype="application/json", content_type="application/json;charset=utf-8")

    def _note(self, call: str, account: str, operation: str, door: Door, params: dict[str, str], **more: str) -> None:
        try:
            arguments = _arguments(door, params)
        except Refusal:
            arguments = {}
        shown = arguments if isinstance(arguments, dict) else {"positional": arguments}
        self.world.note("request", call, account, operation, arguments=shown, **more)

    # --- checks, in this order ----------------------------------------------------------------------------------------

    def _checked(self, door: Door, request: Request, params: dict[str, str]) -> Seller:
        """The seller on whose behalf the call is.  The order is ours; the remote's is not known."""
        self._check_form(door, params)
        app = self.world.by_key(params["app_key"])
        if app is None:
            raise Refusal("21")
        if not hmac.compare_digest(params["sign"].encode(), signature(params, app.app_secret).encode()):
            raise Refusal("12")
        method = self.operations(door.generation).get(params["method"])
        if method is None:
            raise Refusal("15")
        seller = app if method.open else self._by_token(params, app)
        if params["method"] in app.denied:
            raise Refusal("24")
        if method.writes and request.method != "POST" and not self.writes_by_get:
            raise Refusal("50", "POST")
        arrived = request.environ.get("sandbox.arrived")
        if self.world.over_rate(app, arrived) or self.world.over_quota(
            app, f"{self.world.now().astimezone(door.zone):%F}"
        ):
            raise Refusal("2")
        return seller

    def _check_form(self, door: Door, params: dict[str, str]) -> None:
        for name, code in (("v", "4"), ("timestamp", "7"), ("app_key", "20"), ("sign", "11"), ("method", "14")):
            if not params.get(name, "").strip():
                raise Refusal(code)
        if params["v"] not in door.versions:
            raise Refusal("5" if re.fullmatch(r"\d+\.\d+", params["v"]) else "6")
        if params.get("format", "").strip() not in {"", "json"}:
            raise Refusal("13")
        if params.get("sign_method", "").strip() not in {"", "md5", *_HASHES}:
            raise Refusal("61", "sign_method")
        said = moment(params["timestamp"], door.zone)
        if said is None or abs(said - self.world.now()) > TOLERANCE:
            raise Refusal("8")

    def _by_token(self, params: dict[str, str], app: Seller) -> Seller:
        text = params.get("access_token", "").strip()
        if not text:
            raise Refusal("18")
        token = self.world.token(text)
        if token is None or token.app_key != app.app_key:
            raise Refusal("19")
        return self.world.seller(token.seller)


def _arguments(door: Door, params: Mapping[str, str]) -> Any:
    text = params.get(door.parameter, "").strip()
    if not text:
        raise Refusal("60", door.parameter)
    if not door.objects_only and not text.startswith(("{", "[")):
        text = f"[{text}]"  # Positional: `1,10`.
    found = parsed_json(text)
    if door.objects_only and not isinstance(found, dict):
        raise Refusal("62", door.parameter)
    return found


def gateway_error(code: str, note: str) -> dict[str, Any]:
    """The gateway's own error object."""
    zh, en = described(code)
    more = f": {note}" if note else ""
    return {"error_response": {"code": code, "zh_desc": zh + more, "en_desc": en + more}}
