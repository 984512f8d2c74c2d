"""A sealed secret opens only where it was laid: in another row, field, connection or merchant it opens never.

The sealed values of real rows are moved in the database, one into the place of another, and read as the portal reads
them.  Then the key is changed: the old one still opens, the new one seals, and without the old one nothing of it opens.
"""

from __future__ import annotations

import base64
import os
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

from portal.flows import secrets
from portal.flows.house import house
from portal.kit import sealing
from portal.kit.db import acting_for, db
from portal.kit.sealing import Keyring, NotOurs
from portal.models import Connection, Secret
from tests import goods
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack

MERCHANTS, FIELDS = 2, ("api_secret", "access_token", "token.access", "token.refresh")
CONNECTIONS = {False: 3, True: 40}
MANY = {False: 2_000, True: 10_000}


@dataclass(frozen=True)
class Lying:
    """One sealed value and where it lies."""

    merchant: uuid.UUID
    connection: uuid.UUID
    field: str
    row: uuid.UUID
    sealed: bytes


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("rotate_seal")
    if given.control:
        # The known-bad variant: the place takes no part in the seal.
        sealing._bound = lambda place: b""
    with Stack(workers=0, relay=False, sandbox=False, durable=False) as stack, stack.app.app_context():
        return _proved(stack, found, given)


def _proved(stack: Stack, found: Figure, given: Any) -> int:
    texts: dict[uuid.UUID, str] = {}
    for merchant in [parts.merchant(f"Merchant {number}") for number in range(MERCHANTS)]:
        with acting_for(merchant):
            for number in range(CONNECTIONS[given.long]):
                texts |= _furnished(goods.connection("jd_com", f"Channel {number}"))
    everything = [
        Lying(*row)
        for row in stack.rows("select merchant_id, connection_id, field, id, sealed from secret order by id")
    ]
    say(f"{len(everything)} sealed values in {MERCHANTS} merchants")
    found.must(len(everything) == len(texts), "every secret is a row")
    wrong = sum(_opened(stack, each, each.sealed) != texts[each.row] for each in everything)
    found.must(wrong == 0, f"{wrong} of the values that were not moved do not open")

    moves = _moves(everything)
    opened = {
        kind: sum(_opened(stack, to, what.sealed) is not None for what, to in pairs) for kind, pairs in moves.items()
    }
    for kind, number in opened.items():
        found.must(moves[kind], f"some values were moved to another {kind}")
        found.must(number == 0, f"{number} of {len(moves[kind])} values opened in another {kind}")
    moved = sum(map(len, moves.values()))
    rotated = _rotated(found, MANY[given.long])
    return found.end(
        f"{moved} values moved to another {', '.join(moves)}: {sum(opened.values())} opened; {MANY[given.long]} values "
        f"through a change of the key in {rotated:.1f} s"
    )


def _furnished(connection: Connection) -> dict[uuid.UUID, str]:
    """Secrets in every field of a connection; their texts by row."""
    for field in FIELDS:
        secrets.keep(connection, field, f"{field} of {connection.id}", "the proof")
    db.session.commit()
    return {row.id: f"{row.field} of {connection.id}" for row in secrets.saved(connection)}


def _moves(everything: list[Lying]) -> dict[str, list[tuple[Lying, Lying]]]:
    """What is moved whereto, by what differs between the two places."""

    def pairs(same: tuple[str, ...], other: tuple[str, ...]) -> list[tuple[Lying, Lying]]:
        return [
            (what, to)
            for what in everything
            for to in everything
            if all(getattr(what, name) == getattr(to, name) for name in same)
            and all(getattr(what, name) != getattr(to, name) for name in other)
        ]

    # A row that was removed and made anew has another id at the same place.
    anew = [(each, replace(each, row=uuid.uuid4())) for each in everything]
    return {
        "row": anew,
        "field": pairs(("merchant", "connection"), ("field",)),
        "connection": pairs(("merchant", "field"), ("connection",)),
        "merchant": pairs(("field",), ("merchant",)),
    }


def _opened(stack: Stack, at: Lying, sealed: bytes) -> str | None:
    """What the portal reads where this sealed value lies in this row; the rows are put back afterwards."""
    exists = stack.rows("select 1 from secret where id = %s", at.row)
    if not exists:
        stack.rows("delete from secret where connection_id = %s and field = %s", at.connection, at.field)
        stack.rows(
            "insert into secret (merchant_id, id, connection_id, field, sealed, ending, set_at, set_by)"
            " values (%s, %s, %s, %s, %s, '', now(), '')",
            *(at.merchant, at.row, at.connection, at.field, sealed),
        )
    else:
        stack.rows("update secret set sealed = %s where id = %s", sealed, at.row)
    try:
        with acting_for(at.merchant):
            row = db.session.get_one(Secret, (at.merchant, at.row))
            return house().keyring.open(row.sealed, secrets.place(at.connection, row.field, row.id))
    except NotOurs:
        return None
    finally:
        db.session.rollback()
        db.session.expire_all()
        stack.rows("update secret set sealed = %s where id = %s", at.sealed, at.row)


def _rotated(found: Figure, number: int) -> float:
    """Seal with one key, change it, and read on; gives the seconds that it took to seal all anew."""
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    before, both, after = Keyring([old]), Keyring([new, old]), Keyring([new])
    lying = {str(n): before.seal(f"text {n}", ("m", "c", "f", str(n))) for n in range(number)}
    began = time.monotonic()
    anew = {
        row: both.seal(both.open(sealed, ("m", "c", "f", row)), ("m", "c", "f", row))
        for row, sealed in lying.items()
        if both.is_old(sealed)
    }
    took = time.monotonic() - began
    found.must(len(anew) == number, "every value was known to be sealed with the old key")
    found.must(not any(both.is_old(each) for each in anew.values()), "no value is on the old key any more")
    wrong = sum(after.open(sealed, ("m", "c", "f", row)) != f"text {row}" for row, sealed in anew.items())
    found.must(wrong == 0, f"{wrong} values read differently after the change")
    found.must(not _opens(after, lying["0"], "0"), "what only the old key opens stays shut once that key is gone")
    swapped = sum(_opens(both, anew[str(n)], str((n + 1) % number)) for n in range(number))
    found.must(swapped == 0, f"{swapped} of {number} values opened in the next one's row")
    return took


def _opens(keyring: Keyring, sealed: bytes, row: str) -> bool:
    try:
        keyring.open(sealed, ("m", "c", "f", row))
    except NotOurs:
        return False
    return True


if __name__ == "__main__":
    figure.run(main)
