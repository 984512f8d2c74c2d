"""What clients of JD's gateways have in common: one call, a clock that can be set right, and no secret that gets out.

The gateways differ in address, form of the request and envelope; each client brings these.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from portal.contract.errors import Cause, Garbled, Refused, RemoteError
from portal.contract.http import Account, Answer, ApiClient, Line, read_json

Body = Mapping[str, Any]
T = TypeVar("T")

_CLOCK_CODE = "8"
# A correction smaller than this would change nothing about a refusal at six minutes.
_WORTH_CORRECTING = timedelta(seconds=5)
# What is shorter is no secret, and would be found in the middle of common words.
_SECRET_LENGTH = 8


def want(inside: Body, name: str, kind: type[T]) -> T:
    """A part that an answer cannot do without.  Raises Garbled where it is missing or of another kind."""
    found = inside.get(name)
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise Garbled(Cause.NOT_READABLE, f"{name} is a {type(found).__name__}, not a {kind.__name__}")
    return found


def count(inside: Body, name: str) -> int:
    """A number of rows, given as number or text."""
    found = inside.get(name)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 16:
        return int(found)
    number = want(inside, name, int)
    if number < 0:
        raise Garbled(Cause.NOT_READABLE, f"{name} is below nothing")
    return number


def said_yes(flag: Any) -> bool:
    """A success flag, which is a boolean in some answers and text in others."""
    if isinstance(flag, str) and flag.lower() in {"true", "false"}:
        return flag.lower() == "true"
    if not isinstance(flag, bool):
        raise Garbled(Cause.NOT_READABLE, f"success is a {type(flag).__name__}")
    return flag


def code_of(inside: Body, *, missing: str | None = None) -> str:
    """The code of an answer as text, given as number or text."""
    found = inside.get("code", missing)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise Garbled(Cause.NOT_READABLE, f"code is a {type(found).__name__}")
    return str(found).strip()


def words_of(inside: Body, *names: str) -> str:
    """The first of these words that an answer has, "" where it has none."""
    return next((each for name in names if isinstance(each := inside.get(name), str) and each), "")


class GatewayClient(ApiClient):
    """Base of the clients of JD's gateways.  `call` is the one way in; a subclass signs, sends and unwraps."""

    def __init__(self, account: Account, line: Line) -> None:
        super().__init__(account, line)
        self._offset = timedelta(0)
        self._was_answered = False

    def send(self, method: str, said: str) -> Answer:
        """Sign and send one call."""
        raise NotImplementedError

    def unwrap(self, body: Body) -> Body:
        """What stands inside an answer.  Raises what the gateway refused."""
        raise NotImplementedError

    def secrets(self) -> list[str]:
        """Everything secret that a call carries or is signed with."""
        raise NotImplementedError

    def limit(self, why: RemoteError) -> tuple[Cause, float | None]:
        """Which limit a call ran into, and the pause that it asks for."""
        return why.cause, why.after

    def perform(self, method: str, said: str) -> Body:
        """Perform one call and open its envelope.

        A refused clock is set right by the gateway's own Date once, and the call repeated once.
        """
        try:
            inner = self._with_right_clock(method, said)
        except RemoteError as why:
            raise self._told(why, method) from None
        self._was_answered = True
        return inner

    def gateway_now(self) -> datetime:
        """What time it is at the gateway, as far as it has told."""
        return self.line.now() + self._offset

    def cleaned(self, answer: Answer) -> Answer:
        """The answer without our secrets: a remote may echo what it was sent."""
        body = answer.body
        for secret in self.secrets():
            if len(secret) >= _SECRET_LENGTH:
                body = body.replace(secret.encode(), b"***")
        return Answer(answer.status, answer.headers, body)

    def _with_right_clock(self, method: str, said: str) -> Body:
        offset = self._offset
        answer = self.send(method, said)
        try:
            return self._open(answer)
        except Refused as why:
            if why.code != _CLOCK_CODE or not self._set_clock(answer, offset):
                raise
        return self._open(self.send(method, said))

    def _open(self, answer: Answer) -> Body:
        # Nothing of what was echoed may reach a log, a page or a kept sample.
        clean = self.cleaned(answer)
        try:
            return self.unwrap(read_json(clean))
        except Garbled as why:
            why.sample = why.sample or clean.body[:4000]
            raise

    def _set_clock(self, answer: Answer, used: timedelta) -> bool:
        """Take over the gateway's time.  False where it tells none, or none that differs from what the call used.

        Of calls side by side each compares with its own: one that was refused late may find the clock right already.
        """
        # A server in front may have put its own Date before the gateway's.
        said = answer.headers.get_list("Date")
        try:
            theirs = parsedate_to_datetime(said[-1])
        except (IndexError, ValueError):
            return False
        if theirs.tzinfo is None:
            return False
        offset = theirs - self.line.now()
        self._offset = offset
        return abs(offset - used) >= _WORTH_CORRECTING

    def _told(self, why: RemoteError, method: str) -> RemoteError:
        """The same error with the method's name."""
        detail = f"{method}: {why.detail}" if why.detail else method
        if isinstance(why, Garbled):
            return Garbled(why.cause, detail, sample=why.sample, code=why.code)
        cause, after = self.limit(why)
        return type(why)(cause, detail, code=why.code, after=after, said=why.said, offers=why.offers)
