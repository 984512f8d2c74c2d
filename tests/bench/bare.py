"""The reference of B1: a bare Flask application whose only view writes what came with one autocommit insert.

It has the same server, the same driver and the same pool with the same options as the portal.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from flask import Flask, request

from portal import factory
from portal.config import Settings

INSERT = sa.text("insert into bench_push (id, body, received_at) values (:id, :body, now())")
TABLE = "create table bench_push (id uuid primary key, body bytea not null, received_at timestamptz not null)"


def create_app() -> Flask:
    """The application; the address of the database is the portal's own variable."""
    app = Flask("bare")
    settings = Settings.from_env()
    options: Any = factory._config(settings)["SQLALCHEMY_ENGINE_OPTIONS"]
    engine = sa.create_engine(settings.database_url, **options)

    @app.post("/push")
    def push() -> tuple[bytes, int]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as wire:
            wire.execute(INSERT, {"id": uuid.uuid4(), "body": request.get_data(cache=False)})
        return b"ok", 200

    return app
