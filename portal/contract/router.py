"""The router gateway that JD's marketplaces run: one address, one signature, one envelope, one table of codes.

Written from how JD.com describes its gateway.  JD.ID ran a copy of it; that its code numbers were the same is our
reading.  The gateway answers HTTP 200 to what it refuses, so everything here reads bodies, never statuses.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.gateway import Body, GatewayClient, code_of, count, said_yes, want, words_of
from portal.contract.http import Answer, request_to
from portal.contract.signing import pairs_digest

__all__ = [
    "CODES",
    "Body",
    "Dialect",
    "RouterClient",
    "count",
    "open_envelope",
    "refusal",
    "said_yes",
    "want",
]

_BEIJING = timezone(timedelta(hours=8))
_QUOTA_CODE = "2"
# The gateway does not say which limit was hit.  Asking again once an hour is no hammering, and a wrong reading of ours
# costs an hour, not a day.
_QUOTA_LOOK_AGAIN = 3600.0
_RATE_LOOK_AGAIN = 2.0

# What each code of the gateway means for us (JD.com gateway, table of error codes).  A code that is not listed is asked
# again later, and the work table gives up in the end.
CODES: Mapping[str, tuple[type[Busy | Refused | Unauthorised], Cause]] = MappingProxyType(
    {
        "1": (Busy, Cause.BUSY),
        "2": (Busy, Cause.QUOTA_USED),
        "3": (Unauthorised, Cause.NO_PERMISSION),
        "4": (Refused, Cause.REFUSED),
        "5": (Refused, Cause.WRONG_ENDPOINT),
        "6": (Refused, Cause.REFUSED),
        "7": (Refused, Cause.REFUSED),
        "8": (Refused, Cause.CLOCK),
        "9": (Unauthorised, Cause.NOT_A_SELLER),
        "10": (Unauthorised, Cause.NOT_A_SELLER),
        "11": (Refused, Cause.REFUSED),
        "12": (Unauthorised, Cause.WRONG_CREDENTIALS),
        "13": (Refused, Cause.REFUSED),
        "14": (Refused, Cause.REFUSED),
        "15": (Refused, Cause.WRONG_ENDPOINT),
        "16": (Refused, Cause.REFUSED),
        # A repeated transaction was done the first time: whoever writes must read back, not repeat.
        "17": (Refused, Cause.REFUSED),
        "18": (Unauthorised, Cause.TOKEN_MISSING),
        "19": (Unauthorised, Cause.TOKEN_EXPIRED),
        "20": (Unauthorised, Cause.WRONG_CREDENTIALS),
        "21": (Unauthorised, Cause.WRONG_CREDENTIALS),
        "22": (Unauthorised, Cause.NOT_A_SELLER),
        "23": (Refused, Cause.REFUSED),
        "24": (Unauthorised, Cause.NO_PERMISSION),
        "25": (Unauthorised, Cause.APP_OFFLINE),
        "26": (Refused, Cause.REFUSED),
        "27": (Refused, Cause.REFUSED),
        "28": (Refused, Cause.REFUSED),
        "33": (Busy, Cause.TIMEOUT),
        "43": (Busy, Cause.BUSY),
        "50": (Refused, Cause.REFUSED),
        "60": (Refused, Cause.REFUSED),
        "61": (Refused, Cause.REFUSED),
        "62": (Refused, Cause.REFUSED),
        "63": (Refused, Cause.REFUSED),
        "64": (Unauthorised, Cause.SELLER_LEVEL),
        "65": (Busy, Cause.TIMEOUT),
        "66": (Busy, Cause.BUSY),
        "67": (Busy, Cause.BUSY),
        "68": (Refused, Cause.REFUSED),
        "69": (Busy, Cause.BUSY),
        # The order is leaving the warehouse: whoever ships must read the order, not repeat.
        "70": (Refused, Cause.REFUSED),
        "71": (Refused, Cause.REFUSED),
        "72": (Unauthorised, Cause.SELLER_LEVEL),
        # Some calls are answered only inside JD's own cloud.  The rest of the connection goes on.
        "73": (Refused, Cause.ADDRESS_NOT_ALLOWED),
        "74": (Unauthorised, Cause.ADDRESS_NOT_ALLOWED),
        "75": (Unauthorised, Cause.ADDRESS_NOT_ALLOWED),
        "77": (Refused, Cause.WRONG_ENDPOINT),
        "78": (Busy, Cause.BUSY),
        "79": (Unauthorised, Cause.NO_PERMISSION),
        "80": (Unauthorised, Cause.ADDRESS_NOT_ALLOWED),
        "83": (Refused, Cause.REFUSED),
        "85": (Refused, Cause.REFUSED),
        "86": (Refused, Cause.REFUSED),
        "87": (Refused, Cause.REFUSED),
        "88": (Unauthorised, Cause.NO_PERMISSION),
        "89": (Unauthorised, Cause.WRONG_CREDENTIALS),
        "90": (Unauthorised, Cause.NOT_A_SELLER),
        "91": (Unauthorised, Cause.NOT_A_SELLER),
        "92": (Unauthorised, Cause.APP_EXPIRED),
        "2001": (Unauthorised, Cause.NO_PERMISSION),
        "11100006": (Unauthorised, Cause.SHOP_CLOSED),
    }
)


def refusal(code: str, detail: str) -> RemoteError:
    """The error for a code of the gateway."""
    kind, cause = CODES.get(code, (Busy, Cause.BUSY))
    return kind(cause, detail, code=code)


def open_envelope(body: Body) -> Body:
    """What stands inside an answer: the value of its one root name.

    An `error_response`, or an inner code other than 0, is raised; it is read by its number, never by its words.
    """
    if "error_response" in body:
        error = want(body, "error_response", dict)
        raise refusal(code_of(error), words_of(error, "en_desc", "zh_desc"))
    inner = next(iter(body.values()), None)
    if not isinstance(inner, dict):
        raise Garbled(Cause.NOT_READABLE, f"the answer holds a {type(inner).__name__}, not an object")
    if (code := code_of(inner, missing="0")) != "0":
        raise refusal(code, words_of(inner, "error_description", "en_desc", "zh_desc"))
    return inner


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one generation of the gateway wants to be spoken to.

    `host` names the address among the account's hosts; `carries` the parameter that holds the application parameters;
    `always` what else is sent and signed; `unwrap` opens the envelope.
    """

    zone: timezone
    host: str = "gateway"
    path: str = "/routerjson"
    version: str = "2.0"
    carries: str = "360buy_param_json"
    always: Mapping[str, str] = field(default_factory=dict)
    unwrap: Callable[[Body], Body] = open_envelope


class RouterClient(GatewayClient):
    """Speaks with a router gateway.  `send` is the one place that signs; a subclass names methods and pages."""

    dialect: Dialect

    @staticmethod
    def sign(parameters: Mapping[str, str], secret: str) -> str:
        """The signature of what is sent; blank values are neither sent nor signed."""
        return pairs_digest({name: value for name, value in parameters.items() if value.strip()}, secret).upper()

    def address(self) -> str:
        """Where the gateway is."""
        return self.account.hosts[self.dialect.host].rstrip("/") + self.dialect.path

    def access_token(self) -> str:
        """The token that calls carry.  Raises Unauthorised where there is none."""
        if not (self.account.tokens and self.account.tokens.access):
            raise Unauthorised(Cause.TOKEN_MISSING, "no access token is kept")
        return self.account.tokens.access

    def call(self, method: str, parameters: Mapping[str, Any] | str) -> Body:
        """Perform one method and open its envelope.  Text goes out as it is, a mapping as JSON."""
        # Serialised once: what is signed and what is sent must be the same bytes.
        return self.perform(
            method, parameters if isinstance(parameters, str) else json.dumps(parameters, ensure_ascii=False)
        )

    def send(self, method: str, said: str) -> Answer:
        """Everything goes as one form, the application parameters as JSON inside it."""
        settings = self.account.settings
        key, secret = settings.get("api_key", ""), settings.get("api_secret", "")
        if not (key and secret):
            raise Unauthorised(Cause.WRONG_CREDENTIALS, "no API Key and API Secret are kept")
        pairs = {
            **self.dialect.always,
            "method": method,
            "app_key": key,
            "access_token": self.access_token(),
            "timestamp": self._timestamp(),
            "v": self.dialect.version,
            self.dialect.carries: said,
        }
        pairs["sign"] = self.sign(pairs, secret)
        return self.ask(request_to("POST", self.address(), data=pairs))

    def unwrap(self, body: Body) -> Body:
        """As the generation of the gateway wraps its answers."""
        return self.dialect.unwrap(body)

    def _timestamp(self) -> str:
        """The form with milliseconds and offset, in the gateway's zone whatever the zone of this machine."""
        moment = self.gateway_now().astimezone(self.dialect.zone)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}{moment:%z}"

    def limit(self, why: RemoteError) -> tuple[Cause, float | None]:
        """The day's quota and the limit per second answer with one code.

        Where this client was answered a moment ago the quota can hardly be what ended, so a short wait is tried; where
        already the first call is refused, the quota counts as used until the day turns in Beijing.
        """
        if why.code != _QUOTA_CODE or why.cause is not Cause.QUOTA_USED:
            return super().limit(why)
        if self._was_answered:
            return Cause.RATE_LIMITED, _RATE_LOOK_AGAIN
        here = self.line.now().astimezone(_BEIJING)
        turns = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), _BEIJING)
        return Cause.QUOTA_USED, min((turns - here).total_seconds(), _QUOTA_LOOK_AGAIN)

    def secrets(self) -> list[str]:
        """What was typed and what was granted."""
        tokens, settings = self.account.tokens, self.account.settings
        kept = [tokens.access, tokens.refresh] if tokens else []
        return [*kept, settings.get("api_secret", ""), settings.get("access_token", "")]
