"""Tokens that end while many wait: one refresh each time, nobody refused; a pair that was lost is told, never chased.

Thirty-two callers meet an ended token at once, again and again, at every remote that hands out tokens by consent.  Then
the remote changes the tokens and its answer is lost: that pair can never be had again, so the connection has to rest
and say so, and not ask for ever.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.errors import RemoteError
from portal.flows import connections, grants, lines, secrets, work
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import Connection, ConnectionState
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack
from workers.jobs import VERBS

CALLERS = 32
# With more the database's pool would decide who comes, not the lock.
CONNECTIONS_IN_POOL = 16
TOLD_WITHIN = 60.0
MOST_CALLS_AFTER_A_LOSS = 4


@dataclass
class Remote:
    """One connection that lives by tokens: where it is, and how its remote calls a refresh."""

    key: str
    account: dict[str, Any]
    merchant: uuid.UUID
    connection: uuid.UUID

    def refreshes(self, stack: Stack) -> list[dict[str, Any]]:
        """Every refresh that reached the remote, refused ones too."""
        found = stack.sandbox.journal(integration=self.key, account=self.account["name"])
        return [each for each in found if "refresh" in str(each["operation"])]


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--rounds", type=int, help="how often the token ends, at each remote (12; long: 200)")
    given = ask.answered()
    found = Figure("tokenrace")
    rounds = given.rounds or (200 if given.long else 12)
    with Stack(workers=0, relay=False) as stack, stack.app.app_context():
        remotes = [_signed_in(stack, key) for key in sorted(_with_consent())]
        renew = _naive if given.control else grants.keep_fresh
        for remote in remotes:
            for number in range(rounds):
                _race(stack, found, remote, renew, number)
            say(f"{remote.key}: {rounds} times {CALLERS} callers, {len(remote.refreshes(stack))} refreshes")
        lost = [] if given.control else [_lose(stack, found, each) for each in remotes if _rotates(stack, each)]
    told = f", a lost pair told after {max(lost):.1f} s" if lost else ""
    return found.end(f"{rounds} expiries × {CALLERS} callers × {len(remotes)} remotes{told}")


def _with_consent() -> list[str]:
    return [key for key, one in integrations.all_integrations().items() if one.grant is not None]


def _signed_in(stack: Stack, key: str) -> Remote:
    account = stack.sandbox.account(key, "samudra")
    merchant = parts.merchant(f"Merchant of {key}")
    with acting_for(merchant):
        made = parts.connection(account, stack.sandbox, f"Channel at {key}")
        made_id = made.id  # The row itself is let go of while work is carried out.
        connections.turn_on(made, LINTAS)
        work.drain_all(VERBS)
        return Remote(key, account, merchant, made_id)


def _let_end(stack: Stack, remote: Remote) -> None:
    """The token ends at the remote and, by our clock, in a moment."""
    stack.sandbox.control("token", integration=remote.key, account=remote.account["name"], deed="expire")
    db.session.execute(
        sa.update(Connection)
        .where(Connection.merchant_id == whose(), Connection.id == remote.connection)
        .values(token_expires_at=now() + timedelta(seconds=30))
    )
    db.session.commit()


def _race(stack: Stack, found: Figure, remote: Remote, renew: Any, number: int) -> None:
    with acting_for(remote.merchant):
        _let_end(stack, remote)
        before = len(remote.refreshes(stack))
    seen: list[str] = []
    faults: list[str] = []
    begin = threading.Barrier(CONNECTIONS_IN_POOL)
    left = threading.Semaphore(CONNECTIONS_IN_POOL)

    def call(place: int) -> None:
        with left, stack.app.app_context(), acting_for(remote.merchant):
            if place < CONNECTIONS_IN_POOL:
                begin.wait(30)
            try:
                connection = db.session.get_one(Connection, (whose(), remote.connection))
                renew(connection)
                db.session.commit()
                seen.append(secrets.read(connection)["token.access"])
            except RemoteError as why:
                faults.append(str(why))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(CALLERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    asked = remote.refreshes(stack)[before:]
    where = f"{remote.key}, expiry {number}"
    found.must(not faults, f"{where}: nobody is refused, and not: {faults[:2]}")
    found.must(len(_granted(asked)) == 1 and len(asked) == 1, f"{where}: one refresh, not {len(asked)}")
    found.must(len(set(seen)) == 1 and len(seen) == CALLERS, f"{where}: all call with the same new token")


def _granted(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in entries if each["effect"]]


def _naive(connection: Connection) -> None:
    """The known-bad variant: whoever sees an end that is near renews, without asking who else does."""
    one = integrations.get(connection.integration)
    assert one.grant is not None
    assert connection.token_expires_at is not None
    if connection.token_expires_at > now() + grants.SOON:
        return
    who = lines.account(connection)
    db.session.commit()
    assert who.tokens is not None
    with lines.open_client(connection, with_account=who) as client:
        tokens = one.grant.renew(client, who.tokens)
    grants._store(db.session.get_one(Connection, (whose(), connection.id)), tokens, "naive")


def _rotates(stack: Stack, remote: Remote) -> bool:
    """Whether a refresh ends the token that it was asked with; elsewhere a lost answer is asked for again."""
    return bool(getattr(integrations.get(remote.key).sandbox, "rotates", False))


def _lose(stack: Stack, found: Figure, remote: Remote) -> float:
    """The remote changes the pair and its answer is lost.  Gives the seconds until the merchant is told."""
    with acting_for(remote.merchant):
        stack.sandbox.control(
            "fault",
            integration=remote.key,
            account=remote.account["name"],
            operation="oauth.refresh_token",
            kind="reset",
            after=True,
            times=1,
        )
        _let_end(stack, remote)
        began, before = time.monotonic(), len(remote.refreshes(stack))
        while time.monotonic() < began + TOLD_WITHIN:
            db.session.execute(
                sa.text("update work set not_before = now() where kind = 'renew_token' and status = 'open'")
            )
            db.session.commit()
            work.drain_all(VERBS)
            connection = db.session.get_one(Connection, (whose(), remote.connection), populate_existing=True)
            state = connection.state
            if state is ConnectionState.PAUSED:
                break
        took = time.monotonic() - began
        work.drain_all(VERBS)
        told = stack.one(
            "select count(*) from notice where subject_id = %s and cleared_at is null", str(remote.connection)
        )
        found.must(state is ConnectionState.PAUSED, f"{remote.key}: a lost pair pauses the connection")
        found.must(told == 1, f"{remote.key}: the merchant is told once, not {told} times")
        calls = len(remote.refreshes(stack)) - before
        found.must(calls <= MOST_CALLS_AFTER_A_LOSS, f"{remote.key}: nobody asks for ever, and not {calls} times")
    return took


if __name__ == "__main__":
    figure.run(main)
