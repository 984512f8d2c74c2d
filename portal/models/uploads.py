"""Files of products that a merchant brought, and what was found in them."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class UploadUse(StrEnum):
    """What is wanted of it: products from a file, or only a check of a file's codes, or of the products here."""

    IMPORT = "import"
    CHECK = "check"
    OWN = "own"


class UploadState(StrEnum):
    """How far it is.  COLUMNS and CHECKED wait for the merchant; what is FAILED cannot be read at all."""

    WAITING = "waiting"
    COLUMNS = "columns"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


AT_WORK = (UploadState.WAITING, UploadState.CHECKING, UploadState.IMPORTING, UploadState.UNDOING)
OPEN = (UploadState.WAITING, UploadState.COLUMNS, UploadState.CHECKING, UploadState.CHECKED, UploadState.IMPORTING)


class Upload(Tenant, Base):
    """One file, from its arrival to its import and the undoing of that.

    `head` are the names of its columns, `sample` the first rows, `columns` which place holds the SKU and so on, `mixed`
    what was read in the wrong letters before it came here: how many cells, and some of them before and after repair.
    `rows` counts those below the head, `bad` those that cannot be imported, `warned` those that can and deserve a look,
    `known` those whose SKU a product has already; `problems` says how often each cause stands.  `cursor` is the number
    of the last row that is done in the present pass, `mark` the last SKU where the products here are walked.
    """

    __tablename__ = "upload"

    use: Mapped[UploadUse] = mapped_column(words(UploadUse))
    state: Mapped[UploadState] = mapped_column(words(UploadState), default=UploadState.WAITING)
    name: Mapped[str]
    size: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(default="")
    encoding: Mapped[str] = mapped_column(default="")
    delimiter: Mapped[str] = mapped_column(default="")
    sheet: Mapped[str] = mapped_column(default="")
    head: Mapped[list[str]] = mapped_column(JSONB, default=list)
    sample: Mapped[list[list[str]]] = mapped_column(JSONB, default=list)
    columns: Mapped[dict[str, Any]] = mapped_column(default=dict)
    mixed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    repair: Mapped[bool] = mapped_column(default=False)
    rows: Mapped[int] = mapped_column(default=0)
    bad: Mapped[int] = mapped_column(default=0)
    warned: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    problems: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cursor: Mapped[int] = mapped_column(default=0)
    mark: Mapped[str] = mapped_column(default="")
    fresh: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    taken_back: Mapped[int] = mapped_column(default=0)
    cause: Mapped[str] = mapped_column(default="")
    cause_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_by: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("bad <= rows and warned <= rows and known <= rows", name="problems_are_those_of_rows"),
        sa.CheckConstraint(
            "fresh + changed + unchanged + skipped <= rows - bad", name="only_good_rows_of_a_file_are_imported"
        ),
        sa.CheckConstraint("taken_back <= fresh", name="only_what_was_new_is_taken_back"),
        sa.CheckConstraint("(cause <> '') = (state = 'failed')", name="a_file_fails_for_a_cause"),
        sa.Index("ix_upload_list", "merchant_id", "made_at", "id"),
    )

    @property
    def is_at_work(self) -> bool:
        """Whether a worker has something to do with it."""
        return self.state in AT_WORK

    @property
    def good(self) -> int:
        """How many rows can be imported."""
        return self.rows - self.bad

    @property
    def imported(self) -> int:
        """How many rows the import has dealt with."""
        return self.fresh + self.changed + self.unchanged + self.skipped


class UploadPart(Tenant, Base):
    """A piece of the file as it came; gone when the import is done."""

    __tablename__ = "upload_part"

    upload_id: Mapped[uuid.UUID]
    number: Mapped[int]
    data: Mapped[bytes]

    __table_args__ = (
        belongs_to("upload", "upload_id"),
        sa.UniqueConstraint("merchant_id", "upload_id", "number", name="one_part_per_number"),
        sa.CheckConstraint("octet_length(data) <= 1048576", name="a_part_of_a_file_is_small"),
    )


class UploadRow(Tenant, Base):
    """A row of the file that was read and checked.

    `problems` holds what there is to say of it, by cause, each with a detail (other rows, another SKU), None where
    there is nothing; `bad` says that it cannot be imported.
    """

    __tablename__ = "upload_row"

    upload_id: Mapped[uuid.UUID]
    number: Mapped[int]
    sku: Mapped[str]
    sku_near: Mapped[str]
    title: Mapped[str]
    barcode: Mapped[str]
    image: Mapped[str]
    bad: Mapped[bool]
    problems: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        belongs_to("upload", "upload_id"),
        sa.UniqueConstraint("merchant_id", "upload_id", "number", name="one_row_per_number"),
        sa.CheckConstraint("not bad or problems is not null", name="a_bad_row_says_why"),
        sa.Index(
            "ix_upload_row_problems",
            "merchant_id",
            "upload_id",
            "number",
            postgresql_where=sa.text("problems is not null"),
        ),
    )
