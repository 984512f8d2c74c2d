"""Characters in typed values that the eye cannot see or cannot tell from another: found, and mended when asked."""

from portal import integrations
from portal.contract.definition import Entry, Setting
from portal.flows import connections, secrets
from portal.flows.audit import By
from portal.kit.text import invisible, plain_code
from portal.models import Connection

EXACT = {Entry.CODE, Entry.SECRET, Entry.ADDRESS}


def found(connection: Connection) -> dict[str, list[str]]:
    """By setting, the names of such characters in what is saved.

    Secrets are opened to look at them, and only the names leave this function.
    """
    values = {**secrets.readable(connection), **connection.settings}
    odd = {each.key: invisible(str(values.get(each.key) or "")) for each in _codes(connection)}
    return {key: names for key, names in odd.items() if names}


def mend(connection: Connection, field: str, by: By) -> None:
    """Put plain characters in place of them in one saved setting.  Raises Refusal."""
    values = {**secrets.readable(connection), **connection.settings}
    if field in {each.key for each in _codes(connection)}:
        plain = {**connection.settings, field: plain_code(str(values.get(field) or ""))}
        connections.save_settings(connection, connection.name, plain, by)


def _codes(connection: Connection) -> list[Setting]:
    return [each for each in integrations.get(connection.integration).settings if each.entry in EXACT]
