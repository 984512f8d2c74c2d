"""The walls between merchants, for proofs that take one of them away or look at what stands behind them."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from portal.kit.db import Base, Tenant
from tests.stack import Stack

FILTER = re.compile(r"((?:\b\w+\.)?\bmerchant_id) = %\(\w+\)s(?:::UUID)?")


def tenant_models() -> list[type[Any]]:
    """Every table that belongs to a merchant, by name."""
    found = (each.class_ for each in Base.registry.mappers if issubclass(each.class_, Tenant))
    return sorted(found, key=lambda model: model.__tablename__)


def fingerprint(stack: Stack, merchant: uuid.UUID) -> str:
    """A hash over all rows of a merchant, seen by the superuser."""
    rows = [
        stack.rows(f"select t::text from {each.__tablename__} t where merchant_id = %s order by id", merchant)
        for each in tenant_models()
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def hashes(stack: Stack, passing: Mapping[str, str] | None = None, without: Collection[str] = ()) -> dict[str, str]:
    """A hash over the rows of each table, seen by the superuser; `passing` are columns of tables that do not count."""
    found = {}
    for table in Base.metadata.tables.keys() - set(without):
        skipped = f" - '{passing[table]}'" if passing and table in passing else ""
        rows = stack.rows(f"select (to_jsonb(t){skipped})::text as row from {table} t order by 1")
        found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return found


def open_the_walls(stack: Stack) -> None:
    """Row level security is switched off, as a table's owner could."""
    for (table,) in stack.rows("select relname from pg_class where relrowsecurity and relkind = 'r'"):
        stack.rows(f"alter table {table} disable row level security")


@contextmanager
def without_filters() -> Iterator[list[str]]:
    """Take every comparison with a merchant out of every statement; gives the statements that lost one."""
    robbed: list[str] = []

    def rob(wire: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> tuple[str, Any]:
        bare, number = FILTER.subn(r"\1 is not null", statement)
        if number:
            robbed.append(statement)
        return bare, values

    sa.event.listen(sa.Engine, "before_cursor_execute", rob, retval=True)
    try:
        yield robbed
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", rob)
