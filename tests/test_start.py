"""What stops a start, and says how to mend it."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.config import Misconfigured, Settings
from portal.factory import start
from portal.kit.db import db
from tests.servers import Servers

GOOD = {
    "PORTAL_URL": "https://lintas.example",
    "PORTAL_SECRET_KEY": "k" * 40,
    "PORTAL_SEALING_KEYS": base64.b64encode(b"k" * 32).decode(),
    "PORTAL_DATABASE_URL": "postgresql://app@/lintas",
    "PORTAL_REDIS_URL": "redis://localhost/0",
}


def test_good_values_are_read() -> None:
    settings = Settings.from_env({**GOOD, "PORTAL_PACES": "jd_com=20, jd_id=5"})
    assert settings.env == "production"
    assert settings.database_url == "postgresql+psycopg://app@/lintas"
    assert settings.paces == {"jd_com": 20.0, "jd_id": 5.0}
    assert "k" * 40 not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_URL", ""),
        ("PORTAL_URL", "http://lintas.example"),
        ("PORTAL_SECRET_KEY", "changeme"),
        ("PORTAL_SECRET_KEY", ""),
        ("PORTAL_SEALING_KEYS", ""),
        ("PORTAL_SEALING_KEYS", "not base64 of 32 bytes"),
        ("PORTAL_DATABASE_URL", ""),
        ("PORTAL_REDIS_URL", ""),
        ("PORTAL_SANDBOX_URL", "http://127.0.0.1:8090"),
    ],
)
def test_production_names_what_is_missing_or_weak(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_env({**GOOD, name: value})


def test_production_refuses_a_role_that_owns_the_tables(app: Flask, settings: Settings, database: Servers) -> None:
    production = replace(settings, env="production")
    assert start(production) is not None
    for url in (database.owner_url, database.superuser_url):
        with pytest.raises(Misconfigured, match="database role"):
            start(replace(production, database_url=sa.make_url(url).render_as_string(hide_password=False)))
    with app.app_context():
        assert db.session.scalar(sa.select(1)) == 1
