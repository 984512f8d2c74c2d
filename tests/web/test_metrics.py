"""Health and figures for machines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.flows import work
from portal.flows.house import House
from portal.kit.db import acting_for, db
from tests.cast import Cast


def test_the_process_answers_and_says_what_is_missing(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503, "no relay and no worker run beside a test"
    assert ready.json is not None
    assert (ready.json["database"], ready.json["redis"], ready.json["workers"]) == (True, True, False)


def test_figures_show_work_by_lane_but_no_merchant(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        work.add("effect", work.house_lane(cast.lantern), "1", {})
        work.add("effect", "jd-lane", "2", {})
        db.session.commit()
    text = cast.client_of(None).get("/metrics").text
    assert 'lintas_work{lane="jd-lane",status="open"} 1.0' in text
    assert 'lintas_work{lane="house",status="open"} 1.0' in text
    assert str(cast.lantern) not in text


@pytest.mark.parametrize(("said", "status"), [("", 404), ("Bearer wrong", 404), ("Bearer the-token", 200)])
def test_from_elsewhere_only_the_token_opens_the_figures(app: Flask, said: str, status: int) -> None:
    old: House = app.extensions["lintas"]
    app.extensions["lintas"] = House(replace(old.settings, metrics_token="the-token"), old.keyring, old.redis)
    try:
        answer = app.test_client().get(
            "/metrics", headers={"Authorization": said}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
        )
    finally:
        app.extensions["lintas"] = old
    assert answer.status_code == status
