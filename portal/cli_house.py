"""What every command stands on: the house for this environment, and a sentence where something is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import redis
from flask import Flask
from psycopg import errors as postgres_says
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from portal.config import Misconfigured, Settings
from portal.demo_browser import Stuck
from portal.factory import create_app
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.web.refusals import sentence

HOW_TO_START = "Start `make run` in another terminal, or set these variables; docs/operations.md explains each of them."


class Plain(click.Group):
    """Commands that end with a sentence and not with a traceback when something they need is not there."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Stuck as why:
            raise click.ClickException(str(why)) from None
        except (DBAPIError, ArgumentError) as why:
            raise click.ClickException(of_database(why, "PORTAL_DATABASE_URL")) from None
        except redis.RedisError as why:
            raise click.ClickException(
                f"Redis does not answer ({type(why).__name__}). Check PORTAL_REDIS_URL and that Redis runs."
            ) from None


def of_database(why: SQLAlchemyError, variable: str) -> str:
    """What a failure of the database means to whoever typed the command."""
    inner = getattr(why, "orig", None)
    if isinstance(inner, postgres_says.UndefinedTable | postgres_says.UndefinedColumn):
        return "The tables are not those of this code. Run `portal migrate`."
    if isinstance(inner, postgres_says.UndefinedObject | postgres_says.InsufficientPrivilege):
        first = str(inner).splitlines()[0]
        return f"The database refuses: {first}. Check {variable} and the roles; docs/operations.md has their SQL."
    if isinstance(inner, postgres_says.DeadlockDetected | postgres_says.SerializationFailure):
        return "The database was busy with the same rows, so it broke this off. Give the same command again."
    if isinstance(why, OperationalError):
        return f"The database does not answer ({type(inner).__name__}). Check {variable} and that PostgreSQL runs."
    if isinstance(why, ArgumentError):
        return f"{variable} is no address of a database. Set it like postgresql://role:password@host:5432/lintas."
    return f"The database refuses ({type(inner or why).__name__}). Run `portal doctor`."


@contextmanager
def house() -> Iterator[Flask]:
    """The portal for this environment, open for one command."""
    try:
        app = create_app(Settings.from_env())
    except Misconfigured as why:
        raise click.ClickException(f"This installation is not configured.\n{why}\n{HOW_TO_START}") from None
    except ValueError as why:  # A number that is none, a database's address that cannot be read.
        raise click.ClickException(f"A variable cannot be read: {why}. See docs/operations.md.") from None
    with app.app_context():
        try:
            yield app
        except Refusal as why:
            raise click.ClickException(sentence(why)) from None
        finally:
            db.session.remove()
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()
            app.extensions["lintas"].redis.close()
