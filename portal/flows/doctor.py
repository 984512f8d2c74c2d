"""What is right and wrong with an installation, each fault with what to do."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal import integrations, migrate
from portal.config import ROOT
from portal.contract.errors import Refused
from portal.flows import audit_report, letters, lines, merchants, pulse, rotation, secrets, stock_ledger
from portal.flows.house import house
from portal.kit import roles
from portal.kit.clock import now
from portal.kit.db import Base, acting_for, db
from portal.kit.sealing import NotOurs
from portal.kit.smtp import MailLater, MailServer
from portal.models import Secret

TRANSLATIONS = ROOT / "translations"
MIGHTY = sa.text("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
OWNED = sa.text("select count(*) from pg_class where relkind = 'r' and pg_get_userbyid(relowner) = current_user")
# Without its hats the application finds no work, and no merchant; what each of them is for.
HATS = {roles.RELAY: "look for work", roles.SUPPORT: "name the merchants"}
HATTED = sa.text(
    "select coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = :hat), false)"
)
# Worn all the time instead of put on, a hat would show what belongs to every merchant to every request.
INHERITED = sa.text(
    "select coalesce((select pg_has_role(current_user, oid, 'usage') from pg_roles where rolname = :hat), false)"
)
UNWALLED = sa.text(
    """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    where c.relname = any(cast(:tables as text[])) and not (c.relrowsecurity and c.relforcerowsecurity)
    """
)
# Behind row level security an index serves the search only where its comparison is known to tell of no hidden row.
SEARCHES_FAST = sa.text(
    "select proleakproof from pg_proc where oid = 'pg_catalog.texticlike(text, text)'::regprocedure"
)
HAS_VERSION = sa.text("select to_regclass('alembic_version') is not null")
VERSION = sa.text("select version_num from alembic_version")
CLOCK = sa.text("select clock_timestamp()")
OLD_REDIS = (6, 2)
# Leases end by the database's clock, signatures carry this machine's, and remotes allow a few minutes.
APART = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is well, and the sentence about it."""

    well: bool
    says: str


def _well(says: str) -> Finding:
    return Finding(True, says)


def _fault(says: str) -> Finding:
    return Finding(False, says)


def examine() -> list[Finding]:
    """Everything that can be looked at from this machine."""
    return [*_address(), *_proxies(), *_languages(), *_mail(), *_remotes(), *_database(), *_redis()]


def _address() -> Iterator[Finding]:
    """Whether PORTAL_URL has a form that browsers and the sign-in pages of remotes can lead back to."""
    url, settings = house().settings.portal_url, house().settings
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or parts.username or "@" in parts.netloc:
        yield _fault(f"PORTAL_URL is {url}, which is no web address. Set it like https://lintas.example.")
    elif parts.path or parts.query or parts.fragment:
        yield _fault(f"PORTAL_URL is {url}. The portal stands at the root of its host: set the address without a path.")
    elif host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound to.
        yield _fault(f"PORTAL_URL names {host}, where no browser can go. Set the name that people type.")
    elif settings.env == "production" and _is_inside(host):
        yield _fault(
            f"PORTAL_URL names {host}, which leads others to their own machine. Set the name that people type."
        )
    else:
        yield _well(f"Browsers reach the portal at {url}.")


def _proxies() -> Iterator[Finding]:
    """Whether the addresses of browsers reach us: in production TLS ends at a proxy, so one at least is in front."""
    if house().settings.env == "production" and not house().settings.proxies:
        yield _fault(
            "PORTAL_PROXIES is 0, so everybody seems to come from the proxy: one address reaches the limit of sign-ins "
            "for all, and /metrics takes others for this machine. Set how many proxies of yours stand in front."
        )


def _languages() -> Iterator[Finding]:
    """Whether every language that was translated is compiled; what is not shows in English."""
    missing = [each.parent.parent.name for each in TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")]
    missing = [each for each in missing if not (TRANSLATIONS / each / "LC_MESSAGES/messages.mo").exists()]
    if missing:
        yield _fault(f"Pages are in English for whoever chose {', '.join(sorted(missing))}. Run `make install`.")


def _mail() -> Iterator[Finding]:
    """Whether there is a mail server, and whether it answers and takes the sign-in."""
    if not letters.can_send():
        yield _fault("No letter goes out: set PORTAL_MAIL_URL, like smtps://user:password@mail.example:465.")
        return
    server = MailServer.read(house().settings.mail_url)
    at = f"{server.host}:{server.port}"
    try:
        server.greet()
    except MailLater as why:
        yield _fault(f"The mail server {at} does not take letters ({why}). Check PORTAL_MAIL_URL.")
    else:
        yield _well(f"Letters go out by {at}, from {letters.sender()}.")


def _remotes() -> Iterator[Finding]:
    """Whether what the operator sets for a remote is there and can be read."""
    known = integrations.all_integrations()
    for key in sorted(house().settings.paces.keys() - known.keys()):
        yield _fault(f"PORTAL_PACES names {key}, which is no integration. There are: {', '.join(known)}.")
    for one in known.values():
        try:
            values = {each.key: lines.house_value(one, each.key) for each in one.house_values}
        except Refused as why:
            yield _fault(f"{one.name}: {why.detail}. Mend it, or unset the variable.")
            continue
        missing = [key for key, value in values.items() if key == one.app_key and not value]
        if missing:
            name = f"PORTAL_{one.key}_{missing[0]}".upper()
            yield _well(f"{one.name} is not in use: {name} is not set, so its connections cannot be turned on.")
        elif values:
            yield _well(f"{one.name} is called under the keys of this installation.")


def _is_inside(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- the database -----------------------------------------------------------------------------------------------------


def _database() -> list[Finding]:
    try:
        role, clock, version = [*_role()], [*_clock()], [*_version()]
        # Where the role or the tables are others, asking for their rows would only fail.
        if not all(each.well for each in [*role, *version]):
            return [*role, *clock, *version]
        return [*role, *clock, *version, *_secrets(), *_keys(), *_stock(), *_trails()]
    except SQLAlchemyError as why:
        db.session.rollback()
        return [_fault(f"The database does not answer as it should ({type(why).__name__}). Check PORTAL_DATABASE_URL.")]


def faults_of_role() -> list[str]:
    """What forbids to work with this database role; the database must answer."""
    return [each.says for each in _role() if not each.well]


def _role() -> Iterator[Finding]:
    mighty, owned = (db.session.scalar(each) for each in (MIGHTY, OWNED))
    faults = [] if mighty else [fault for hat in HATS for fault in _of_hat(hat)]
    if mighty:
        faults.append("The application's database role can step over row level security. Use a role without it.")
    if owned:
        faults.append("The application's database role owns tables. Migrate as another role, and own nothing here.")
    yield from map(_fault, faults)
    if not faults:
        yield _well("The database answers, to a role that owns nothing and is bound by row level security.")


def _of_hat(hat: str) -> Iterator[str]:
    if not db.session.scalar(HATTED, {"hat": hat}):
        yield (
            f"The application's database role may not {HATS[hat]}. As a superuser: ALTER ROLE that role NOINHERIT, "
            f"then GRANT {hat} TO that role."
        )
    elif db.session.scalar(INHERITED, {"hat": hat}):
        yield (
            f"The application's database role inherits {hat} and sees what belongs to every merchant. As a superuser: "
            f"REVOKE {hat} FROM that role, ALTER ROLE that role NOINHERIT, then GRANT {hat} TO that role."
        )


def _version() -> Iterator[Finding]:
    """Whether the tables are those of this code, and each of a merchant has its wall."""
    wanted = migrate.newest()
    if not db.session.scalar(HAS_VERSION):
        yield _fault("The database has no tables yet. Run `portal migrate`.")
        return
    there = db.session.scalar(VERSION)
    if there != wanted:
        yield _fault(f"The tables are of version {there} and this code wants {wanted}. Run `portal migrate`.")
        return
    tenant = [name for name, table in Base.metadata.tables.items() if "merchant_id" in table.primary_key.columns]
    bare = list(db.session.execute(UNWALLED, {"tables": [*tenant, "merchant"]}).scalars())
    for name in bare:
        yield _fault(f"Table {name} has no forced row level security. Restore it as its migration made it.")
    if not bare:
        yield _well(f"The tables are up to date (version {there}), and each of them is walled by merchant.")
    if not db.session.scalar(SEARCHES_FAST):
        yield _well(
            "Searches read all rows of a merchant, which takes long where there are many. As a superuser, in this "
            "database: ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF."
        )


def _clock() -> Iterator[Finding]:
    apart = abs((db.session.execute(CLOCK).scalar_one() - now()).total_seconds())
    yield _of_clocks("the database", apart)


def _of_clocks(whose: str, apart: float) -> Finding:
    if apart < APART:
        return _well(f"The clocks of this machine and of {whose} agree.")
    return _fault(
        f"The clocks of this machine and of {whose} are {apart:.0f} s apart. Set both by NTP: leases and signatures "
        "depend on them."
    )


def _secrets() -> Iterator[Finding]:
    """Whether the sealing keys open every stored secret.  Counts them; shows none."""
    opened = old = lost = 0
    for merchant_id in [each.id for each in merchants.every()]:
        with acting_for(merchant_id):
            for row in db.session.scalars(sa.select(Secret).where(Secret.merchant_id == merchant_id)):
                try:
                    house().keyring.open(row.sealed, secrets.place(row.connection_id, row.field, row.id))
                except NotOurs:
                    lost += 1
                    continue
                opened += 1
                old += house().keyring.is_old(row.sealed)
            db.session.rollback()
    if lost:
        yield _fault(
            f"{lost} of {opened + lost} stored secrets do not open. Put the key that sealed them back into "
            "PORTAL_SEALING_KEYS, behind the newest; where it is lost, those connections want their keys typed again."
        )
    else:
        older = f", {old} of them with an older key" if old else ""
        yield _well(f"PORTAL_SEALING_KEYS opens every stored secret ({opened}{older}).")


def _keys() -> Iterator[Finding]:
    """Under which keys everything else lies that is sealed: buyers, received pushes, second factors.

    Told by the id of the key, nothing is opened; the stored secrets were opened one by one before.
    """
    found = rotation.survey()
    older = sum(each.older for each in found)
    for each in found:
        if each.lost and each.column != "secret.sealed":
            yield _fault(
                f"Values of {each.column} that lie under a key that is not in PORTAL_SEALING_KEYS: {each.lost}. Put it "
                "back, behind the newest."
            )
    if older:
        yield _well(f"Sealed values under an older key: {older}. `portal rotate-keys` seals them anew.")


def _stock() -> Iterator[Finding]:
    """Whether every number of the stock is the sum of its moves and of its open reservations."""
    off = 0
    for merchant_id in [each.id for each in merchants.every()]:
        with acting_for(merchant_id):
            off += stock_ledger.unbalanced()
            db.session.rollback()
    if off:
        yield _fault(
            f"{off} products have a stock that is not the sum of its moves. Count them anew, and send this line to "
            "support."
        )
    else:
        yield _well("Every number of the stock is the sum of its moves.")


def _trails() -> Iterator[Finding]:
    """Whether every audit trail is as it was written, and its heads are kept outside of the database."""
    found = audit_report.report()
    yield from map(_fault, found.faults)
    if not found.faults:
        yield _well(f"The audit trails are whole (merchants: {found.trails}, notes: {found.notes}).")
    only_told = _fault if house().settings.env == "production" else _well
    yield from map(only_told, audit_report.missing_place())


# --- Redis and the processes ------------------------------------------------------------------------------------------


def _redis() -> list[Finding]:
    try:
        said = house().redis.info("server")
        version = tuple(int(part) for part in str(said["redis_version"]).split(".")[:2])
        policy = _policy()
        seconds, micro = house().redis.time()
    except redis.RedisError as why:
        return [
            _fault(f"Redis does not answer ({type(why).__name__}). Check PORTAL_REDIS_URL; work waits until it does.")
        ]
    found = [_of_clocks("Redis", abs(seconds + micro / 1e6 - now().timestamp()))]
    if version < OLD_REDIS:
        found.append(
            _fault("Redis is older than 6.2, which loses bells when a worker is killed. Use Redis 6.2 or Valkey.")
        )
    if policy is None:
        found.append(_well("Redis does not tell its maxmemory-policy. See that it is noeviction."))
    elif policy != "noeviction":
        found.append(_fault("Redis may throw bells away when memory is short. Set maxmemory-policy to noeviction."))
    return [*found, *_processes()]


def _policy() -> str | None:
    """What Redis does when memory is short; None where a hosted one keeps that to itself."""
    try:
        return str(house().redis.config_get("maxmemory-policy").get("maxmemory-policy"))
    except redis.ResponseError:
        return None


def _processes() -> Iterator[Finding]:
    felt = pulse.feel()
    if felt.relay:
        yield _well("The relay beats.")
    else:
        since = "" if felt.silent is None else f" for {felt.silent:.0f} s"
        yield _fault(f"The relay is silent{since}, so no work is handed out. Start one: python -m workers.relay")
    if felt.workers:
        yield _well(f"Workers present: {felt.workers}.")
    else:
        yield _fault("No worker is there, so work waits. Start one: python -m workers.run")
