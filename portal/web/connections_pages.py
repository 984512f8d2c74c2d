"""The pages of one connection: the frame around all of them, what runs, the access, the quality check, what is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import g, url_for
from flask_babel import gettext as _

from portal import integrations
from portal.contract.definition import Integration, Kind
from portal.contract.records import Verdict
from portal.flows import grants, linking, secrets
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, Document, ExportStage, Listing, Notice, Run, Store
from portal.web import causes, languages, rehearsals_pages, standing, wizard_steps, words
from portal.web.causes import Explained
from portal.web.show import toast
from portal.web.standing import Badge

SHOWN_RUNS = 5
# More and longer ones than any remote has.
MOST_AUDIT_WORDS, LONGEST_AUDIT_WORD = 200, 100


def frame(connection: Connection, step: str = "") -> dict[str, Any]:
    """What every page of a connection needs: names, the store, the way back, the steps."""
    one = integrations.get(connection.integration)
    store = db.session.get_one(Store, (whose(), connection.store_id))
    g.time_zone = store.time_zone
    steps = wizard_steps.of(connection)
    keys = [each.key for each in steps]
    lists = "channels.index" if one.kind is Kind.MARKETPLACE else "plugins.index"
    list_name = _("Sales channels") if one.kind is Kind.MARKETPLACE else _("Plugins")
    setup = wizard_steps.in_setup(connection)
    return {
        "connection": connection,
        "one": one,
        "remote": one.name,
        "store": store,
        "zone": store.time_zone,
        "badge": badge(connection),
        "here": lists,
        "crumbs": [(list_name, url_for(lists)), (store.name, url_for("stores.detail", public_id=store.id))],
        "setup": setup,
        "steps": steps,
        "step": keys.index(step) + 1 if step in keys else 0,
        "back": _back(connection, keys, step, setup),
        "signs_in": wizard_steps.signs_in(one, connection),
        "closed": one.closed.said(languages.chosen()) if one.closed else "",
        "export_note": export_note(one, connection),
        "export_mark": rehearsals_pages.mark(connection),
        "orders_note": "" if brings_orders(one) else orders_come_later(),
        "shop_labels": shop_labels(one),
        "kind_of": _("sales channel") if one.kind is Kind.MARKETPLACE else _("plugin"),
    }


def badge(connection: Connection) -> Badge:
    """The badge that every page shows for the connection."""
    query = sa.select(standing.of_connections()).where(
        Connection.merchant_id == whose(), Connection.id == connection.id
    )
    return standing.connection_badge(connection, db.session.scalars(query).one())


def _back(connection: Connection, keys: Sequence[str], step: str, setup: bool) -> str | None:
    if not setup:
        return url_for("connections.detail", public_id=connection.id)
    if wizard_steps.on_one_page(integrations.get(connection.integration)):
        return url_for("wizard.settings", public_id=connection.id) if step else None
    if step not in keys:
        return url_for("wizard.check", public_id=connection.id) if step else None
    at = keys.index(step)
    return url_for(f"wizard.{keys[at - 1]}", public_id=connection.id) if at else None


def said_on_finish(connection: Connection) -> None:
    """The message at the corner after the last button: what runs now, and that nobody has to wait for it."""
    remote = integrations.get(connection.integration).name
    if connection.known_options.import_products:
        toast(
            _("The item import from %(remote)s is running", remote=remote),
            _("First the keys are checked, then the products come in. You may close this page."),
        )
    else:
        toast(_("The keys are being checked with %(remote)s", remote=remote), _("You may close this page."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One line of what runs; with a `reason` the switch is not available, and says why.

    What wants a look before it is turned on has the `url` of that page instead.
    """

    key: str
    label: str
    help: str
    on: bool
    reason: str = ""
    url: str = ""


def switches(connection: Connection) -> list[Switch]:
    """The three switches, and in words what each of them does today."""
    one, locale, options = integrations.get(connection.integration), languages.chosen(), connection.known_options
    named = {each.key: each for each in one.options}

    def label(key: str, ours: str) -> str:
        return named[key].label.said(locale) if key in named else ours

    def text(key: str, ours: str) -> str:
        return words_of.said(locale) if key in named and (words_of := named[key].help) else ours

    orders = "" if brings_orders(one) else orders_come_later()
    return [
        Switch(
            key="import_products",
            label=label("import_products", _("Import products")),
            help=text("import_products", _("The catalogue comes in every 30 minutes.")),
            on=options.import_products,
        ),
        Switch(
            key="import_orders",
            label=label("import_orders", _("Import orders")),
            help=orders or text("import_orders", _("New orders come in.")),
            on=options.import_orders,
        ),
        Switch(
            key="export",
            label=label("export", _("Sync export")),
            help=export_note(one, connection),
            on=options.export,
            reason="" if one.stock_out else _("Not offered"),
            url=url_for("rehearsals.index", public_id=connection.id) if one.stock_out else "",
        ),
    ]


def brings_orders(one: Integration) -> bool:
    """Whether orders can be pulled from this remote."""
    return "orders" in {each.value for each in one.pulls}


def orders_come_later() -> str:
    """That a remote gives out no orders, so that the switch does nothing."""
    return _("No orders come in from here: this connection has none to give. Your choice is kept.")


def export_note(one: Integration, connection: Connection) -> str:
    """What is sent to the remote now, and what has to happen before more is."""
    if one.stock_out is None:
        return _("%(remote)s takes no numbers of stock from here.", remote=one.name)
    if connection.known_options.export and connection.export_stage is not ExportStage.HELD:
        return rehearsals_pages.stage(connection)[2]
    return _(
        "Nothing is sent to %(remote)s until you have looked at every number that would change and let it out. "
        "Until then the numbers there stay as you set them there.",
        remote=one.name,
    )


def notices(connection: Connection) -> list[Explained]:
    """What else is open about the connection and its runs, apart from why it rests."""
    runs = sa.select(Run.id).where(Run.merchant_id == whose(), Run.connection_id == connection.id)
    papers = sa.select(Document.id).where(Document.merchant_id == whose(), Document.connection_id == connection.id)
    query = sa.select(Notice).where(
        Notice.merchant_id == whose(),
        Notice.cleared_at.is_(None),
        Notice.cause != connection.trouble,
        sa.or_(
            sa.and_(Notice.subject == "connection", Notice.subject_id == connection.id),
            sa.and_(Notice.subject == "run", Notice.subject_id.in_(runs)),
            sa.and_(Notice.subject == "document", Notice.subject_id.in_(papers)),
        ),
    )
    found = db.session.scalars(query.order_by(Notice.grave.desc(), Notice.since).limit(10))
    return [causes.explain(each.cause, each.subject, each.arguments, connection) for each in found]


def recent_runs(connection: Connection) -> Sequence[Run]:
    """The last runs, the newest first."""
    query = sa.select(Run).where(Run.merchant_id == whose(), Run.connection_id == connection.id)
    return db.session.scalars(query.order_by(Run.id.desc()).limit(SHOWN_RUNS)).all()


def access(connection: Connection) -> list[tuple[str, Any]]:
    """Pairs of what is known about the access: the shop, since when, until when."""
    zone, locale = words.current_zone(), languages.chosen()
    sealed = {each.field: each for each in secrets.saved(connection)}
    pairs: list[tuple[str, Any]] = []
    shop, shop_id = shop_labels(integrations.get(connection.integration))
    if connection.shop_name:
        pairs.append((shop, connection.shop_name))
    if connection.shop_id:
        pairs.append((shop_id, connection.shop_id))
    if connection.granted_at:
        since = _("Connected since") if connection.kind == Kind.FULFILMENT else _("Signed in")
        pairs.append((since, words.full(connection.granted_at, locale, zone)))
    if connection.token_expires_at:
        pairs.append((_("Access ends"), words.full(connection.token_expires_at, locale, zone)))
    if (token := sealed.get("token.access")) and token.ending:
        pairs.append((_("Token"), _("ends in …%(tail)s", tail=token.ending)))
    if connection.active_since and connection.is_active:
        pairs.append((_("On since"), words.full(connection.active_since, locale, zone)))
    if connection.checked_at:
        pairs.append((_("Last check"), words.when(connection.checked_at, locale, zone, now())))
    return pairs


def shop_labels(one: Integration) -> tuple[str, str]:
    """How the name and the number of whom an access belongs to are called."""
    if one.kind is Kind.FULFILMENT:
        return _("Warehouse"), _("Account at %(remote)s", remote=one.name)
    return _("Shop"), _("Shop ID")


def renews(connection: Connection) -> str:
    """What happens when the access ends, in words; "" where nobody knows its end."""
    one, ends = integrations.get(connection.integration), connection.token_expires_at
    if one.grant is None or ends is None or not connection.is_active:
        return ""
    if ends < now():
        return _("The access has ended. Sign in again.")
    if one.grant.warn_before is not None:
        return _("%(remote)s may not extend it. We tell you in time to connect again.", remote=one.name)
    return _("We renew it before it ends. You need to sign in again only if %(remote)s refuses that.", remote=one.name)


def ends_soon(connection: Connection) -> bool:
    """Whether the merchant should sign in again before the access ends."""
    return connection.is_active and grants.ends_soon(connection)


@dataclass(frozen=True, slots=True)
class AuditWord:
    """One word of the remote's quality check: what it means for us, and how many listings carry it."""

    word: str
    verdict: str
    listings: int
    known: bool


def audit_words(connection: Connection) -> list[AuditWord]:
    """Every audit word that the declaration, the merchant or a listing knows, those without a meaning first."""
    one = integrations.get(connection.integration)
    query = (
        sa.select(Listing.audit_word, sa.func.count())
        .where(Listing.merchant_id == whose(), Listing.connection_id == connection.id, Listing.audit_word.is_not(None))
        .group_by(Listing.audit_word)
    )
    seen = {str(word): number for word, number in db.session.execute(query)}
    meanings = {**{word: verdict.value for word, verdict in one.audits.items()}, **connection.audits}
    rows = [
        AuditWord(word, meanings.get(word, ""), seen.get(word, 0), word in meanings)
        for word in sorted({*seen, *meanings})
    ]
    return sorted(rows, key=lambda row: (row.known, row.word))


def verdicts() -> list[tuple[str, str]]:
    """What an audit word can mean: pairs of value and words."""
    return [
        (Verdict.PASSED.value, _("Passed: linked")),
        (Verdict.WAITING.value, _("Waits: looked at again at every sync")),
        (Verdict.REFUSED.value, _("Refused: looked at again at every sync")),
    ]


def what_goes(connection: Connection) -> dict[str, int]:
    """How many listings and links a disconnect takes away."""
    found = linking.groups(connection.id)
    return {"listings": sum(found.values()), "links": found.get("linked", 0) + found.get("sku_changed", 0)}
