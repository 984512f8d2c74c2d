"""Commands about keys and data: rotate the keys, take a merchant's data out, let a merchant go."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from portal.cli_house import house
from portal.flows import departure, merchant_export, merchants, rotation
from portal.flows.audit import LINTAS
from portal.flows.departure import Departed, Underway
from portal.flows.merchants import Known
from portal.flows.rotation import Standing

EVERY = 5_000
MERCHANT = click.option("--merchant", required=True, help="Id or name of the business; `portal merchants` lists them.")


def _progress(verb: str) -> Callable[[str, int], None]:
    """Says every few thousand how many of something were done."""
    sums: dict[str, int] = {}

    def told(name: str, number: int) -> None:
        before = sums.get(name, 0)
        sums[name] = before + number
        if before == 0 or sums[name] // EVERY != before // EVERY:
            click.echo(f"  {name}: {sums[name]:,} {verb}")

    return told


# --- keys -------------------------------------------------------------------------------------------------------------


@click.command("rotate-keys")
def rotate_keys() -> None:
    """Seal everything anew that lies under an older key than the first of PORTAL_SEALING_KEYS.

    The house may run meanwhile, every process of it with the same PORTAL_SEALING_KEYS.  May be stopped and repeated.
    """
    with house() as app:
        turned = rotation.rotate(_progress("sealed anew"))
        found, keys = rotation.survey(), len(app.extensions["lintas"].settings.sealing_keys)
    click.echo(f"{_values(turned.resealed)} sealed anew.")
    _show_standing(found)
    if turned.strange:
        click.echo(f"{_values(turned.strange)} left as they are: they do not open where they lie. Run `portal doctor`.")
    if keys == 1 and not any(each.lost for each in found):
        click.echo("PORTAL_SEALING_KEYS holds one key, and everything lies under it.")
        return
    _show_next(sum(each.older for each in found) - turned.strange, sum(each.lost for each in found))


def _values(number: int) -> str:
    return f"{number:,} {'value' if number == 1 else 'values'}"


def _lie(number: int) -> str:
    return "lies" if number == 1 else "lie"


def _show_standing(found: list[Standing]) -> None:
    click.echo(f"{'':24} {'newest key':>12} {'older keys':>12} {'no key here':>12}")
    for each in found:
        click.echo(f"{each.column:24} {each.newest:12,} {each.older:12,} {each.lost:12,}")


def _show_next(older: int, lost: int) -> None:
    if lost:
        click.echo(
            f"{_values(lost)} {_lie(lost)} under a key that is not in PORTAL_SEALING_KEYS. Put it back, behind the "
            "newest, and run this again."
        )
    if older > 0:
        click.echo(f"{_values(older)} still {_lie(older)} under an older key, since the row was held. Run this again.")
    elif not lost:
        click.echo(
            "Nothing else lies under an older key. Remove the older keys from PORTAL_SEALING_KEYS, all but the first, "
            "start web, relay and workers anew, and keep those keys as long as backups that need them. A new key that "
            "still stands behind has sealed nothing: put it first, and run this again."
        )
    if lost:
        sys.exit(1)


# --- merchants --------------------------------------------------------------------------------------------------------


@click.command("merchants")
def list_merchants() -> None:
    """List the merchants with their ids."""
    with house():
        found = merchants.every()
    for each in found:
        click.echo(f"{each.id}  {each.since:%Y-%m-%d}  {each.name}")
    if not found:
        click.echo("No merchant is here yet.")


def _found(text: str) -> Known:
    found = merchants.called(text)
    if not found:
        raise click.ClickException("No merchant has this id or name. `portal merchants` lists them.")
    if len(found) > 1:
        ids = "\n".join(f"  {each.id}" for each in found)
        raise click.ClickException(f"{len(found)} merchants have this name. Say which by its id:\n{ids}")
    return found[0]


@click.command("export-merchant")
@MERCHANT
@click.option("--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write, .zip.")
def export_merchant(merchant: str, to: Path) -> None:
    """Write everything of a merchant into one file, buyers' data opened, secrets and tokens left out."""
    with house():
        known = _found(merchant)
        click.echo(f"{known.name}:")
        try:
            manifest = merchant_export.write(known.id, to, LINTAS, _show_file)
        except FileExistsError:
            raise click.ClickException(f"{to} is there already. Name another file.") from None
        except OSError as why:
            raise click.ClickException(f"{to} cannot be written: {why.strerror}.") from None
    rows = sum(each["rows"] for each in manifest["files"].values())
    click.echo(f"{rows:,} rows in {to}. It holds buyers' data: only you can read it, keep it so.")
    if unreadable := sum(each.get("unreadable", 0) for each in manifest["files"].values()):
        click.echo(f"{_values(unreadable)} could not be opened: their key is not in PORTAL_SEALING_KEYS.")


def _show_file(name: str, rows: int) -> None:
    if rows:
        click.echo(f"  {name}: {rows:,}")


@click.command("delete-merchant")
@MERCHANT
@click.option("--confirm", required=True, metavar="NAME", help="The name of the merchant once more, to the letter.")
@click.option("--even-so", is_flag=True, help="Also while connections are on or orders are underway.")
def delete_merchant(merchant: str, confirm: str, even_so: bool) -> None:
    """Remove a merchant with everything that belongs to it; nothing of it can be brought back.

    People who belong to no other merchant go with it; support staff stay.  May be repeated after it was broken off.
    """
    with house():
        known = _found(merchant)
        if confirm != known.name:
            raise click.ClickException("--confirm is not the name of this merchant. Nothing was removed.")
        against = departure.underway(known.id)
        if against.any and not even_so:
            raise click.ClickException(_what_speaks_against(against))
        try:
            gone = departure.delete(known.id, LINTAS, _progress("removed"))
        except OSError as why:
            raise click.ClickException(
                f"PORTAL_AUDIT_HEADS cannot be written ({why.strerror}). Nothing was removed."
            ) from None
    _show_departure(known, gone)


def _what_speaks_against(found: Underway) -> str:
    said = []
    if found.connections:
        said.append(f"On: {', '.join(found.connections)}. Turn them off first.")
    if found.orders:
        said.append(f"Orders that are not over: {found.orders:,}.")
    if found.shipments:
        said.append(f"Shipments that warehouses have in hand: {found.shipments:,}.")
    return " ".join([*said, "Nothing was removed. With --even-so it is removed all the same."])


def _show_departure(known: Known, gone: Departed) -> None:
    rows = sum(gone.rows.values())
    people = f"{gone.people} {'person' if gone.people == 1 else 'people'}"
    click.echo(f"{known.name} is gone: {rows:,} rows, {people}, and the trail of what was done.")
    for each in gone.accesses:
        click.echo(f"Our access to {each} ends there: the seller takes it back on the channel's own page.")
    click.echo(f"End of its audit trail: merchant {known.id}, {gone.seq} notes, hash {gone.mac.hex() or '-'}")


COMMANDS: list[click.Command] = [rotate_keys, list_merchants, export_merchant, delete_merchant]
