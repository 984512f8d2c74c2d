"""A merchant takes its data along, and leaves: all of it, and nothing of anybody else."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tracemalloc
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from portal.contract.records import Consignee, OrderStatus
from portal.flows import (
    audit,
    audit_heads,
    departure,
    merchant_export,
    merchants,
    order_buyers,
    outbound,
    people,
    receiving,
    secrets,
    webhooks,
)
from portal.flows.audit import LINTAS, By
from portal.flows.order_buyers import Buyer
from portal.flows.receiving import Push
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import (
    AuditNote,
    Connection,
    ConnectionState,
    Delivery,
    LoginSession,
    Order,
    Role,
    Upload,
    UploadPart,
    UploadUse,
    User,
)
from tests import filled, goods, selling, servers
from tests.cast import PASSWORD, Cast
from tests.command import Command, another_key, command

__all__ = ["command"]
CANARY = "a-secret-that-must-stay-here"
BUYER = Consignee(name="王小芳", phone="13800138000", address="中山路 12 号", city="上海", country="CN")
TOM = By("Tom Ellis")


@pytest.fixture
def superuser_engine(database: servers.Servers) -> Iterator[sa.Engine]:
    """An engine of a role above all walls, for what is left of a merchant can be asked by nobody else."""
    name = make_url(database.owner_url).database
    engine = sa.create_engine(make_url(database.superuser_url).set(database=name, drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


def quiet(name: str, number: int) -> None:
    del name, number


@pytest.fixture
def full(cast: Cast) -> Cast:
    """Both merchants with a row in every table, a secret, an order with its buyer, and a received push."""
    with cast.app.app_context():
        for merchant, person in ((cast.lantern, cast.mei), (cast.rival, cast.rex)):
            with acting_for(merchant):
                ids = filled.fill(person.id)
                assert set(ids) >= {each.name for each in filled.tables()} - filled.BY_ITSELF
                connection = db.session.scalars(sa.select(Connection).limit(1)).one()
                secrets.keep(connection, "token.access", CANARY, "Mei Lin")
                order = db.session.get_one(Order, (whose(), ids["orders"]))
                order.sealed = order_buyers.seal(Buyer(BUYER, buyer_note="at the door"), order.id)
                outbound.complete(order, Consignee(province="上海市"))
                push_of(connection, b'{"order": "1"}')
                push_of(connection, "订单".encode("gb18030"))
                db.session.commit()
    return cast


def push_of(connection: Connection, body: bytes) -> None:
    delivery = new_id()
    sealed = receiving.seal(whose(), connection.id, delivery, Push({"authorization": CANARY}, body))
    row = {"connection_id": connection.id, "event_id": str(delivery), "digest": b"d", "size": len(body)}
    db.session.add(
        Delivery(merchant_id=whose(), id=delivery, sealed=sealed, received_at=now(), last_at=now(), **row)  # type: ignore[arg-type]
    )


def all_rows(wire: sa.Connection, merchant_id: uuid.UUID) -> dict[str, list[Any]]:
    """Every row of a merchant in every table, its own and its people's."""
    found = {
        each.name: list(wire.execute(sa.select(each).where(each.c.merchant_id == merchant_id).order_by(each.c.id)))
        for each in filled.tables()
    }
    found["merchant"] = list(wire.execute(sa.text("select * from merchant where id = :it"), {"it": merchant_id}))
    return found


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_nothing_of_the_merchant_is_left_and_nothing_of_the_other_is_touched(
    full: Cast, superuser_engine: sa.Engine
) -> None:
    with superuser_engine.connect() as wire:
        assert all(filled.count(wire, full.lantern).values()), "every table has a row before"
        before = all_rows(wire, full.rival)
    with full.app.app_context():
        gone = departure.delete(full.lantern, LINTAS, quiet)
        assert [each.id for each in merchants.every()] == [full.rival]
    with superuser_engine.connect() as wire:
        assert not any(filled.count(wire, full.lantern).values())
        assert wire.scalar(sa.text("select count(*) from merchant where id = :it"), {"it": full.lantern}) == 0
        assert all_rows(wire, full.rival) == before
        names = set(wire.scalars(sa.text("select name from person")))
    assert names == {"Rex Stone", "Sam Staff"}
    assert gone.people == 3
    assert gone.rows["orders"] == 1
    assert gone.seq > 0


def test_people_of_other_merchants_and_staff_stay_and_their_sessions_there_too(cast: Cast) -> None:
    rex, mei = (cast.client_of(each) for each in (cast.rex, cast.mei))
    with cast.app.app_context():
        tom = db.session.get_one(User, cast.tom.id)
        people.join(cast.rival, tom, Role.VIEWER)
        departure.delete(cast.lantern, LINTAS, quiet)
        names = set(db.session.scalars(sa.select(User.name)))
        assert names == {"Tom Ellis", "Rex Stone", "Sam Staff"}
        assert db.session.scalars(sa.select(LoginSession.user_id)).all() == [cast.rex.id]
    assert rex.get("/stores").status_code == 200
    assert mei.get("/stores").status_code in {302, 303}


def test_a_departure_that_was_broken_off_is_gone_on_with(full: Cast, superuser_engine: sa.Engine) -> None:
    class Broken(Exception):
        pass

    def at_the_orders(name: str, number: int) -> None:
        if name == "orders":
            raise Broken

    with full.app.app_context():
        with pytest.raises(Broken):
            departure.delete(full.lantern, LINTAS, at_the_orders)
        assert full.lantern in {each.id for each in merchants.every()}, "it can still be named"
        departure.delete(full.lantern, LINTAS, quiet)
    with superuser_engine.connect() as wire:
        assert not any(filled.count(wire, full.lantern).values())


def test_the_end_of_the_trail_is_written_down_outside(
    command: Command, cast: Cast, tmp_path: Path, superuser_engine: sa.Engine
) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        audit.note(TOM, "tested", "store", cast.lantern_store)
        db.session.commit()
    with superuser_engine.connect() as wire:
        head = wire.execute(
            sa.text("select seq, mac from audit_head where merchant_id = :it"), {"it": cast.lantern}
        ).one()
    file = tmp_path / "heads"
    said = command(
        *("delete-merchant", "--merchant", "blue lantern", "--confirm", "Blue Lantern"), PORTAL_AUDIT_HEADS=str(file)
    )
    assert said.exit_code == 0, said.output
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["merchant"], last["seq"], last["mac"]) == (str(cast.lantern), head.seq, bytes(head.mac).hex())
    assert last["gone"] is True
    assert bytes(head.mac).hex() in said.output
    assert "Blue Lantern is gone" in said.output


def test_where_the_trail_cannot_be_written_down_nothing_goes(command: Command, cast: Cast, tmp_path: Path) -> None:
    said = command(
        *("delete-merchant", "--merchant", str(cast.lantern), "--confirm", "Blue Lantern"),
        PORTAL_AUDIT_HEADS=str(tmp_path),
    )
    assert said.exit_code == 1
    assert "PORTAL_AUDIT_HEADS cannot be written" in said.output
    with cast.app.app_context():
        assert cast.lantern in {each.id for each in merchants.every()}
        assert audit_heads.path() is None


def test_a_merchant_at_work_goes_only_even_so(command: Command, cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        made = goods.connection()
        made.state, made.shop_name = ConnectionState.ACTIVE, "Lantern at JD"
        secrets.keep(made, "token.access", CANARY, "Mei Lin")
        typed = goods.connection(name="Lantern at the second")
        secrets.keep(typed, "api_secret", CANARY, "Mei Lin")
        secrets.keep(typed, "access_token", CANARY, "Mei Lin")
        pushed_only = goods.connection(name="Lantern at the third")
        secrets.keep(pushed_only, webhooks.PASS, CANARY, "Mei Lin")
        db.session.commit()
        selling.order((goods.product("A"), 1), status=OrderStatus.TO_SHIP)
    words = ("delete-merchant", "--merchant", "Blue Lantern", "--confirm")
    wrong = command(*words, "blue lantern")
    assert wrong.exit_code == 1
    assert "is not the name of this merchant" in wrong.output
    said = command(*words, "Blue Lantern")
    assert said.exit_code == 1
    assert "On: JD.com" in said.output
    assert "Orders that are not over: 1." in said.output
    with cast.app.app_context():
        assert cast.lantern in {each.id for each in merchants.every()}
    gone = command(*words, "Blue Lantern", "--even-so")
    assert gone.exit_code == 0, gone.output
    ends = [line for line in gone.output.splitlines() if line.startswith("Our access to ")]
    assert [line.split(" ends there")[0] for line in ends] == [
        "Our access to JD.com: Lantern at JD",
        "Our access to JD.com: Lantern at the second",
    ]
    assert CANARY not in gone.output


def test_a_name_that_two_have_and_one_that_nobody_has_are_told(command: Command, cast: Cast) -> None:
    with cast.app.app_context():
        twin = people.create_merchant("Blue Lantern", "CNY", "Asia/Shanghai")
    said = command("delete-merchant", "--merchant", "Blue Lantern", "--confirm", "Blue Lantern")
    assert said.exit_code == 1
    assert str(twin) in said.output
    assert str(cast.lantern) in said.output
    assert "No merchant has this id or name" in command("export-merchant", "--merchant", "x", "--to", "x.zip").output
    lines = command("merchants").output.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["Blue Lantern", "Red Anchor", "Blue Lantern"]


# --- taking along -----------------------------------------------------------------------------------------------------


def opened(file: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]], bytes]:
    """The manifest, the rows of each file, and every byte of the export."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts["manifest.json"])
    for name, said in manifest["files"].items():
        assert hashlib.sha256(parts[name]).hexdigest() == said["sha256"], name
        assert len(parts[name].splitlines()) == said["rows"], name
    rows = {
        name.removesuffix(".jsonl"): [json.loads(line) for line in content.splitlines()]
        for name, content in parts.items()
        if name.endswith(".jsonl")
    }
    return manifest, rows, b"\n".join(parts.values())


def test_everything_of_the_merchant_is_taken_along_with_buyers_opened_and_without_secrets(
    command: Command, full: Cast, tmp_path: Path, superuser_engine: sa.Engine
) -> None:
    with superuser_engine.connect() as wire:
        counted = filled.count(wire, full.lantern)
    to = tmp_path / "lantern.zip"
    said = command("export-merchant", "--merchant", str(full.lantern), "--to", str(to))
    assert said.exit_code == 0, said.output
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    manifest, rows, content = opened(to)
    assert {name: len(rows[name]) for name in counted} == counted
    (order,) = rows["orders"]
    assert order["buyer"]["consignee"]["name"] == "王小芳"
    assert order["buyer"]["buyer_note"] == "at the door"
    assert order["completed"] == {"province": "上海市"}
    bodies = [each["body"] for each in rows["delivery"] if each["body"] is not None]
    assert '{"order": "1"}' in bodies
    assert any(isinstance(each, dict) and "base64" in each for each in bodies)
    assert {each["name"] for each in rows["person"]} == {"Mei Lin", "Tom Ellis", "Vera Novak"}
    assert rows["merchant"][0]["name"] == "Blue Lantern"
    with full.app.app_context(), acting_for(full.lantern):
        assert "merchant_exported" in db.session.scalars(sa.select(AuditNote.what)).all(), (
            "the merchant's trail says so"
        )
    assert CANARY.encode() not in content
    assert CANARY[-4:].encode() not in json.dumps(rows["secret"]).encode()
    assert b"password" not in json.dumps(rows["person"]).encode()
    assert b"Red Anchor" not in content
    assert str(full.rival).encode() not in content
    left_out = set(manifest["left_out"])
    assert left_out >= {"secret.sealed", "secret.ending", "invitation.token_hash", "person.password_hash"}
    assert left_out >= {"connect_link.token_hash", "orders.customer_key", "person.second_factor"}
    assert "orders.sealed" not in left_out


def test_what_no_key_opens_is_counted_and_stands_as_nothing(command: Command, full: Cast, tmp_path: Path) -> None:
    to = tmp_path / "lantern.zip"
    said = command(
        *("export-merchant", "--merchant", "Blue Lantern", "--to", str(to)), PORTAL_SEALING_KEYS=another_key()
    )
    assert said.exit_code == 0, said.output
    assert "could not be opened" in said.output
    manifest, rows, _ = opened(to)
    assert rows["orders"][0]["buyer"] is None
    assert manifest["files"]["orders.jsonl"]["unreadable"] == 2


def test_a_file_that_is_there_is_never_written_over(command: Command, cast: Cast, tmp_path: Path) -> None:
    to = tmp_path / "mine.zip"
    to.write_text("mine")
    said = command("export-merchant", "--merchant", "Blue Lantern", "--to", str(to))
    assert said.exit_code == 1
    assert "is there already" in said.output
    assert to.read_text() == "mine"
    away = command("export-merchant", "--merchant", "Blue Lantern", "--to", str(tmp_path / "no" / "x.zip"))
    assert away.exit_code == 1
    assert "cannot be written" in away.output
    assert [each.name for each in tmp_path.iterdir()] == ["mine.zip"], "nothing half-written is left"


def test_one_state_of_the_database_is_taken_along(cast: Cast, tmp_path: Path) -> None:
    with cast.app.app_context():
        with acting_for(cast.lantern):
            goods.product("A")

        def meanwhile(name: str, rows: int) -> None:
            del rows
            if name == "merchant":  # The first file is written; what comes now is not part of it.
                with acting_for(cast.lantern):
                    goods.product("B")
                    db.session.commit()

        merchant_export.write(cast.lantern, tmp_path / "x.zip", LINTAS, meanwhile)
    _, rows, _ = opened(tmp_path / "x.zip")
    assert [each["sku"] for each in rows["product"]] == ["A"]
    assert PASSWORD not in json.dumps(rows)


def test_the_pieces_of_large_files_do_not_gather_in_the_memory(cast: Cast, tmp_path: Path) -> None:
    piece, number = 256 * 1024, 300
    with cast.app.app_context(), acting_for(cast.lantern):
        upload = Upload(merchant_id=whose(), id=new_id(), use=UploadUse.OWN, name="goods.xlsx", made_by="Mei Lin")
        db.session.add(upload)
        db.session.flush()
        of_it = {"merchant_id": whose(), "upload_id": upload.id, "data": bytes(piece)}
        for each in range(number):
            db.session.execute(sa.insert(UploadPart).values(id=new_id(), number=each + 1, **of_it))
        db.session.commit()
    with cast.app.app_context():
        tracemalloc.start()
        try:
            manifest = merchant_export.write(cast.lantern, tmp_path / "x.zip", LINTAS, quiet)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert manifest["files"]["upload_part.jsonl"]["rows"] == number
    assert most < number * piece / 3


def test_where_a_disk_knows_no_second_names_the_file_is_written_all_the_same(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    to = tmp_path / "x.zip"
    with cast.app.app_context():
        merchant_export.write(cast.lantern, to, LINTAS, quiet)
        with pytest.raises(FileExistsError):
            merchant_export.write(cast.lantern, to, LINTAS, quiet)
    manifest, _, _ = opened(to)
    assert manifest["merchant"]["name"] == "Blue Lantern"
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["x.zip"]
