"""Secrets that were planted are found again in no log, no Redis, no row, no page, no address and no process list.

A house at its most talkative (log level debug) works with planted secrets: it saves them, tests them, imports with
them, renews them and meets faults; people have second factors, letters with links, and support staff at work as
somebody.  Then everything that it left behind is searched for them, in several spellings.
"""

from __future__ import annotations

import base64
import secrets as randomness
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import redis
import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Resource
from portal.flows import activation, connections, lines, sync, work
from portal.flows.audit import LINTAS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.db import acting_for, db
from portal.models import Store
from tests import cast as people
from tests import stack as house
from tests.proof import canary_people, figure, parts, worker
from tests.proof.figure import Figure, say
from tests.stack import Stack

NUMBER = 200
SIZE = 60
TO_BE_PATIENT = 30.0
LEAST_BYTES = 500
# What comes back from the remote in a form that somebody may be tempted to write down, by where it is met.
FAULTS = {
    "jd_com": ("token", "error200", "html200", "cut", "gbk", "types", "reset", "code:12", "http500"),
    "jd_id": ("token", "html200", "cut", "types"),
}
RENEWALS = ("html200", "cut", "types", "http500")


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("canary")
    paces = {"PORTAL_PACES": "jd_com=500 jd_id=500", "PORTAL_LOG_LEVEL": "debug"}
    bad = {house.WORKER: worker.command("--verbs", "tests.proof.canary:BAD")} if given.control else {}
    with Stack(workers=1, web=True, durable=False, mail=True, settings=paces, instead=bad) as stack:
        life = Life(stack)
        life.lived(short=given.control)
        return _searched(stack, life, found, enough=given.control)


def _in_the_body(claimed: Claim) -> Outcome:
    """The known-bad variant: the opened settings travel in the work, so that no one needs to open them again."""
    connection = connections.find(uuid.UUID(claimed.body["connection"]))
    who = lines.account(connection)
    work.add("sync_hint", "nowhere", str(connection.id), {"settings": dict(who.settings)})
    return activation.activate(claimed)


BAD: dict[str, Verb] = {"activate": _in_the_body}


class Life:
    """What a merchant and the house do with secrets; `planted` are the secrets by what they are."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._cast = people.make(stack.app)
        self.browser = parts.browser(stack, self._cast.mei)
        self.planted = {
            "password": people.PASSWORD,
            "session": str(self.browser.cookies.get("sid")),
            **{name: stack.env[name] for name in ("PORTAL_SECRET_KEY", "PORTAL_SEALING_KEYS")},
        }
        self._channels: dict[str, uuid.UUID] = {}
        self._answers: list[tuple[str, httpx.Response]] = []

    def lived(self, *, short: bool) -> None:
        """Everything, in order; the short life ends after the first import."""
        for key in ("jd_com", "jd_id"):
            self._connect(key)
        say("both channels are on and have imported")
        if short:
            return
        self._plant_many()
        self._answers += canary_people.live(self._stack, self._cast, self.planted.__setitem__)
        say("people have shown and used secrets of their own")
        self._type_into_forms()
        for key, faults in FAULTS.items():
            for kind in faults:
                self._meet(key, kind)
        say("faults were met")
        for kind in RENEWALS:
            self._meet("jd_id", kind, operation="oauth.refresh_token", renewing=True)
        self._let_in_again()
        self._note_tokens()
        say("tokens were renewed")

    def _connect(self, key: str) -> None:
        sandbox = self._stack.sandbox
        secret = self._plant(f"{key} secret")
        account = sandbox.control("account", integration=key, name="canary", size=SIZE, app_secret=secret)
        with self._stack.app.app_context(), acting_for(self._cast.lantern):
            made = parts.connection(account, sandbox, f"Channel {key}")
            self._channels[key] = made.id
            connections.turn_on(made, LINTAS)
        self._note_tokens()
        assert self._stack.until(lambda: self._is_at_rest(key), TO_BE_PATIENT), self._stack.last_words(
            f"{house.WORKER}-1"
        )

    def _plant(self, what: str) -> str:
        self.planted[what] = f"canary-{randomness.token_hex(16)}"
        return self.planted[what]

    def _note_tokens(self) -> None:
        """Every token that the remotes ever gave is a planted secret too."""
        for key in self._channels:
            for token in self._stack.sandbox.account(key, "canary")["tokens"]:
                self.planted[f"access token {token['access'][-6:]}"] = token["access"]
                self.planted[f"refresh token {token['refresh'][-6:]}"] = token["refresh"]

    def _plant_many(self) -> None:
        with self._stack.app.app_context(), acting_for(self._cast.lantern):
            store = db.session.scalars(sa.select(Store)).one()
            for number in range(NUMBER // 2):
                made = connections.install(store, "jd_com", LINTAS)
                typed = {"api_key": "k", "app_id": "1", "api_endpoint": ""}
                typed |= {name: self._plant(f"{name} {number}") for name in ("api_secret", "access_token")}
                connections.save_settings(made, f"Draft {number}", typed, LINTAS)

    def _type_into_forms(self) -> None:
        """A form that is sent back, a key that is tested and is wrong, and an address that leads nowhere."""
        page = f"/connections/{self._channels['jd_com']}/settings"
        token = parts.csrf(self.browser, page)
        for what, typed in (
            ("a form without a name", {"name": "", "then": ""}),
            ("a wrong key that is tested", {"name": "Channel jd_com", "then": "test"}),
            ("an address of a stranger", {"name": "Channel jd_com", "api_endpoint": "https://evil.example/x"}),
        ):
            sent = {**typed, "csrf_token": token, "api_key": "k", "app_id": "1"}
            sent |= {key: self._plant(f"{key} in {what}") for key in ("api_secret", "access_token")}
            answer = self.browser.post(page, data=sent)
            self._answers.append((what, answer))
        with self._stack.app.app_context(), acting_for(self._cast.lantern):
            account = self._stack.sandbox.account("jd_com", "canary")
            made = connections.find(self._channels["jd_com"])
            values = parts.settings_of(account, lines.gateways(integrations.get("jd_com"))[0])
            del values["shop_id"]
            connections.save_settings(made, "Channel jd_com", values, LINTAS)
        self._turn_on("jd_com")

    def _meet(self, key: str, kind: str, *, operation: str = "", renewing: bool = False) -> None:
        """A run that meets a fault, which is then gone."""
        self._stack.sandbox.control("fault", integration=key, kind=kind, operation=operation, times=3)
        if renewing:
            self._stack.rows(
                "update connection set token_expires_at = now() + interval '1 minute' where integration = %s", key
            )
        with self._stack.app.app_context(), acting_for(self._cast.lantern):
            sync.ask(connections.find(self._channels[key]), Resource.PRODUCTS, LINTAS)
        self._stack.until(lambda: self._has_met(key), TO_BE_PATIENT)
        self._note_tokens()
        self._stack.sandbox.control("clear")
        self._turn_on(key)

    def _turn_on(self, key: str) -> None:
        with self._stack.app.app_context(), acting_for(self._cast.lantern):
            connections.turn_on(connections.find(self._channels[key]), LINTAS)
        self._stack.rows("update work set not_before = now() where status = 'open' and kind in ('sync', 'activate')")
        assert self._stack.until(lambda: self._is_at_rest(key), TO_BE_PATIENT), f"{key} does not come to rest"

    def _has_met(self, key: str) -> bool:
        return bool(
            self._stack.rows(
                "select 1 from run where connection_id = %s and cause <> '' order by id desc limit 1",
                self._channels[key],
            )
        ) or self._is_at_rest(key)

    def _is_at_rest(self, key: str) -> bool:
        """The channel is on, and no run is open."""
        query = """
            select state = 'active' and not exists (
                select 1 from run where connection_id = connection.id and state in ('waiting', 'running'))
            from connection where id = %s"""
        return bool(self._stack.one(query, self._channels[key]))

    def _let_in_again(self) -> None:
        """The seller's trip to the consent page once more, this time by browser and web."""
        page = f"/connections/{self._channels['jd_id']}/login"
        account = self._stack.sandbox.account("jd_id", "canary")
        sent = self.browser.post(page, data={"csrf_token": parts.csrf(self.browser, page)})
        address = httpx.URL(sent.headers["location"])
        typed = {"email": account["email"], "password": account["password"], "decision": "allow"}
        back = httpx.post(address.copy_with(query=None), data={**address.params, **typed}, trust_env=False)
        home = httpx.URL(back.headers["location"])
        self.planted |= {f"{name} of the consent": home.params[name] for name in ("code", "state")}
        self._answers.append(("the callback", self.browser.get(home)))
        self._answers.append(("the page after it", self.browser.get(page)))
        token = parts.csrf(self.browser, page)
        self._answers.append(("adopting", self.browser.post(f"{page}/next", data={"csrf_token": token})))

    def pages(self) -> Iterator[tuple[str, bytes]]:
        """Every page that can be opened, as page and as JSON, with its headers."""
        tables = ("connection", "listing", "run", "store", "product", "link_batch")
        ids = [str(self._stack.rows(f"select id from {each} limit 1")[0][0]) for each in tables if self._any(each)]
        ids += map(str, self._channels.values())
        for rule in self._stack.app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
                continue
            wanted = list(rule.arguments)
            for row_id in ids if wanted else [""]:
                address = rule.rule
                for name in wanted:
                    value = row_id if name == "public_id" else "jd_id"
                    address = address.replace(f"<{name}>", value)
                for accept in ("text/html", "application/json"):
                    answer = self.browser.get(address, headers={"Accept": accept})
                    yield f"{accept} {address}", answer.content + repr(answer.headers).encode()
        for what, answer in self._answers:
            location = answer.headers.get("location", "")
            yield what, answer.content + httpx.URL(location).query

    def _any(self, table: str) -> bool:
        return bool(self._stack.rows(f"select 1 from {table} limit 1"))


def _searched(stack: Stack, life: Life, found: Figure, *, enough: bool) -> int:
    needles = {what: _spellings(text) for what, text in life.planted.items()}
    kinds = ("logs", "Redis", "rows", "database files", "pages", "process lists")
    counts, sizes = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    finds = 0
    for kind, name, data in _left_behind(stack, life):
        if enough and finds:
            break
        counts[kind] += 1
        sizes[kind] += len(data)
        for what, spellings in needles.items():
            if any(each in data for each in spellings):
                finds += 1
                found.must(False, f"{what} was found in {name}")
    searched = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    say(f"bytes searched: {sizes}")
    found.must(enough or len(needles) >= NUMBER, f"at least {NUMBER} secrets were planted, not {len(needles)}")
    for kind, number in counts.items() if not finds else ():
        found.must(number and sizes[kind] > LEAST_BYTES, f"there are {kind} to be searched")
    return found.end(f"{len(needles)} planted secrets in 3 spellings: {finds} found in {searched}")


def _spellings(text: str) -> list[bytes]:
    """The heart of a secret as it is, in hexadecimal and in base64, so that a cut or wrapped one is found too."""
    heart = text[max(0, len(text) // 2 - 8) : len(text) // 2 + 8].encode()
    shifted = [base64.b64encode(b"\0" * pad + heart)[4 if pad else 0 : 20] for pad in range(3)]
    return [heart, heart.hex().encode(), *shifted]


def _left_behind(stack: Stack, life: Life) -> Iterator[tuple[str, str, bytes]]:
    for path in stack.logs():
        yield "logs", path.name, path.read_bytes()
    for key, data in _in_redis(stack.bells):
        yield "Redis", key, data
    for (table,) in stack.rows("select tablename from pg_tables where schemaname = 'public'"):
        for (text,) in stack.rows(f"select t::text from {table} t"):
            yield "rows", f"a row of {table}", text.encode()
    for name, data in life.pages():
        yield "pages", name, data
    stack.rows("checkpoint")
    # What a copy of the disk would hold: our database, and the log of writes, which is padded with zeros.
    ours = stack.one("select oid::text from pg_database where datname = current_database()")
    for folder in (f"base/{ours}", "pg_wal"):
        for path in sorted((stack.home / "pg" / "data" / folder).rglob("*")):
            if path.is_file():
                yield "database files", str(path.relative_to(stack.home)), path.read_bytes().rstrip(b"\0")
    for child in stack.children.values():
        for pid in house.session_of(child.pid):
            yield (
                "process lists",
                f"the command line of {child.name}",
                (house.PROCESSES / str(pid) / "cmdline").read_bytes(),
            )


def _in_redis(bells: redis.Redis) -> Iterator[tuple[str, bytes]]:
    """Everything that Redis holds, whatever its type."""
    read: Mapping[str, Any] = {
        "string": bells.get,
        "hash": bells.hgetall,
        "set": bells.smembers,
        "list": lambda key: bells.lrange(key, 0, -1),
        "zset": lambda key: bells.zrange(key, 0, -1),
        "stream": bells.xrange,
        # Gone between the look at the keys and the look at this one.
        "none": lambda key: b"",
    }
    for key in bells.scan_iter():
        found = bells.type(key)
        kind = found if isinstance(found, str) else found.decode()
        yield f"{kind} {key!r} of Redis", key + repr(read[kind](key)).encode()


if __name__ == "__main__":
    figure.run(main)
