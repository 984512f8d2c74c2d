"""Connects the demo merchants at the sandbox, step by step as a merchant would, and waits for what comes in."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from portal import demo, integrations
from portal.contract.definition import Integration, Kind
from portal.demo import Sample
from portal.demo_browser import Browser, Stuck
from portal.demo_trade import Trade
from portal.flows import batches, connections, grants, people, pulse, resources, sync, webhooks, work
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.flows.house import house
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_token
from portal.models import Connection, ConnectionState, LinkBatch, LinkState, Listing, Product, Run, RunState, Store
from portal.web import causes
from portal.web.refusals import sentence
from workers.jobs import VERBS

Say = Callable[[str], None]
Account = Mapping[str, Any]

LOOK_EVERY = 0.3
TELL_EVERY = 5.0
# How long nothing may move; an import that moves may take as long as it likes.
PATIENCE = 120.0
UNFINISHED = (ConnectionState.DRAFT, ConnectionState.SAVED)
LINKED = (LinkState.LINKED, LinkState.SKU_CHANGED)


def connect_all(say: Say) -> bool:
    """Connect what is not connected yet; answers whether anything was changed.  Raises Stuck."""
    if not house().settings.sandbox_url:
        raise Stuck("There is no sandbox here. Set PORTAL_SANDBOX_URL, or run `make run`, which brings one.")
    with Browser(house().settings.sandbox_url) as browser:
        accounts = browser.accounts()
        known = [(sample, found) for sample in demo.SAMPLES if (found := demo.owner_of(sample)) is not None]
        if not known:
            raise Stuck("The demo merchants are not here: this installation has people of its own.")
        changed = False
        for sample, (merchant_id, by) in known:
            say(sample.name)
            with acting_for(merchant_id):
                changed = _Merchant(sample, by, browser, say).connect(accounts) or changed
    return changed


@dataclass
class _Merchant:
    """One demo merchant at work."""

    sample: Sample
    by: By
    browser: Browser
    say: Say

    def connect(self, accounts: Sequence[Account]) -> bool:
        """Wherever the merchant has an account; products of the first marketplace are what the others link to."""
        changed, first = False, True
        for one, account in self._in_order(accounts):
            try:
                changed = self._channel(one, account) or changed
                changed = (first and self._products(one)) or changed
            except Refusal as why:
                raise Stuck(f"{self.sample.name}, {one.name}: {sentence(why)}") from None
            first = False
        try:
            return Trade(self.by, self.browser, self.say, _while_moving).begin(accounts) or changed
        except Refusal as why:
            raise Stuck(f"{self.sample.name}: {sentence(why)}") from None

    def _in_order(self, accounts: Sequence[Account]) -> list[tuple[Integration, Account]]:
        """The marketplaces, that of the merchant's own currency first, since its catalogue is the one that is best
        known; then the plugins, whose goods are linked to what the marketplaces brought.
        """
        own = {each["integration"]: each for each in reversed(accounts) if each["merchant"] == self.sample.word}
        found = [(one, own[key]) for key, one in integrations.all_integrations().items() if key in own]
        return sorted(
            found, key=lambda each: (each[0].kind is not Kind.MARKETPLACE, each[0].currency != self.sample.currency)
        )

    # --- one sales channel or plugin ----------------------------------------------------------------------------

    def _channel(self, one: Integration, account: Account) -> bool:
        """Answers whether the connection was made or finished by this call."""
        found = _connection_of(one)
        if found is not None and not _is_unfinished(found):
            return self._goes_on(one, found)
        connection = found or connections.install(self._store(), one.key, self.by)
        connection_id = connection.id  # The row itself is let go of while work is carried out.
        self._fill_in(one, connection, account)
        self._follow(one, connection_id)
        listings, linked = _counted(connection_id)
        self.say(f"  {one.name}: connected, {listings} listings" + (f", {linked} of them linked." if linked else "."))
        return True

    def _goes_on(self, one: Integration, connection: Connection) -> bool:
        """A connection that is there already: leave it as it is, but wait for what an earlier call began."""
        if connection.is_active:
            runs_on = any(each.is_open for each in _last_runs(connection.id))
            if connection.state is ConnectionState.ACTIVATING or runs_on:
                self._follow(one, connection.id)
            self.say(f"  {one.name} is connected already.")
        else:
            url = f"{house().settings.portal_url}/connections/{connection.id}"
            self.say(f"  {one.name} is there and not on. It is left as it is: {url}")
        return False

    def _store(self) -> Store:
        store = demo.first_store()
        if store is None:
            raise Stuck(
                f"{self.sample.name} has no store any more. Add one at {house().settings.portal_url}/stores/new."
            )
        return store

    def _fill_in(self, one: Integration, connection: Connection, account: Account) -> None:
        """The wizard's steps in its order."""
        ticks = [str(number) for number, step in enumerate(one.guide) if step.confirm]
        connections.confirm(connection, ticks, self.by)
        values = {each.key: each.default for each in one.settings} | dict(account["types"])
        connections.save_settings(connection, connection.name, values, self.by)
        if missing := set(connections.missing_steps(connection)) - {"login"}:
            raise Stuck(
                f"The sandbox says too little for {one.name} ({', '.join(sorted(missing))}); a token may have ended. "
                f"See {house().settings.sandbox_url}/control"
            )
        if one.grant is not None and one.grant.needed(connection.settings):
            self._sign_in(one, connection, account)
        wanted = {each.option: True for each in one.pulls.values()}
        connections.save_options(connection, {**connection.options, **wanted}, self.by)
        connections.turn_on(connection, self.by)

    def _sign_in(self, one: Integration, connection: Connection, account: Account) -> None:
        """To the remote's consent page and back, then on: what the callback's page does with a session of the web."""
        session = people.token_hash(new_token())
        self.browser.register(account, grants.callback_url(one))
        back = self.browser.consent(grants.begin(connection, session, self.by), account)
        query = dict(parse_qsl(urlsplit(back).query))
        attempt = grants.returned(one, query, session, back)
        if attempt.cause:
            raise Stuck(_told(one, attempt.cause))
        connections.adopt(connection, session, self.by)
        if one.webhook is not None and (hook := webhooks.address(connection)):
            self.browser.subscribe(account, hook)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _follow(self, one: Integration, connection_id: uuid.UUID) -> None:
        """Wait until the first import has ended.  Raises Stuck where it ends badly."""
        for moved in _while_moving(f"The import from {one.name}", self._tell_progress(one, connection_id)):
            connection = connections.find(connection_id)
            if connection.trouble:
                raise Stuck(_told(one, connection.trouble))
            runs = _last_runs(connection_id)
            if bad := next((each for each in runs if each.state is RunState.FAILED), None):
                raise Stuck(_told(one, bad.cause, subject="run"))
            if runs and not any(each.is_open for each in runs):
                return
            waits = connection.state is ConnectionState.ACTIVATING or runs
            if not waits and not _will_import(connection):
                return
            moved(connection.state, *(each.seen for each in runs))

    def _tell_progress(self, one: Integration, connection_id: uuid.UUID) -> Say:
        def tell(_: str) -> None:
            for run in _last_runs(connection_id):
                if run.is_open and run.seen:
                    self.say(f"  {one.name}, {run.resource}: {run.seen} of {run.total or '?'} …")

        return tell

    # --- products -----------------------------------------------------------------------------------------------------

    def _products(self, one: Integration) -> bool:
        """Make products of all new listings of the first channel, where the merchant has none yet."""
        connection = _connection_of(one)
        if connection is None or db.session.scalar(_any(Product)) or db.session.scalar(_any(LinkBatch)):
            return False
        choice = Choice(LinkState.NEW.value, connection.id)
        if not batches.preview("create", choice).listings:
            return False
        batch_id = batches.begin("create", choice, self.by).id
        batch = db.session.get_one(LinkBatch, (whose(), batch_id))
        for moved in _while_moving("Making the products", lambda _: None):
            batch = db.session.get_one(LinkBatch, (whose(), batch_id))
            if batch.state == "done":
                break
            moved(batch.state, batch.listings)
        self.say(f"  {one.name}: {batch.products} products made of its new listings.")
        return True


def _while_moving(what: str, tell: Say) -> Iterator[Callable[..., None]]:
    """Yield again and again, with a function that takes what should move.  Raises Stuck when nothing moved for long.

    Workers of a running house do the work; where there are none, it is done here between two looks.
    """
    last: tuple[Any, ...] = ()
    changed = told = time.monotonic()

    def moved(*now: Any) -> None:
        nonlocal last, changed
        if now != last:
            last, changed = now, time.monotonic()

    while True:
        yield moved
        db.session.rollback()  # The next look must see what others committed.
        if not pulse.feel().works:
            work.drain_all(VERBS)
        time.sleep(LOOK_EVERY)
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(what)
        if time.monotonic() - changed > PATIENCE:
            raise Stuck(f"{what} has not moved for {PATIENCE:.0f} seconds. `portal doctor` and `portal work` say more.")


# --- questions --------------------------------------------------------------------------------------------------------


def _connection_of(one: Integration) -> Connection | None:
    """The merchant's connection of an integration: one that was turned on before any other, then the oldest."""
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.integration == one.key)
    ordered = query.order_by(Connection.active_since.is_(None), Connection.id)
    return db.session.scalars(ordered.limit(1)).one_or_none()


def _is_unfinished(connection: Connection) -> bool:
    return connection.state in UNFINISHED and connection.active_since is None


def _last_runs(connection_id: uuid.UUID) -> Sequence[Run]:
    """The newest run of each resource."""
    query = sa.select(Run).where(Run.merchant_id == whose(), Run.connection_id == connection_id)
    return db.session.scalars(query.ext(distinct_on(Run.resource)).order_by(Run.resource, Run.id.desc())).all()


def _will_import(connection: Connection) -> bool:
    return bool(resources.all_wanted(connection)) and not sync.rests(connection)


def _counted(connection_id: uuid.UUID) -> tuple[int, int]:
    query = sa.select(sa.func.count(), sa.func.count().filter(Listing.link_state.in_(LINKED)))
    row = db.session.execute(query.where(Listing.merchant_id == whose(), Listing.connection_id == connection_id)).one()
    return row[0], row[1]


def _any(model: Any) -> sa.Select[bool]:
    return sa.select(sa.exists().where(model.merchant_id == whose()))


def _told(one: Integration, cause: str, subject: str = "connection") -> str:
    said = causes.explain(cause, subject, {"name": one.name})
    return f"{said.title} {said.why} {said.todo}".strip()
