"""Row level security alone keeps merchants apart: our own filters are switched off, and no foreign row appears.

First what the database says of itself: each table with a merchant's rows is walled, for its owner too; each way around
a wall is for a role that the application puts on for single statements; no unique key could tell of another's value.
Then every comparison of `merchant_id` is taken out of every statement on its way to the database, the owners of two
merchants walk all their pages with their own things, and each row that comes back is looked at.  The long form runs the
tests of the pages once more in the same state.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from portal.kit import embedded, roles
from portal.kit.db import Tenant, acting_for, db, whose_or_none
from portal.web.doors import Needs, permission_of
from tests import cast as people
from tests.addresses import MARK, Things, address, make_things, methods, rules
from tests.cast import Cast, Person
from tests.proof import figure, parts, walls
from tests.proof.figure import Figure, say
from tests.stack import Stack

OWN_MARK = "Anchor of"
# Found by the hash of its token before anybody's merchant is known; it says of a merchant only which one it is.
BEFORE_ANY = {"login_session"}
LEAST_PAGES, LEAST_ROWS = 60, 150
HATS = {roles.RELAY, roles.SUPPORT}
SUITE = ("tests/web", "tests/house/test_routes.py")


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("rls")
    with parts.portal_alone() as stack:
        cast = people.make(stack.app)
        things = {"mei": make_things(cast), "rex": make_things(cast, OWN_MARK, rival=True)}
        if given.control:
            walls.open_the_walls(stack)
        else:
            said = _says_of_itself(stack, found)
            say(said)
        told = Walk(stack, found, cast).walked(things)
        if given.long and not found.broken:
            _suite(found)
        return found.end(told)


# --- what the database says of itself ---------------------------------------------------------------------------------

WALLED = """
    select c.relname, c.relrowsecurity and c.relforcerowsecurity, pg_get_userbyid(c.relowner),
        (select count(*) from pg_policies p where p.tablename = c.relname and p.policyname = 'own')
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'merchant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"""
UNIQUE = """
    select c.relname, i.relname, a.attname from pg_index x
    join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    left join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
    where x.indisunique and c.relnamespace = 'public'::regnamespace and exists (
        select 1 from pg_attribute m where m.attrelid = c.oid and m.attname = 'merchant_id')"""
POLICIES = "select tablename, policyname, roles::text[], coalesce(qual, ''), coalesce(with_check, '') from pg_policies"
ROLES = """
    select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication from pg_roles
    where rolname like 'lintas%%' or rolname in (
        select b.rolname from pg_auth_members m join pg_roles b on b.oid = m.roleid
        join pg_roles a on a.oid = m.member where a.rolname like 'lintas%%')"""
VIEWS = """
    select relname, relkind::text, coalesce(reloptions::text, '') from pg_class
    where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"""
DEFINERS = """
    select proname, pg_get_userbyid(proowner), coalesce(proconfig::text, '') from pg_proc
    where prosecdef and pronamespace = 'public'::regnamespace"""
OWNED = "select count(*) from pg_class where pg_get_userbyid(relowner) = %s"


def _says_of_itself(stack: Stack, found: Figure) -> str:
    tables = stack.rows(WALLED)
    names = {table for table, *_ in tables} - BEFORE_ANY
    for table, forced, owner, policies in tables:
        found.must((forced and policies == 1) or table in BEFORE_ANY, f"{table} is walled, for its owner too")
        found.must(owner == roles.OWNER, f"{table} belongs to {owner}")
    for model in walls.tenant_models():
        found.must(model.__tablename__ in names, f"{model.__tablename__} is looked at")
    keys = stack.rows(UNIQUE)
    for table, key, first in keys:
        found.must(first == "merchant_id" or table in BEFORE_ANY, f"{key} of {table} is led by {first}")
    for table, policy, whom, shown, written in stack.rows(POLICIES):
        bound = "app.merchant" in shown + written or "app.person" in shown + written
        found.must(bound or set(whom) <= HATS, f"{policy} of {table} shows {whom} what is nobody's own")
        found.must(
            policy != "own" or ("app.merchant" in shown and "app.merchant" in written), f"{table} binds both ways"
        )
    for role, *mighty in stack.rows(ROLES):
        found.must(not any(mighty), f"{role} can step over the walls")
    for hat in (roles.APPLICATION, *HATS):
        found.must(stack.one(OWNED, hat) == 0, f"{hat} owns nothing")
    views = stack.rows(VIEWS)
    for name, kind, options in views:
        found.must(kind == "v" and "security_invoker=true" in options, f"the view {name} shows what its owner sees")
    for name, owner, settings in stack.rows(DEFINERS):
        found.must(owner == roles.OWNER and "search_path" in settings, f"{name} works as {owner} with any search path")
    return f"{len(names)} walled tables, {len(keys)} unique keys, {len(views)} views"


# --- the walk ---------------------------------------------------------------------------------------------------------


class Walk:
    """Two owners with disjoint things, and every row that the application is given on their way."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast) -> None:
        self._stack, self._found, self._cast = stack, found, cast
        self._rows: Counter[str] = Counter()
        self._foreign = self._pages = 0
        self._answers: Counter[int] = Counter()

    def walked(self, things: dict[str, Things]) -> str:
        with walls.without_filters() as robbed, self._looked_at():
            self._counts()
            for person, mine, other, foreign in (
                (self._cast.mei, things["mei"], things["rex"], (OWN_MARK, "Red Anchor", "Anchor Jakarta")),
                (self._cast.rex, things["rex"], things["mei"], (MARK, "Blue Lantern", "Lantern Shanghai")),
            ):
                self._walk(person, mine, other, foreign)
        say(f"answers: {dict(sorted(self._answers.items()))}")
        self._found.must(self._pages > LEAST_PAGES, f"{self._pages} pages were opened")
        self._found.must(self._rows.total() > LEAST_ROWS, f"{self._rows.total()} rows were looked at")
        self._found.must(len(robbed) > LEAST_ROWS, f"{len(robbed)} statements lost their filter")
        return (
            f"{len(robbed)} statements without their filter on {self._pages} pages of two merchants: "
            f"{self._rows.total()} rows of {len(self._rows)} tables, {self._foreign} of them foreign"
        )

    def _counts(self) -> None:
        """What every table shows to each merchant, and to nobody."""
        for merchant in (self._cast.lantern, self._cast.rival, None):
            with self._stack.app.app_context(), acting_for(merchant):
                for model in walls.tenant_models():
                    query = sa.select(sa.func.count()).select_from(model)
                    others = query.where(model.merchant_id != merchant) if merchant else query
                    self._foreign_rows(db.session.scalar(others) or 0, f"{model.__tablename__} read by {merchant}")

    @contextmanager
    def _looked_at(self) -> Iterator[None]:
        """Every object that is made of a row is that of the merchant of the moment."""

        def loaded(row: Any, _: object) -> None:
            self._rows[type(row).__tablename__] += 1
            self._is_own(row.merchant_id, type(row).__tablename__)

        sa.event.listen(Tenant, "load", loaded, propagate=True)
        try:
            yield
        finally:
            sa.event.remove(Tenant, "load", loaded)

    def _is_own(self, merchant: uuid.UUID, table: str) -> None:
        if merchant != whose_or_none():
            self._foreign_rows(1, f"a row of {table}")

    def _walk(self, person: Person, mine: Things, other: Things, foreign: tuple[str, ...]) -> None:
        client = self._cast.client_of(person)
        app = self._stack.app
        for rule in rules(app):
            if "GET" not in methods(rule) or permission_of(app, rule.endpoint) in {Needs.NOTHING, Needs.STAFF}:
                continue
            for things in (mine, other) if rule.arguments else (mine,):
                answer = client.get(address(rule, things), buffered=True)
                self._answers[answer.status_code] += 1
                self._pages += answer.status_code == 200
                shown = [each for each in foreign if each.encode() in answer.data]
                self._foreign_rows(len(shown), f"{person.name} reads {shown} on {rule.rule}")
                opened = things is other and "public_id" in rule.arguments and answer.status_code == 200
                self._foreign_rows(int(opened), f"{person.name} opens {rule.rule} of another merchant")

    def _foreign_rows(self, number: int, what: str) -> None:
        self._foreign += number
        self._found.must(number == 0, f"{what}: {number} foreign")


def _suite(found: Figure) -> None:
    """The tests of the pages with every filter gone: they see what they see with them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *SUITE, "-q", "-p", "tests.proof.unfiltered", "-p", "no:cacheprovider"],
        cwd=embedded.ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    say(done.stdout.splitlines()[-1] if done.stdout else "the tests said nothing")
    found.must(done.returncode == 0, f"the tests of the pages hold without filters:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    figure.run(main)
