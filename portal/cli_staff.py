"""Commands about the support staff: list them, let one in or not, give and take the right to work as a merchant."""

import click

from portal.cli_house import house
from portal.flows import staff, staff_notes

WHO = click.argument("email")


@click.group("staff")
def group() -> None:
    """See and change who of the support staff may sign in, and who may view as a merchant."""


@group.command("list")
def show() -> None:
    """Print the support staff and what each of them may."""
    with house():
        found = staff.everybody()
    if not found:
        click.echo("Nobody belongs to the support staff. Make somebody with `portal create-staff`.")
        return
    click.echo(f"{'e-mail':36} {'name':24} {'signs in':9} {'views as':9} {'second factor':14} last seen")
    for each in found:
        seen = f"{each.seen_at:%Y-%m-%d %H:%M} UTC" if each.seen_at else "-"
        click.echo(
            f"{each.email:36} {each.name:24} {_yes(not each.disabled):9} {_yes(each.may_view_as):9} "
            f"{_yes(each.second_factor):14} {seen}"
        )


@group.command("trail")
@click.argument("email", required=False, default="")
def trail(email: str) -> None:
    """Print what happened to the accounts of the staff, newest first; of one of them where EMAIL is given."""
    with house():
        found = staff_notes.newest(email)
    if not found:
        click.echo("Nothing was noted.")
    for each in found:
        after = ", ".join(f"{key}: {value}" for key, value in each.after.items())
        told = [f"{each.at:%Y-%m-%d %H:%M:%S} UTC", each.email, each.what, after, f"by {each.who}", each.address]
        click.echo("  ".join(filter(None, told)))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@group.command()
@WHO
def disable(email: str) -> None:
    """Let a person in no more; every session of that person ends at once."""
    with house():
        ended = staff.disable(email)
    click.echo(f"{email} is disabled. {ended} {'session' if ended == 1 else 'sessions'} ended.")


@group.command()
@WHO
def enable(email: str) -> None:
    """Let a disabled person sign in again."""
    with house():
        staff.enable(email)
    click.echo(f"{email} may sign in.")


@group.command("grant-view-as")
@WHO
def grant(email: str) -> None:
    """Let a person view as a merchant."""
    with house():
        staff.let_view_as(email, True)
    click.echo(f"{email} may view as a merchant.")


@group.command("take-view-as")
@WHO
def take(email: str) -> None:
    """Take that right away; a session as a merchant ends at once."""
    with house():
        staff.let_view_as(email, False)
    click.echo(f"{email} may not view as a merchant any more.")
