"""Lets a demo merchant trade: stock goes out, a rule is made, and buyers order at the sandbox."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Kind, Resource
from portal.demo_browser import Browser
from portal.flows import connections, rehearsals, rules, sync
from portal.flows.audit import By
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, ExportStage, Listing, Order, Push, RuleAction, Store

Say = Callable[[str], None]
Account = Mapping[str, Any]
Waits = Callable[[str, Say], Iterator[Callable[..., None]]]

ORDERS = 12
# Between two steps of an order in the sandbox's warehouse, so that somebody who looks sees it move.
SECONDS_A_STEP = 20


@dataclass
class Trade:
    """One demo merchant who is connected; `waits` yields again and again while what was begun moves."""

    by: By
    browser: Browser
    say: Say
    waits: Waits

    def begin(self, accounts: Sequence[Account]) -> bool:
        """Do what is not done yet; answers whether anything was.  Raises Refusal and Stuck."""
        if db.session.scalar(sa.select(sa.exists().where(Order.merchant_id == whose()))):
            return False
        # By their ids, for the rows themselves are let go of while work is carried out.
        for connection_id in self._connections(Kind.FULFILMENT):
            self._warehouse(connection_id, accounts)
        channels = self._connections(Kind.MARKETPLACE)
        for connection_id in channels:
            self._let_out(connection_id)
        began = [self._orders(connection_id, accounts) for connection_id in channels]
        return any(began)

    def _connections(self, kind: Kind) -> Sequence[uuid.UUID]:
        query = sa.select(Connection.id).where(
            Connection.merchant_id == whose(), Connection.state == ConnectionState.ACTIVE, Connection.kind == kind.value
        )
        return db.session.scalars(query.order_by(Connection.id)).all()

    def _account(self, accounts: Sequence[Account], connection: Connection) -> Account | None:
        """The sandbox's account whose keys the merchant typed here."""
        one = integrations.get(connection.integration)
        own = [each for each in accounts if each["integration"] == one.key]
        return next((each for each in own if _typed(each, connection)), None)

    def _warehouse(self, connection_id: uuid.UUID, accounts: Sequence[Account]) -> None:
        """The plugin takes what no rule sends elsewhere; its sandbox moves by itself; large orders wait for a look."""
        connection = db.session.get_one(Connection, (whose(), connection_id))
        account = self._account(accounts, connection)
        store = db.session.get_one(Store, (whose(), connection.store_id))
        connections.save_settings(connection, connection.name, connection.settings, self.by, is_default=True)
        if account is not None:
            self.browser.control("pace", account, seconds=SECONDS_A_STEP)
        if not rules.of_store(store.id):
            conditions = [{"field": "quantity", "operator": "greater", "value": 5}]
            rules.add(
                store, rules.Draft("Large orders", conditions, RuleAction.HOLD, text="More than 5 pieces"), self.by
            )

    def _let_out(self, connection_id: uuid.UUID) -> None:
        """Look at what would change at a channel, then let it."""
        connection = db.session.get_one(Connection, (whose(), connection_id))
        if integrations.get(connection.integration).stock_out is None:
            return
        if connection.export_stage is not ExportStage.HELD:
            return
        name, rehearsal = connection.name, rehearsals.begin(connection, self.by)
        for moved in self.waits(f"Comparing the stock at {name}", lambda _: None):
            found = rehearsals.newest(connection_id)
            if found is None or found.state not in {"waiting", "reading"}:
                break
            moved(found.state, found.listings)
        rehearsal = rehearsals.newest(connection_id) or rehearsal
        if rehearsal.state == "ready":
            changes, zeroed = rehearsal.changes, rehearsal.zeroed
            rehearsals.send_all(rehearsal, self.by, zeroed)
            # What lost its link after it wanted a number, or may not be told one, waits for no sending.
            fit = sa.and_(Listing.product_id.is_not(None), Listing.missing_since.is_(None), Listing.passed)
            due = (
                sa.select(sa.func.count())
                .select_from(Push)
                .join(Listing, sa.and_(Listing.merchant_id == Push.merchant_id, Listing.id == Push.listing_id, fit))
                .where(Push.merchant_id == whose(), Push.connection_id == connection_id, Push.acked < Push.wanted)
            )
            # Buyers come when the numbers have arrived; before, they would buy what is not there.
            for moved in self.waits(f"Sending the stock to {name}", lambda _: None):
                waiting = db.session.scalar(due.where(Push.cause == "")) or 0
                if not waiting:
                    break
                moved(waiting)
            self.say(f"  {name}: stock goes out, {changes} numbers change.")

    def _orders(self, connection_id: uuid.UUID, accounts: Sequence[Account]) -> bool:
        """Buyers order, and the orders come in."""
        connection = db.session.get_one(Connection, (whose(), connection_id))
        account = self._account(accounts, connection)
        if Resource.ORDERS not in integrations.get(connection.integration).pulls or account is None:
            return False
        name = connection.name
        self.browser.control("order", account, many=ORDERS)
        sync.ask(connection, Resource.ORDERS, self.by)
        mine = sa.select(sa.func.count()).where(Order.merchant_id == whose(), Order.connection_id == connection_id)
        came = 0
        for moved in self.waits(f"The orders of {name}", lambda _: None):
            came = db.session.scalar(mine) or 0
            if came >= ORDERS:
                break
            moved(came)
        self.say(f"  {name}: {came} orders came in.")
        return True


def _typed(account: Account, connection: Connection) -> bool:
    """Whether an account is the one of a connection: the values that are no secrets agree."""
    types = account["types"]
    return all(types.get(key) == value for key, value in connection.settings.items() if key in types)
