"""What stops a start, and says how to mend it."""

from __future__ import annotations

import base64
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from portal.config import Misconfigured, Settings
from portal.factory import start
from portal.kit import log, roles
from portal.kit.db import db
from portal.models import User
from tests.cast import Cast
from tests.servers import Servers

GOOD = {
    "PORTAL_URL": "https://lintas.example",
    "PORTAL_SECRET_KEY": "0123456789abcdef" * 3,
    "PORTAL_SEALING_KEYS": base64.b64encode(b"k" * 32).decode(),
    "PORTAL_DATABASE_URL": "postgresql://app@/lintas",
    "PORTAL_REDIS_URL": "redis://localhost/0",
}


def test_good_values_are_read() -> None:
    settings = Settings.from_env({**GOOD, "PORTAL_PACES": "jd_com=20, jd_id=5"})
    assert settings.env == "production"
    assert settings.database_url == "postgresql+psycopg://app@/lintas"
    assert settings.paces == {"jd_com": 20.0, "jd_id": 5.0}
    assert GOOD["PORTAL_SECRET_KEY"] not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_URL", ""),
        ("PORTAL_URL", "http://lintas.example"),
        ("PORTAL_SECRET_KEY", "changeme"),
        ("PORTAL_SECRET_KEY", ""),
        ("PORTAL_SECRET_KEY", "changeme" * 8),
        ("PORTAL_SECRET_KEY", "k" * 40),
        ("PORTAL_ENV", "Production"),
        ("PORTAL_ENV", "prod"),
        ("PORTAL_ENV", ""),
        ("PORTAL_URL", "https://[lintas"),
        ("PORTAL_PROXIES", "x"),
        ("PORTAL_PROXIES", "-1"),
        ("PORTAL_PACES", "jd_com"),
        ("PORTAL_PACES", "jd_com=fast"),
        ("PORTAL_PACES", "jd_com=0"),
        ("PORTAL_PACES", "jd_com=-2"),
        ("PORTAL_PACES", "jd_com=nan"),
        ("PORTAL_PACES", "jd_com=inf"),
        ("PORTAL_SEALING_KEYS", ""),
        ("PORTAL_SEALING_KEYS", "not base64 of 32 bytes"),
        ("PORTAL_DATABASE_URL", ""),
        ("PORTAL_REDIS_URL", ""),
        ("PORTAL_REDIS_URL", "localhost:6379"),
        ("PORTAL_REDIS_URL", "redis://localhost:port/0"),
        ("PORTAL_LOG_LEVEL", "loud"),
        ("PORTAL_MAIL_URL", "mail.example:465"),
        ("PORTAL_MAIL_URL", "smtp://mail.example:99999"),
        ("PORTAL_MAIL_URL", "smtps://user:password@mail.example:port"),
        ("PORTAL_MAIL_URL", "smtp://mail.example/inbox"),
        ("PORTAL_MAIL_URL", "smtp://user:password@mail.example"),
        ("PORTAL_MAIL_FROM", "nobody"),
        ("PORTAL_METRICS_TOKEN", "guessed"),
        ("PORTAL_SANDBOX_URL", "http://127.0.0.1:8090"),
    ],
)
def test_production_names_what_is_missing_or_weak(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_env({**GOOD, name: value})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Misconfigured) as told:
        Settings.from_env({**GOOD, "PORTAL_PROXIES": "x", "PORTAL_PACES": "a=0", "PORTAL_REDIS_URL": ""})
    assert [each.partition(":")[0] for each in str(told.value).splitlines()] == [
        "PORTAL_PROXIES",
        "PORTAL_PACES",
        "PORTAL_REDIS_URL",
    ]


def test_an_error_of_the_database_tells_no_value(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("INFO")
    row = {"email": cast.mei.email, "name": "Xenia", "password_hash": "the-hash"}
    with cast.app.app_context(), pytest.raises(IntegrityError) as told:
        db.session.execute(sa.insert(User), row)
    assert row["password_hash"] not in str(told.value)
    assert row["name"] not in str(told.value)
    log.logger("test").error("a request failed", exc_info=told.value)
    line = capsys.readouterr().err
    assert "IntegrityError" in line
    assert not [each for each in row.values() if each in line]


def test_production_refuses_a_role_that_always_wears_the_hat_of_the_relay(
    app: Flask, settings: Settings, database: Servers
) -> None:
    production = replace(settings, env="production")
    with psycopg.connect(roles.dsn(database.superuser_url), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE lintas_app INHERIT")
        superuser.execute("REVOKE lintas_relay FROM lintas_app")
        superuser.execute("GRANT lintas_relay TO lintas_app")
        try:
            with pytest.raises(Misconfigured, match=r"(?s)inherits lintas_relay.*NOINHERIT"):
                start(production)
        finally:  # As the sentence advises.
            superuser.execute("REVOKE lintas_relay FROM lintas_app")
            superuser.execute("ALTER ROLE lintas_app NOINHERIT")
            superuser.execute("GRANT lintas_relay TO lintas_app")
    assert start(production) is not None


def test_production_refuses_a_role_that_owns_the_tables(app: Flask, settings: Settings, database: Servers) -> None:
    production = replace(settings, env="production")
    assert start(production) is not None
    for url in (database.owner_url, database.superuser_url):
        with pytest.raises(Misconfigured, match="database role"):
            start(replace(production, database_url=sa.make_url(url).render_as_string(hide_password=False)))
    with app.app_context():
        assert db.session.scalar(sa.select(1)) == 1
