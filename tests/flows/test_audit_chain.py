"""The chain of the audit trail: how it grows, who can touch it, and that no break of it stays unseen."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from portal import migrate
from portal.flows import audit, audit_chain, audit_heads, audit_report
from portal.flows.audit_chain import Break
from portal.kit import roles
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import AuditHead, AuditLink, AuditNote
from tests import servers
from tests.cast import Cast

BY = audit.By(
    "Mei Lin", uuid.UUID(int=7), "request-one", "192.0.2.7", audit.Behalf("Sam", "Mei", new_id(), "links L-1")
)


def note(*names: str) -> None:
    """One transaction with a note for each name."""
    for name in names:
        audit.note(
            BY, "store_changed", "store", new_id(), name=name, before={"name": "é, 北京"}, after={"number": 1.50}
        )
    db.session.commit()


def chain(outside: dict[int, audit_heads.Head] | None = None) -> audit_chain.Chain:
    return audit_chain.verify(whose(), outside or {})


def broken(outside: dict[int, audit_heads.Head] | None = None) -> list[tuple[Break, int, int]]:
    return [(each.what, each.first, each.last) for each in chain(outside).faults]


def heads() -> dict[int, audit_heads.Head]:
    """The heads of the merchant of the moment, as they would have been written down now."""
    return {each.seq: each for each in audit_heads.heads() if each.merchant_id == whose()}


@pytest.fixture
def mine(cast: Cast) -> Iterator[Cast]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield cast
        db.session.rollback()


@contextmanager
def mighty(running: servers.Servers) -> Iterator[psycopg.Connection]:
    """Somebody who stands above all walls, and whose writing wakes no trigger."""
    database = roles.make_url(running.owner_url).database
    with psycopg.connect(roles.dsn(roles.make_url(running.superuser_url).set(database=database))) as wire:
        wire.execute("set session_replication_role = replica")
        yield wire


# --- how it grows -----------------------------------------------------------------------------------------------------


def test_every_note_has_its_place_and_the_code_comes_to_the_same_hashes_as_the_database(mine: Cast) -> None:
    began = chain().notes
    note("one")
    note("two, and\nmore", 'three "quoted"')
    found = chain()
    assert (found.notes, list(found.faults)) == (began + 3, [])
    names = sa.select(AuditNote.name).join(AuditLink, AuditLink.id == AuditNote.id).order_by(AuditLink.seq.desc())
    assert set(db.session.scalars(names.limit(2))) == {"two, and\nmore", 'three "quoted"'}
    head = db.session.scalars(sa.select(AuditHead)).one()
    assert head.seq == found.notes


def test_a_transaction_that_is_rolled_back_leaves_no_gap(mine: Cast) -> None:
    began = chain().notes
    note("before")
    audit.note(BY, "store_changed", "store", new_id(), name="never happened")
    db.session.flush()
    db.session.rollback()
    note("after")
    assert (chain().notes, broken()) == (began + 2, [])


def test_many_at_once_stand_in_one_order_and_nobody_waits_for_ever(mine: Cast) -> None:
    began, faults = chain().notes, []

    def write(merchant: uuid.UUID) -> None:
        try:
            with mine.app.app_context(), acting_for(merchant):
                for number in range(15):
                    note(f"{number} a", f"{number} b")
        except Exception as why:  # Told by the test, not by the thread.
            faults.append(why)

    threads = [threading.Thread(target=write, args=[each]) for each in [mine.lantern] * 4 + [mine.rival] * 2]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not faults
    assert (chain().notes, broken()) == (began + 4 * 15 * 2, [])
    with acting_for(mine.rival):
        assert broken() == []


def test_the_chains_of_two_merchants_do_not_touch(mine: Cast) -> None:
    began = chain().notes
    with acting_for(mine.rival):
        note("theirs")
        assert broken() == []
    assert chain().notes == began


def test_notes_from_before_the_chain_are_linked_in_the_order_of_their_time(
    started_servers: servers.Servers, mine: Cast
) -> None:
    with servers.scratch_database(started_servers) as addresses:
        migrate.upgrade(addresses.owner, "0010")
        merchants = [uuid.uuid4(), uuid.uuid4()]
        with psycopg.connect(roles.dsn(addresses.owner)) as wire:
            for merchant in merchants:
                wire.execute("select set_config('app.merchant', %s, true)", [str(merchant)])
                wire.execute(
                    "insert into merchant (id, name, locale, currency, time_zone, created_at)"
                    " values (%s, 'Old', 'en', 'CNY', 'Asia/Shanghai', now())",
                    [merchant],
                )
                for minutes in (5, 1, 3):
                    wire.execute(
                        "insert into audit_note (merchant_id, id, who, what, subject, subject_id, name, before, after,"
                        " request_id, at) values (%s, gen_random_uuid(), 'Mei', 'joined', 'user', gen_random_uuid(),"
                        " %s, '{}', '{\"b\": 1}', '', now() + %s * interval '1 minute')",
                        [merchant, str(minutes), minutes],
                    )
        migrate.upgrade(addresses.owner)
        engine = sa.create_engine(addresses.application)
        with engine.connect() as wire:
            for merchant in merchants:
                wire.execute(sa.text("select set_config('app.merchant', :m, false)"), {"m": str(merchant)})
                before, seen = b"", []
                for seq, mac, there, at, *texts in wire.execute(audit_chain.LINKS, {"merchant": merchant}):
                    assert there
                    texts.append(audit_chain._microseconds(at))
                    assert audit_chain.made_over(before, seq, texts) == bytes(mac)
                    before = bytes(mac)
                    seen.append(texts[11])
                assert seen == ["1", "3", "5"]
                head = wire.execute(audit_chain.HEAD, {"merchant": merchant}).one()
                assert (head.seq, bytes(head.mac)) == (3, before)
        engine.dispose()


@pytest.mark.parametrize("table", ["audit_note", "audit_link", "audit_head"])
def test_the_application_can_neither_change_nor_remove_what_was_noted_nor_write_a_link(mine: Cast, table: str) -> None:
    note("kept")
    statements = [f"update {table} set at = now()", f"delete from {table}", f"truncate {table}"]
    if table == "audit_link":
        statements[0] = "update audit_link set seq = seq + 1"
    if table != "audit_note":
        statements.append(f"insert into {table} select * from {table}")
    statements += [
        f"alter table {table} disable trigger all",
        "set session_replication_role = replica",
        "select lintas_audit_add(n) from audit_note n",
    ]
    for statement in statements:
        with pytest.raises(sa.exc.ProgrammingError):
            db.session.execute(sa.text(statement))
        db.session.rollback()
    assert broken() == []


# --- what is found ----------------------------------------------------------------------------------------------------

MINE = "merchant_id = %(m)s"
NTH = f"(select id from audit_link where {MINE} and seq = %(n)s)"
AT = f"{MINE} and id = {NTH}"


def tamper(started: servers.Servers, merchant: uuid.UUID, *statements: str, n: int = 0) -> None:
    with mighty(started) as wire:
        for statement in statements:
            assert wire.execute(statement, {"m": merchant, "n": n}).rowcount > 0, statement


@pytest.mark.parametrize(
    "change",
    [
        "who = 'Nobody'",
        "after = '{\"number\": 2}'",
        "at = at + interval '1 microsecond'",
        "reason = ''",
        "as_whom = who || as_whom, who = ''",
        "support_id = null",
        "address = '192.0.2.8'",
    ],
)
def test_an_edited_note_is_found(mine: Cast, started_servers: servers.Servers, change: str) -> None:
    note("one", "two", "three")
    place = chain().notes - 1
    tamper(started_servers, whose(), f"update audit_note set {change} where {MINE} and id = {NTH}", n=place)
    assert broken() == [(Break.CHANGED, place, place)]


def test_a_removed_note_is_found_with_and_without_its_link(mine: Cast, started_servers: servers.Servers) -> None:
    note("one", "two", "three", "four")
    place = chain().notes - 2
    tamper(started_servers, whose(), f"delete from audit_note where {MINE} and id = {NTH}", n=place)
    assert broken() == [(Break.REMOVED, place, place)]
    tamper(started_servers, whose(), f"delete from audit_link where {MINE} and seq = %(n)s", n=place)
    assert broken() == [(Break.REMOVED, place, place)]


def test_two_notes_that_changed_places_are_found(mine: Cast, started_servers: servers.Servers) -> None:
    note("one", "two", "three")
    last = chain().notes
    swap = [
        f"update audit_link set seq = -1 where {MINE} and seq = %(n)s",
        f"update audit_link set seq = seq + 1 where {MINE} and seq = %(n)s - 1",
        f"update audit_link set seq = %(n)s - 1 where {MINE} and seq = -1",
    ]
    tamper(started_servers, whose(), *swap, n=last - 1)
    assert (Break.CHANGED, last - 1, last - 1) in broken()


def test_a_note_that_is_slipped_in_beside_the_chain_is_found(mine: Cast, started_servers: servers.Servers) -> None:
    note("one")
    slipped = (
        "insert into audit_note (merchant_id, id, who, what, subject, subject_id, name, before, after, request_id, at)"
        f" select merchant_id, gen_random_uuid(), who, what, subject, subject_id, 'slipped in', before, after, '', at"
        f" from audit_note where {MINE} and id = {NTH}"
    )
    tamper(started_servers, whose(), slipped, n=1)
    assert broken() == [(Break.OUTSIDE, 1, 1)]


CUT = [
    f"delete from audit_note where {MINE} and id in (select id from audit_link where {MINE} and seq > %(n)s)",
    f"delete from audit_link where {MINE} and seq > %(n)s",
]
WITH_HEAD = (
    "update audit_head h set seq = l.seq, mac = l.mac from audit_link l"
    " where h.merchant_id = l.merchant_id and l.merchant_id = %(m)s and l.seq = %(n)s"
)


def test_a_cut_end_is_found_by_the_head(mine: Cast, started_servers: servers.Servers) -> None:
    note("one", "two", "three")
    last = chain().notes
    tamper(started_servers, whose(), *CUT, n=last - 2)
    assert broken() == [(Break.REMOVED, last - 1, last)]


def test_an_end_that_is_cut_together_with_its_head_is_found_by_what_was_written_down_outside(
    mine: Cast, started_servers: servers.Servers
) -> None:
    note("one", "two", "three")
    last, outside = chain().notes, heads()
    tamper(started_servers, whose(), *CUT, WITH_HEAD, n=last - 2)
    assert broken() == [], "the database alone looks whole"
    assert broken(outside) == [(Break.CUT, last - 1, last)]
    note("four", "five")
    assert broken(outside) == [(Break.ANOTHER, last, last)], "also when other notes have taken the places"


def test_a_merchant_whose_whole_trail_is_gone_is_found_too(mine: Cast, started_servers: servers.Servers) -> None:
    last, outside = chain().notes, heads()
    gone = [f"delete from {table} where {MINE}" for table in ("audit_note", "audit_link", "audit_head")]
    tamper(started_servers, whose(), *gone)
    assert broken(outside) == [(Break.CUT, 1, last)]


# --- outside ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(mine: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of heads of the house."""
    path = tmp_path / "elsewhere" / "heads"
    there = mine.app.extensions["lintas"]
    monkeypatch.setitem(
        mine.app.extensions, "lintas", replace(there, settings=replace(there.settings, audit_heads=str(path)))
    )
    return path


def test_only_heads_that_moved_are_written_down_and_each_line_is_sealed(mine: Cast, outside: Path) -> None:
    assert audit_heads.append() == 2
    assert audit_heads.append() == 0
    note("one")
    assert audit_heads.append() == 1
    lines = [json.loads(each) for each in outside.read_text().splitlines()]
    assert [set(each) for each in lines] == [{"merchant", "seq", "mac", "at", "hmac"}] * 3
    assert lines[-1]["merchant"] == str(mine.lantern)
    assert oct(outside.stat().st_mode & 0o777) == "0o600"
    found = audit_report.report()
    assert (found.trails, list(found.faults)) == (2, [])


def test_a_line_that_somebody_else_wrote_says_nothing_and_is_told(mine: Cast, outside: Path) -> None:
    note("one")
    audit_heads.append()
    first, *rest = outside.read_text().splitlines()
    forged = {**json.loads(first), "seq": 900}
    outside.write_text("\n".join([json.dumps(forged), "not json", '"text"', *rest]) + "\n")
    assert audit_heads.read().strange == 3
    (fault,) = audit_report.report().faults
    assert fault.startswith("3 lines in the file of PORTAL_AUDIT_HEADS")


def test_the_report_names_the_merchant_and_the_place_and_no_more(
    mine: Cast, outside: Path, started_servers: servers.Servers
) -> None:
    note("Wang of Shanghai", "two")
    last = chain().notes
    audit_heads.append()
    tamper(started_servers, whose(), f"update audit_note set name = 'Li' where {MINE} and id = {NTH}", n=last - 1)
    tamper(started_servers, whose(), CUT[0], CUT[1], WITH_HEAD, n=last - 1)
    (fault,) = audit_report.report().faults
    assert f"The audit trail of Blue Lantern ({mine.lantern}) is not whole: note {last - 1} (" in fault
    assert f"note {last} were there" in fault or f"note {last} " in fault
    assert "Wang" not in fault
    assert "Li " not in fault


def test_a_merchant_that_was_deleted_on_purpose_is_not_missed(
    mine: Cast, outside: Path, started_servers: servers.Servers
) -> None:
    audit_heads.append()
    (head,) = [each for each in audit_heads.heads() if each.merchant_id == mine.rival]
    gone = [f"delete from {table} where {MINE}" for table in ("audit_note", "audit_link", "audit_head", "membership")]
    tamper(started_servers, mine.rival, *gone)
    assert len(audit_report.report().faults) == 1
    audit_heads.write_gone(mine.rival, head.seq, head.mac)
    assert list(audit_report.report().faults) == []


def test_a_file_that_cannot_be_written_stops_no_relay_and_is_told_from_its_first_turn_on(
    mine: Cast, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.parent.write_text("a file where a folder should be")
    audit_heads.keep()
    with pytest.raises(OSError, match="exists"):
        audit_heads.append()
    (fault,) = audit_report.report().faults
    assert fault.startswith("The relay cannot write the file of PORTAL_AUDIT_HEADS (File exists).")
    monkeypatch.setattr(audit_report, "now", lambda: now() + timedelta(minutes=31))
    assert "not written down" in audit_report.report().faults[-1]
    outside.parent.unlink()
    audit_heads.keep()
    assert list(audit_report.report().faults) == []
