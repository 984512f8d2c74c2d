"""The daily commands: `portal --help`."""

import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import ArgumentError, DBAPIError

from portal import demo as samples
from portal import demo_connect
from portal import migrate as migrations
from portal.cli_data import COMMANDS
from portal.cli_house import HOW_TO_START, Plain, house, of_database
from portal.cli_staff import group as staff
from portal.flows import audit_heads, people, resets, work
from portal.flows import doctor as checks
from portal.kit import embedded
from portal.web.doors import declared_by


@click.group(cls=Plain, help="Run and look after a Lintas installation.")
def main() -> None:
    """Commands of the house."""


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
        raise click.ClickException(of_database(why, "PORTAL_OWNER_DATABASE_URL")) from None
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
    with house() as app:
        people.check_merchant(merchant, currency, zone)  # Before somebody types a password twice in vain.
        people.create_owner(merchant, currency, zone, email, name, _password())
        click.echo(f"{email} is the owner of {merchant}.")
        click.echo(f"Sign in at {app.extensions['lintas'].settings.portal_url}/login with this address and password.")


@main.command("create-staff")
@EMAIL
@NAME
def create_staff(email: str, name: str) -> None:
    """Make a member of the support staff.

    The password is asked for, or read from PORTAL_NEW_PASSWORD.
    """
    with house():
        people.create_user(email, name, _password(), is_staff=True)
        click.echo(f"{email} belongs to the support staff.")


@main.command("reset-password")
@EMAIL
def reset_password(email: str) -> None:
    """Give a person another password, and sign the person out everywhere.  A second step stays as it is.

    The password is asked for, or read from PORTAL_NEW_PASSWORD.
    """
    with house():
        resets.set_at_server(email, _password())
        click.echo(f"{email} has a new password and is signed out everywhere.")


@main.command("drop-second-factor")
@EMAIL
def drop_second_factor(email: str) -> None:
    """Take the second step from a person who lost the device and the recovery codes; make sure who asks for it."""
    with house():
        resets.drop_second_factor(email)
        click.echo(f"{email} signs in with the password alone and is signed out everywhere.")


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
    with house() as app:
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
@click.option("--mail-port", envvar="MAIL_PORT", type=int, help="For letters; 0 takes none.  [default: port + 1]")
def sandbox(host: str, port: int, state: Path, mail_port: int | None) -> None:
    """Serve the JD world in a box, and a mailbox beside it."""
    letters_port = port + 1 if mail_port is None else mail_port
    _refuse_taken(host, port, "--port")
    if letters_port:
        _refuse_taken(host, letters_port, "--mail-port")
    # Imported here: the sandbox is another process, and the other commands do not need it.
    from portal.sandbox import serve

    state.mkdir(parents=True, exist_ok=True)
    serve(host, port, state, portal_url=os.environ.get("PORTAL_URL", ""), mail_port=letters_port)


def _refuse_taken(host: str, port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as why:
            raise click.ClickException(
                f"Port {port} of {host} cannot be used: {why.strerror}. Choose another one, for instance: "
                f"portal sandbox {option} {port + 1000}"
            ) from None


@main.command()
def routes() -> None:
    """Print every address, its methods, who may open it, what support staff may there, and where proof is asked."""
    with house() as app:
        rows = sorted(
            (rule.rule, ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.endpoint)
            for rule in app.url_map.iter_rules()
        )
        for address, methods, endpoint in rows:
            declared = declared_by(app, endpoint)
            proof = "  fresh" if declared.fresh else ""
            click.echo(f"{address:48} {methods:10} {declared.permission.value:8} {declared.support.value}{proof}")


@main.command()
def doctor() -> None:
    """Say what is misconfigured and how to mend it."""
    with house():
        found = checks.examine()
    for each in found:
        click.echo(f"{'  ok ' if each.well else 'MEND '} {each.says}")
    faults = sum(not each.well for each in found)
    if faults:
        click.echo(f"{faults} {'thing' if faults == 1 else 'things'} to mend.")
        sys.exit(1)
    click.echo("Nothing to mend.")


@main.command("audit-heads")
def write_audit_heads() -> None:
    """Write down how far the audit trail of each merchant goes, outside of the database; the relay does it by itself.

    The file is PORTAL_AUDIT_HEADS.  `portal doctor` compares the trails with it.
    """
    with house():
        if audit_heads.path() is None:
            raise click.ClickException("PORTAL_AUDIT_HEADS: set the file to which the heads are appended.")
        try:
            number = audit_heads.append()
        except OSError as why:
            raise click.ClickException(f"{audit_heads.path()} cannot be written: {why.strerror}.") from None
        click.echo(f"Heads written down, since they had moved: {number}.")


@main.command("work")
@click.option("--replay", is_flag=True, help="Open every dead row again.")
def show_work(replay: bool) -> None:
    """Show the lanes and the dead rows by their cause; replay them."""
    with house():
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


for each_command in [*COMMANDS, staff]:
    main.add_command(each_command)

if __name__ == "__main__":
    main()
