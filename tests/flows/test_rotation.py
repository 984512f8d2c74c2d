"""New keys while the house runs: everything sealed moves, nothing that changed meanwhile is overwritten."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

import portal.models  # noqa: F401 - the tables register themselves.
from portal.contract.records import Consignee
from portal.flows import grants, order_buyers, outbound, receiving, rotation, sealed, second_factor, secrets
from portal.flows.house import house
from portal.flows.order_buyers import Buyer
from portal.flows.receiving import Push
from portal.flows.rotation import Standing
from portal.kit.clock import now
from portal.kit.db import Base, acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.sealing import Keyring, NotOurs
from portal.models import Connection, Delivery, GrantAttempt, Order, Secret, User
from tests import goods, selling
from tests.cast import Cast
from tests.command import Command, another_key, command

__all__ = ["command"]
FLOWS = Path(rotation.__file__).parent
# Columns of bytes that no key of the house opens: hashes of tokens and of what was said, pictures, pieces of files, and
# the answer to a form under a key that stands nowhere.
NOT_SEALED = {
    "attempt.account",
    "audit_head.mac",
    "audit_link.mac",
    "connect_link.token_hash",
    "connection.hook_hash",
    "delivery.digest",
    "grant_attempt.session_hash",
    "grant_attempt.state_hash",
    "invitation.token_hash",
    "listing.digest",
    "login_session.token_hash",
    "logo.png",
    "orders.customer_key",
    "orders.digest",
    "orders.notes_key",
    "orders.recipient_key",
    "password_reset.token_hash",
    "recovery_code.code_hash",
    "sent_form.answer",
    "sent_form.mark",
    "shipment.merge_key",
    "support_session.parent_hash",
    "support_session.token_hash",
    "upload_part.data",
}


# --- the registry -----------------------------------------------------------------------------------------------------


def test_every_column_of_bytes_is_in_the_registry_or_known_to_be_no_sealed_value() -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    registered = {each.full_name for each in sealed.COLUMNS}
    assert registered <= columns
    assert not registered & NOT_SEALED
    assert columns == registered | NOT_SEALED


def test_whoever_seals_has_a_place_in_the_registry() -> None:
    sealing = set()
    for file in FLOWS.glob("*.py"):
        calls = [each for each in ast.walk(ast.parse(file.read_text())) if isinstance(each, ast.Call)]
        of_keyring = [
            each
            for each in calls
            if isinstance(each.func, ast.Attribute)
            and each.func.attr in {"seal", "seal_bytes"}
            and "keyring" in ast.unparse(each.func.value)
        ]
        if of_keyring and file.name != "rotation.py":
            sealing.add(file.stem)
    asked = {
        part.value.id
        for part in ast.walk(ast.parse((FLOWS / "sealed.py").read_text()))
        if isinstance(part, ast.Attribute) and part.attr == "place" and isinstance(part.value, ast.Name)
    }
    assert sealing == asked


# --- a house full of sealed values ------------------------------------------------------------------------------------


def fill(number: int) -> None:
    """So many values in every sealed column of the merchant of the moment, and the second factor of its person."""
    ring, connection = house().keyring, goods.connection()
    for each in range(number):
        secrets.keep(connection, f"field-{each}", f"secret {each}", "Mei Lin")
        attempt = GrantAttempt(
            merchant_id=whose(),
            id=new_id(),
            connection_id=connection.id,
            state_hash=bytes([each]),
            session_hash=b"s",
            user_id=new_id(),
            redirect_uri="",
        )
        attempt.sealed = ring.seal(f"grant {each}", grants.place(connection.id, attempt.id))
        db.session.add(attempt)
        delivery = new_id()
        push = Push({"sign": "x"}, f"body {each}".encode())
        db.session.add(
            Delivery(
                merchant_id=whose(),
                id=delivery,
                connection_id=connection.id,
                event_id=str(each),
                digest=b"d",
                sealed=receiving.seal(whose(), connection.id, delivery, push),
                size=6,
                received_at=now(),
                last_at=now(),
            )
        )
        order = db.session.get_one(Order, (whose(), selling.order((goods.product(f"P{each}"), 1), settle=False)))
        order.sealed = order_buyers.seal(Buyer(Consignee(name=f"Buyer {each}")), order.id)
        outbound.complete(order, Consignee(city=f"City {each}"))
    db.session.commit()


def read_all(number: int) -> list[str]:
    """What `fill` sealed, as the flows read it."""
    ring, found = house().keyring, []
    db.session.expire_all()
    (connection,) = db.session.scalars(sa.select(Connection))
    found += sorted(secrets.read(connection).values())
    found += sorted(
        ring.open(each.sealed or b"", grants.place(connection.id, each.id))
        for each in db.session.scalars(sa.select(GrantAttempt))
    )
    found += sorted(
        receiving.opened(whose(), connection.id, each.id, each.sealed or b"").body.decode()
        for each in db.session.scalars(sa.select(Delivery))
    )
    for order in db.session.scalars(sa.select(Order).order_by(Order.id)):
        buyer = order_buyers.read(order)
        assert buyer is not None
        found += [buyer.consignee.name, outbound.completed(order)["city"]]
    return found


@contextmanager
def keys(app: Flask, *wanted: str) -> Iterator[None]:
    """As if the house had been started with these sealing keys."""
    before = app.extensions["lintas"]
    app.extensions["lintas"] = replace(before, keyring=Keyring(wanted))
    try:
        yield
    finally:
        app.extensions["lintas"] = before


def quiet(name: str, number: int) -> None:
    del name, number


def standing() -> dict[str, Standing]:
    return {each.column: each for each in rotation.survey()}


@pytest.fixture
def old(settings: Any) -> str:
    """The key of the tests."""
    return str(settings.sealing_keys[0])


def with_factor(cast: Cast) -> None:
    """Sam has a second factor."""
    user = db.session.get_one(User, cast.sam.id)
    user.second_factor, user.second_factor_at = house().keyring.seal("FACTOR", second_factor.place(user.id)), now()
    db.session.commit()


def test_every_sealed_column_of_every_merchant_moves_to_the_newest_key_and_reads_as_before(
    cast: Cast, old: str
) -> None:
    new = another_key()
    with cast.app.app_context():
        told: dict[str, int] = {}
        for merchant, number in ((cast.lantern, 5), (cast.rival, 3)):
            with acting_for(merchant):
                fill(number)
        with_factor(cast)
        with keys(cast.app, new, old):
            before = {}
            for merchant in (cast.lantern, cast.rival):
                with acting_for(merchant):
                    before[merchant] = read_all(5)
            assert {each.column: (each.newest, each.older) for each in standing().values()} == {
                "secret.sealed": (0, 8),
                "grant_attempt.sealed": (0, 8),
                "person.second_factor": (0, 1),
                "orders.sealed": (0, 8),
                "orders.completed": (0, 8),
                "delivery.sealed": (0, 8),
            }
            turned = rotation.rotate(lambda name, number: told.update({name: told.get(name, 0) + number}))
            assert (turned.resealed, turned.strange) == (41, 0)
            assert told == {"Blue Lantern": 25, "Red Anchor": 15, "people": 1}
            assert not any(each.older or each.lost for each in standing().values())
            assert rotation.rotate(quiet).resealed == 0, "the second time there is nothing to do"
        with keys(cast.app, new):
            for merchant in (cast.lantern, cast.rival):
                with acting_for(merchant):
                    assert read_all(5) == before[merchant]
            user = db.session.get_one(User, cast.sam.id)
            assert house().keyring.open(user.second_factor or b"", second_factor.place(user.id)) == "FACTOR"


def test_a_value_that_changed_after_it_was_read_is_not_overwritten(cast: Cast, old: str) -> None:
    column = sealed.COLUMNS[0]
    with cast.app.app_context(), acting_for(cast.lantern), keys(cast.app, another_key(), old):
        fill(2)
        rows = db.session.execute(sa.select(Secret.id, Secret.sealed).order_by(Secret.id)).all()
        db.session.execute(sa.update(Secret).where(Secret.id == rows[0].id).values(sealed=b"renewed meanwhile"))
        db.session.commit()
        assert rotation.swap(column, [(each.id, each.sealed, b"sealed anew") for each in rows]) == 1
        after = {key: value for key, value in db.session.execute(sa.select(Secret.id, Secret.sealed))}  # noqa: C416
        assert after == {rows[0].id: b"renewed meanwhile", rows[1].id: b"sealed anew"}


def test_a_row_that_somebody_holds_is_passed_over_and_taken_up_again(
    cast: Cast, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, hold, held = another_key(), threading.Event(), threading.Event()
    monkeypatch.setattr(rotation, "PAUSE", 0.05)
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(3)
        db.session.rollback()

        def somebody() -> None:
            with cast.app.app_context(), acting_for(cast.lantern):
                db.session.execute(sa.select(Secret).limit(1).with_for_update())
                held.set()
                hold.wait(10)
                db.session.rollback()
                db.session.remove()

        thread = threading.Thread(target=somebody)
        thread.start()
        assert held.wait(10)
        seen: list[int] = []

        def told(name: str, number: int) -> None:
            seen.append(number)
            hold.set()  # Let go only when the others were done: nobody waited for the row.

        with keys(cast.app, new, old):
            assert rotation.rotate(told).resealed == 15
            assert seen[0] == 2
            assert not any(each.older for each in standing().values())
        thread.join()


def test_two_rotations_at_once_do_the_work_once(cast: Cast, old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = another_key()
    monkeypatch.setattr(rotation, "PAUSE", 0.02)
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(12)
        db.session.rollback()
        done: list[int] = []

        def run() -> None:
            with cast.app.app_context():
                done.append(rotation.rotate(quiet).resealed)
                db.session.remove()

        with keys(cast.app, new, old):
            threads = [threading.Thread(target=run) for _ in range(2)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert sum(done) == 60
        with keys(cast.app, new):
            assert len(read_all(12)) == 60


def test_what_stopped_halfway_is_gone_on_with(cast: Cast, old: str) -> None:
    class Stopped(Exception):
        pass

    def stop(name: str, number: int) -> None:
        raise Stopped

    new = another_key()
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(4)
        with keys(cast.app, new, old):
            with pytest.raises(Stopped):
                rotation.rotate(stop)
            assert 0 < sum(each.older for each in standing().values()) < 20
            assert len(read_all(4)) == 20, "either key opens meanwhile"
            rotation.rotate(quiet)
        with keys(cast.app, new):
            assert len(read_all(4)) == 20


def test_a_value_that_lies_at_a_strange_place_stays_as_it_is_and_is_told(cast: Cast, old: str) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(2)
        one, other = db.session.scalars(sa.select(Secret).order_by(Secret.id)).all()
        moved = one.sealed
        other.sealed = moved
        db.session.commit()
        with keys(cast.app, another_key(), old):
            turned = rotation.rotate(quiet)
            assert (turned.resealed, turned.strange) == (9, 1)
            db.session.expire_all()
            row = db.session.get_one(Secret, (whose(), other.id))
            assert row.sealed == moved
            with pytest.raises(NotOurs):
                house().keyring.open(row.sealed, secrets.place(row.connection_id, row.field, row.id))


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_what_was_done_what_is_left_and_what_to_do_next(
    command: Command, cast: Cast, old: str
) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(3)
    new = another_key()
    said = command("rotate-keys", PORTAL_SEALING_KEYS=f"{new} {old}")
    assert said.exit_code == 0, said.output
    assert "15 values sealed anew." in said.output
    assert "Blue Lantern: 3 sealed anew" in said.output
    assert ["secret.sealed", "3", "0", "0"] in [line.split() for line in said.output.splitlines()]
    assert "Remove the older keys from PORTAL_SEALING_KEYS" in said.output
    again = command("rotate-keys", PORTAL_SEALING_KEYS=f"{new} {old}")
    assert "0 values sealed anew." in again.output
    alone = command("rotate-keys", PORTAL_SEALING_KEYS=new).output
    assert "holds one key, and everything lies under it." in alone
    assert "Remove" not in alone, "there is none to remove"


def test_values_under_a_key_that_is_gone_are_counted_and_nothing_is_promised(
    command: Command, cast: Cast, old: str
) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        fill(2)
    said = command("rotate-keys", PORTAL_SEALING_KEYS=another_key())
    assert said.exit_code == 1
    assert "10 values lie under a key that is not in PORTAL_SEALING_KEYS." in said.output
    assert "Remove the older keys" not in said.output
