"""The daily commands: `portal --help`."""

import getpass
import os
import sys
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from portal import demo as samples
from portal import migrate as migrations
from portal.config import Misconfigured, Settings
from portal.factory import create_app
from portal.flows import doctor as checks
from portal.flows import people, work
from portal.kit import embedded
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Role
from portal.web.doors import permission_of


@click.group(help="Run and look after a Lintas installation.")
def main() -> None:
    """Commands of the house."""


def _app() -> Any:
    try:
        return create_app(Settings.from_env())
    except Misconfigured as why:
        raise click.ClickException(f"This installation is not configured:\n{why}") from None


@main.command()
def migrate() -> None:
    """Bring the tables to the version of this code, as the role that owns them."""
    url = os.environ.get("PORTAL_OWNER_DATABASE_URL", "")
    if not url:
        raise click.ClickException("PORTAL_OWNER_DATABASE_URL: set the address of the role that owns the tables")
    migrations.upgrade(url)
    click.echo("The tables are up to date.")


@main.command("create-owner")
@click.option("--merchant", required=True, help="Name of the business.")
@click.option("--email", required=True)
@click.option("--name", required=True, help="Name of the person.")
@click.option("--currency", default="CNY", show_default=True)
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Time zone, e.g. Asia/Jakarta.")
def create_owner(merchant: str, email: str, name: str, currency: str, zone: str) -> None:
    """Make a merchant and its first owner; the password is asked for."""
    with _app().app_context():
        user = _new_user(email, name, is_staff=False)
        people.join(people.create_merchant(merchant, currency, zone), user, Role.OWNER)
    click.echo(f"{email} is the owner of {merchant}.")


@main.command("create-staff")
@click.option("--email", required=True)
@click.option("--name", required=True)
def create_staff(email: str, name: str) -> None:
    """Make a member of the support staff; the password is asked for."""
    with _app().app_context():
        _new_user(email, name, is_staff=True)
    click.echo(f"{email} belongs to the support staff.")


def _new_user(email: str, name: str, *, is_staff: bool) -> Any:
    password = os.environ.get("PORTAL_NEW_PASSWORD") or getpass.getpass("Password (12 characters or more): ")
    try:
        return people.create_user(email, name, password, is_staff=is_staff)
    except Refusal as why:
        raise click.ClickException(f"{why.reason.replace('_', ' ')} ({why.values})") from None


@main.command()
def demo() -> None:
    """Make the demo merchants and sign-ins; only beside a sandbox."""
    app = _app()
    if not app.extensions["lintas"].settings.demo:
        raise click.ClickException("Demo data needs PORTAL_SANDBOX_URL, and never exists in production.")
    with app.app_context():
        made = samples.ensure()
    click.echo("The demo merchants are there." if made else "People exist already; nothing was changed.")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=lambda: int(os.environ.get("SANDBOX_PORT", "8090")), type=int)
@click.option("--state", type=click.Path(path_type=Path), default=lambda: embedded.VAR / "sandbox")
def sandbox(host: str, port: int, state: Path) -> None:
    """Serve the JD world in a box."""
    # Imported here: the sandbox is another process, and the other commands do not need it.
    from portal.sandbox import serve

    state.mkdir(parents=True, exist_ok=True)
    serve(host, port, state, portal_url=os.environ.get("PORTAL_URL", ""))


@main.command()
def routes() -> None:
    """Print every address, its methods, and who may open it."""
    app = _app()
    rows = sorted(
        (rule.rule, ",".join(sorted(rule.methods - {"HEAD", "OPTIONS"})), rule.endpoint)
        for rule in app.url_map.iter_rules()
    )
    for address, methods, endpoint in rows:
        click.echo(f"{address:48} {methods:10} {permission_of(app, endpoint).value}")


@main.command()
def doctor() -> None:
    """Say what is misconfigured and how to mend it."""
    with _app().app_context():
        faults = checks.look()
    for fault in faults:
        click.echo(f"- {fault}")
    if faults:
        sys.exit(1)
    click.echo("Nothing to mend.")


@main.command("work")
@click.option("--replay", is_flag=True, help="Open every dead row again.")
def show_work(replay: bool) -> None:
    """Show the lanes and the dead rows; replay them."""
    with _app().app_context():
        if replay:
            click.echo(f"{work.replay_dead()} rows are open again.")
        for lane, status, number in work.overview():
            click.echo(f"{lane:48} {status:6} {number}")
        db.session.execute(sa.select(1))


if __name__ == "__main__":
    main()
