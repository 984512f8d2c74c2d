"""New keys for what is sealed, while the house runs.

Every value that lies under an older key is opened and sealed anew with the newest, merchant by merchant and in batches.
A value is replaced only where it still is the one that was read (compare and swap), so a token that was renewed
meanwhile is never overwritten.  A row that somebody holds is passed over and looked at again: the rotation never waits
for a lock while it holds one, so nobody can wait for it in a ring.  It may be stopped, repeated, and run twice at once.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.flows import merchants, sealed
from portal.flows.house import house
from portal.flows.sealed import SealedColumn
from portal.kit.db import acting_for, array, db, whose_or_none
from portal.kit.sealing import NotOurs

# Rows that others held are looked at again so often, after such a pause in seconds.
PASSES = 20
PAUSE = 0.25
PEOPLE = "people"
NOBODY = uuid.UUID(int=0)

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many values of a column lie under the newest key, under older ones, and under none that is known."""

    column: str
    newest: int
    older: int
    lost: int


@dataclass(frozen=True, slots=True)
class Turned:
    """How many values were sealed anew, and how many do not open where they lie."""

    resealed: int
    strange: int


def rotate(told: Told) -> Turned:
    """Seal everything anew that lies under an older key; `told(whose, number)` hears of every batch that was done."""
    resealed = strange = 0
    for name, merchant_id in _all():
        with acting_for(merchant_id):
            for column in _columns_of(merchant_id):
                turned = _turn(column, lambda number, name=name: told(name, number))  # type: ignore[misc]
                resealed, strange = resealed + turned.resealed, strange + turned.strange
    return Turned(resealed, strange)


def survey() -> list[Standing]:
    """Under which keys the values of each column lie; counted by the id of the key, nothing is opened."""
    keyring = house().keyring
    counts: dict[str, dict[bytes, int]] = {each.full_name: {} for each in sealed.COLUMNS}
    for _, merchant_id in _all():
        with acting_for(merchant_id):
            for column in _columns_of(merchant_id):
                into = counts[column.full_name]
                for key, number in _by_key(column):
                    into[key] = into.get(key, 0) + number
            db.session.rollback()
    known = {keyring.newest, *keyring.older}
    return [
        Standing(
            name,
            newest=found.get(keyring.newest, 0),
            older=sum(found.get(key, 0) for key in keyring.older),
            lost=sum(number for key, number in found.items() if key not in known),
        )
        for name, found in counts.items()
    ]


def _by_key(column: SealedColumn) -> list[tuple[bytes, int]]:
    query = sa.select(column.key_id, sa.func.count()).select_from(column.table).where(column.mine())
    return [(bytes(key), number) for key, number in db.session.execute(query.group_by(column.key_id))]


def _all() -> Iterator[tuple[str, uuid.UUID | None]]:
    """Every merchant, and at last the people, who belong to none."""
    yield from ((each.name, each.id) for each in merchants.every())
    yield PEOPLE, None


def _columns_of(merchant_id: uuid.UUID | None) -> list[SealedColumn]:
    return [each for each in sealed.COLUMNS if each.of_merchant == (merchant_id is not None)]


def _turn(column: SealedColumn, told: Callable[[int], None]) -> Turned:
    """Go through a column until nothing of it lies under an older key that opens it, or others hold what is left."""
    resealed = strange = 0
    for _ in range(PASSES):
        passed_over = strange = 0
        for rows in _old(column):
            opened = [(row, new) for row in rows if (new := _anew(column, row)) is not None]
            done = swap(column, [(row.id, bytes(row[-1]), new) for row, new in opened])
            strange += len(rows) - len(opened)
            passed_over += len(opened) - done
            resealed += done
            if done:
                told(done)
        if not passed_over:
            break
        time.sleep(PAUSE)
    return Turned(resealed, strange)


def _old(column: SealedColumn) -> Iterator[list[sa.Row[Any]]]:
    """Batches of rows whose value lies under an older key, by their ids; no transaction stays open between two."""
    last = NOBODY
    while True:
        query = sa.select(*column.reading()).where(
            column.mine(), column.key_id.in_(house().keyring.older), column.table.c.id > last
        )
        rows = list(db.session.execute(query.order_by(column.table.c.id).limit(column.batch)))
        db.session.rollback()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _anew(column: SealedColumn, row: sa.Row[Any]) -> bytes | None:
    """The value of a row under the newest key; None where it does not open at its place."""
    keyring, place = house().keyring, column.place(row)
    try:
        return keyring.seal_bytes(keyring.open_bytes(bytes(row[-1]), place), place)
    except NotOurs:
        return None


def swap(column: SealedColumn, values: list[tuple[uuid.UUID, bytes, bytes]]) -> int:
    """Put new values (id, old, new) where the old ones still lie and nobody holds the row; gives how many; commits."""
    if not values:
        return 0
    ids, olds, news = zip(*values, strict=True)
    swapped = db.session.execute(
        _swap(column), {"merchant": whose_or_none(), "ids": array(ids), "olds": array(olds), "news": array(news)}
    )
    db.session.commit()
    return int(swapped.rowcount)  # type: ignore[attr-defined]  # An update gives a cursor's result; the stubs hide it.


def _swap(column: SealedColumn) -> sa.TextClause:
    table, name = column.table_name, column.name
    mine = "t.merchant_id = cast(:merchant as uuid) and" if column.of_merchant else ""
    return sa.text(
        f"""
        with held as materialized (
            select t.id, r.new from {table} t
            join unnest(cast(:ids as uuid[]), cast(:olds as bytea[]), cast(:news as bytea[])) as r(id, old, new)
                on r.id = t.id
            where {mine} t.{name} = r.old
            for no key update of t skip locked)
        update {table} t set {name} = held.new from held where {mine} t.id = held.id
        """  # noqa: S608 - the names are those of the registry.
    )
