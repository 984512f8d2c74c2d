"""Everything of a merchant in one file, for the merchant: one list of rows per table, and buyers' data opened.

All of it is read in one state of the database, row by row, so that nothing of it has to fit into the memory.  Secrets,
tokens and the hashes of such are left out; what is a column of bytes is left out unless this file says how it is
written.  The manifest names what was left out, and of each file how many rows it has and its SHA-256.
"""

import base64
import hashlib
import json
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Wire

from portal.flows import audit, receiving, sealed
from portal.flows.audit import By
from portal.flows.house import house
from portal.flows.sealed import SealedColumn
from portal.kit.clock import now
from portal.kit.db import TELL, Base, acting_for, db
from portal.kit.sealing import NotOurs
from portal.models import Membership, Merchant, User

# How many rows fit well into the memory at once, and how many of those that may hold a piece of a file each.
PIECE, LARGE_PIECE = 500, 20
OF_PEOPLE = ("id", "email", "name", "locale", "time_zone", "mailed", "created_at", "disabled_at")
# Columns of bytes that are neither a secret nor the hash of one, by how they are written.
AS_BASE64 = {("logo", "png"), ("upload_part", "data")}
AS_HEX = {("audit_link", "mac"), ("audit_head", "mac")}
# The last characters of a secret, which a page may show and a file need not.
HIDDEN = {("secret", "ending")}
# What is opened, and under which name it stands in the file.
OPENED = {("orders", "sealed"): "buyer", ("orders", "completed"): "completed", ("delivery", "sealed"): "body"}

README = """\
Everything that Lintas keeps of {name}, as of {moment}.

* Each file whose name ends in .jsonl is a table: one row per line, each a JSON object (UTF-8).
* Times are ISO 8601 in UTC.  Amounts of money are whole minor units beside the code of their currency.
* "id" is unique within its file; "…_id" names the id of a row in another file.
* orders.jsonl holds buyers' data in "buyer" and "completed".  Keep this file as carefully as the orders themselves.
* Pictures and the parts of uploaded files are in base64, the hashes of the audit trail in hexadecimal.
* manifest.json names every file with its rows and its SHA-256, and what was left out: secrets, tokens and hashes of
  them.  "unreadable" counts sealed values that no key of this installation opens any more; they stand as null.
"""


@dataclass(slots=True)
class Written:
    """One file of the export: how many rows and bytes, its SHA-256, and how many sealed values did not open."""

    rows: int = 0
    size: int = 0
    unreadable: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def told(self) -> dict[str, Any]:
        """As the manifest says it."""
        said = {"rows": self.rows, "bytes": self.size, "sha256": self.digest.hexdigest()}
        return {**said, "unreadable": self.unreadable} if self.unreadable else said


def write(merchant_id: uuid.UUID, to: Path, by: By, told: Callable[[str, int], None]) -> dict[str, Any]:
    """Write the file, readable for its owner only; `told(file, rows)` hears of each table.  Gives the manifest.

    It stands under its name only when it is whole, and the merchant's trail says that it was made.  Raises
    FileExistsError where something is there already.
    """
    if to.exists():
        raise FileExistsError(str(to))
    beside = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, acting_for(merchant_id), _still(merchant_id) as wire:
            manifest = _written(wire, merchant_id, file, told)
        with acting_for(merchant_id):
            name = manifest["merchant"]["name"]
            audit.note(by, "merchant_exported", "merchant", merchant_id, name=name)
            db.session.commit()
        _name(beside, to)
    finally:
        beside.unlink(missing_ok=True)
    return manifest


def _name(beside: Path, to: Path) -> None:
    """Give the whole file its name, and never take the place of one that came meanwhile.  Raises FileExistsError."""
    try:
        os.link(beside, to)
    except FileExistsError:
        raise
    except OSError:  # No second names on this disk, as on a stick: the empty file holds the place until the whole one.
        os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        beside.replace(to)


@contextmanager
def _still(merchant_id: uuid.UUID) -> Iterator[Wire]:
    """A connection of its own that sees one state of this merchant's rows, and can change none."""
    with db.engine.connect() as opened:
        wire = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with wire.begin():
            wire.execute(TELL, {"merchant": str(merchant_id), "person": ""})
            yield wire


def _written(wire: Wire, merchant_id: uuid.UUID, file: IO[bytes], told: Callable[[str, int], None]) -> dict[str, Any]:
    name = wire.execute(sa.select(Merchant.name).where(Merchant.id == merchant_id)).scalar_one()
    moment, files, left_out = now(), {}, []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.format(name=name, moment=_plain(moment)))
        for title, query, sealed_columns, missing in _files(merchant_id):
            left_out += [f"{title}.{each}" for each in missing]
            with archive.open(f"{title}.jsonl", "w", force_zip64=True) as out:
                files[f"{title}.jsonl"] = written = _rows(wire, query, title, sealed_columns, out)
            told(title, written.rows)
        manifest = {
            "merchant": {"id": str(merchant_id), "name": name},
            "made_at": _plain(moment),
            "files": {each: written.told() for each, written in files.items()},
            "left_out": sorted([*left_out, *_left_out_of_people()]),
        }
        archive.writestr("manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False))
    return manifest


def _files(
    merchant_id: uuid.UUID,
) -> Iterator[tuple[str, sa.Select[Any], Mapping[str, SealedColumn], list[str]]]:
    """Each file: its name, the query of its rows, the sealed columns by their name, and what it leaves out."""
    yield "merchant", sa.select(Merchant.__table__).where(Merchant.id == merchant_id), {}, []
    people = [getattr(User, each) for each in OF_PEOPLE]
    mine = sa.and_(Membership.user_id == User.id, Membership.merchant_id == merchant_id)
    yield "person", sa.select(*people).join(Membership, mine).order_by(User.id), {}, []
    for table in Base.metadata.sorted_tables:
        if "merchant_id" not in table.primary_key.columns:
            continue
        opened = {
            each.name: each for each in sealed.COLUMNS if (each.table_name, each.name) in OPENED and each.table is table
        }
        shown = [each for each in table.columns if _is_shown(table.name, each) or each.name in opened]
        missing = [each.name for each in table.columns if each not in set(shown)]
        query = sa.select(*shown).where(table.c.merchant_id == merchant_id).order_by(table.c.id)
        yield table.name, query, opened, missing


def _is_shown(table: str, column: sa.Column[Any]) -> bool:
    place = table, column.name
    return place not in HIDDEN and (not isinstance(column.type, sa.LargeBinary) or place in AS_BASE64 | AS_HEX)


def _left_out_of_people() -> list[str]:
    return [f"person.{each.name}" for each in User.__table__.columns if each.name not in OF_PEOPLE]


def _rows(wire: Wire, query: sa.Select[Any], title: str, opened: Mapping[str, SealedColumn], out: IO[bytes]) -> Written:
    written = Written()
    large = any(isinstance(each.type, sa.LargeBinary) and each.name not in opened for each in query.selected_columns)
    at_once = min([LARGE_PIECE if large else PIECE, *(each.batch for each in opened.values())])
    for row in wire.execution_options(stream_results=True, yield_per=at_once).execute(query):
        said = {}
        for name, value in row._mapping.items():
            if name in opened:
                said[OPENED[title, name]] = _open(opened[name], row, value, written)
            else:
                said[name] = value.hex() if (title, name) in AS_HEX else value
        line = json.dumps(said, ensure_ascii=False, default=_plain).encode() + b"\n"
        out.write(line)
        written.digest.update(line)
        written.rows, written.size = written.rows + 1, written.size + len(line)
    return written


def _open(column: SealedColumn, row: sa.Row[Any], value: bytes | None, written: Written) -> Any:
    """What is sealed in a row: an object, or what was pushed as text; None where there is nothing or no key opens."""
    if not value:
        return None
    try:
        content = house().keyring.open_bytes(bytes(value), column.place(row))
    except NotOurs:
        written.unreadable += 1
        return None
    if column.table_name == "delivery":
        # The headers before the body may hold what a remote signs with; masked they stand in a column of their own.
        return _text_or_base64(receiving.body_of(content))
    return json.loads(content)


def _text_or_base64(body: bytes) -> Any:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, uuid.UUID | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written")
