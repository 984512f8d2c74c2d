"""Which columns of which tables hold sealed values, and where the value of a row lies.

Whoever seals a new column enters it here: a value that is not in this registry would be left behind under the old key
when the keys are rotated, and be lost with it.  The registry repeats no place: each is asked of the flow that seals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.flows import grants, order_buyers, outbound, receiving, second_factor, secrets
from portal.kit.db import Base, whose
from portal.kit.sealing import KEY_ID_AT, KEY_ID_BYTES

Place = Callable[[sa.Row[Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values.  `place` finds where the value of a row lies from the columns `needs` of that row.

    `batch` is how many rows fit well into the memory at once.
    """

    table_name: str
    name: str
    needs: tuple[str, ...]
    place: Place
    batch: int = 500

    @property
    def table(self) -> sa.Table:
        """Its table."""
        return Base.metadata.tables[self.table_name]

    @property
    def column(self) -> sa.Column[Any]:
        """The column itself."""
        return self.table.c[self.name]

    @property
    def of_merchant(self) -> bool:
        """Whether its rows belong to one merchant each, and not to a person."""
        return "merchant_id" in self.table.c

    @property
    def full_name(self) -> str:
        """Table and column."""
        return f"{self.table_name}.{self.name}"

    @property
    def key_id(self) -> sa.ColumnElement[bytes]:
        """The id of the key under which a value lies; of an empty value it is empty."""
        # Written out, so that a query may be grouped by it.
        return sa.func.substr(self.column, sa.literal_column(str(KEY_ID_AT)), sa.literal_column(str(KEY_ID_BYTES)))

    def mine(self) -> sa.ColumnElement[bool]:
        """The rows of the merchant of the moment that hold a value."""
        filled = sa.and_(self.column.is_not(None), sa.func.octet_length(self.column) > 0)
        return sa.and_(self.table.c.merchant_id == whose(), filled) if self.of_merchant else filled

    def reading(self) -> list[sa.Column[Any]]:
        """What has to be read of a row to open its value."""
        return [*(self.table.c[name] for name in self.needs), self.column]


def _of_secret(row: sa.Row[Any]) -> tuple[str, ...]:
    return secrets.place(row.connection_id, row.field, row.id)


def _of_attempt(row: sa.Row[Any]) -> tuple[str, ...]:
    return grants.place(row.connection_id, row.id)


def _of_buyer(row: sa.Row[Any]) -> tuple[str, ...]:
    return order_buyers.place(row.id)


def _of_completed(row: sa.Row[Any]) -> tuple[str, ...]:
    return outbound.place(row.id)


def _of_delivery(row: sa.Row[Any]) -> tuple[str, ...]:
    return receiving.place(row.merchant_id, row.connection_id, row.id)


def _of_factor(row: sa.Row[Any]) -> tuple[str, ...]:
    return second_factor.place(row.id)


COLUMNS = (
    SealedColumn("secret", "sealed", ("id", "connection_id", "field"), _of_secret),
    SealedColumn("grant_attempt", "sealed", ("id", "connection_id"), _of_attempt),
    SealedColumn("person", "second_factor", ("id",), _of_factor),
    SealedColumn("orders", "sealed", ("id",), _of_buyer),
    SealedColumn("orders", "completed", ("id",), _of_completed),
    SealedColumn("delivery", "sealed", ("id", "merchant_id", "connection_id"), _of_delivery, batch=20),
)
