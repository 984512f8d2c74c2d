"""With our own tenant filters switched off, the walls of the database alone return no row of another merchant.

Two merchants have rows in every table.  Each comparison of `merchant_id` is then taken out of every statement on its
way to the database, and the rival reads, writes and opens pages, with the other's ids too.
"""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from portal.contract.webhooks import Reason
from portal.flows import (
    batches,
    connections,
    linking,
    notices,
    plugins,
    secrets,
    suggestions,
    sync,
    upload_checks,
    uploads,
    work,
)
from portal.flows.audit import LINTAS
from portal.flows.batches import Choice
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import (
    Connection,
    ConnectLink,
    Delivery,
    DeliveryRefusal,
    GrantAttempt,
    Invitation,
    LinkBatch,
    Listing,
    Logo,
    Role,
    Run,
    RunPage,
    RunProblem,
    SupportPage,
    SupportReason,
    SupportSession,
    UploadUse,
)
from tests import cast as people
from tests import goods
from tests.cast import Cast
from tests.proof import figure, trade_rows, walls
from tests.proof.figure import Figure, say
from tests.stack import Stack

# The rows of the other merchant bear this in every text; nothing that the rival sees may.
MARK = "lanternmark"
OWN_PAGES = 5
# How many tables lend their ids to each address; in the long form all of them.
TRIED = 6
SHUT = {404, 405}
APPEND_ONLY = {"audit_note", "audit_link", "audit_head", "stock_move", "order_event", "routing_decision"}


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("tenantrows")
    with Stack(workers=0, relay=False, sandbox=False, durable=False) as stack:
        stack.app.config["PROPAGATE_EXCEPTIONS"] = False
        cast = people.make(stack.app)
        with stack.app.app_context():
            for merchant, mark in ((cast.lantern, MARK), (cast.rival, "anchor")):
                with acting_for(merchant):
                    _fill(mark)
        if given.control:
            walls.open_the_walls(stack)
        chance = random.Random(given.seed)
        return Rival(stack, found, cast, lambda ids: ids if given.long else chance.sample(ids, TRIED)).proved()


def _fill(mark: str) -> None:
    """At least one row in every table, the same SKUs and remote ids for everybody."""
    channel = goods.connection("jd_com", f"{mark} channel")
    secrets.keep(channel, "api_secret", f"secret of {mark}", mark)
    for sku in ("S-1", "S-2"):
        goods.product(sku).title = f"{mark} {sku}"
    sold = goods.product(f"sold by {mark}")
    records = [goods.listing(str(n), f"S-{n}", title=f"{mark} {n}", image=f"/{mark}.png") for n in range(1, 9)]
    goods.take_in(channel, [*records, goods.listing("9", "s-2", title=mark)], pages=2)
    run = Run(merchant_id=whose(), id=new_id(), connection_id=channel.id, resource="products", asked_by=mark)
    db.session.add(run)
    db.session.flush()
    db.session.add_all(
        [
            RunPage(merchant_id=whose(), run_id=run.id, remote_ids=[mark]),
            RunProblem(merchant_id=whose(), run_id=run.id, cause="unreadable_item", remote_id="7", detail=mark),
            Logo(merchant_id=whose(), id=new_id(), png=mark.encode(), digest=mark),
            GrantAttempt(
                merchant_id=whose(),
                id=new_id(),
                connection_id=channel.id,
                state_hash=mark.encode(),
                session_hash=b"one",
                user_id=new_id(),
                redirect_uri=mark,
            ),
        ]
    )
    work.add("sync", "a-lane", f"{mark}-run", {"run": str(run.id)}, asked_by=mark)
    notices.tell("connection", channel.id, "unknown_audit_word", grave=False, name=mark, words=[mark])
    brought = uploads.receive(f"{mark}.csv", UploadUse.IMPORT, [f"SKU,Title\nS-1,{mark}\n".encode()], LINTAS)
    upload_checks.keep(brought.id, [upload_checks.Checked(2, "S-1", mark, problems={"near_in_file": mark})])
    _with_links(channel, mark)
    _with_people(mark)
    trade_rows.fill(channel, sold, mark)
    db.session.commit()
    batches.begin("leave_out", Choice("near"), LINTAS)


def _with_people(mark: str) -> None:
    """Somebody who was asked to join, and support staff who looked at a page."""
    own, moment = {"merchant_id": whose()}, now()
    session = SupportSession(
        **own,
        id=new_id(),
        agent_id=new_id(),
        agent_name=mark,
        whom_id=new_id(),
        whom_name=mark,
        role=Role.OWNER,
        reason=SupportReason.QUESTION,
        ticket=mark,
        token_hash=mark.encode(),
        parent_hash=mark.encode(),
        started_at=moment,
        ends_at=moment,
    )
    db.session.add(session)
    db.session.flush()
    db.session.add_all(
        [
            SupportPage(**own, id=new_id(), session_id=session.id, method="GET", path=f"/{mark}", status=200),
            Invitation(
                **own, id=new_id(), email=f"{mark}@example.com", role=Role.VIEWER, invited_by=mark, ends_at=moment
            ),
        ]
    )


def _with_links(channel: Connection, mark: str) -> None:
    """A connect link, and a push that was believed beside one that was not."""
    own = {"merchant_id": whose(), "connection_id": channel.id}
    db.session.add_all(
        [
            ConnectLink(**own, id=new_id(), token_hash=mark.encode(), made_by=mark, expires_at=now()),
            Delivery(
                **own, id=new_id(), event_id=mark, digest=b"", sealed=b"", size=1, received_at=now(), last_at=now()
            ),
            DeliveryRefusal(
                **own,
                id=new_id(),
                reason=Reason.NO_ID,
                hour=now(),
                number=1,
                size=1,
                detail=mark,
                first_at=now(),
                last_at=now(),
            ),
        ]
    )


class Rival:
    """Whoever must see nothing of the other's, and tries."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast, some: Callable[[list[str]], list[str]]) -> None:
        self._stack, self._found, self._cast, self._some = stack, found, cast, some
        self._models = walls.tenant_models()
        self._foreign = 0
        self._pages = self._calls = 0
        self._answers: Counter[int] = Counter()

    def proved(self) -> int:
        """Read, write, call and open pages, everything without a filter."""
        for model in self._models:
            rows = self._stack.rows(
                f"select count(*) from {model.__tablename__} where merchant_id = %s", self._cast.lantern
            )
            self._found.must(
                rows[0][0], f"the other merchant has rows in {model.__tablename__}, or this proves nothing"
            )
        before = walls.fingerprint(self._stack, self._cast.lantern)
        with walls.without_filters() as robbed:
            with self._stack.app.app_context(), acting_for(self._cast.rival):
                self._read()
                self._write()
                self._call()
            if not self._found.broken:
                self._open_pages()
        say(f"answers: {dict(self._answers)}")
        signed_in = self._answers[200] >= OWN_PAGES
        self._found.must(signed_in or not self._pages, "the rival's own pages open, so it is signed in")
        changed = before != walls.fingerprint(self._stack, self._cast.lantern)
        self._found.must(len(robbed) > 100, f"filters were taken out of many statements, not only of {len(robbed)}")
        self._found.must(not changed, "no row of the other merchant was changed")
        return self._found.end(
            f"{len(robbed)} statements without their filter over {len(self._models)} tables, {self._calls} calls of "
            f"flows and {self._pages} requests: {self._foreign} foreign rows read, {'some' if changed else '0'} written"
        )

    def _clean(self, what: str, foreign: int) -> None:
        self._foreign += foreign
        self._found.must(foreign == 0, f"{what}: {foreign} foreign rows")

    # --- through the session ------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for model in self._models:
            name = model.__tablename__
            rows = db.session.scalars(sa.select(model).where(model.merchant_id == whose())).all()
            self._found.must(rows, f"{name}: the rival sees rows of its own")
            self._clean(f"read of {name}", sum(row.merchant_id != self._cast.rival for row in rows))
            for row_id in self._ids_of(name):
                self._clean(f"{name} by id", int(db.session.get(model, (whose(), row_id)) is not None))
            db.session.rollback()
        count = sa.text("select count(*) from merchant where id <> :mine")
        self._clean("merchants", db.session.scalar(count, {"mine": self._cast.rival}) or 0)

    def _ids_of(self, table: str) -> list[uuid.UUID]:
        return [
            row[0] for row in self._stack.rows(f"select id from {table} where merchant_id = %s", self._cast.lantern)
        ]

    def _write(self) -> None:
        for model in self._models:
            name = model.__tablename__
            if name in APPEND_ONLY:
                continue  # The application may change none at all.
            own = self._stack.one(f"select count(*) from {name} where merchant_id = %s", self._cast.rival)
            for statement in (
                sa.update(model).where(model.merchant_id == whose()).values(id=model.id),
                sa.delete(model).where(model.merchant_id == whose()),
            ):
                with db.session.no_autoflush:
                    touched = self._rowcount(statement)
                self._clean(f"{type(statement).__name__} of {name}", max(0, touched - own))
                db.session.rollback()

    def _rowcount(self, statement: Any) -> int:
        db.session.execute(sa.text("set constraints all deferred"))
        try:
            done = db.session.execute(statement, execution_options={"synchronize_session": False})
        except sa.exc.IntegrityError:
            return 0  # Rows of its own are pointed at by others of its own.
        return int(done.rowcount)  # type: ignore[attr-defined]

    def _call(self) -> None:
        """What flows give and do when they are handed the other's things."""
        theirs = self._ids_of("listing")
        channel = connections.find(self._id_of_mine("connection"))
        listings = list(db.session.scalars(sa.select(Listing).where(Listing.merchant_id == whose())))
        calls: list[tuple[str, Callable[[], Any]]] = [
            ("groups", lambda: sum(linking.groups(channel.id).values()) - len(listings)),
            ("products_like", lambda: sum(map(len, linking.products_like(["s1", "s2", "s-1", "s-2"]).values())) > 2),
            ("suggestions", lambda: _marked(suggestions.of(listings))),
            ("secrets", lambda: len(secrets.saved(channel)) - 1),
            ("open_notices", lambda: _marked([each.arguments for each in notices.open_notices()])),
            ("preview", lambda: batches.preview("leave_out", Choice("new", ids=theirs)).listings),
            ("default_plugins", lambda: len(plugins.default_plugins())),
            ("unfinished", lambda: work.unfinished("sync", f"{MARK}-run") is not None),
            ("find", lambda: connections.find(self._ids_of("connection")[0])),
            ("unlink", lambda: linking.unlink(Listing(id=theirs[0]), LINTAS)),
            ("leave_out", lambda: linking.leave_out(Listing(id=theirs[0]), LINTAS)),
            ("stop", lambda: sync.stop(Run(id=self._ids_of("run")[0]), LINTAS)),
            ("undo", lambda: batches.undo(LinkBatch(id=self._ids_of("link_batch")[0]), LINTAS)),
        ]
        for name, call in calls:
            self._calls += 1
            try:
                got = call()
            except sa.exc.NoResultFound:
                got = 0
            except Refusal:
                got = 1  # It found the row and only did not like its state.
            db.session.rollback()
            self._clean(f"flow {name}", int(got) if isinstance(got, int | bool) else 1)

    def _id_of_mine(self, table: str) -> uuid.UUID:
        query = f"select id from {table} where merchant_id = %s order by id limit 1"
        return uuid.UUID(str(self._stack.one(query, self._cast.rival)))

    # --- through the web ----------------------------------------------------------------------------------------------

    def _open_pages(self) -> None:
        browser = self._cast.client_of(self._cast.rex)
        token = people.csrf(browser, "/stores/new")
        ids = [str(row_id) for model in self._models for row_id in self._ids_of(model.__tablename__)[:1]]
        for rule in self._stack.app.url_map.iter_rules():
            if rule.endpoint in {"static", "people.login", "people.logout", "people.language"}:
                continue
            for address in _addresses(rule, self._some(ids)):
                for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                    self._open(browser, method, address, token, foreign=bool(rule.arguments))

    def _open(self, browser: FlaskClient, method: str, address: str, token: str, *, foreign: bool) -> None:
        self._pages += 1
        form = {"csrf_token": token, "ids": address.split("/")[2:3]} if method == "POST" else None
        if method == "POST" and not foreign:
            return
        answer = browser.open(address, method=method, data=form)
        shown = MARK in answer.text or "Blue Lantern" in answer.text or "Lantern Shanghai" in answer.text
        self._answers[answer.status_code] += 1
        self._clean(f"{method} {address}", int(shown))
        if foreign:
            # The pages of support staff are closed to members of merchants, whatever they name.
            shut = SHUT | {403} if address.startswith("/support/") else SHUT
            self._found.must(
                answer.status_code in shut, f"{method} {address} answers {answer.status_code} to a foreign id"
            )


def _addresses(rule: Rule, ids: list[str]) -> list[str]:
    """The rule's address, once for every foreign id where it wants one."""
    if not rule.arguments:
        return [rule.rule]
    found = []
    for row_id in ids:
        address = re.sub(r"<(?:\w+:)?public_id>", row_id, rule.rule)
        found.append(re.sub(r"<(?:\w+:)?\w+>", "jd_com", address))
    return found if "public_id" in rule.arguments else found[:1]


def _marked(found: object) -> bool:
    if isinstance(found, dict):
        found = [(each.title, each.image) for products in found.values() for each in products]
    return MARK in repr(found)


if __name__ == "__main__":
    figure.run(main)
