"""The audit trail finds whoever changes it, and keeps up with whoever fills it.

Eight writers note things for four merchants at once, each note in a transaction of its own; every chain must be whole
afterwards.  Then somebody who stands above all walls edits a note, removes one with or without its link, lets two
change places, slips one in, cuts the end off, cuts it off together with the head, or writes a whole chain anew; each
time the fault must be found, and none in a chain that nobody touched.

The known-bad variant looks only whether the places follow one another: without the hashes, the head, and the heads that
were written down outside.  (That every request which changes something leaves a note is asked in tests/noted.py.)
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from flask import Flask

from portal.flows import audit, audit_chain, audit_heads, audit_report
from portal.flows.audit_heads import Head
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack

MERCHANTS, WRITERS, WANTED_RATE = 4, 8, 300
MINE = "merchant_id = %(m)s"
AT = f"(select id from audit_link where {MINE} and seq = %(n)s)"
CUT = (
    f"delete from audit_note where {MINE} and id in (select id from audit_link where {MINE} and seq > %(n)s)",
    f"delete from audit_link where {MINE} and seq > %(n)s",
)
BACK = (
    "update audit_head h set seq = l.seq, mac = l.mac from audit_link l"
    f" where h.merchant_id = l.merchant_id and l.{MINE} and l.seq = %(n)s"
)
SWAP = (
    f"update audit_link set seq = -1 where {MINE} and seq = %(n)s",
    f"update audit_link set seq = %(n)s where {MINE} and seq = %(n)s + 1",
    f"update audit_link set seq = %(n)s + 1 where {MINE} and seq = -1",
)
SLIP = (
    "insert into audit_note select (jsonb_populate_record(n, jsonb_build_object('id', gen_random_uuid()))).*"
    f" from audit_note n where {MINE} and id = {AT}"
)
# What somebody could do, by name; each at a place that is left to chance.
DEEDS: Mapping[str, Sequence[str]] = {
    "edit": [f"update audit_note set name = name || '.' where {MINE} and id = {AT}"],
    "edit a value": [f"update audit_note set after = '{{\"number\": -1}}' where {MINE} and id = {AT}"],
    "edit the time": [f"update audit_note set at = at + interval '1 microsecond' where {MINE} and id = {AT}"],
    "delete": [f"delete from audit_note where {MINE} and id = {AT}"],
    "delete with its link": [
        f"delete from audit_note where {MINE} and id = {AT}",
        f"delete from audit_link where {MINE} and seq = %(n)s",
    ],
    "swap": SWAP,
    "slip in": [SLIP],
    "cut the tail": CUT,
    "cut the tail and the head": [*CUT, BACK],
}
ANEW = "write all anew"
KEPT = ("audit_note", "audit_link", "audit_head")


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, default=10_000, help="how many notes")
    ask.add_argument("--rounds", type=int, default=20, help="how often each deed is done")
    ask.add_argument("--rate", type=int, default=WANTED_RATE, help="how many notes a second there must be")
    given = ask.answered()
    found, chance = Figure("audit"), random.Random(given.seed)
    with (
        tempfile.TemporaryDirectory() as place,
        Stack(workers=0, relay=False, sandbox=False, settings={"PORTAL_AUDIT_HEADS": f"{place}/heads"}) as stack,
        stack.app.app_context(),
    ):
        merchants = [parts.merchant(f"Merchant {number}") for number in range(MERCHANTS)]
        rate = _write(stack.app, merchants, given.n, found)
        audit_heads.append()
        began = time.monotonic()
        told = audit_report.report()
        took = time.monotonic() - began
        found.must(not told.faults, f"nobody touched anything, and yet: {told.faults[:1]}")
        found.must(told.notes >= given.n, f"{given.n} notes are linked, and not {told.notes}")
        say(f"{told.notes} notes looked at in {took:.2f} s")
        missed = _tamper(stack, merchants, chance, given.rounds, _places_follow if given.control else _verified)
        for deed, number in missed.items():
            found.must(not number, f"{deed}: {number} of {given.rounds} not found")
        deeds = (len(DEEDS) + 1) * given.rounds
        found.must(rate >= given.rate or given.control, f"{given.rate} notes a second, and not {rate:.0f}")
    return found.end(f"{deeds - missed.total()} of {deeds} breaks found, {rate:.0f} notes/s by {WRITERS} writers")


def _write(app: Flask, merchants: Sequence[uuid.UUID], number: int, found: Figure) -> float:
    """Many at once; gives how many notes a second."""
    faults: list[str] = []

    def write(who: int) -> None:
        by = audit.By(f"Writer {who}", new_id(), f"request-{who}", "192.0.2.1")
        with app.app_context():
            for each in range(number // WRITERS):
                try:
                    with acting_for(merchants[(who + each) % MERCHANTS]):
                        audit.note(by, "store_changed", "store", new_id(), name=f"{each}", after={"number": each})
                        db.session.commit()
                except Exception as why:  # Whatever reaches a writer is what is counted.
                    db.session.rollback()
                    faults.append(type(why).__name__)

    threads = [threading.Thread(target=write, args=[each], daemon=True) for each in range(WRITERS)]
    began = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rate = number // WRITERS * WRITERS / (time.monotonic() - began)
    found.must(not faults, f"no writer fails, and not {len(faults)}: {faults[:1]}")
    say(f"{number} notes of {MERCHANTS} merchants by {WRITERS} writers: {rate:.0f}/s")
    return rate


Look = Callable[[uuid.UUID, Mapping[int, Head]], bool]


def _tamper(
    stack: Stack, merchants: Sequence[uuid.UUID], chance: random.Random, rounds: int, whole: Look
) -> Counter[str]:
    """Do each deed so many times; gives how often it was not seen, by its name."""
    outside = audit_heads.read().heads
    missed: Counter[str] = Counter()
    stack.rows("set session_replication_role = replica")
    for merchant in merchants:
        for table in KEPT:
            stack.rows(
                f"create temp table kept_{table}_{merchant.hex} as select * from {table} where {MINE}".replace(
                    "%(m)s", f"'{merchant}'"
                )
            )
    for name in [*DEEDS, ANEW]:
        for _ in range(rounds):
            merchant = chance.choice(merchants)
            last = stack.one("select seq from audit_head where merchant_id = %s", merchant)
            _do(stack, name, merchant, chance.randrange(1, last - 1))
            missed[name] += whole(merchant, outside[merchant])
            _restore(stack, merchant)
    for merchant in merchants:
        if not _verified(merchant, outside[merchant]):
            raise AssertionError("what was put back is whole again")
    return missed


def _do(stack: Stack, name: str, merchant: uuid.UUID, place: int) -> None:
    if name == ANEW:
        _write_anew(stack, merchant, place)
        return
    for statement in DEEDS[name]:
        stack.named(statement, m=merchant, n=place)


def _write_anew(stack: Stack, merchant: uuid.UUID, place: int) -> None:
    """Change a note, and make every hash from there to the head as the database itself would."""
    stack.named(DEEDS["edit"][0], m=merchant, n=place)
    stack.named(
        f"""
        do $$
        declare
            l record;
            before bytea := coalesce((select mac from audit_link where {MINE} and seq = %(n)s - 1), '');
        begin
            for l in select k.seq, n from audit_link k join audit_note n using (merchant_id, id)
                where k.{MINE} and k.seq >= %(n)s order by k.seq
            loop
                before := sha256(before || convert_to(l.seq || '|' || lintas_audit_form(l.n), 'UTF8'));
                update audit_link set mac = before where {MINE} and seq = l.seq;
            end loop;
            update audit_head set mac = before where {MINE};
        end
        $$
        """.replace("%(m)s", f"'{merchant}'").replace("%(n)s", str(place))
    )


def _restore(stack: Stack, merchant: uuid.UUID) -> None:
    for table in KEPT:
        stack.rows(f"delete from {table} where merchant_id = %s", merchant)
        stack.rows(f"insert into {table} select * from kept_{table}_{merchant.hex}")


def _verified(merchant: uuid.UUID, outside: Mapping[int, Head]) -> bool:
    return not audit_chain.verify(merchant, outside).faults


def _places_follow(merchant: uuid.UUID, outside: Mapping[int, Head]) -> bool:
    """The known-bad look: no hash, no head, nothing from outside."""
    del outside
    with audit_chain._still(merchant) as wire:
        links = list(audit_chain._links(wire, merchant))
    follow = [each.seq for each in links] == list(range(1, len(links) + 1))
    return follow and all(each.texts is not None for each in links)


if __name__ == "__main__":
    figure.run(main)
