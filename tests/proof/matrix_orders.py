"""Every fault of the sandbox at every call that gives a warehouse an order, looks for it, and calls it back.

A cell is one order that meets one fault once.  Whatever was said to it, the warehouse never has it twice, nobody takes
a question without an answer for "not there", and once the fault is gone the same calls come to the usual end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from portal import integrations
from portal.contract.definition import Fulfilling, Resource
from portal.contract.errors import Busy, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.records import Answer, Consignee, Outbound, OutboundLine
from portal.flows import connections, lines
from portal.kit.db import acting_for
from portal.models import Connection
from tests.proof import parts
from tests.proof.figure import Figure, say
from tests.proof.matrix_cells import AFTER, OUTCOMES
from tests.stack import Stack

CREATE, FIND, CANCEL = "create", "find", "cancel"
# By integration: what each call is named there.
CALLS = {"jdl": {CREATE: "outstock.create", FIND: "outstock.query", CANCEL: "outstock.cancel"}}
# What a flow does next decides what an error has to be.  Only the first may have happened at the warehouse.
UNKNOWN, SAID_NO, ASK_THE_MERCHANT, DONE = "unknown", "said no", "ask the merchant", "done"
SORTS: dict[str, tuple[type[RemoteError], ...]] = {
    UNKNOWN: (Busy, Garbled),
    SAID_NO: (Refused,),
    ASK_THE_MERCHANT: (Unauthorised,),
}
EXPECTED = {
    "token": ASK_THE_MERCHANT,
    "code:12": SAID_NO,
    "code:61": SAID_NO,
    "clock": SAID_NO,
    "latency:100": DONE,
}
# Numbers given as text are read all the same; a list that is none is not.
ELSEWHERE = {(CREATE, "types"): DONE, (CANCEL, "types"): DONE}
WHO = Consignee(
    name="Ada Whitlock", phone="+44 113 496 0000", address="1 Canal Wharf", city="Leeds", postcode="LS11", country="GB"
)


@dataclass(frozen=True)
class OrderCell:
    """One fault at one of the calls."""

    remote: str
    at: str
    fault: str
    after: bool = False

    @property
    def outcome(self) -> str:
        """What the call has to come to."""
        return UNKNOWN if self.after else ELSEWHERE.get((self.at, self.fault), EXPECTED.get(self.fault, UNKNOWN))

    def __str__(self) -> str:
        return f"{self.remote} {self.at} order {self.fault}{' after the work' if self.after else ''}"


def order_cells(*, long: bool) -> Iterator[OrderCell]:
    """All cells; in the short form those of the call that makes an order."""
    for remote, calls in CALLS.items():
        for at in calls if long else (CREATE,):
            yield from (OrderCell(remote, at, fault) for fault in OUTCOMES)
            yield from (OrderCell(remote, at, fault, after=True) for fault in AFTER)


class Orders:
    """Tries cells, one after the other.  `control` sends an order again under a number of its own."""

    def __init__(self, stack: Stack, found: Figure, *, control: bool) -> None:
        self._stack, self._found, self._control = stack, found, control
        self._connections: dict[str, tuple[Any, Connection, str]] = {}
        self.outcomes: Counter[str] = Counter()

    def tried(self, cell: OrderCell) -> None:
        """One cell: a fault, its outcome, and the way back."""
        merchant, made, sku = self._warehouse(cell.remote)
        jobs = integrations.get(cell.remote).fulfilling
        assert jobs is not None
        number = sum(self.outcomes.values()) + 1
        outbound = Outbound(reference=f"M-{number:05d}", consignee=WHO, lines=(OutboundLine("1", sku, 1),))
        with acting_for(merchant):
            if cell.at != CREATE:
                self._asked(made, lambda client: jobs.create(client, outbound))
            with self._fault(cell):
                outcome = self._asked(made, self._call(cell.at, jobs, outbound))
            self.outcomes[outcome] += 1
            self._found.must(outcome == cell.outcome, f"{cell}: {outcome}, not {cell.outcome}")
            self._way_back(cell, made, jobs, outbound, outcome)

    def _call(self, at: str, jobs: Fulfilling, outbound: Outbound) -> Callable[[Any], object]:
        if at == CREATE:
            return lambda client: jobs.create(client, outbound)
        if at == CANCEL:
            return lambda client: jobs.cancel(client, outbound.reference)
        return lambda client: self._must_be_there(jobs.find(client, outbound.reference), outbound)

    def _must_be_there(self, found: object, outbound: Outbound) -> object:
        self._found.must(found is not None, f"{outbound.reference} was said not to be there")
        return found

    def _way_back(self, cell: OrderCell, made: Connection, jobs: Fulfilling, outbound: Outbound, outcome: str) -> None:
        """The fault is gone: what is there is found, the same order again is the same, and it can be stopped."""
        there = self._effects(outbound)["outstock.created"]
        self._found.must(outcome == UNKNOWN or there == (outcome == DONE or cell.at != CREATE), f"{cell}: {there} made")
        with lines.open_client(made) as client:
            found = jobs.find(client, outbound.reference)
            self._found.must((found is not None) == bool(there), f"{cell}: found {found}, and {there} were made")
            again = replace(outbound, reference=f"{outbound.reference}-2") if self._control else outbound
            if cell.at != CANCEL:
                jobs.create(client, again)
            answer = jobs.cancel(client, outbound.reference).answer if there or not self._control else None
        self._found.must(self._control or answer is Answer.CANCELLED, f"{cell}: at last {answer}")
        effects = self._effects(outbound)
        self._found.must(effects["outstock.created"] == 1, f"{cell}: {effects['outstock.created']} orders for one")
        self._found.must(self._control or effects["outstock.cancelled"] == 1, f"{cell}: stopped {effects}")

    def _asked(self, made: Connection, do: Callable[[Any], object]) -> str:
        try:
            with lines.open_client(made) as client:
                do(client)
        except RemoteError as why:
            return next(word for word, sort in SORTS.items() if isinstance(why, sort))
        return DONE

    @contextmanager
    def _fault(self, cell: OrderCell) -> Iterator[None]:
        said = {"kind": cell.fault, "operation": CALLS[cell.remote][cell.at], "times": 1, "after": cell.after}
        self._stack.sandbox.control("fault", integration=cell.remote, account="matrix", **said)
        yield
        self._stack.sandbox.control("clear", integration=cell.remote)

    def _effects(self, outbound: Outbound) -> Counter[str]:
        """What happened at the warehouse to this order, under whichever number."""
        told = self._stack.sandbox.journal(kind="effect")
        return Counter(
            each["effect"]
            for each in told
            if str(each["arguments"].get("reference", "")).startswith(outbound.reference)
        )

    def _warehouse(self, remote: str) -> tuple[Any, Connection, str]:
        """A merchant with a plugin, and a SKU that the warehouse has enough of."""
        if remote not in self._connections:
            account = self._stack.sandbox.account(remote, "matrix")
            merchant = parts.merchant(f"Orders at {remote}")
            with acting_for(merchant):
                made = parts.connection(account, self._stack.sandbox, "Warehouse")
                with lines.open_client(made) as client:
                    pull = integrations.get(remote).pulls[Resource.STOCK]
                    page = next(pull.pages(client, None, None))
                stocks: list[Any] = [pull.read(item) for item in page.items]
                sku = next(each.sku for each in stocks if each.sku.strip() and each.available > 20)
            self._connections[remote] = merchant, made, sku
            say(f"{remote} takes orders of {sku}")
        merchant, made, sku = self._connections[remote]
        with acting_for(merchant):
            return merchant, connections.find(made.id), sku
