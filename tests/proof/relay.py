"""A relay for proofs: ours, but it may die between two bells of a batch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import rq

from tests.proof.worker import die
from workers import relay


def command(*words: str) -> Sequence[str]:
    """How a stack starts one."""
    return (sys.executable, "-m", "tests.proof.relay", *words)


class MortalQueue(rq.Queue):
    """A queue at which the one who fills it may die."""

    chance = 0.0

    def enqueue(self, *args: Any, **options: Any) -> Any:
        hung = super().enqueue(*args, **options)
        die(self.chance)
        return hung


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--dies", type=float, default=0, help="how likely it dies after a bell")
    MortalQueue.chance = ask.parse_args().dies
    rq.Queue = MortalQueue  # type: ignore[misc]
    relay.main()


if __name__ == "__main__":
    main()
