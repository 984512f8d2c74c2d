"""The proofs as tests: each promise holds, and each known-bad variant is caught.

A proof is a program of its own, so that what it kills is never this process.  Its whole output is in the failure.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from portal.kit import embedded
from tests.proof.figure import FAILS, HOLDS

# By proof: the words of the short form, and of its control.  A control is the same each time: it must fail each time.
SHORT: dict[str, tuple[str, str]] = {
    "actas": ("", ""),
    "atomic": ("--n 150", "--n 60"),
    # Beside other tests the rate of one machine at rest is not to be had.
    "audit": ("--n 1600 --rounds 3 --rate 100", "--n 400 --rounds 2"),
    "cancelrace": ("", "--rounds 0"),
    "bleed": ("", "--n 300"),
    "canary": ("", ""),
    "csrf": ("", ""),
    "deadlock": ("--n 600", "--n 200"),
    "doublepost": ("", ""),
    "drift": ("--listings 300", "--listings 200"),
    "explained": ("--rounds 6", "--rounds 3"),
    "headers": ("", ""),
    "hookcrash": ("", "--events 400 --kills 15"),
    "hookforge": ("", "--n 400"),
    "hookorder": ("", "--events 300"),
    "hookrace": ("--events 30", "--events 15"),
    "login": ("", "--n 15"),
    "logo": ("", "--n 80"),
    "matrix": ("", "--only cut"),
    "merge": ("", "--orders 60"),
    "oversell": ("--n 1000", "--n 600"),
    "poll": ("--orders 2000", "--orders 900"),
    "push": ("--changes 1200", "--changes 800"),
    "redisgone": ("", ""),
    "resume": ("--kills 10", "--kills 4 --items 1500"),
    "rls": ("", ""),
    "roles": ("", ""),
    "revoke": ("", ""),
    "rotate": ("", "--secrets 1000"),
    "rotate_seal": ("", ""),
    "route": ("", "--orders 40"),
    "routing": ("--orders 100 --merchants 3", "--orders 80 --merchants 2"),
    "ssrf": ("", ""),
    "tenantrows": ("", ""),
    "tenantmark": ("", ""),
    "tenants": ("", ""),
    "tokenrace": ("--rounds 6", "--rounds 2"),
}
LONG = (
    "atomic",
    "audit",
    "bleed",
    "cancelrace",
    "csrf",
    "drift",
    "explained",
    "deadlock",
    "hookcrash",
    "hookforge",
    "hookload",
    "hookorder",
    "hookrace",
    "login",
    "logo",
    "matrix",
    "merge",
    "oversell",
    "poll",
    "push",
    "redisgone",
    "resume",
    "rls",
    "rotate",
    "rotate_seal",
    "route",
    "routing",
    "tenantrows",
    "tenants",
    "tokenrace",
)
CONTROL_SEED = "--seed 1"


def outcome(name: str, *words: str) -> tuple[int, str]:
    """How a proof ended, and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.proof.{name}", *" ".join(words).split()],
        cwd=embedded.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SHORT)
def test_the_promise_holds(name: str) -> None:
    code, said = outcome(name, SHORT[name][0])
    assert code == HOLDS, said
    print(said.splitlines()[-1])


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SHORT)
def test_the_known_bad_variant_is_caught(name: str) -> None:
    code, said = outcome(name, SHORT[name][1], CONTROL_SEED, "--control")
    assert code == FAILS, said
    assert f"{name} FAILS" in said.splitlines()[-1], said


@pytest.mark.proof_long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", LONG)
def test_the_promise_holds_for_long(name: str) -> None:
    code, said = outcome(name, "--long")
    assert code == HOLDS, said
    print(said.splitlines()[-1])
