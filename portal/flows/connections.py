"""Connections from draft to active: install, save, test, turn on and off, pause, remove."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Entry, Integration, Resource
from portal.contract.options import Options
from portal.contract.records import Shop, Verdict
from portal.flows import (
    activation,
    audit,
    grants,
    lines,
    logos,
    notices,
    plugins,
    prices,
    pushes,
    relinking,
    resources,
    saving,
    secrets,
    sync,
    trouble,
    webhooks,
    windows,
)
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, ConnectLink, GrantAttempt, Order, Shipment, Store

LONGEST_NAME = 80
# What the house asks of every connection, whether its integration names it or not.
OF_THE_HOUSE = {"import_products", "import_orders"}


def find(connection_id: uuid.UUID) -> Connection:
    """One connection of the merchant of the moment."""
    return db.session.get_one(Connection, (whose(), connection_id))


def install(store: Store, key: str, by: By) -> Connection:
    """A draft of a connection; nothing is contacted.  Raises Refusal."""
    if key not in integrations.all_integrations():
        raise Refusal("unknown_integration", "integration")
    one = integrations.get(key)
    connection = Connection(
        merchant_id=whose(),
        id=new_id(),
        store_id=store.id,
        integration=one.key,
        kind=one.kind.value,
        name=_free_name(store.id, one.name),
        settings={},
        options={each.key: each.default for each in one.options},
    )
    db.session.add(connection)
    audit.note(by, "connection_added", "connection", connection.id, name=connection.name, store_id=store.id)
    _flush()
    if one.webhook is not None and not webhooks.has_own_key(one):
        # The remote registers the address before anything else, so it is there from the first page on.
        webhooks.open_hook(connection, by.name)
    db.session.commit()
    return connection


def _free_name(store_id: uuid.UUID, wanted: str) -> str:
    query = sa.select(Connection.name).where(Connection.merchant_id == whose(), Connection.store_id == store_id)
    taken = {name.lower() for name in db.session.scalars(query)}
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(each for each in names if each.lower() not in taken)


def confirm(connection: Connection, ticked: Collection[str], by: By) -> None:
    """Keep which steps of the guide are ticked: who set each and when."""
    _lock(connection)
    fresh = {"by": by.name, "at": now().isoformat()}
    before = sorted(connection.confirmed)
    connection.confirmed = {step: connection.confirmed.get(step, fresh) for step in ticked}
    audit.note(
        by,
        "guide_ticked",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        before={"steps": before},
        after={"steps": sorted(ticked)},
    )
    db.session.commit()


def save_settings(
    connection: Connection,
    name: str,
    values: Mapping[str, str],
    by: By,
    *,
    picture: bytes | None = None,
    is_default: bool | None = None,
) -> None:
    """Save what the merchant typed; an empty secret keeps the saved one.  Contacts nobody.  Raises Refusal.

    `is_default` None leaves open which plugin is the store's default.
    """
    one = integrations.get(connection.integration)
    plain, sealed = _sorted_values(one, values)
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Refusal("name_length", "name", longest=LONGEST_NAME)
    if is_default is not None:
        plugins.hold_default(connection)
    _lock(connection)
    if picture:
        logos.keep(connection, picture)
    before = {"name": connection.name, **connection.settings}
    connection.name = name.strip()
    connection.settings = {**connection.settings, **plain}
    connection.stock_key = plugins.stock_key(connection)
    with saving.refused_as("one_active_plugin_per_stock", Refusal("stock_counted_twice", other="")):
        _flush()
    if is_default is not None:
        plugins.make_default(connection, is_default, by)
    for field, text in sealed.items():
        secrets.keep(connection, field, text, by.name)
    if connection.state is ConnectionState.DRAFT:
        connection.move(ConnectionState.SAVED)
    if _app_changed(one, before, plain):
        secrets.forget(connection, "token.access", "token.refresh", "token.account")
        connection.token_expires_at = connection.granted_at = None
    if sealed or any(before.get(key, "") != value for key, value in plain.items()):
        _start_anew(connection)
    after = {
        "name": connection.name,
        **connection.settings,
        **{f: f"fingerprint {audit.fingerprint(t)}" for f, t in sealed.items()},
    }
    audit.note(
        by,
        "settings_saved",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        before=before,
        after=after,
    )
    db.session.commit()


def _sorted_values(one: Integration, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Plain values and secrets apart.  Outer white space goes, nothing else is changed."""
    plain: dict[str, str] = {}
    sealed: dict[str, str] = {}
    for each in one.settings:
        text = (values.get(each.key) or "").strip()
        if each.entry is Entry.ADDRESS and text:
            _check_endpoint(one, each.key, text)
        if not each.secret:
            plain[each.key] = text
        elif text:
            sealed[each.key] = text
    return plain, sealed


def _check_endpoint(one: Integration, field: str, text: str) -> None:
    try:
        lines.check_endpoint(one, text)
    except Refusal as why:
        raise Refusal(why.reason, field, **why.values) from None


def _app_changed(one: Integration, before: Mapping[str, Any], plain: Mapping[str, str]) -> bool:
    return any(before.get(key) not in {None, "", value} for key, value in plain.items() if key == one.app_key)


def _start_anew(connection: Connection) -> None:
    """New credentials: what the remote said of the old ones counts no longer."""
    connection.checked_at = None
    connection.shop_id = connection.shop_name = ""
    db.session.execute(
        sa.delete(GrantAttempt).where(GrantAttempt.merchant_id == whose(), GrantAttempt.connection_id == connection.id)
    )
    if connection.state in {ConnectionState.FAILED, ConnectionState.PAUSED}:
        connection.move(ConnectionState.SAVED)
    trouble.forget(connection)


def test(connection: Connection, by: By) -> Shop:
    """Ask the remote whether it accepts the credentials.  Raises Refused, Unauthorised, Busy or Garbled.

    This is one of the two calls that a request may make; its time is bounded.
    """
    who = lines.account(connection)
    one = integrations.get(connection.integration)
    db.session.commit()  # No transaction stays open while the remote thinks.
    with lines.open_client(connection, with_account=who, seconds=lines.IN_A_REQUEST) as client:
        shop = one.check(client)
    connection.checked_at, connection.shop_id, connection.shop_name = now(), shop.remote_id, shop.name
    audit.note(by, "tested", "connection", connection.id, name=connection.name, store_id=connection.store_id)
    db.session.commit()
    return shop


def save_options(connection: Connection, values: Mapping[str, Any], by: By) -> None:
    """Save the options.  Turning the export on is not among them: that wants a look at every number it would change."""
    one = integrations.get(connection.integration)
    _lock(connection)
    before = dict(connection.options)
    known = ({each.key for each in one.options} | OF_THE_HOUSE) - {"export"}
    connection.options = {**before, **{key: value for key, value in values.items() if key in known}}
    _follow_switches(connection, before, by)
    if connection.known_options.sync_stock != Options.read(before).sync_stock:
        relinking.links_changed()
    if _limits(connection.known_options) != _limits(Options.read(before)):
        pushes.want_all(connection.id)
    if connection.known_options.export_prices and not Options.read(before).export_prices:
        prices.want_all(connection)
    if connection.options != before:
        audit.note(
            by,
            "options_saved",
            "connection",
            connection.id,
            name=connection.name,
            store_id=connection.store_id,
            before=before,
            after=connection.options,
        )
    db.session.commit()


def _limits(options: Options) -> tuple[int | None, int | None]:
    """What every number that is sent to the channel depends on."""
    return options.buffer, options.max_level


def _follow_switches(connection: Connection, before: Mapping[str, Any], by: By) -> None:
    """What is pulled starts and stops with its switch, where the connection is on."""
    earlier = Options.read(before)
    for resource, pull in integrations.get(connection.integration).pulls.items():
        was, wanted = bool(getattr(earlier, pull.option)), resources.wanted(connection, resource)
        if was and not wanted:
            sync.stop_all(connection, "import_turned_off", resource)
        elif wanted and connection.state is ConnectionState.ACTIVE and not sync.rests(connection):
            moved = resource is Resource.ORDERS and windows.moved(connection, earlier.import_orders_from)
            if moved or not was:
                sync.start(connection, resource, by.name)


def save_audits(connection: Connection, words: Mapping[str, str], by: By) -> None:
    """Correct what the remote's audit words mean for this connection; the next run judges by them.

    Words are kept to the letter, the empty one too; what the declaration says of a word needs no saving.
    """
    known = integrations.get(connection.integration).audits
    before = dict(connection.audits)
    meant = {word: Verdict(meaning) for word, meaning in words.items()}
    connection.audits = {word: each.value for word, each in meant.items() if known.get(word) is not each}
    audit.note(
        by,
        "audit_words_saved",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        before=before,
        after=connection.audits,
    )
    notices.clear("connection", connection.id, "unknown_audit_word")
    db.session.commit()


def missing_steps(connection: Connection) -> list[str]:
    """What still has to be done before the connection can be turned on, in the order of the wizard."""
    one = integrations.get(connection.integration)
    sealed = {each.field for each in secrets.saved(connection)}
    needs_grant = one.grant is not None and one.grant.needed(connection.settings)
    missing = []
    if any(str(n) not in connection.confirmed for n, step in enumerate(one.guide) if step.confirm):
        missing.append("guide")
    if any(each.required and each.key not in sealed and not connection.settings.get(each.key) for each in one.settings):
        missing.append("settings")
    if needs_grant and "token.access" not in sealed:
        missing.append("login")
    return missing


def turn_on(connection: Connection, by: By) -> None:
    """Activate: the check and the first import run as work.  Raises Refusal with the step that is missing."""
    if missing := missing_steps(connection):
        raise Refusal("not_ready", step=missing[0])
    if connection.is_active:
        return
    plugins.check_stock_is_free(connection)
    connection.move(ConnectionState.ACTIVATING)
    with saving.refused_as("one_active_plugin_per_stock", Refusal("stock_counted_twice", other="")):
        db.session.flush()
    activation.begin(connection, by)
    audit.note(by, "turned_on", "connection", connection.id, name=connection.name, store_id=connection.store_id)
    db.session.commit()


def check_again(connection: Connection, by: By) -> None:
    """The button *Check again*: the first check begins anew, with five minutes of its own.  Raises Refusal."""
    if connection.state is not ConnectionState.ACTIVATING:
        return turn_on(connection, by)
    activation.begin(connection, by)
    audit.note_connection(by, "checked_again", connection)
    db.session.commit()
    return None


def adopt(
    connection: Connection,
    session_hash: bytes,
    by: By,
    *,
    link: ConnectLink | None = None,
    pushes: bool | None = None,
) -> None:
    """Take over what a consent brought; one that only rested for want of it is turned on again.  Raises Refusal."""
    rested = connection.state in {ConnectionState.PAUSED, ConnectionState.FAILED}
    grants.adopt(connection, session_hash, by, link=link, pushes=pushes)
    if rested:
        turn_on(connection, by)


def turn_off(connection: Connection, by: By) -> None:
    """Stop everything that runs for the connection; nothing that was imported is lost."""
    if connection.state in {ConnectionState.DRAFT, ConnectionState.SAVED}:
        return
    connection.move(ConnectionState.SAVED)
    trouble.forget(connection)
    trouble.stop_work(connection)
    sync.stop_all(connection, "turned_off")
    audit.note(by, "turned_off", "connection", connection.id, name=connection.name, store_id=connection.store_id)
    db.session.commit()


def remove(connection: Connection, by: By) -> None:
    """Disconnect: destroy the secrets, the listings and their links.  Products stay.

    Raises Refusal while it is on, and where it has brought orders.
    """
    if connection.is_active:
        raise Refusal("turn_off_first")
    plugins.check_unused(connection)
    _check_no_orders(connection)
    trouble.stop_work(connection)
    sync.stop_all(connection, "removed")
    audit.note(
        by, "connection_removed", "connection", connection.id, name=connection.name, store_id=connection.store_id
    )
    notices.clear("connection", connection.id)
    sync.forget_failures(connection)
    relinking.links_changed()
    logos.drop(connection)
    db.session.execute(sa.delete(Connection).where(Connection.merchant_id == whose(), Connection.id == connection.id))
    db.session.commit()


def _check_no_orders(connection: Connection) -> None:
    """Raise Refusal where a channel has brought orders or a plugin has shipments: the merchant's books name it."""
    of_it = sa.exists().where(Order.merchant_id == whose(), Order.connection_id == connection.id)
    if db.session.scalar(sa.select(of_it)):
        raise Refusal("channel_has_orders", name=connection.name)
    by_it = sa.exists().where(Shipment.merchant_id == whose(), Shipment.connection_id == connection.id)
    if db.session.scalar(sa.select(by_it)):
        raise Refusal("plugin_has_shipments", name=connection.name)


def _lock(connection: Connection) -> None:
    """Read the row anew and hold it: two people who change different switches at once must not undo each other."""
    db.session.refresh(connection, with_for_update=True)


def _flush() -> None:
    """Write what is pending; a name that is taken is refused here, before anything else is asked of the database."""
    with saving.refused_as("one_connection_per_name", Refusal("connection_name_taken", "name")):
        db.session.flush()
