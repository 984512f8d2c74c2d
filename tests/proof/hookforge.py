"""W5: no forged push is accepted, none breaks the receiver, and none leaves more than a count.

Forged by flipping bits of the body, the id, the time and the token, with another merchant's address and key, empty,
doubled, in a wrong encoding and at wrong addresses.  The known-bad variant compares only the beginning of a token.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from flask import Flask

from portal.config import Settings
from portal.contract.webhooks import Believed, Distrust, Push, Webhook
from portal.factory import start
from portal.flows import receiving
from tests import stack as house
from tests.proof import figure, pusher, web
from tests.proof.figure import Figure, say
from tests.stack import Stack

KINDS = ("body", "token", "time", "bit", "id", "key", "empty", "header", "encoding", "old", "address", "size", "json")
HONEST_EVERY = 50
KEPT_ROWS = 200


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, default=None, help="forged pushes (2,000; long: 10,000)")
    given = ask.answered()
    number = given.n or (10_000 if given.long else 2_000)
    instead = {house.WEB: web.command("tests.proof.hookforge:bad()")} if given.control else {}
    found = Figure("hookforge")
    with Stack(workers=0, relay=False, sandbox=False, web=True, settings=pusher.SETTINGS, instead=instead) as stack:
        with stack.app.app_context():
            hook, other = pusher.hook("Forged"), pusher.hook("Other")
        return _proved(stack, found, Forger(random.Random(given.seed), hook, other), number)


def _proved(stack: Stack, found: Figure, forger: Forger, number: int) -> int:
    requests, kinds, honest = [], [], []
    for each in range(number):
        kind = KINDS[each % len(KINDS)]
        requests.append(forger.forged(kind, each))
        kinds.append(kind)
        if each % HONEST_EVERY == 0:
            honest.append(len(requests))
            requests.append(pusher.request(forger.hook.path, pusher.of_stock(f"honest-{each}", "S1")))
            kinds.append("honest")
    answers = pusher.send_all(stack.port, requests, at_once=8)
    said = Counter((kind, answer.status, answer.taken) for kind, answer in zip(kinds, answers, strict=True))
    accepted = sum(count for (kind, _, taken), count in said.items() if taken and kind != "honest")
    broken = sum(count for (_, status, _), count in said.items() if status >= 500 or status == 0)
    thanked = sum(count for (kind, _, taken), count in said.items() if taken and kind == "honest")
    say(", ".join(f"{kind} {status}: {count}" for (kind, status, _), count in sorted(said.items())))
    kept = stack.one("select count(*) from delivery")
    rows, counted = stack.rows("select count(*), coalesce(sum(number), 0)::int from delivery_refusal")[0]
    found.must(accepted == 0, f"no forged push is thanked, {accepted} were")
    found.must(kept == len(honest), f"only the {len(honest)} honest pushes are kept, not {kept}")
    found.must(thanked == len(honest), f"every honest push between them is thanked, {thanked} of {len(honest)} were")
    found.must(broken == 0, f"no forged push breaks the receiver, {broken} did")
    found.must(rows <= KEPT_ROWS, f"what is refused is counted in a few rows, not {rows}")
    return found.end(
        f"{number} forged in {len(KINDS)} ways among {len(honest)} honest: {accepted} accepted, {broken} broken, "
        f"{counted} counted in {rows} rows"
    )


class Forger:
    """Makes pushes that nobody may believe."""

    def __init__(self, dice: random.Random, hook: pusher.Hook, other: pusher.Hook) -> None:
        self._dice, self.hook, self._other = dice, hook, other

    def forged(self, kind: str, number: int) -> bytes:
        """One request of a kind."""
        good = pusher.of_stock(f"forged-{number}", f"S{number % 50}")
        make: dict[str, Callable[[], bytes]] = {
            "body": lambda: self._sent(self._changed(good, "request_body", lambda text: text.replace("7", "8", 1))),
            "token": lambda: self._sent(self._changed(good, "token", self._flipped)),
            "time": lambda: self._sent(
                self._changed(good, "timestamp", lambda text: text[:-1] + str(number % 10) + "0")
            ),
            "bit": lambda: self._sent(self._bit(good)),
            "id": lambda: self._sent(self._changed(good, "message_id", lambda text: "")),
            "key": lambda: self._sent(pusher.of_stock(f"forged-{number}", "S1", key="another key")),
            "empty": lambda: self._sent(b""),
            "header": lambda: self._sent(b"x=1&x=2", ["Content-Type: text/plain", "X-Twice: 1", "X-Twice: 2"]),
            "encoding": lambda: self._sent("message_id=名&token=é".encode("gbk") + b"\xff\xfe"),
            "old": lambda: self._sent(pusher.of_stock(f"forged-{number}", "S1", at=1_700_000_000 + number)),
            "address": lambda: pusher.request(self._address(), good),
            "size": lambda: self._sent(b"a" * (receiving.LARGEST + 1) if number % 500 == 11 else b"a" * 5000),
            "json": lambda: self._sent(
                b'{"request_body": {"a": [[[[' + b"[" * 3000, ["Content-Type: application/json"]
            ),
        }
        return make[kind]()

    def _sent(self, body: bytes, headers: list[str] | None = None) -> bytes:
        return pusher.request(self.hook.path, body, headers or [])

    def _address(self) -> str:
        path = list(self.hook.path)
        at = self._dice.randrange(len("/hooks/"), len(path))
        path[at] = "A" if path[at] != "A" else "B"
        # The merchant's own part of the address with the other's secret part, and the other way round.
        crossed = self.hook.path[:29] + self._other.path[29:]
        return self._dice.choice(["".join(path), crossed, "/hooks/" + "x" * 64, "/hooks/%00"])

    def _changed(self, body: bytes, name: str, change: Callable[[str], str]) -> bytes:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return urlencode({**fields, name: change(fields[name])}).encode()

    def _flipped(self, token: str) -> str:
        at = self._dice.randrange(len(token))
        return token[:at] + self._dice.choice("0123456789abcdef".replace(token[at], "")) + token[at + 1 :]

    def _bit(self, body: bytes) -> bytes:
        """One bit of the message; not one that spells the same letter in another way, as %2f does %2F."""
        start = body.index(b"request_body=") + len(b"request_body=")
        while True:
            at = self._dice.randrange(start, len(body))
            changed = body[:at] + bytes([body[at] ^ (1 << self._dice.randrange(7))]) + body[at + 1 :]
            if parse_qsl(changed, keep_blank_values=True) != parse_qsl(body, keep_blank_values=True):
                return changed


def bad() -> Flask:
    """The known-bad web process: a token is right when it begins well."""

    def hasty(webhook: Webhook, push: Push, keys: tuple[str, ...], at: datetime) -> Believed:
        try:
            return webhook.verify(push, keys, at)
        except Distrust:
            fields = dict(parse_qsl(push.body.decode("utf-8", "replace"), keep_blank_values=True))
            right = pusher.token(fields.get("request_body", ""), fields.get("timestamp", ""))
            if right[:1] == fields.get("token", "?")[:1]:
                return Believed(fields.get("message_id") or "x", None)
            raise

    receiving._verified = hasty
    return start(Settings.from_env())


if __name__ == "__main__":
    figure.run(main)
