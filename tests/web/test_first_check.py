"""What the page of a connection shows while something moves, and once a sealing key is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

from portal.contract.definition import Resource
from portal.flows import sync
from portal.flows.house import House
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.sealing import Keyring
from portal.models import ConnectionState, Run, RunState
from portal.web import first_check
from tests.cast import Cast
from tests.command import another_key
from tests.sandbox_server import Running
from tests.web.sandboxed import Shopkeeper, text_of
from tests.web.shelf import lantern
from tests.web.test_connections import asked_by, at, on, open_notices


def test_a_page_that_asks_every_two_seconds_counts_no_listings(
    cast: Cast, linked: Running, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    mei = on(cast, linked)
    with statements() as at_rest:
        page = text_of(mei.page())
    assert any("FROM listing" in each for each in at_rest)
    assert "match a SKU of yours" in page
    with lantern(cast):
        run = sync.start(at(mei), Resource.PRODUCTS, "Mei Lin")
        assert run is not None
        run.seen, run.kept, run.refused = 57, 53, 4
        db.session.commit()
    with statements() as polled:
        block = text_of(mei.page(headers=asked_by("first_check", mei.here())))
    assert "53 taken in 4 not taken in" in block
    assert not [each for each in polled if "FROM listing" in each]


def test_a_poll_of_orders_does_not_stand_for_the_import_of_the_catalogue(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    with lantern(cast):
        run = sync.start(at(mei), Resource.ORDERS, "Mei Lin")
        assert run is not None
        db.session.commit()
        polled = run.id
    assert "400 products looked at" in text_of(mei.page()), "while orders come in"
    with lantern(cast):
        run = db.session.get_one(Run, (cast.lantern, polled))
        run.state, run.ended_at = RunState.DONE, now()
        db.session.commit()
    assert "400 products looked at" in text_of(mei.page()), "after they came in"


def test_the_run_that_goes_on_is_shown_before_the_last_that_ended_well_and_that_before_a_failed_one(
    cast: Cast, linked: Running
) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()

    def add(state: RunState, seen: int) -> None:
        ended = None if state is RunState.RUNNING else now()
        db.session.add(
            Run(
                merchant_id=cast.lantern,
                connection_id=uuid.UUID(mei.id),
                resource="products",
                state=state,
                seen=seen,
                kept=seen,
                ended_at=ended,
            )
        )
        db.session.flush()

    with lantern(cast):
        shown = []
        for state in (RunState.FAILED, RunState.DONE, RunState.RUNNING, RunState.FAILED):
            add(state, len(shown) + 1)
            run = first_check.last_import(at(mei))
            assert run is not None
            shown.append(run.seen)
        db.session.rollback()
    assert shown == [1, 2, 3, 3]


def test_a_lost_sealing_key_pauses_the_connection_and_typing_the_keys_again_mends_it(
    cast: Cast, linked: Running
) -> None:
    mei = on(cast, linked)
    house = cast.app.extensions["lintas"]
    cast.app.extensions["lintas"] = House(house.settings, Keyring([another_key()]), house.redis)
    for step in ("", "settings", "check"):
        assert mei.page(step).status_code in {200, 303}
    assert mei.page("settings").status_code == 200
    assert "did not accept this API Key and Secret" in mei.send("test").text
    mei.send("sync")
    mei.work()
    assert mei.row().state is ConnectionState.PAUSED
    assert open_notices(mei) == ["wrong_credentials"]
    assert "a saved secret can no longer be opened" in mei.row().trouble_detail

    assert mei.send("settings", mei.jd_com_keys()).status_code == 303
    assert "accepted the keys" in text_of(mei.send("test"))
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE
    assert open_notices(mei) == []
