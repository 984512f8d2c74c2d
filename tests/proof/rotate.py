"""The sealing key is changed while a catalogue comes in: nobody is refused, nothing is lost, nothing stays behind.

Thousands of secrets lie under an old key.  `portal rotate-keys` runs as a process of its own while workers import with
those secrets, while others are renewed all the time, and while readers open them.  Afterwards every value is the one
that was written last and opens under the new key alone, and none opens in another field or at another merchant.  The
known-bad variant writes what it sealed without looking whether it was changed meanwhile, and seals without a place.
"""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from portal.flows import connections, rotation, sealed, secrets
from portal.flows.audit import LINTAS
from portal.flows.sealed import SealedColumn
from portal.kit import embedded, sealing
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.sealing import Keyring, NotOurs
from portal.models import Connection, Secret
from tests import goods
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack

INTEGRATION = "jd_com"
MERCHANTS, PER_CONNECTION = 4, 100
WITHIN = 60.0
# Makes the import outlast the rotation.
LATENCY = {False: "latency:40", True: "latency:120"}
ITEMS = {False: 1_500, True: 6_000}


@dataclass(frozen=True)
class Lying:
    """Where one secret lies."""

    merchant: uuid.UUID
    connection: uuid.UUID
    field: str
    row: uuid.UUID

    @property
    def place(self) -> tuple[str, ...]:
        """The same for the keyring."""
        with acting_for(self.merchant):
            return secrets.place(self.connection, self.field, self.row)


@dataclass
class Around:
    """What goes on around the rotation: values that are renewed, values that are read, and what failed."""

    texts: dict[Lying, str]
    dice: random.Random
    faults: list[str] = field(default_factory=list)
    written: int = 0
    read: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def renew(self, stack: Stack) -> None:
        """Give one secret after the other a new value, as a renewed token gets one."""
        everything = list(self.texts)
        with stack.app.app_context():
            while not self.over.is_set():
                each = self.dice.choice(everything)
                with acting_for(each.merchant):
                    connection = db.session.get_one(Connection, (each.merchant, each.connection))
                    text = f"renewed {self.written} of {each.row}"
                    secrets.keep(connection, each.field, text, "the remote")
                    db.session.commit()
                self.texts[each] = text
                self.written += 1
            db.session.remove()

    def look(self, stack: Stack) -> None:
        """Open the secrets of one connection after the other, as a call does."""
        everything = list(self.texts)
        with stack.app.app_context():
            while not self.over.is_set():
                each = random.choice(everything)
                with acting_for(each.merchant):
                    try:
                        secrets.read(db.session.get_one(Connection, (each.merchant, each.connection)))
                    except NotOurs as why:
                        self.faults.append(str(why))
                    db.session.rollback()
                self.read += 1
            db.session.remove()


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--secrets", type=int, help="how many lie under the old key (1,500; long: 10,000)")
    given = ask.answered()
    found = Figure("rotate")
    number = given.secrets or (10_000 if given.long else 1_500)
    new, old = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    settings = {"PORTAL_SEALING_KEYS": f"{new} {old}", "PORTAL_PACES": f"{INTEGRATION}=500"}
    with Stack(workers=2, settings=settings) as stack, stack.app.app_context():
        return _proved(stack, found, given, number, new, old)


def _proved(stack: Stack, found: Figure, given: Any, number: int, new: str, old: str) -> int:
    with _sealing_with(stack, old):
        merchant, importing = _import_to_come(stack, given.long)
        texts = _filled(number)
    found.must(_under(stack, old) >= number, f"at least {number} values lie under the old key")
    say(f"{number} secrets under the old key; the import begins")
    with acting_for(merchant):
        connections.turn_on(connections.find(importing), LINTAS)
    found.must(stack.until(lambda: _pages(stack) > 0, 60), "the import is on its way")
    around, before = Around(texts, random.Random(given.seed)), len(_calls(stack))
    began = time.monotonic()
    with _meanwhile(stack, around):
        said = _naive() if given.control else _command(stack, found)
    took = time.monotonic() - began
    say(f"{said}; {took:.1f} s, {around.written} renewed and {around.read} read meanwhile")
    during = len(_calls(stack)) - before
    found.must(during > 0, "calls went to the remote while the keys were changed")
    found.must(around.written and not around.faults, f"{len(around.faults)} reads failed: {around.faults[:1]}")
    found.must(took <= WITHIN, f"{WITHIN:.0f} s are enough, not {took:.1f}")
    left = _under(stack, old)
    found.must(left == 0, f"{left} values lie under the old key")
    found.must(stack.until(lambda: _state(stack) == "done", 120), f"the import ends well, and is {_state(stack)}")
    failed = [each for each in _calls(stack) if each["code"] != "0"]
    found.must(not failed, f"no call failed, not {len(failed)}: {failed[:1]}")
    found.must(_trouble(stack) == 0, "no connection is in trouble")
    _values(found, stack, texts, new)
    opened, moved = _moved(found, stack, texts, new, given.control)
    return found.end(
        f"{number} secrets in {took:.1f} s beside {during} calls, {around.written} renewals and {around.read} reads: "
        f"{len(failed)} calls failed, {left} values on the old key; of {moved} moved values {opened} opened"
    )


# --- the ground -------------------------------------------------------------------------------------------------------


@contextmanager
def _sealing_with(stack: Stack, key: str) -> Iterator[None]:
    """As it was before the new key came."""
    before = stack.app.extensions["lintas"]
    stack.app.extensions["lintas"] = replace(before, keyring=Keyring([key]))
    try:
        yield
    finally:
        stack.app.extensions["lintas"] = before


def _import_to_come(stack: Stack, long: bool) -> tuple[uuid.UUID, uuid.UUID]:
    """A merchant and its connection to an account with a catalogue, not turned on yet."""
    account = stack.sandbox.control("account", integration=INTEGRATION, name="rotate", size=ITEMS[long], seed="rotate")
    stack.sandbox.control("fault", integration=INTEGRATION, kind=LATENCY[long], times=None)
    merchant = parts.merchant("The importing one")
    with acting_for(merchant):
        return merchant, parts.connection(account, stack.sandbox, "Channel").id


def _filled(number: int) -> dict[Lying, str]:
    """So many secrets over several merchants; their texts."""
    texts: dict[Lying, str] = {}
    for place in range(MERCHANTS):
        merchant, mine = parts.merchant(f"Merchant {place}"), number // MERCHANTS
        with acting_for(merchant):
            for at in range(0, mine, PER_CONNECTION):
                texts |= _furnished(goods.connection(INTEGRATION, f"Channel {at}"), min(PER_CONNECTION, mine - at))
            db.session.commit()
    return texts


def _furnished(connection: Connection, number: int) -> dict[Lying, str]:
    lying = [Lying(whose(), connection.id, f"field-{each}", new_id()) for each in range(number)]
    keyring = rotation.house().keyring
    texts = {each: f"secret of {each.row}" for each in lying}
    rows = [
        {
            "merchant_id": each.merchant,
            "id": each.row,
            "connection_id": each.connection,
            "field": each.field,
            "sealed": keyring.seal(texts[each], secrets.place(each.connection, each.field, each.row)),
        }
        for each in lying
    ]
    db.session.execute(sa.insert(Secret), rows)
    return texts


# --- what happens -----------------------------------------------------------------------------------------------------


@contextmanager
def _meanwhile(stack: Stack, around: Around) -> Iterator[None]:
    threads = [threading.Thread(target=each, args=(stack,)) for each in (around.renew, around.look)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        around.over.set()
        for each in threads:
            each.join()


def _command(stack: Stack, found: Figure) -> str:
    """The command, as an operator types it."""
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli", "rotate-keys"],
        cwd=embedded.ROOT,
        env={**os.environ, **stack.env},
        capture_output=True,
        text=True,
        check=False,
    )
    found.must(done.returncode == 0, f"the command ends well, and says {done.stdout}{done.stderr}")
    found.must("Remove the older keys" in done.stdout, f"it says what to do next: {done.stdout}")
    return next((line for line in done.stdout.splitlines() if "sealed anew." in line), "nothing was said")


def _naive() -> str:
    """The known-bad variant: what was read is sealed and written back, whatever stands there by now."""

    def write(column: SealedColumn, values: list[tuple[uuid.UUID, bytes, bytes]]) -> int:
        time.sleep(0.1)  # It takes its time, as one that seals row by row does.
        table = column.table
        for row, _, sealed_anew in values:
            db.session.execute(sa.update(table).where(table.c.id == row).values({column.name: sealed_anew}))
        db.session.commit()
        return len(values)

    rightly, rotation.swap = rotation.swap, write  # type: ignore[assignment]
    try:
        return f"{rotation.rotate(lambda name, number: None).resealed} values written back"
    finally:
        rotation.swap = rightly


# --- what is found ----------------------------------------------------------------------------------------------------


def _under(stack: Stack, key: str) -> int:
    """How many values of all tables lie under a key, asked above all walls."""
    mark = Keyring([key]).newest
    at, long = sealing.KEY_ID_AT, sealing.KEY_ID_BYTES
    return sum(
        int(stack.one(f"select count(*) from {each.table_name} where substr({each.name}, {at}, {long}) = %s", mark))
        for each in sealed.COLUMNS
    )


def _values(found: Figure, stack: Stack, texts: dict[Lying, str], new: str) -> None:
    """Every value is the one that was written last, and opens under the new key alone."""
    keyring, wrong = Keyring([new]), 0
    lying = dict(stack.rows("select id, sealed from secret"))
    for each, text in texts.items():
        wrong += _opened(keyring, lying[each.row], each.place) != text
    found.must(wrong == 0, f"{wrong} values are not what was written last")


def _moved(found: Figure, stack: Stack, texts: dict[Lying, str], new: str, control: bool) -> tuple[int, int]:
    """How many values open in another field or at another merchant, and how many were tried there."""
    keyring = Keyring([new])
    lying = dict(stack.rows("select id, sealed from secret"))
    elsewhere: list[Callable[[Lying], Lying]] = [
        lambda each: replace(each, field=f"{each.field}-other"),
        lambda each: replace(each, merchant=uuid.UUID(int=each.merchant.int ^ 1)),
    ]
    if control:
        sealing._bound = lambda place: b""
        lying = {each.row: keyring.seal(text, each.place) for each, text in texts.items()}
    opened = sum(
        _opened(keyring, lying[each.row], away(each).place) is not None for each in texts for away in elsewhere
    )
    moved = len(texts) * len(elsewhere)
    found.must(opened == 0, f"{opened} of {moved} moved values opened")
    return opened, moved


def _opened(keyring: Keyring, value: bytes, place: tuple[str, ...]) -> str | None:
    try:
        return keyring.open(value, place)
    except NotOurs:
        return None


def _calls(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.sandbox.journal(kind="request", account="rotate")
    return found


def _pages(stack: Stack) -> int:
    return int(stack.one("select coalesce(sum(pages), 0) from run where resource = 'products'"))


def _state(stack: Stack) -> str:
    return str(stack.one("select coalesce(max(state), 'away') from run where resource = 'products'"))


def _trouble(stack: Stack) -> int:
    return int(stack.one("select count(*) from connection where trouble <> ''"))


if __name__ == "__main__":
    figure.run(main)
