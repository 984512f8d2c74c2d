"""X8: a password is kept dearly, guessing it is stopped, and no answer tells who is known here.

argon2id at or above 19 MiB, two passes, one lane; ten sign-ins at once are quick; a wrong password takes as long for an
address that nobody has; the 11th try within five minutes is refused, for an account and for an address, also of many at
once; and while it is, a right password is answered like a wrong one.  The known-bad variant answers at once where
nobody has the address.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import argon2
import httpx
from flask import Flask

from portal.config import Settings
from portal.factory import start
from portal.flows import passwords, people
from tests import stack as house
from tests.addresses import PASSING
from tests.cast import PASSWORD, TOKEN
from tests.proof import figure, web
from tests.proof.figure import Figure, say
from tests.stack import Stack

WRONG = "not-the-password-of-anybody"
LEAST_MEMORY, LEAST_PASSES, LANES = 19 * 1024, 2, 1
AT_ONCE, MOST_TRIES = 10, 10
WRONG_SAID, TOO_MANY = 422, 429
# Of the short form, which shares its cores with others; a server that answers at once differs by more than half.
TOLERANT, EXACT = 0.25, 0.05
SLOWEST, SLOWEST_TOLERANT = 1.0, 10.0


@dataclass
class Door:
    """The sign-in page of a server, at which each browser comes from where it is told."""

    stack: Stack
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def browser(self, address: str = "") -> tuple[httpx.Client, str]:
        """A browser that has the form before it, and the token of the form."""
        place = address or self.anywhere()
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.stack.port}",
            headers={"X-Forwarded-For": place},
            timeout=60,
            trust_env=False,
        )
        found = TOKEN.search(client.get("/login").text)
        assert found, "the sign-in page has a form"
        return client, found[1]

    def anywhere(self) -> str:
        """An address that nobody came from yet, of those that are kept for examples."""
        number = next(self.numbers)
        return f"198.51.{number // 250}.{number % 250 + 1}"

    def tries(self, email: str, password: str, address: str = "") -> httpx.Response:
        """One try in a browser of its own."""
        client, token = self.browser(address)
        with closing(client):
            return client.post("/login", data={"email": email, "password": password, "csrf_token": token})

    def forget(self) -> None:
        """As if five minutes had passed."""
        self.stack.rows("delete from attempt")


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, help="wrong passwords of each kind (40; long: 500)")
    given = ask.answered()
    found = Figure("login")
    instead = {house.WEB: web.command("tests.proof.login:bad()")} if given.control else {}
    settings = {**figure.QUIET, "PORTAL_PROXIES": "1"}
    with Stack(
        workers=0, relay=False, sandbox=False, web=True, durable=False, settings=settings, instead=instead
    ) as stack:
        emails = _people(stack)
        door = Door(stack)
        slowest = _many_at_once(found, door, emails, long=given.long)
        _kept_dearly(found, stack)
        differs = _tells_nobody(found, door, emails[0], given.n or (500 if given.long else 40), long=given.long)
        _stops_guessing(found, door, emails)
    return found.end(
        f"{AT_ONCE} sign-ins at once p95 {slowest:.2f} s, known and unknown addresses differ by {differs:.1%} "
        f"in the median, the {MOST_TRIES + 1}th try is refused"
    )


def _people(stack: Stack) -> list[str]:
    """Fifty people whose passwords are kept as the server keeps them."""
    with stack.app.app_context():
        merchant = people.create_merchant("Blue Lantern", "CNY", "Asia/Shanghai")
        emails = [f"person-{number}@example.com" for number in range(50)]
        for email in emails:
            people.join(merchant, people.create_user(email, "A Person", PASSWORD), people.Role.VIEWER)
    stack.rows("update person set password_hash = %s", passwords.HASHER.hash(PASSWORD))
    return emails


def _many_at_once(found: Figure, door: Door, emails: list[str], *, long: bool) -> float:
    took: list[float] = []
    for group in range(5 if long else 2):
        ready = [(email, *door.browser()) for email in emails[group * AT_ONCE : (group + 1) * AT_ONCE]]

        def enter(one: tuple[str, httpx.Client, str]) -> int:
            email, client, token = one
            began = time.perf_counter()
            answer = client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
            took.append(time.perf_counter() - began)
            return answer.status_code

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(enter, ready))
        found.must(answers == [303] * AT_ONCE, f"{AT_ONCE} right passwords at once all open a session, not {answers}")
        for _, client, _ in ready:
            client.close()
    slowest = statistics.quantiles(took, n=20)[-1]
    bound = SLOWEST if long else SLOWEST_TOLERANT
    found.must(slowest <= bound, f"{AT_ONCE} sign-ins at once take {slowest:.2f} s in the 95th percentile, not {bound}")
    return slowest


def _kept_dearly(found: Figure, stack: Stack) -> None:
    for (kept,) in stack.rows("select distinct password_hash from person"):
        of = argon2.extract_parameters(kept)
        strong = of.memory_cost >= LEAST_MEMORY and of.time_cost >= LEAST_PASSES and of.parallelism >= LANES
        found.must(of.type is argon2.Type.ID and strong, f"passwords are kept by argon2id at the floor, not {of}")


def _tells_nobody(found: Figure, door: Door, known: str, times: int, *, long: bool) -> float:
    """How far the medians of a known and of an unknown address lie apart; the two take turns."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(times * 2):
        is_known = number % 2 == 0
        email = known if is_known else f"stranger-{number}@example.com"
        client, token = door.browser()
        with closing(client):
            began = time.perf_counter()
            answer = client.post("/login", data={"email": email, "password": WRONG, "csrf_token": token})
            took[is_known].append(time.perf_counter() - began)
        found.must(answer.status_code == WRONG_SAID, f"a wrong password is answered {answer.status_code}")
        door.forget()
    ours, theirs = statistics.median(took[True]), statistics.median(took[False])
    say(f"a wrong password takes {ours * 1000:.0f} ms, an unknown address {theirs * 1000:.0f} ms")
    differs = abs(ours - theirs) / ours
    bound = EXACT if long else TOLERANT
    found.must(differs <= bound, f"known and unknown addresses differ by {differs:.0%}, more than {bound:.0%}")
    return differs


def _stops_guessing(found: Figure, door: Door, emails: list[str]) -> None:
    for email in (emails[1], "nobody@example.com"):
        door.forget()
        said = [door.tries(email, WRONG).status_code for _ in range(MOST_TRIES)]
        found.must(said == [WRONG_SAID] * MOST_TRIES, f"{MOST_TRIES} tries at one account are answered, not {said}")
        _same_for_right_and_wrong(found, door, email, "")
    door.forget()
    place = door.anywhere()
    said = [door.tries(email, WRONG, place).status_code for email in emails[2 : 2 + MOST_TRIES]]
    found.must(said == [WRONG_SAID] * MOST_TRIES, f"{MOST_TRIES} tries from one address are answered, not {said}")
    _same_for_right_and_wrong(found, door, emails[20], place)
    answer = door.tries(emails[20], PASSWORD)
    found.must(answer.status_code == 303, f"from elsewhere the same person comes in, not {answer.status_code}")
    door.forget()
    with ThreadPoolExecutor(8) as pool:
        many = Counter(pool.map(lambda _: door.tries(emails[1], WRONG).status_code, range(MOST_TRIES * 3)))
    right = {WRONG_SAID: MOST_TRIES, TOO_MANY: MOST_TRIES * 2}
    found.must(many == right, f"of {MOST_TRIES * 3} tries at once {MOST_TRIES} are answered, not {dict(many)}")


def _same_for_right_and_wrong(found: Figure, door: Door, email: str, place: str) -> None:
    """A try too many is refused, and what was typed makes no difference to the answer."""
    right, wrong = (door.tries(email, password, place) for password in (PASSWORD, WRONG))
    for answer in (right, wrong):
        found.must(answer.status_code == TOO_MANY, f"the {MOST_TRIES + 1}th try is answered {answer.status_code}")
    found.must(PASSING.sub("", right.text) == PASSING.sub("", wrong.text), "a right password is told from a wrong one")
    cookies = [sorted(each.cookies.keys()) for each in (right, wrong)]
    found.must(cookies[0] == cookies[1], f"a right password brings other cookies than a wrong one: {cookies}")


def bad() -> Flask:
    """The known-bad server: where nobody has the address it says so at once."""
    matches = passwords.matches

    def early(kept: str | None, password: str) -> bool:
        return kept is not None and matches(kept, password)

    passwords.matches = early
    return start(Settings.from_env())


if __name__ == "__main__":
    figure.run(main)
