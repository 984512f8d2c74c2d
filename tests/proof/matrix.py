"""Every fault of the sandbox at every call: each cell has an outcome, and none half an effect.

The calls are those of a pull, of a check, and of orders for a warehouse (matrix_orders.py).

A cell is a merchant of its own whose channel meets one fault, once or until it is taken away.  Waiting times are cut
short.  When the fault is gone, the channel must come to the state of a merchant who never met one.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

from portal.contract.definition import Resource
from portal.contract.errors import Cause, Garbled
from portal.flows import connections, lines, sync, work
from portal.flows.audit import LINTAS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.db import acting_for
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.proof.matrix_cells import CHECK, LASTING, ONCE, PULL, RENEWAL, Cell, cells
from tests.proof.matrix_orders import Orders, order_cells
from tests.stack import Stack
from workers.jobs import VERBS

SIZE = 150
MOST_ROUNDS = 40
# One call may take 25 s; a proof that hangs on purpose waits less.
SECONDS = 2.0
CAUSES = "|".join(cause.value for cause in Cause)
TOLD = re.compile(rf"({CAUSES})(: .*)?", re.DOTALL)
HURRY = """
    update work set not_before = now()
    where merchant_id = %s and status = 'open' and kind in ('sync', 'activate', 'renew_token')
"""


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--only", default="", help="a part of the cells' names")
    ask.add_argument("--seconds", type=float, default=SECONDS, help="how long one call may take")
    given = ask.answered()
    found = Figure("matrix")
    lines.open_client = partial(lines.open_client, seconds=given.seconds)
    verbs = {**VERBS, "sync": _skipping} if given.control else VERBS
    settings = {"PORTAL_PACES": "jd_com=2000 jd_id=2000 jdl=2000", "PORTAL_LOG_LEVEL": "critical"}
    with Stack(workers=0, relay=False, durable=False, settings=settings) as stack, stack.app.app_context():
        matrix = Matrix(stack, found, verbs)
        for cell in cells(long=given.long):
            if given.only in str(cell):
                matrix.tried(cell)
        orders = Orders(stack, found, control=given.control)
        for each in order_cells(long=given.long):
            if given.only in str(each):
                orders.tried(each)
        return matrix.end(orders.outcomes)


def _skipping(claimed: Claim) -> Outcome:
    """The known-bad variant: what cannot be read is skipped, and the run goes on to its end."""
    read = lines.open_client

    def forgiving(*args: Any, **options: Any) -> Any:
        return _Forgiving(read(*args, **options))

    lines.open_client = forgiving
    try:
        return sync.run(claimed)
    finally:
        lines.open_client = read


class _Forgiving:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __enter__(self) -> Any:
        client = self._inner.__enter__()
        call = client.call

        def empty_where_garbled(method: str, parameters: Any) -> Any:
            try:
                return call(method, parameters)
            except Garbled:
                nothing = {"totalItem": 0, "data": [], "success": True, "model": None}
                return {"page": nothing, "returnType": nothing}

        client.call = empty_where_garbled
        return client

    def __exit__(self, *why: object) -> Any:
        return self._inner.__exit__(*why)


@dataclass(frozen=True)
class State:
    """What a channel has come to."""

    channel: str
    trouble: str
    run: str
    cause: str
    detail: str
    waited: bool
    notices: frozenset[str]
    dead: tuple[str, ...]
    generation: int

    def outcome(self, before: int) -> str:
        """One word for it, with the cause behind a colon."""
        if self.channel == "paused":
            return f"paused:{self.trouble}"
        if self.channel == "failed":
            return f"failed:{self.trouble}"
        if self.run == "failed":
            return f"failed:{self.cause}"
        if self.run != "done":
            return f"stuck:{self.channel}/{self.run}"
        return "renewed" if self.generation > before else "waits" if self.waited else "done"


class Matrix:
    """Tries cells, one after the other."""

    def __init__(self, stack: Stack, found: Figure, verbs: dict[str, Verb]) -> None:
        self._stack, self._found, self._verbs = stack, found, verbs
        for key in ("jd_com", "jd_id", "jdl"):
            stack.sandbox.control("account", integration=key, name="matrix", size=SIZE, dirty=0.1)
        # All merchants call JD Logistics under one app, whose limit is not what is looked at here.
        stack.sandbox.control("limits", integration="jdl", account="northwick", rate=None)
        self._accounts = {key: stack.sandbox.account(key, "matrix") for key in ("jd_com", "jd_id", "jdl")}
        self._clean: dict[str, str] = {}
        self._outcomes: Counter[str] = Counter()

    def tried(self, cell: Cell) -> None:
        """One cell: a fault, its outcome, and the way back."""
        clean = self._clean_state(cell.remote)
        merchant, channel = self._merchant(cell)
        self._turn_on(channel, merchant, check_too=cell.at == CHECK)
        before = self._state(merchant, channel, waited=False)
        if cell.at == RENEWAL:
            self._stack.rows(
                "update connection set token_expires_at = now() + interval '1 minute' where id = %s", channel
            )
        self._stack.sandbox.control(
            "fault",
            integration=cell.integration,
            account="matrix",
            kind=cell.fault,
            operation=cell.operation,
            times=1 if cell.how == ONCE else None,
            after=cell.after,
        )
        state = self._driven(merchant, channel, impatient=cell.how == LASTING)
        outcome = state.outcome(before.generation)
        self._outcomes[outcome.partition(":")[0]] += 1
        self._found.must(
            outcome in cell.outcomes, f"{cell}: {outcome} ({state.detail}), not {' or '.join(cell.outcomes)}"
        )
        self._whole(cell, merchant, state)
        self._stack.sandbox.control("clear", integration=cell.integration)
        self._way_back(cell, merchant, channel, clean)

    def end(self, of_orders: Counter[str]) -> int:
        """The figure, with the outcomes of the cells of orders."""
        outcomes = self._outcomes + of_orders
        number = sum(outcomes.values())
        by_word = ", ".join(f"{count} {word}" for word, count in sorted(outcomes.items()))
        return self._found.end(f"{number} cells: {by_word}; {len(self._found.broken)} not as stated")

    # --- a merchant's channel -----------------------------------------------------------------------------------------

    def _merchant(self, cell: Cell) -> tuple[uuid.UUID, uuid.UUID]:
        merchant = parts.merchant(f"Merchant {uuid.uuid4()}")
        with acting_for(merchant):
            typed = {"generation": "v1"} if cell.remote.endswith("v1") else {}
            made = parts.connection(self._accounts[cell.integration], self._stack.sandbox, "Channel", **typed)
            # Plugins download their products only where that is wanted; the matrix looks at nothing else of theirs.
            connections.save_options(made, {"import_products": True, "import_orders": False}, LINTAS)
            return merchant, made.id

    def _turn_on(self, channel: uuid.UUID, merchant: uuid.UUID, *, check_too: bool) -> None:
        """Turn the channel on; unless the check is what shall meet the fault, it is made now."""
        with acting_for(merchant):
            made = connections.find(channel)
            lane = lines.lane(made)
            connections.turn_on(made, LINTAS)
        if not check_too:
            (claimed,) = work.claim(lane)
            work.perform(claimed, self._verbs)

    def _driven(self, merchant: uuid.UUID, channel: uuid.UUID, *, impatient: bool = False) -> State:
        """Work until nothing is due, with the waiting left out; `impatient` lets the five minutes of a check pass."""
        waited = False
        for number in range(MOST_ROUNDS):
            self._stack.rows(HURRY, merchant)
            if impatient and number == MOST_ROUNDS // 4:
                self._stack.rows(
                    "update connection set active_since = now() - interval '1 hour' where id = %s", channel
                )
            if not work.drain_all(self._verbs):
                break
            open_rows = "select count(*) from work where merchant_id = %s and status = 'open' and error <> ''"
            waited = waited or self._stack.one(open_rows, merchant) > 0
        return self._state(merchant, channel, waited=waited)

    def _state(self, merchant: uuid.UUID, channel: uuid.UUID, *, waited: bool) -> State:
        one = self._stack.rows("select state, trouble, generation from connection where id = %s", channel)[0]
        run = "select state, cause, detail from run where connection_id = %s order by id desc limit 1"
        state, cause, detail = (self._stack.rows(run, channel) or [("none", "", "")])[0]
        told = self._stack.rows("select cause from notice where merchant_id = %s and cleared_at is null", merchant)
        dead = self._stack.rows("select error from work where merchant_id = %s and status = 'dead'", merchant)
        return State(
            channel=one[0],
            trouble=one[1],
            run=state,
            cause=cause,
            detail=detail,
            waited=waited,
            notices=frozenset(row[0] for row in told),
            dead=tuple(row[0] for row in dead),
            generation=one[2],
        )

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _whole(self, cell: Cell, merchant: uuid.UUID, state: State) -> None:
        """Nothing is unhandled, nothing untold, nothing half written."""
        strange = [error for error in state.dead if not TOLD.fullmatch(error)]
        self._found.must(not strange, f"{cell}: work died of {strange}")
        bad = state.cause if state.run == "failed" else state.trouble if state.channel in {"failed", "paused"} else ""
        self._found.must(
            not bad or bad in state.notices, f"{cell}: {bad} was told to nobody, only {set(state.notices)}"
        )
        numbers = """
            select coalesce(sum(seen), 0) = coalesce(sum(kept + refused), 0),
                coalesce(sum(fresh), 0) = (select count(*) from listing where merchant_id = %(m)s),
                (select count(*) from listing where merchant_id = %(m)s and missing_since is not null)
            from run where merchant_id = %(m)s"""
        seen, fresh, missing = self._stack.named(numbers, m=merchant)[0]
        self._found.must(seen and fresh, f"{cell}: the numbers of the run do not add up")
        self._found.must(missing == 0, f"{cell}: {missing} listings were taken for gone")

    def _way_back(self, cell: Cell, merchant: uuid.UUID, channel: uuid.UUID, clean: str) -> None:
        """The fault is gone: another run, by the merchant's own hand, and all is as if nothing had been."""
        state = self._once_more(cell, merchant, channel)
        if cell.at == RENEWAL and state.channel == "paused":
            state = self._once_more(cell, merchant, channel)  # Its tokens were used up by an answer that was lost.
        self._found.must((state.channel, state.run) == ("active", "done"), f"{cell}: the way back ends at {state}")
        self._found.must(self._digest(merchant) == clean, f"{cell}: after the way back the listings differ")
        self._found.must(not state.notices, f"{cell}: after the way back {set(state.notices)} is still told")

    def _once_more(self, cell: Cell, merchant: uuid.UUID, channel: uuid.UUID) -> State:
        """What a merchant does: sync now, or sign in again and turn on."""
        with acting_for(merchant):
            made = connections.find(channel)
            if made.is_active:
                sync.ask(made, Resource.PRODUCTS, LINTAS)
            else:
                if cell.remote in {"jd_id", "jdl"}:
                    parts.consent(made, self._accounts[cell.integration], self._stack.sandbox)
                connections.turn_on(made, LINTAS)
        return self._driven(merchant, channel)

    def _clean_state(self, remote: str) -> str:
        """The listings of a merchant who never met a fault."""
        if remote not in self._clean:
            cell = Cell(remote, PULL, "", "", ONCE)
            merchant, channel = self._merchant(cell)
            self._turn_on(channel, merchant, check_too=True)
            state = self._driven(merchant, channel)
            assert (state.channel, state.run) == ("active", "done"), f"{remote} does not even work in peace: {state}"
            self._clean[remote] = self._digest(merchant)
            say(f"{remote} works in peace")
        return self._clean[remote]

    def _digest(self, merchant: uuid.UUID) -> str:
        query = """
            select remote_id, sku, link_state, title, price_minor, quantity, passed, missing_since is null
            from listing where merchant_id = %s order by remote_id"""
        rows = self._stack.rows(query, merchant)
        return f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"


if __name__ == "__main__":
    figure.run(main)
