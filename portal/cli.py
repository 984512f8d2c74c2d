"""The daily commands: `portal --help`."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import redis
from flask import Flask
from psycopg import errors as postgres_says
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from portal import demo as samples
from portal import demo_connect
from portal import migrate as migrations
from portal.config import Misconfigured, Settings
from portal.demo_browser import Stuck
from portal.factory import create_app
from portal.flows import doctor as checks
from portal.flows import people, work
from portal.kit import embedded
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Role
from portal.web.doors import permission_of
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
            raise click.ClickException(_of_database(why, "PORTAL_DATABASE_URL")) from None
        except redis.RedisError as why:
            raise click.ClickException(
                f"Redis does not answer ({type(why).__name__}). Check PORTAL_REDIS_URL and that Redis runs."
            ) from None


def _of_database(why: SQLAlchemyError, variable: str) -> str:
    """What a failure of the database means to whoever typed the command."""
    inner = getattr(why, "orig", None)
    if isinstance(inner, postgres_says.UndefinedTable | postgres_says.UndefinedColumn):
        return "The tables are not those of this code. Run `portal migrate`."
    if isinstance(inner, postgres_says.UndefinedObject | postgres_says.InsufficientPrivilege):
        first = str(inner).splitlines()[0]
        return f"The database refuses: {first}. Check {variable} and the roles; docs/operations.md has their SQL."
    if isinstance(why, OperationalError):
        return f"The database does not answer ({type(inner).__name__}). Check {variable} and that PostgreSQL runs."
    if isinstance(why, ArgumentError):
        return f"{variable} is no address of a database. Set it like postgresql://role:password@host:5432/lintas."
    return f"The database refuses ({type(inner or why).__name__}). Run `portal doctor`."


@click.group(cls=Plain, help="Run and look after a Lintas installation.")
def main() -> None:
    """Commands of the house."""


@contextmanager
def _house() -> Iterator[Flask]:
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


@main.command()
def migrate() -> None:
    """Bring the tables to the version of this code, as the role that owns them."""
    url = os.environ.get("PORTAL_OWNER_DATABASE_URL", "")
    if not url:
        raise click.ClickException(
            f"PORTAL_OWNER_DATABASE_URL: set the address of the role that owns the tables.\n{HOW_TO_START}"
        )
    try:
        migrations.upgrade(url)
    except (DBAPIError, ArgumentError) as why:
        raise click.ClickException(_of_database(why, "PORTAL_OWNER_DATABASE_URL")) from None
    click.echo(f"The tables are up to date (version {migrations.newest()}).")


def _email(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value.strip()):
        raise click.BadParameter(f"{value!r} is not an e-mail address.")
    return value.strip()


def _named(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("The name is empty.")
    return value.strip()


EMAIL = click.option("--email", required=True, callback=_email, help="What the person signs in with.")
NAME = click.option("--name", required=True, callback=_named, help="Name of the person.")


@main.command("create-owner")
@click.option("--merchant", required=True, help="Name of the business.")
@EMAIL
@NAME
@click.option("--currency", default="CNY", show_default=True, help="Code of the currency, e.g. IDR.")
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Time zone, e.g. Asia/Jakarta.")
def create_owner(merchant: str, email: str, name: str, currency: str, zone: str) -> None:
    """Make a merchant and its first owner.

    The password is asked for, or read from PORTAL_NEW_PASSWORD.
    """
    with _house():
        # Looked at before anything is written, so that no person is left behind without a merchant.
        people.check_merchant(merchant, currency, zone)
        user = people.create_user(email, name, _password())
        people.join(people.create_merchant(merchant, currency, zone), user, Role.OWNER)
        click.echo(f"{email} is the owner of {merchant}.")


@main.command("create-staff")
@EMAIL
@NAME
def create_staff(email: str, name: str) -> None:
    """Make a member of the support staff.

    The password is asked for, or read from PORTAL_NEW_PASSWORD.
    """
    with _house():
        people.create_user(email, name, _password(), is_staff=True)
        click.echo(f"{email} belongs to the support staff.")


def _password() -> str:
    given = os.environ.get("PORTAL_NEW_PASSWORD")
    if given:
        return given
    words = f"Password ({people.SHORTEST_PASSWORD} characters or more)"
    asked: str = click.prompt(words, hide_input=True, confirmation_prompt="The same again", err=True)
    return asked


@main.command()
@click.option("--connected", is_flag=True, help="Also connect the demo merchants at the sandbox and import.")
def demo(connected: bool) -> None:
    """Make the demo merchants and sign-ins; only beside a sandbox.

    With --connected every demo merchant is connected wherever the sandbox has an account of it, as a merchant would do
    it: guide, settings, consent page, options, on.  Then the catalogues come in, and products are made of the first.
    """
    with _house() as app:
        if not app.extensions["lintas"].settings.demo:
            raise click.ClickException("Demo data needs PORTAL_SANDBOX_URL, and never exists in production.")
        made = samples.ensure()
        if not connected:
            click.echo("The demo merchants are there." if made else "People exist already; nothing was changed.")
            return
        changed = demo_connect.connect_all(click.echo)
        click.echo("The demo is connected." if changed else "Everything is connected already; nothing was changed.")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="SANDBOX_PORT", default=8090, show_default=True)
@click.option("--state", type=click.Path(path_type=Path), default=lambda: embedded.VAR / "sandbox")
def sandbox(host: str, port: int, state: Path) -> None:
    """Serve the JD world in a box."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as why:
            raise click.ClickException(
                f"Port {port} of {host} cannot be used: {why.strerror}. Choose another one, for instance: "
                f"portal sandbox --port {port + 1000}"
            ) from None
    # Imported here: the sandbox is another process, and the other commands do not need it.
    from portal.sandbox import serve

    state.mkdir(parents=True, exist_ok=True)
    serve(host, port, state, portal_url=os.environ.get("PORTAL_URL", ""))


@main.command()
def routes() -> None:
    """Print every address, its methods, and who may open it."""
    with _house() as app:
        rows = sorted(
            (rule.rule, ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.endpoint)
            for rule in app.url_map.iter_rules()
        )
        for address, methods, endpoint in rows:
            click.echo(f"{address:48} {methods:10} {permission_of(app, endpoint).value}")


@main.command()
def doctor() -> None:
    """Say what is misconfigured and how to mend it."""
    with _house():
        found = checks.examine()
    for each in found:
        click.echo(f"{'  ok ' if each.well else 'MEND '} {each.says}")
    faults = sum(not each.well for each in found)
    if faults:
        click.echo(f"{faults} {'thing' if faults == 1 else 'things'} to mend.")
        sys.exit(1)
    click.echo("Nothing to mend.")


@main.command("work")
@click.option("--replay", is_flag=True, help="Open every dead row again.")
def show_work(replay: bool) -> None:
    """Show the lanes and the dead rows by their cause; replay them."""
    with _house():
        if replay:
            number = work.replay_dead()
            click.echo(f"{number} dead {'row is' if number == 1 else 'rows are'} open again.")
        _show_lanes(work.overview())
        _show_dead(work.dead_by_cause())


def _show_lanes(rows: list[tuple[str, str, int]]) -> None:
    if not rows:
        click.echo("No row of work is open, and none is dead.")
        return
    lanes = {lane: {status: number for each, status, number in rows if each == lane} for lane, _, _ in rows}
    click.echo(f"{'lane':48} {'open':>8} {'dead':>8}")
    for lane, numbers in lanes.items():
        click.echo(f"{lane:48} {numbers.get('open', 0):8} {numbers.get('dead', 0):8}")


def _show_dead(rows: list[tuple[str, str, int, Any]]) -> None:
    if not rows:
        return
    click.echo(f"\n{'dead':16} {'cause':30} {'rows':>8}  since")
    for kind, cause, number, since in rows:
        click.echo(f"{kind:16} {cause or '-':30} {number:8}  {since:%Y-%m-%d %H:%M} UTC")
    click.echo("\nWhen the cause is gone: portal work --replay")


if __name__ == "__main__":
    main()
