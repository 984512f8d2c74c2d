"""A sandbox's memory: one SQLite file, written through at once, so that ending the process loses nothing.

Only an ending of the whole machine can lose the last writes (`synchronous=OFF`), which a stand-in may.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any

from portal.contract.goods import Label
from portal.contract.world.records import Code, Edit, Entry, Fault, Seller, Token

_TABLES = """
CREATE TABLE IF NOT EXISTS sellers (name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, saved TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  access TEXT PRIMARY KEY, refresh TEXT NOT NULL, app_key TEXT NOT NULL, seller TEXT NOT NULL,
  issued REAL NOT NULL, expires REAL NOT NULL, revoked INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS tokens_refresh ON tokens (refresh);
CREATE TABLE IF NOT EXISTS codes (
  code TEXT PRIMARY KEY, app_key TEXT NOT NULL, seller TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, argument TEXT NOT NULL, operation TEXT NOT NULL,
  seller TEXT NOT NULL, remaining INTEGER, after INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS edits (
  seller TEXT NOT NULL, slot INTEGER NOT NULL, saved TEXT NOT NULL, PRIMARY KEY (seller, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (
  seller TEXT NOT NULL, reference TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (seller, reference));
CREATE TABLE IF NOT EXISTS papers (
  seller TEXT NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL, saved TEXT NOT NULL,
  PRIMARY KEY (seller, kind, reference)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sales (
  seller TEXT NOT NULL, number INTEGER NOT NULL, placed INTEGER NOT NULL, modified INTEGER NOT NULL,
  state TEXT NOT NULL, seen INTEGER NOT NULL, saved TEXT NOT NULL, PRIMARY KEY (seller, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sales_placed ON sales (seller, placed, number, state, seen);
CREATE INDEX IF NOT EXISTS sales_modified ON sales (seller, modified, number, state, seen);
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, saved TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Memory:
    """The tables of one sandbox.  `lock` is shared by the sandboxes of a process, so that their journals interleave."""

    def __init__(self, path: Path, lock: RLock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = lock
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What happens in the block is kept as a whole or not at all, and nobody else writes meanwhile."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    # --- facts: the clock's offset and other single values ------------------------------------------------------------

    def fact(self, name: str) -> str:
        """A single value, "" where it was never set."""
        found = self._run("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else ""

    def set_fact(self, name: str, value: str) -> None:
        """Sets a single value."""
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    # --- sellers ------------------------------------------------------------------------------------------------------

    def sellers(self) -> list[tuple[int, Seller]]:
        """All sellers with their numbers, the oldest first."""
        rows = self._run("SELECT number, saved FROM sellers ORDER BY number")
        return [(number, Seller.from_dict(json.loads(saved))) for number, saved in rows]

    def keep_seller(self, seller: Seller) -> int:
        """Adds or replaces a seller; its number stays the same for ever."""
        saved = json.dumps(seller.as_dict(), ensure_ascii=False)
        self._run(
            "INSERT INTO sellers SELECT ?, coalesce(max(number), 0) + 1, ? FROM sellers WHERE true "
            "ON CONFLICT (name) DO UPDATE SET saved = excluded.saved",
            seller.name,
            saved,
        )
        return int(self._run("SELECT number FROM sellers WHERE name = ?", seller.name)[0][0])

    # --- tokens and codes ---------------------------------------------------------------------------------------------

    def tokens(self, seller: str) -> list[Token]:
        """A seller's tokens, the newest first."""
        return self._tokens("seller = ? ORDER BY issued DESC, rowid DESC", seller)

    def token(self, *, access: str = "", refresh: str = "") -> Token | None:
        """The token with that text."""
        found = self._tokens("access = ?", access) if access else self._tokens("refresh = ? ORDER BY issued", refresh)
        return found[-1] if found else None

    def _tokens(self, where: str, value: str) -> list[Token]:
        rows = self._run(f"SELECT * FROM tokens WHERE {where}", value)  # noqa: S608 - the conditions stand above.
        return [Token(*(*row[:6], bool(row[6]))) for row in rows]

    def count_tokens(self) -> int:
        """How many tokens were ever given."""
        return int(self._run("SELECT count(*) FROM tokens")[0][0]) + int(self.fact("codes") or 0)

    def keep_token(self, token: Token) -> None:
        """Adds or replaces a token."""
        self._run("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", *asdict(token).values())

    def keep_code(self, code: Code) -> None:
        """Adds an authorisation code."""
        self.set_fact("codes", str(int(self.fact("codes") or 0) + 1))
        self._run("INSERT INTO codes VALUES (?, ?, ?, ?, ?)", *asdict(code).values())

    def take_code(self, code: str) -> Code | None:
        """The code, which is gone from then on."""
        found = self._run("DELETE FROM codes WHERE code = ? RETURNING *", code)
        return Code(*found[0]) if found else None

    # --- faults -------------------------------------------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """The waiting faults, the oldest first."""
        return [Fault(*(*row[:6], bool(row[6]))) for row in self._run("SELECT * FROM faults ORDER BY number")]

    def keep_fault(self, fault: Fault) -> int:
        """Adds a fault; its number is given here."""
        values = (fault.kind, fault.argument, fault.operation, fault.seller, fault.left, fault.after)
        sql = (
            "INSERT INTO faults (kind, argument, operation, seller, remaining, after) VALUES (?, ?, ?, ?, ?, ?)"
            " RETURNING number"
        )
        return int(self._run(sql, *values)[0][0])

    def use_fault(self, number: int, left: int | None) -> None:
        """Notes that a fault was used: `left` more times, 0 to drop it."""
        if left == 0:
            self._run("DELETE FROM faults WHERE number = ?", number)
        else:
            self._run("UPDATE faults SET remaining = ? WHERE number = ?", left, number)

    def clear_faults(self) -> None:
        """Drops all faults."""
        self._run("DELETE FROM faults")

    # --- edits of the catalogue ---------------------------------------------------------------------------------------

    def edits(self, seller: str) -> dict[int, Edit]:
        """Everything that was edited in a seller's catalogue, by slot."""
        rows = self._run("SELECT slot, saved FROM edits WHERE seller = ?", seller)
        return {slot: _edit(json.loads(saved)) for slot, saved in rows}

    def keep_edit(self, seller: str, slot: int, edit: Edit) -> None:
        """Adds or replaces the edit of one listing."""
        saved = {key: value for key, value in asdict(edit).items() if value is not None}
        text = json.dumps(saved, default=str, ensure_ascii=False)
        self._run("INSERT OR REPLACE INTO edits VALUES (?, ?, ?)", seller, slot, text)

    def clear_edits(self, seller: str) -> None:
        """Makes a seller's catalogue as generated."""
        self._run("DELETE FROM edits WHERE seller = ?", seller)

    # --- deeds with a reference of the caller's -----------------------------------------------------------------------

    def done(self, seller: str, reference: str) -> Any:
        """The answer that a deed with this reference was given, None for one that was never done."""
        found = self._run("SELECT answer FROM done WHERE seller = ? AND reference = ?", seller, reference)
        return json.loads(found[0][0]) if found else None

    def keep_done(self, seller: str, reference: str, answer: Any) -> None:
        """Remembers the answer to a deed."""
        self._run("INSERT INTO done VALUES (?, ?, ?)", seller, reference, json.dumps(answer, ensure_ascii=False))

    # --- papers: whatever else a remote keeps for a seller ------------------------------------------------------------

    def paper(self, seller: str, kind: str, reference: str) -> Any:
        """One paper, None where there is none."""
        sql = "SELECT saved FROM papers WHERE seller = ? AND kind = ? AND reference = ?"
        found = self._run(sql, seller, kind, reference)
        return json.loads(found[0][0]) if found else None

    def papers(self, seller: str, kind: str) -> dict[str, Any]:
        """All papers of a kind by their references, in the order of these."""
        sql = "SELECT reference, saved FROM papers WHERE seller = ? AND kind = ? ORDER BY reference"
        return {reference: json.loads(saved) for reference, saved in self._run(sql, seller, kind)}

    def keep_paper(self, seller: str, kind: str, reference: str, paper: Any) -> None:
        """Adds or replaces a paper."""
        saved = json.dumps(paper, ensure_ascii=False, default=str)
        self._run("INSERT OR REPLACE INTO papers VALUES (?, ?, ?, ?)", seller, kind, reference, saved)

    def drop_paper(self, seller: str, kind: str, reference: str) -> None:
        """Throws a paper away."""
        self._run("DELETE FROM papers WHERE seller = ? AND kind = ? AND reference = ?", seller, kind, reference)

    # --- sales: the orders book, see portal.contract.world.sales ------------------------------------------------------

    def sale(self, seller: str, number: int) -> Any:
        """One order, None where there is none."""
        found = self._run("SELECT saved FROM sales WHERE seller = ? AND number = ?", seller, number)
        return json.loads(found[0][0]) if found else None

    def keep_sale(self, seller: str, sale: Any) -> None:
        """Adds or replaces an order.  Where a remote tells another word than the state, it is found by that."""
        saved = json.dumps(sale, ensure_ascii=False, default=str)
        marks = (
            sale["number"],
            sale["placed"],
            sale["modified"],
            sale["told"].get("word") or sale["state"],
            sale["seen"],
        )
        self._run("INSERT OR REPLACE INTO sales VALUES (?, ?, ?, ?, ?, ?, ?)", seller, *marks, saved)

    def last_sale(self, seller: str) -> int:
        """The highest number of an order, 0 where there is none."""
        return int(self._run("SELECT coalesce(max(number), 0) FROM sales WHERE seller = ?", seller)[0][0])

    def count_sales(self, seller: str, by: str, since: int, until: int, states: list[str], now: int) -> int:
        """How many orders in these states a window holds that are shown by now."""
        where, values = _sales_between(by, seller, since, until, states, now)
        return int(self._run(f"SELECT count(*) FROM sales WHERE {where}", *values)[0][0])  # noqa: S608

    def sales(
        self,
        seller: str,
        by: str,
        since: int,
        until: int,
        states: list[str],
        now: int,
        *,
        start: int,
        count: int,
        falling: bool,
    ) -> list[Any]:
        """A page of them, in the order of that time and then of their numbers."""
        where, values = _sales_between(by, seller, since, until, states, now)
        way = "DESC" if falling else "ASC"
        inside = f"SELECT number FROM sales WHERE {where} ORDER BY {by} {way}, number {way} LIMIT ? OFFSET ?"  # noqa: S608
        sql = f"SELECT saved FROM sales WHERE seller = ? AND number IN ({inside}) ORDER BY {by} {way}, number {way}"  # noqa: S608
        return [json.loads(row[0]) for row in self._run(sql, seller, *values, count, start)]

    def sales_after(self, seller: str, number: int, count: int) -> list[Any]:
        """The orders of higher numbers, in the order of these, those that are not shown yet too."""
        sql = "SELECT saved FROM sales WHERE seller = ? AND number > ? ORDER BY number LIMIT ?"
        return [json.loads(row[0]) for row in self._run(sql, seller, number, count)]

    def sales_by_state(self, seller: str) -> dict[str, int]:
        """How many orders are in each state, or have another word instead of one."""
        sql = "SELECT state, count(*) FROM sales WHERE seller = ? GROUP BY state ORDER BY state"
        return {state: int(number) for state, number in self._run(sql, seller)}

    # --- journal ------------------------------------------------------------------------------------------------------

    def last_seq(self) -> int:
        """The number of the newest entry, 0 for an empty journal."""
        return int(self._run("SELECT coalesce(max(seq), 0) FROM journal")[0][0])

    def note(self, entry: Entry) -> None:
        """Adds an entry."""
        text = json.dumps(entry.as_dict(), ensure_ascii=False, default=str)
        self._run("INSERT INTO journal VALUES (?, ?)", entry.seq, text)

    def journal(self, since: int, limit: int) -> list[str]:
        """The entries after `since` as JSON texts, at most `limit`, the oldest first."""
        rows = self._run("SELECT saved FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", since, limit)
        return [row[0] for row in rows]

    def forget(self) -> None:
        """Empties everything but the journal."""
        with self.together():
            for table in ("sellers", "tokens", "codes", "faults", "edits", "done", "papers", "sales", "facts"):
                self._run(f"DELETE FROM {table}")  # noqa: S608 - the names stand above.


def _sales_between(
    by: str, seller: str, since: int, until: int, states: list[str], now: int
) -> tuple[str, tuple[Any, ...]]:
    if by not in {"modified", "placed"}:
        raise ValueError(by)
    marks = ", ".join("?" * len(states))
    return f"seller = ? AND {by} BETWEEN ? AND ? AND seen <= ? AND state IN ({marks})", (
        seller,
        since,
        until,
        now,
        *states,
    )


def _edit(saved: dict[str, Any]) -> Edit:
    price = saved.get("price")
    label = saved.get("label")
    return Edit(
        **{
            **saved,
            "price": None if price is None else Decimal(price),
            "label": None if label is None else Label(label),
        }
    )
