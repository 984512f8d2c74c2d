"""A worker for proofs: ours, with a shorter lease so that a proof need not wait, with other verbs, or mortal.

`python -m tests.proof.worker --lease 1 --verbs tests.proof.resume:BAD --dies 0.1`
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

from portal.flows import work
from portal.flows.work import Claim
from workers import jobs, run


def command(*words: str) -> Sequence[str]:
    """How a stack starts one."""
    return (sys.executable, "-m", "tests.proof.worker", *words)


def die(chance: float) -> None:
    """SIGKILL to this very process, perhaps.  The dice are thrown anew in each fork."""
    if random.SystemRandom().random() < chance:
        os.kill(os.getpid(), signal.SIGKILL)


def mortal_claims(chance: float) -> None:
    """Let a worker die right before it claims, and right after."""
    claim = work.claim

    def claim_or_die(lane: str, most: int = 1) -> list[Claim]:
        die(chance)
        claims = claim(lane, most)
        if claims:
            die(chance)
        return claims

    work.claim = claim_or_die


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--lease", type=float, help="seconds for which a claim holds")
    ask.add_argument("--verbs", default="", help="module:NAME of verbs to put beside or in the place of ours")
    ask.add_argument("--dies", type=float, default=0, help="how likely it dies before a claim, and after one")
    given = ask.parse_args()
    if given.lease:
        work.LEASE = timedelta(seconds=given.lease)
    if given.verbs:
        module, _, name = given.verbs.partition(":")
        jobs.VERBS.update(getattr(importlib.import_module(module), name))
    if given.dies:
        mortal_claims(given.dies)
    run.main()


if __name__ == "__main__":
    main()
