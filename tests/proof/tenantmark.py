"""What is done for a merchant bears its mark: work, bells, files, exports and log lines; a forged mark opens nothing.

A house with two merchants works: both import, push and fail.  Each row of work then names only things of its own
merchant, Redis holds nothing that says whose anything is but the names of lanes, a file that was brought or given out
holds rows of one merchant, and each log line of the work names whose it was.  At last work is forged: of each kind, for
one merchant and with the other's things in it, and bells with words that are no lane.
"""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from typing import Any

import redis
import sqlalchemy as sa

from portal.flows import connections, sync, work
from portal.flows.audit import LINTAS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.db import acting_for, db
from portal.models import Work
from tests import cast as people
from tests import stack as house
from tests.addresses import MARK, Things, make_things
from tests.cast import Cast
from tests.proof import figure, parts, walls
from tests.proof.canary import _in_redis
from tests.proof.figure import Figure, say
from tests.stack import Stack
from workers.jobs import VERBS

OWN_MARK = "Anchor of"
SIZE, PATIENCE = 30, 40.0
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The names under which bodies of work name a thing, and what of the things it is.
BODY = {
    "batch": "batch_id",
    "connection": "connection_id",
    "delivery": "delivery_id",
    "id": "invitation_id",
    "order": "order_id",
    "product": "product_id",
    "rehearsal": "run_id",
    "run": "run_id",
    "shipment": "order_id",
    "store": "store_id",
    "upload": "upload_id",
}
# What Redis holds of the house itself, without a word of any merchant.
OF_THE_HOUSE = re.compile(r"^(rq:|lintas:(relay|pace|brake|bell)|bells)")
FILES = ("/products/export/file?kind=csv", "/settings/activity/file")


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("tenantmark")
    settings = {"PORTAL_LOG_LEVEL": "info", "PORTAL_PACES": "jd_com=500"}
    with Stack(workers=1, durable=False, settings=settings) as stack:
        stack.app.config["PROPAGATE_EXCEPTIONS"] = False
        cast = people.make(stack.app)
        look = Look(stack, found, cast)
        if not given.control:
            look.lived()
            look.marks()
        for name in (house.RELAY, f"{house.WORKER}-1"):
            stack.kill(name)
            del stack.children[name]
        return look.forged(_believing(stack) if given.control else VERBS)


def _believing(stack: Stack) -> dict[str, Verb]:
    """The known-bad variant: work is done for whoever the things in it belong to, not for whom it was made."""

    def instead(verb: Verb) -> Verb:
        def believe(claimed: Claim) -> Outcome:
            named = str(claimed.body["connection"])
            whose = stack.one("select merchant_id from connection where id::text = %s", named)
            with acting_for(whose):
                outcome = verb(claimed)
                db.session.flush()
            return outcome

        return believe

    return {kind: instead(verb) for kind, verb in VERBS.items()}


class Look:
    """Two merchants that work, and whoever looks at what that leaves."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast) -> None:
        self._stack, self._found, self._cast = stack, found, cast
        self._work = self._keys = self._lines = self._files = 0
        self._channels: dict[uuid.UUID, uuid.UUID] = {}

    # --- a life -------------------------------------------------------------------------------------------------------

    def lived(self) -> None:
        """Both connect and import; then the remote refuses both."""
        for number, merchant in enumerate((self._cast.lantern, self._cast.rival)):
            account = self._stack.sandbox.control("account", integration="jd_com", name=f"shop {number}", size=SIZE)
            with self._stack.app.app_context(), acting_for(merchant):
                made = parts.connection(account, self._stack.sandbox, f"Channel {number}")
                self._channels[merchant] = made.id
                connections.turn_on(made, LINTAS)
        rested = self._stack.until(self._rests, PATIENCE)
        self._found.must(rested, "both merchants have imported")
        self._stack.sandbox.control("fault", integration="jd_com", kind="token", times=9)
        for merchant, channel in self._channels.items():
            with self._stack.app.app_context(), acting_for(merchant):
                sync.ask(connections.find(channel), sync.Resource.PRODUCTS, LINTAS)
        failed = "select count(distinct merchant_id) from run where cause <> ''"
        self._found.must(self._stack.until(lambda: self._stack.one(failed) > 1, PATIENCE), "both have failed")

    def _rests(self) -> bool:
        waits = "select count(*) from run where state in ('waiting', 'running')"
        ends = "select count(distinct merchant_id) from listing"
        return bool(self._stack.one(waits) == 0 and self._stack.one(ends) == len(self._channels))

    def marks(self) -> None:
        """Look at all that it left."""
        self._rows_of_work()
        self._in_redis()
        self._in_logs()
        self._in_files()
        say(
            f"{self._work} rows of work, {self._keys} keys, {self._lines} log lines and {self._files} files bear a mark"
        )

    def _rows_of_work(self) -> None:
        for merchant, lane, body in self._stack.rows("select merchant_id, lane, body::text from work"):
            self._work += 1
            self._found.must(merchant in self._channels, f"work in {lane} is of a merchant")
            for named in UUID.findall(f"{lane} {body}"):
                owners = self._owners(named)
                self._found.must(owners <= {merchant}, f"work in {lane} of {merchant} names a thing of {owners}")
        self._found.must(self._work, "there was work")

    def _owners(self, named: str) -> set[uuid.UUID]:
        if uuid.UUID(named) in self._channels:
            return {uuid.UUID(named)}
        found: set[uuid.UUID] = set()
        for model in walls.tenant_models():
            query = f"select merchant_id from {model.__tablename__} where id = %s"
            found |= {row[0] for row in self._stack.rows(query, named)}
        return found

    def _in_redis(self) -> None:
        for name, data in _in_redis(self._stack.bells):
            self._keys += 1
            key = name.partition("'")[2].partition("'")[0]
            self._found.must(OF_THE_HOUSE.match(key), f"{name} is a key of the house or names its merchant")
            for what in (b"Blue Lantern", b"Red Anchor", b"Channel ", b"@example.com", MARK.encode()):
                self._found.must(what not in data, f"{name} holds {what!r}")
        self._found.must(self._keys, "there were keys")

    def _in_logs(self) -> None:
        known = {str(each) for each in self._channels}
        own = {str(channel): str(merchant) for merchant, channel in self._channels.items()}
        for log in self._stack.logs():
            for line in log.read_text(errors="replace").splitlines():
                if not line.startswith("{"):
                    continue
                told: dict[str, Any] = json.loads(line)
                if not {"run", "connection", "work", "delivery"} & told.keys():
                    continue
                self._lines += 1
                self._found.must(told.get("merchant") in known, f"a line of a run names its merchant: {line[:200]}")
                whose = own.get(str(told.get("connection")), told.get("merchant"))
                self._found.must(whose == told.get("merchant"), f"a line names its own merchant: {line[:200]}")
        self._found.must(self._lines, "there were lines of runs")

    def _in_files(self) -> None:
        """What was brought belongs to somebody, and what is given out to whoever asked."""
        make_things(self._cast)
        make_things(self._cast, OWN_MARK, rival=True)
        for table in ("upload", "upload_part", "upload_row", "logo"):
            missing = self._stack.one(f"select count(*) from {table} where merchant_id is null")
            self._found.must(missing == 0, f"{missing} rows of {table} are nobody's")
        asked = [("mei", (OWN_MARK, "Red Anchor")), ("rex", (MARK, "Blue Lantern"))]
        for name, foreign in asked:
            browser = self._cast.client_of(getattr(self._cast, name))
            for path in FILES:
                if path.partition("?")[0] not in {rule.rule for rule in self._stack.app.url_map.iter_rules()}:
                    continue
                self._files += 1
                try:
                    answer = browser.get(path, buffered=True)
                except Exception as why:
                    # A file breaks after its head was sent, so that no answer can tell of it.
                    self._found.must(False, f"{path} of {name} breaks: {why!r}")
                    continue
                self._found.must(answer.status_code == 200, f"{path} is given to {name}: {answer.status_code}")
                rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig", "replace"))))
                shown = [each for each in foreign if any(each in cell for row in rows for cell in row)]
                self._found.must(not shown, f"{path} of {name} holds {shown}")

    # --- forged -------------------------------------------------------------------------------------------------------

    def forged(self, verbs: dict[str, Verb]) -> int:
        """Work of every kind for Red Anchor, with things of Blue Lantern in it; nothing of theirs is touched."""
        theirs = make_things(self._cast) if self._work == 0 else self._things_of_theirs()
        before = walls.fingerprint(self._stack, self._cast.lantern)
        done = 0
        for kind in verbs:
            with self._stack.app.app_context():
                self._forge(kind, theirs)
                work.drain(f"forged-{kind}", verbs, seconds=5)
            same = before == walls.fingerprint(self._stack, self._cast.lantern)
            done += not same
            self._found.must(same, f"forged work of the kind {kind} changed something of the other merchant")
            before = before if same else walls.fingerprint(self._stack, self._cast.lantern)
        refused = self._cannot_be_written()
        bells = self._forged_bells(before)
        return self._found.end(
            f"{self._work} rows of work, {self._keys} keys, {self._lines} log lines and {self._files} files marked; "
            f"{len(verbs)} kinds of forged work: {done} had an effect; {refused} rows for another were refused by the "
            f"walls; {bells} forged bells rang in vain"
        )

    def _things_of_theirs(self) -> Things:
        found = {"store_id": self._cast.lantern_store}
        for name in ("connection", "product", "batch", "run", "delivery", "upload", "order", "invitation"):
            table = {"batch": "link_batch", "order": "orders"}.get(name, name)
            query = f"select id from {table} where merchant_id = %s limit 1"
            found[f"{name}_id"] = uuid.UUID(str(self._stack.one(query, self._cast.lantern)))
        return found

    def _forge(self, kind: str, theirs: Things) -> None:
        body: dict[str, Any] = {name: str(theirs[thing]) for name, thing in BODY.items()}
        body |= {"resource": "products", "since": None, "letter": "invitation"}
        with acting_for(self._cast.rival):
            work.add(kind, f"forged-{kind}", f"forged-{kind}", body)
            db.session.commit()

    def _cannot_be_written(self) -> int:
        """Whoever acts for one merchant can write no work for another, whatever it names."""
        refused = 0
        for kind in VERBS:
            with self._stack.app.app_context(), acting_for(self._cast.rival):
                row = Work(merchant_id=self._cast.lantern, kind=kind, lane="x", natural_key=kind, body={})
                db.session.add(row)
                try:
                    db.session.commit()
                except sa.exc.DBAPIError:
                    refused += 1
                finally:
                    db.session.rollback()
        self._found.must(refused == len(VERBS), f"{refused} of {len(VERBS)} rows for another merchant were refused")
        return refused

    def _forged_bells(self, before: str) -> int:
        """A bell only says that a lane has work: whatever else is written on it does nothing."""
        words = ["", "house-", f"house-{uuid.UUID(int=0)}", str(self._cast.lantern), "x' or true --", "%", "lane\x00"]
        rang = 0
        for lane in words:
            with self._stack.app.app_context():
                try:
                    rang += work.drain(lane, VERBS, seconds=1)
                except (sa.exc.SQLAlchemyError, ValueError, redis.RedisError) as why:
                    say(f"the bell {lane!r} breaks: {type(why).__name__}")
        self._found.must(rang == 0, f"forged bells did {rang} pieces of work")
        same = before == walls.fingerprint(self._stack, self._cast.lantern)
        self._found.must(same, "forged bells changed nothing")
        return len(words)


if __name__ == "__main__":
    figure.run(main)
