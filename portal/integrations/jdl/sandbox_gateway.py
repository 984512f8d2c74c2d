"""The sandbox's gateway: its checks in their order, the services behind it, and the form of both kinds of answer.

The order of the checks, their tolerances and the services' numbers are ours (docs/jd.md).
"""

import hmac
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from werkzeug.wrappers import Request, Response

from portal.contract.signing import HMACS, MD5_SALT, pairs_signed
from portal.contract.world import faults
from portal.contract.world.jos import Refusal, parsed_json, written_json
from portal.contract.world.jos_codes import described
from portal.contract.world.records import Fault, Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_goods, sandbox_instock, sandbox_outstock, sandbox_stock
from portal.integrations.jdl.sandbox_call import Call, GatewayNo, ServiceNo, Tell, checked

DOMAIN = "JD_FOP_FULFILLMENT_CENTE"
TOLERANCE = timedelta(minutes=10)
# A fault's own number: the gateway's, or from 1000 on a service's.
OF_FAULT = {"busy": "66", "rate": "2", "quota": "2", "clock": "8", "token": "19", "error200": "4000"}
_FIRST_OF_SERVICES = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """One service: its name, what it does, and what of the block it wants."""

    name: str
    run: Callable[[Call], Any]
    warehouse: bool = False
    channel: bool = False
    writes: bool = False
    code: int = 200


OPERATIONS: Mapping[str, Operation] = {
    "/fop/open/querywarehouseinfoprovider/querywarehouseinfo": Operation("warehouse.query", sandbox_goods.warehouses),
    "/fop/open/querygoodsprovider/querypage": Operation("goods.query", sandbox_goods.query, channel=True, code=1000),
    "/fop/open/goodsprovider/savegoods": Operation("goods.save", sandbox_goods.save, channel=True, writes=True),
    "/fop/open/stockprovider/querystockwarehouselistbypage": Operation(
        "stock.query", sandbox_stock.query, warehouse=True
    ),
    "/fop/open/stockprovider/querystockbatchwarehouselistbypage": Operation(
        "stock.batch", sandbox_stock.batches, warehouse=True
    ),
    "/fop/open/outstockprovider/createoutstock": Operation(
        "outstock.create", sandbox_outstock.create, warehouse=True, channel=True, writes=True
    ),
    "/fop/open/outstockprovider/canceloutstock": Operation("outstock.cancel", sandbox_outstock.cancel, writes=True),
    "/fop/open/outstockprovider/queryoutstocklist": Operation("outstock.query", sandbox_outstock.query),
    "/fop/open/outstockprovider/queryoutstocktrace": Operation("outstock.trace", sandbox_outstock.trace),
    "/fop/open/instockprovider/createinstock": Operation(
        "instock.create", sandbox_instock.create, warehouse=True, writes=True
    ),
    "/fop/open/instockprovider/cancelinstock": Operation("instock.cancel", sandbox_instock.cancel, writes=True),
    "/fop/open/instockprovider/queryinstocklist": Operation("instock.query", sandbox_instock.query),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer before it is written: the code for the journal, and the body."""

    code: str
    body: Mapping[str, Any]


class Gateway:
    """The addresses under `/fop/open/`.  `settle(seller)` makes what a customer has from the first day on."""

    def __init__(self, world: World, tell: Tell, settle: Callable[[Seller], None]) -> None:
        self._world = world
        self._tell = tell
        self._settle = settle

    def respond(self, request: Request) -> Response:
        """The answer to one call: fault, checks, act, note."""
        call = self._world.new_call()
        found = OPERATIONS.get(request.path)
        operation = found.name if found else request.path[:200]
        caller = self._caller(request)
        account = caller.name if caller else ""
        fault = self._world.take_fault(operation, account)

        def says(kind: str, code: str) -> Response:
            return self._written(call, _failed(OF_FAULT.get(kind, code), "", call).body)

        on_the_wire = fault is not None and fault.kind in faults.BEFORE and not _is_said(fault)
        if fault is not None and on_the_wire and not fault.after:
            self._world.note("request", call, account, operation, code="fault", fault=fault.kind)
            return faults.act(fault, request, says)
        said_at_the_end = fault if fault is not None and _is_said(fault) and not fault.after else None
        answered, arguments = self._answered(request, found, call, said_at_the_end)
        shown = {"fault": fault.kind if fault else "", "code": answered.code, "arguments": _without_buyer(arguments)}
        self._world.note("request", call, account, operation, **shown)
        response = self._written(call, answered.body)
        if fault is None or said_at_the_end is not None:
            return response
        return faults.act(fault, request, says) if fault.kind in faults.BEFORE else faults.spoil(fault, response)

    def _caller(self, request: Request) -> Seller | None:
        """Whose call it seems to be: the token's customer, else the app's first."""
        token = self._world.token(request.args.get("access_token", ""))
        if token is not None:
            return self._world.seller(token.seller)
        return self._world.by_key(request.args.get("app_key", ""))

    def _answered(
        self, request: Request, found: Operation | None, call: str, fault: Fault | None
    ) -> tuple[Answered, Mapping[str, Any]]:
        arguments: Mapping[str, Any] = {}
        try:
            if found is None:
                raise GatewayNo("15")
            seller = self._checked(request)
            arguments = _arguments(request)
            self._check_rate(request)
            if fault is not None:
                return _failed(OF_FAULT.get(fault.kind, fault.argument), "", call), arguments
            made = Call(self._world, call, found.name, seller, arguments, self._tell)
            with self._world.deed() if found.writes else self._world.lock:
                checked(made, warehouse=found.warehouse, channel=found.channel)
                self._settle(seller)
                return _well(found, found.run(made), call), arguments
        except GatewayNo as why:
            return _failed(why.code, why.note, call), arguments
        except ServiceNo as why:
            return _failed(why.code, why.message, call, why.data), arguments

    # --- the gateway's checks, in this order --------------------------------------------------------------------------

    def _checked(self, request: Request) -> Seller:
        """The customer on whose behalf the call is."""
        params = request.args.to_dict()
        app = self._app(params)
        for name, missing in (("v", "4"),):
            if not params.get(name, "").strip():
                raise GatewayNo(missing)
        if params["v"] != "2.0":
            raise GatewayNo("5")
        self._check_time(params, request.headers.get("lop-tz", "8"))
        if not params.get("sign", "").strip():
            raise GatewayNo("11")
        seller = self._by_token(params, app)
        if DOMAIN not in {params.get("LOP-DN"), request.headers.get("LOP-DN")}:
            raise GatewayNo("15", "LOP-DN")
        self._check_sign(request, params, app)
        return seller

    def _app(self, params: Mapping[str, str]) -> Seller:
        if not params.get("app_key", "").strip():
            raise GatewayNo("20")
        app = self._world.by_key(params["app_key"])
        if app is None:
            raise GatewayNo("21")
        return app

    def _check_time(self, params: Mapping[str, str], hours: str) -> None:
        if not params.get("timestamp", "").strip():
            raise GatewayNo("7")
        if not re.fullmatch(r"[+-]?\d{1,2}", hours.strip()) or abs(int(hours)) > 14:
            raise GatewayNo("8", "lop-tz")
        try:
            zone = timezone(timedelta(hours=int(hours)))
            said = datetime.strptime(params["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        except ValueError:
            raise GatewayNo("8", "timestamp") from None
        if abs(said - self._world.now()) > TOLERANCE:
            raise GatewayNo("8")

    def _by_token(self, params: Mapping[str, str], app: Seller) -> Seller:
        text = params.get("access_token", "").strip()
        if not text:
            raise GatewayNo("18")
        token = self._world.token(text)
        if token is None or token.app_key != app.app_key:
            raise GatewayNo("19")
        return self._world.seller(token.seller)

    @staticmethod
    def _check_sign(request: Request, params: Mapping[str, str], app: Seller) -> None:
        algorithm = params.get("algorithm") or MD5_SALT
        if algorithm != MD5_SALT and algorithm not in HMACS:
            raise GatewayNo("12", "algorithm")
        try:
            body = request.get_data().decode("utf-8")
        except UnicodeDecodeError:
            raise GatewayNo("12", "not UTF-8") from None
        signed = {name: params[name] for name in ("access_token", "app_key", "timestamp", "v")}
        signed |= {"method": request.path, "param_json": body}
        right, said = pairs_signed(signed, app.app_secret, algorithm), params["sign"]
        if algorithm == MD5_SALT:
            said = said.lower()
        if not hmac.compare_digest(said.encode(), right.encode()):
            raise GatewayNo("12")

    def _check_rate(self, request: Request) -> None:
        app = self._app(request.args.to_dict())
        if self._world.over_rate(app, request.environ.get("sandbox.arrived")):
            raise GatewayNo("2")

    def _written(self, call: str, body: Mapping[str, Any]) -> Response:
        response = Response(written_json(body), content_type="application/json;charset=utf-8")
        response.headers["Lop-Trace-Id"] = call
        return response


def _is_said(fault: Fault) -> bool:
    """Whether the fault is an answer in JD's own form, which comes after all checks."""
    return fault.kind == "code" or (fault.kind in faults.OWN_CODES and not (fault.kind == "rate" and fault.argument))


def _arguments(request: Request) -> Mapping[str, Any]:
    try:
        found = parsed_json(request.get_data().decode("utf-8"))
    except Refusal:
        raise GatewayNo("62") from None
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise GatewayNo("62", "the body is no list of one object")
    return dict(found[0])


def _well(found: Operation, data: Any, call: str) -> Answered:
    body = {"code": found.code, "message": "success", "success": True, "requestId": _request_id(call), "data": data}
    return Answered(str(found.code), body)


def _failed(code: str, note: str, call: str, data: Any = None) -> Answered:
    if code.isdigit() and int(code) >= _FIRST_OF_SERVICES:
        words = note or "the service answered so"
        body = {"code": code, "message": words, "success": False, "requestId": _request_id(call), "data": data}
        return Answered(code, body)
    zh, en = described(code)
    more = f": {note}" if note else ""
    number: int | str = int(code) if code.isdigit() else code
    return Answered(code, {"error_response": {"en_desc": en + more, "zh_desc": zh + more, "code": number}})


def _request_id(call: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, call))


def _without_buyer(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "consigneeInformation"}
