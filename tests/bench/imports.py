"""B3, B4, B5: taking a catalogue in, against COPY of the same rows and against an ORM that goes row by row."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.records import Page, Record, RemoteListing
from portal.flows import sync
from portal.flows.resources import DOORS
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Connection, LinkHow, LinkState, Listing, Product
from tests.bench import ground
from tests.bench.figure import Asked, Figure, alternating, at_least, middle, ratio_of, timed

# JD.com answers up to 100 SKUs of some wares; the walk gathers four pages of wares with their SKUs.
ONE_PAGE = 100
GATHERED = 450
ROUNDS = 5


def bench(asked: Asked) -> list[Figure]:
    """All three: they need the same rows."""
    size = asked.size(16_000, 5_000)
    with ground.house() as stack, ground.merchant("Imports"), ground.superuser(stack.superuser_url) as wire:
        taken = ground.records("bench", size)
        ground.products_for(taken)
        _fill_other_channel(taken)
        ground.settled(stack)
        number = iter(range(1_000))
        done: list[uuid.UUID] = []

        def first(page: int) -> float:
            made = ground.connection(f"channel {next(number)}")
            seconds = timed(partial(take_in, made, taken, page))
            done.append(made.id)
            return size / seconds

        def again() -> float:
            made = db.session.get_one(Connection, (whose(), done[-1]))
            return size / timed(partial(take_in, made, taken, GATHERED))

        def copy() -> float:
            return size / copy_of(wire, done[-1], ground.connection(f"copy {next(number)}").id)

        first(GATHERED)  # Everything is warm before it counts.
        written: list[int] = []
        found = alternating(
            ROUNDS,
            {
                "pages": partial(first, ONE_PAGE),
                "gathered": partial(first, GATHERED),
                "copy": copy,
                "again": _counting(wire, again, done, written),
            },
        )
        rows = _row_by_row(asked, taken, middle(found["copy"]))
        return [*_against_copy(found, written), rows]


def _fill_other_channel(taken: Sequence[RemoteListing]) -> None:
    """Another channel sells the same goods: no import meets an empty table."""
    take_in(ground.connection("the other channel"), taken, 1_000)


def take_in(to: Connection, taken: Sequence[Record], size: int, resource: Resource = Resource.PRODUCTS) -> None:
    """A run over these records page by page, as `sync.run` keeps them."""
    run, claimed = ground.run_of(to, resource)
    run_id = run.id
    for at in range(0, len(taken), size):
        page = list(taken[at : at + size])
        held = sync._keep(claimed, run_id, to, Page([], f"{at}", len(taken)), page, [], DOORS[resource], now())
        assert held is not None
        claimed = held
    db.session.execute(sa.text("update run set state = 'done', ended_at = now() where id = :id"), {"id": run_id})
    db.session.execute(sa.text("delete from work where natural_key = :key"), {"key": str(run_id)})
    db.session.commit()


def copy_of(wire: psycopg.Connection[Any], of: uuid.UUID, to: uuid.UUID) -> float:
    """Seconds in which binary COPY writes the final rows of one connection once more, for another connection."""
    names = [column.name for column in Listing.__table__.columns]
    number = wire.execute("select count(*) from listing where connection_id = %s", [of]).fetchone()[0]  # type: ignore[index]
    ids = [new_id() for _ in range(number)]
    chosen = ", ".join({"connection_id": f"'{to}'::uuid", "id": "ids.id"}.get(name, name) for name in names)
    wire.execute(
        f"""
        create temp table final as select {chosen} from (
            select *, row_number() over (order by id) as place from listing where connection_id = %s) l
        join unnest(%s::uuid[]) with ordinality as ids(id, place) using (place)
        """.replace("select *,", f"select {', '.join(name for name in names if name != 'id')},"),
        [of, ids],
    )
    with wire.cursor().copy("copy final to stdout (format binary)") as out:
        blocks = [bytes(each) for each in out]
    wire.execute("drop table final")

    def copy() -> None:
        into = f"copy listing ({', '.join(names)}) from stdin (format binary)"
        with wire.transaction(), wire.cursor().copy(into) as rows:
            for block in blocks:
                rows.write(block)

    return timed(copy)


def _counting(
    wire: psycopg.Connection[Any], deed: Callable[[], float], done: list[uuid.UUID], written: list[int]
) -> Callable[[], float]:
    """The deed, with a count of the row versions of the connection that it wrote."""

    def counted() -> float:
        versions = "select id, ctid::text || xmin::text from listing where connection_id = %s"
        before = dict(wire.execute(versions, [done[-1]]).fetchall())
        answer = deed()
        after = dict(wire.execute(versions, [done[-1]]).fetchall())
        written.append(len(before.items() ^ after.items()))
        return answer

    return counted


def _against_copy(found: dict[str, list[float]], written: list[int]) -> list[Figure]:
    pages = ratio_of(found["pages"], found["copy"])
    gathered = ratio_of(found["gathered"], found["copy"])
    again = ratio_of(found["again"], found["copy"])
    notes = {"rounds": found, "copy": middle(found["copy"])}
    rewritten = f"{max(written)} row versions were written" if max(written) else ""
    return [
        Figure(
            "B3a",
            f"first import and link, pages of {ONE_PAGE}",
            middle(found["pages"]),
            "listings/s",
            pages,
            ">= 0.15 x COPY",
            at_least(pages, 0.15),
            notes,
        ),
        Figure(
            "B3b",
            f"first import and link, {GATHERED} gathered",
            middle(found["gathered"]),
            "listings/s",
            gathered,
            ">= 0.28 x COPY",
            at_least(gathered, 0.28),
        ),
        Figure(
            "B4",
            "import again, nothing changed",
            middle(found["again"]),
            "listings/s",
            again,
            ">= 0.70 x COPY, no row version written",
            at_least(again, 0.70) or rewritten,
            {"row_versions": written},
        ),
    ]


# --- an ORM that goes row by row --------------------------------------------------------------------------------------


def _row_by_row(asked: Asked, taken: Sequence[RemoteListing], copy: float) -> Figure:
    some = taken[: asked.size(900, 400)]
    number = iter(range(1_000))

    def theirs() -> float:
        made = ground.connection(f"orm {next(number)}")
        return len(some) / timed(partial(one_by_one, made.id, some))

    def ours() -> float:
        made = ground.connection(f"set-wise {next(number)}")
        return len(taken) / timed(partial(take_in, made, taken, GATHERED))

    found = alternating(3, {"ours": ours, "orm": theirs})
    times = ratio_of(found["ours"], found["orm"])
    return Figure(
        "B5",
        f"import and link against an ORM that goes row by row (COPY alone: {copy / middle(found['orm']):.0f} x)",
        middle(found["ours"]),
        "listings/s",
        times,
        ">= 50 x",
        at_least(times, 50),
        {"orm": found["orm"]},
    )


def one_by_one(connection_id: uuid.UUID, taken: Sequence[RemoteListing]) -> None:
    """What one would write without thinking of sets: look up, look up, add or change; a commit for each page."""
    for place, record in enumerate(taken):
        here = sa.select(Listing).where(
            Listing.merchant_id == whose(),
            Listing.connection_id == connection_id,
            Listing.remote_id == record.remote_id,
        )
        row = db.session.scalars(here).one_or_none()
        if row is None:
            row = Listing(merchant_id=whose(), id=new_id(), connection_id=connection_id, remote_id=record.remote_id)
            row.created_at, row.link_state = now(), LinkState.NEW
            db.session.add(row)
        _change(row, record)
        product = db.session.scalars(
            sa.select(Product).where(Product.merchant_id == whose(), Product.sku == record.sku)
        ).one_or_none()
        if product is not None and row.product_id is None:
            row.product_id, row.link_state, row.link_how = product.id, LinkState.LINKED, LinkHow.SKU
            row.linked_at, row.linked_sku = now(), record.sku
        if place % ONE_PAGE == ONE_PAGE - 1:
            db.session.commit()
    db.session.commit()


def _change(row: Listing, record: RemoteListing) -> None:
    price = record.price
    row.parent_id, row.sku, row.sku_near = record.parent_id, record.sku, near(record.sku)
    row.title, row.parent_title, row.attributes = record.title, record.parent_title, record.attributes
    row.barcode, row.image, row.quantity = record.barcode, record.image, record.quantity
    row.price_minor, row.currency = (price.minor, price.currency) if price else (None, "")
    row.status_word, row.on_sale, row.audit_word = record.status_word, record.on_sale, record.audit_word
    row.passed, row.digest, row.remote_updated_at, row.changed_at = True, b"", record.updated_at, now()
