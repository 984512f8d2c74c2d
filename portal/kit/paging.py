"""Pages by key: the next page begins after the last row seen, so a deep page costs what the first one costs."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

T = TypeVar("T")
SIZE = 50
CAP = 10_000
# PostgreSQL reads no offset from UTC of so much or more.
FARTHEST = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a list: the rows and the cursors of the pages beside it, None where there is none."""

    rows: Sequence[T]
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are; `more` where counting stopped at the cap."""

    number: int
    more: bool = False


def slice_of(
    session: Session,
    query: sa.Select[Any],
    keys: Sequence[Any],
    cursor: str | None,
    read: Callable[[Any], Sequence[Any]],
    *,
    size: int = SIZE,
    descending: bool = False,
) -> Slice[Any]:
    """The page of `query` at `cursor`, ordered by `keys`, which together are unique.

    `read(row)` gives the values of the keys of one row.  A cursor that is not ours counts as none.
    """
    backwards, at = _opened(cursor, [key.type for key in keys])
    falling = descending != backwards
    if at is not None:
        edge = sa.tuple_(*keys)
        values = sa.tuple_(
            *[sa.cast(sa.literal(value, key.type), key.type) for value, key in zip(at, keys, strict=True)]
        )
        query = query.where(edge < values if falling else edge > values)
    ordered = query.order_by(*[key.desc() if falling else key.asc() for key in keys]).limit(size + 1)
    rows = list(session.execute(ordered))
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    first, last = (read(rows[0]), read(rows[-1])) if rows else ((), ())
    return Slice(
        rows,
        after=_closed(last) if rows and (more or backwards) else None,
        before=_closed(first, backwards=True) if rows and (more if backwards else at is not None) else None,
    )


def count_of(session: Session, query: sa.Select[Any], cap: int = CAP, *, along: Sequence[Any] = ()) -> Count:
    """How many rows a query has, counted to `cap` at the most.

    `along` are the columns of the index to count along, where the database could also read the table itself.
    """
    return counts_of(session, {"": query}, cap, along={"": along})[""]


def counts_of(
    session: Session,
    queries: Mapping[str, sa.Select[Any]],
    cap: int = CAP,
    *,
    along: Mapping[str, Sequence[Any]] = MappingProxyType({}),
) -> dict[str, Count]:
    """The same for several queries in one statement, by their names."""
    inner = [
        query.with_only_columns(sa.literal(1)).order_by(None).order_by(*along.get(name, ())).limit(cap + 1).subquery()
        for name, query in queries.items()
    ]
    numbers = [sa.select(sa.func.count()).select_from(each).scalar_subquery() for each in inner]
    row = session.execute(sa.select(*[each.label(f"number_{place}") for place, each in enumerate(numbers)])).one()
    return {name: Count(min(number, cap), more=number > cap) for name, number in zip(queries, row, strict=True)}


def cursor_after(values: Sequence[Any]) -> str:
    """The cursor of the page that begins behind a row, given the values of its keys; for pages that are cut by hand."""
    return _closed(values)


def _closed(values: Sequence[Any], *, backwards: bool = False) -> str:
    text = json.dumps([backwards, *values], default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str | None, kinds: Sequence[Any]) -> tuple[bool, list[Any] | None]:
    if not cursor:
        return False, None
    try:
        backwards, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(backwards, bool):
            return False, None
        return backwards, [_read(kind, value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return False, None


def _read(kind: Any, value: Any) -> Any:
    """The value as one of this kind that the database takes: a cursor comes from outside.  Raises ValueError."""
    if isinstance(kind, sa.Integer):
        if type(value) is int and abs(value) < 2**63:
            return value
        raise ValueError("not a number that can be kept")
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text that can be kept")
    value.encode()  # Half a surrogate pair cannot be sent.
    if isinstance(kind, sa.Uuid):
        return uuid.UUID(value)
    if isinstance(kind, sa.DateTime):
        moment = datetime.fromisoformat(value)
        if abs(moment.utcoffset() or timedelta(0)) >= FARTHEST:
            raise ValueError("not an offset that PostgreSQL reads")
        return moment
    return value
