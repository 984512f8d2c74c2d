"""What whoever pushes to an address meets: what is kept, what is answered, what is refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import receiving, webhooks
from portal.flows.audit import LINTAS
from portal.integrations import all_integrations
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Delivery, DeliveryRefusal, DeliveryState, Notice, Work
from tests.cast import Cast
from tests.pushing import Hook, Kirim, connection_of, hooked, key_of, kirim, of_stock, push, signature, the_delivery
from tests.web.shelf import Browser

__all__ = ["kirim"]


@pytest.fixture
def hook(cast: Cast, kirim: Kirim) -> Iterator[Hook]:
    with lantern(cast):
        made = hooked()
    yield made
    receiving._remembered.clear()


@contextmanager
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


def refusals() -> dict[str, int]:
    rows = db.session.execute(sa.select(DeliveryRefusal.reason, DeliveryRefusal.number))
    return {reason.value: number for reason, number in rows}


def count(model: type[Delivery] | type[Work]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_a_signed_push_is_kept_with_its_work_and_thanked_in_the_remotes_words(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    answer = client.post(hook.path, **push(hook, "ev-1", of_stock("A1")))
    assert (answer.status_code, answer.data) == (202, b"thanks")
    with lantern(cast):
        kept = the_delivery("ev-1")
        assert (kept.state, kept.copies, kept.size) == (
            DeliveryState.WAITING,
            1,
            len(b'{"topic": "stock.change", "skus": ["A1"]}'),
        )
        assert b"A1" not in (kept.sealed or b"")
        work = db.session.scalars(sa.select(Work)).one()
        assert (work.kind, work.body, work.priority) == ("delivery", {"delivery": str(kept.id)}, 3)
        assert connection_of(hook).pushes is True
        assert webhooks.last_push(connection_of(hook)) == kept.last_at


def test_a_repetition_is_thanked_and_counted_and_asks_for_nothing_more(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    for _ in range(4):
        assert client.post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code == 202
    with lantern(cast):
        assert the_delivery("ev-1").copies == 4
        assert count(Work) == 1


def test_the_same_event_many_times_at_once_is_kept_once(hook: Hook, cast: Cast) -> None:
    answers: list[int] = []

    def send() -> None:
        answers.append(cast.app.test_client().post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code)

    threads = [threading.Thread(target=send) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert answers == [202] * 12
    with lantern(cast):
        assert (the_delivery("ev-1").copies, count(Work)) == (12, 1)


def test_an_event_that_returns_with_another_body_is_refused_and_told(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    client.post(hook.path, **push(hook, "ev-1", of_stock("A1")))
    answer = client.post(hook.path, **push(hook, "ev-1", of_stock("B2")))
    assert answer.status_code == 401
    with lantern(cast):
        assert the_delivery("ev-1").copies == 1
        assert refusals() == {"other_body": 1}
        assert db.session.scalars(sa.select(Notice.cause)).all() == ["push_other_body"]


def test_what_is_forged_is_refused_counted_and_nothing_of_its_body_is_kept(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    good = push(hook, "ev-1", of_stock("A1"))
    bare = {**good, "headers": {**good["headers"], "webhook-signature": "", "x-mine": "s3cret"}}
    others = push(
        Hook(hook.connection_id, hook.path, webhooks.integrations.get("kirim").webhook.new_key()), "ev-1", b"x"
    )
    old = push(hook, "ev-1", of_stock("A1"), now() - timedelta(minutes=6))
    nameless = push(hook, "", of_stock("A1"))
    for number, each in enumerate([bare, others, {**good, "data": b"SECRET-BODY"}, old, nameless]):
        answer = client.post(hook.path, **each)
        assert (answer.status_code, answer.data) == (401, b"who are you"), number
    with lantern(cast):
        assert refusals() == {"no_signature": 1, "wrong_signature": 2, "outside_window": 1, "no_id": 1}
        assert (count(Delivery), count(Work)) == (0, 0)
        told = db.session.scalar(sa.text("select string_agg(r::text, '') from delivery_refusal r"))
        assert "SECRET-BODY" not in told
        assert "s3cret" not in told
        assert "v1," not in told
        assert connection_of(hook).pushes is None


def test_however_many_are_refused_they_fill_one_row_an_hour(client: FlaskClient, hook: Hook, cast: Cast) -> None:
    for number in range(7):
        client.post(hook.path, data=b"x" * number)
    with lantern(cast):
        row = db.session.scalars(sa.select(DeliveryRefusal)).one()
        assert (row.number, row.size) == (7, 6)


def test_a_body_of_more_than_a_mebibyte_is_not_read(client: FlaskClient, hook: Hook, cast: Cast) -> None:
    largest = b"x" * receiving.LARGEST
    assert client.post(hook.path, **push(hook, "ev-1", largest)).status_code == 202
    assert client.post(hook.path, **push(hook, "ev-2", largest + b"x")).status_code == 401
    with lantern(cast):
        assert refusals() == {"too_large": 1}
        assert count(Delivery) == 1


def test_an_unknown_address_answers_with_the_same_bytes_whatever_it_is(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    good = push(hook, "ev-1", of_stock("A1"))
    unknown = [
        webhooks.PATH + "x",
        webhooks.PATH + passes.make(cast.lantern)[0],
        webhooks.PATH + passes.make(cast.rival)[0],
        hook.path[:-1] + ("A" if hook.path[-1] != "A" else "B"),
    ]
    answers = [client.post(path, **good) for path in unknown]
    assert {(each.status_code, each.data) for each in answers} == {(404, b"404\n")}
    assert client.get(hook.path).status_code == client.get(unknown[0]).status_code == 405
    with lantern(cast):
        assert count(Delivery) == 0


def test_no_cookie_is_read_or_set_and_a_foreign_origin_does_not_matter(hook: Hook, cast: Cast, statements) -> None:
    mei = cast.client_of(cast.mei)
    good = push(hook, "ev-1", of_stock("A1"))
    good["headers"] |= {"Origin": "https://kirim.example", "Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    with statements() as sent:
        answers = [
            mei.post(hook.path, **good),
            mei.post(hook.path, data=b"?"),
            mei.post(webhooks.PATH + "x"),
            mei.get(hook.path),
        ]
    assert [each.status_code for each in answers] == [202, 401, 404, 405]
    for each in answers:
        assert "Set-Cookie" not in each.headers
    assert not [each for each in sent if "login_session" in each]


def test_an_address_that_was_changed_is_gone_at_once_and_the_new_one_works(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    assert client.post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code == 202
    with lantern(cast):
        address = webhooks.roll_hook(connection_of(hook), LINTAS)
    assert client.post(hook.path, **push(hook, "ev-2", of_stock("A1"))).status_code == 404
    moved = Hook(hook.connection_id, webhooks.PATH + address.rpartition("/")[2], hook.key)
    assert client.post(moved.path, **push(moved, "ev-2", of_stock("A1"))).status_code == 202
    with lantern(cast):
        webhooks.close_hook(connection_of(hook), LINTAS)
        assert webhooks.address(connection_of(hook)) == ""
    assert client.post(moved.path, **push(moved, "ev-3", of_stock("A1"))).status_code == 404


def test_a_new_key_is_believed_at_once_and_the_one_before_for_a_day(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    assert client.post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code == 202
    with lantern(cast):
        newer = Hook(hook.connection_id, hook.path, webhooks.roll_key(connection_of(hook), LINTAS))
        assert newer.key == key_of(hook) != hook.key
    assert client.post(hook.path, **push(newer, "ev-2", of_stock("A1"))).status_code == 202
    assert client.post(hook.path, **push(hook, "ev-3", of_stock("A1"))).status_code == 202
    with lantern(cast):
        past = {"past": now() - webhooks.GRACE}
        db.session.execute(sa.text("update secret set set_at = :past where field = 'push.key.previous'"), past)
        db.session.commit()
    receiving._remembered.clear()
    assert client.post(hook.path, **push(hook, "ev-4", of_stock("A1"))).status_code == 401
    assert client.post(hook.path, **push(newer, "ev-4", of_stock("A1"))).status_code == 202


def test_the_hot_path_is_one_statement(client: FlaskClient, hook: Hook, statements) -> None:
    client.post(hook.path, **push(hook, "ev-0", of_stock("A1")))
    with statements() as sent:
        assert client.post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code == 202
    assert len([each for each in sent if "lintas_keep_push" in each]) == len(sent) == 1


def test_without_the_database_the_sender_is_told_to_come_again(
    client: FlaskClient, hook: Hook, cast: Cast, owner_engine: sa.Engine
) -> None:
    client.post(hook.path, **push(hook, "ev-0", of_stock("A1")))
    with owner_engine.begin() as wire:
        wire.execute(sa.text("alter function lintas_keep_push rename to lintas_keep_push_away"))
    try:
        answer = client.post(hook.path, **push(hook, "ev-1", of_stock("A1")))
        assert (answer.status_code, answer.data) == (503, b"later")
    finally:
        with owner_engine.begin() as wire:
            wire.execute(sa.text("alter function lintas_keep_push_away rename to lintas_keep_push"))
    assert client.post(hook.path, **push(hook, "ev-1", of_stock("A1"))).status_code == 202


def test_headers_that_could_hold_a_secret_show_only_their_names(client: FlaskClient, hook: Hook, cast: Cast) -> None:
    good = push(hook, "ev-1", of_stock("A1"))
    good["headers"] |= {
        "Authorization": "Bearer s3cret",
        "Cookie": "sid=s3cret",
        "X-Anything": "s3cret",
        "X-Topic": "stock",
    }
    client.post(hook.path, **good)
    with lantern(cast):
        headers = the_delivery("ev-1").headers
        assert "s3cret" not in str(headers)
        assert signature(hook.key, "ev-1", good["headers"]["webhook-timestamp"], good["data"]) not in str(headers)
        assert headers["x-anything"] == headers["authorization"] == "•••"
        assert (headers["x-topic"], headers["webhook-id"]) == ("stock", "ev-1")


def test_a_merchant_makes_the_key_of_a_connection_sees_it_once_and_is_believed_with_it(
    client: FlaskClient, hook: Hook, cast: Cast
) -> None:
    mei = Browser(cast, cast.mei)
    here = f"/connections/{hook.connection_id}"
    told = mei.post(f"{here}/pushes/key", {})
    key = re.search(r"whsec_[A-Za-z0-9+/=]+", told.text)
    assert key
    assert key[0] not in mei.get(here).text
    with lantern(cast):
        assert webhooks.keys(connection_of(hook), all_integrations()["kirim"])[0] == key[0]


def test_another_address_ends_the_one_before(client: FlaskClient, hook: Hook, cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    here = f"/connections/{hook.connection_id}"
    assert mei.post(f"{here}/pushes/address", {}).status_code == 303
    receiving._remembered.clear()
    assert client.post(hook.path, **push(hook, "ev-9", of_stock("A1"))).status_code == 404
    with lantern(cast):
        connection_of(hook).active_since = now()  # The page of a plugin that was never on is its form.
        db.session.commit()
    shown = re.search(r"/hooks/[\w-]+", mei.get(here).text)
    assert shown
    assert client.post(shown[0], **push(hook, "ev-9", of_stock("A1"))).status_code == 202
    assert mei.post(f"{here}/pushes/close", {}).status_code == 303
    assert client.post(shown[0], **push(hook, "ev-10", of_stock("A1"))).status_code == 404
    assert "Make an address for messages" in mei.get(here).text
