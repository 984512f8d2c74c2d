"""B13: a run that brings a hundred changes, over a million listings and over ten thousand: its cost follows changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Pull, Resource
from portal.contract.records import Page, RemoteListing
from portal.flows import lines, sync, work
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.models import Connection, Run, RunState, Work
from tests.bench import filling, ground
from tests.bench.figure import Asked, Figure, at_most, middle, ratio_of, timed
from tests.bench.filling import Filled, ident
from tests.bench.stand_in import KEY, standing_in
from tests.stack import Stack
from workers.jobs import VERBS

GOAL = 2.0
CHANGES, PAGE = 100, 50
SMALL = 10_000
ROUNDS, WARM = 7, 2
LONGEST = 600.0

# All at one channel and linked, but for two in a hundred that share their SKU with another, three that nobody knows and
# three that a person left out; every linked one was told its number.
LISTINGS = f"""
insert into listing (merchant_id, id, connection_id, remote_id, parent_id, sku, sku_near, title, parent_title,
    attributes, barcode, image, price_minor, currency, quantity, status_word, on_sale, audit_word, passed, digest,
    remote_updated_at, link_state, product_id, link_how, linked_at, linked_by, linked_sku, changed_at, created_at)
select %(merchant)s, {ident("g", 2)}, %(connection)s, 'r' || g, 'p' || g / 4, s.sku, lower(s.sku), p.title, p.title,
    'Red / 350ML', '', '', 1990, 'CNY', 7, '8/1', true, null, true, decode(md5(g::text), 'hex'), p.created_at, s.state,
    case when s.state = 'linked' then p.id end, case when s.state = 'linked' then 'sku' end,
    case when s.state = 'linked' then p.created_at end, '', case when s.state = 'linked' then s.sku end,
    p.created_at, p.created_at
from product p
cross join lateral (select substr(p.sku, 5)::int as g) n
cross join lateral (select
    case when g %% 100 < 2 then 'duplicate' when g %% 100 < 5 then 'new' when g %% 100 < 8 then 'left_out'
        else 'linked' end as state,
    case when g %% 100 < 2 then 'DUP-' || g / 100 when g %% 100 < 5 then 'NEW-' || g else p.sku end as sku) s
where p.merchant_id = %(merchant)s
order by p.id
"""
PUSHES = """
insert into push (merchant_id, id, listing_id, connection_id, wanted, wanted_at, sent, sent_level, sent_at, acked,
    acked_level, acked_at, drift, cause, detail)
select merchant_id, id, id, connection_id, 1, linked_at, 1, 0, linked_at, 1, 0, linked_at, '', '', ''
from listing where merchant_id = %(merchant)s and product_id is not null
"""


class Changing:
    """What changed at the remote since it was asked last, and tells it in pages."""

    def __init__(self) -> None:
        self.changed: Sequence[RemoteListing] = ()

    def pages(self, client: Any, since: datetime | None, cursor: str | None) -> Iterator[Page]:
        """The changes; nobody asks for everything here."""
        assert since is not None, "a run over everything was not meant"
        begin = int(cursor or 0)
        for at in range(begin, len(self.changed), PAGE):
            last = at + PAGE >= len(self.changed)
            items = [{"record": each} for each in self.changed[at : at + PAGE]]
            yield Page(items, None if last else str(at + PAGE), len(self.changed))


def _read(raw: Mapping[str, Any]) -> RemoteListing:
    record = raw["record"]
    assert isinstance(record, RemoteListing)
    return record


def bench(asked: Asked) -> list[Figure]:
    """Both in turns: the run from its start to its end, and the work that it leaves in the house."""
    rows = asked.size(1_000_000, 100_000)
    remote = Changing()
    products = Pull(pages=remote.pages, read=_read, incremental=True)
    pulls = {**integrations.get(KEY).pulls, Resource.PRODUCTS: products}
    with standing_in(pulls=pulls), _filled(SMALL) as (small, few), _filled(rows) as (big, many):
        found: dict[str, list[float]] = {"run": [], "small run": [], "rest": [], "small rest": []}
        for number in range(WARM + ROUNDS):
            for name, stack, filled in (("", big, many), ("small ", small, few)):
                run, rest = _one(stack, filled, remote, number)
                if number >= WARM:
                    found[f"{name}run"].append(run)
                    found[f"{name}rest"].append(rest)
    asked.say(f"      {', '.join(f'{name} {middle(each) * 1000:.0f} ms' for name, each in found.items())}")
    ours = [sum(each) for each in zip(found["run"], found["rest"], strict=True)]
    theirs = [sum(each) for each in zip(found["small run"], found["small rest"], strict=True)]
    ratio, alone = ratio_of(ours, theirs), ratio_of(found["run"], found["small run"])
    return [
        Figure(
            "B13",
            f"a run of {CHANGES} changes and what follows it, over {rows:,} listings against over {SMALL:,}"
            f" (the run alone: {alone:.2f} x)",
            middle(ours) * 1000,
            "ms",
            ratio,
            f"<= {GOAL:g} x",
            at_most(ratio, GOAL),
            {"rounds": found},
        )
    ]


@contextmanager
def _filled(rows: int) -> Iterator[tuple[Stack, Filled]]:
    with ground.house(durable=False) as stack:
        filled = filling.fill(stack.app, stack.superuser_url, rows, (filling.PRODUCTS, LISTINGS, PUSHES))
        with acting_for(filled.merchant):
            _whole_run(filled.connection)
        yield stack, filled


def _whole_run(connection_id: uuid.UUID) -> None:
    """A run over everything was an hour ago, so that the next one asks for changes only."""
    before = now() - timedelta(hours=1)
    run = Run(merchant_id=whose(), id=new_id(), connection_id=connection_id, resource=Resource.PRODUCTS.value)
    run.state, run.started_at, run.ended_at = RunState.DONE, before, before
    db.session.add(run)
    db.session.commit()


def _one(stack: Stack, filled: Filled, remote: Changing, number: int) -> tuple[float, float]:
    """Seconds of a run that brings other titles and prices, and of the work that it leaves."""
    remote.changed = [
        _changed(place * (filled.rows // CHANGES) + 8 + (number * 7) % 90, number) for place in range(CHANGES)
    ]
    with stack.app.app_context(), acting_for(filled.merchant):
        connection = db.session.get_one(Connection, (whose(), filled.connection))
        lane, house_lane = lines.lane(connection), work.house_lane(whose())

        def run() -> None:
            sync.start(connection, Resource.PRODUCTS, "", by_hand=False)
            db.session.commit()
            work.drain(lane, VERBS, LONGEST)

        took = timed(run)
        last = db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(1)).one()
        told = (last.state, last.seen, last.changed, last.cause)
        assert told == (RunState.DONE, CHANGES, CHANGES, ""), told
        # It waits a moment so that several decisions are followed together.
        db.session.execute(sa.update(Work).where(Work.lane == house_lane).values(not_before=now()))
        db.session.commit()
        rest = timed(lambda: work.drain(house_lane, VERBS, LONGEST))
        left = db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(Work.status == "open"))
        assert not left, f"{left} rows of work are open"
        db.session.rollback()
    return took, rest


def _changed(slot: int, number: int) -> RemoteListing:
    return RemoteListing(
        remote_id=f"r{slot}",
        parent_id=f"p{slot // 4}",
        sku=f"KMS-{slot:07d}",
        title=f"Alpine kettle, edition {number}",
        price=Money(1990 + number, "CNY"),
        quantity=7,
        status_word="8/1",
        on_sale=True,
        updated_at=now(),
    )
