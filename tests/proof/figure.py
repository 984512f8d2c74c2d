"""How a proof is asked and how it answers."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

HOLDS, FAILS, BROKEN = 0, 1, 70
STOPPED = 130
MOST_TOLD = 12
# For houses that are broken on purpose, many times.
QUIET = {"PORTAL_LOG_LEVEL": "critical"}
BEGAN = time.monotonic()


class Asked(argparse.ArgumentParser):
    """The arguments that every proof has: `--control` and `--seed`."""

    def __init__(self, said: str | None) -> None:
        super().__init__(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--control", action="store_true", help="a known-bad variant, which must fail")
        self.add_argument("--seed", type=int, default=None, help="of what is left to chance; printed at the start")
        self.add_argument("--long", action="store_true", help="the long form")

    def answered(self) -> Any:
        """The arguments; a seed that was not given is drawn and told."""
        given = self.parse_args()
        if given.seed is None:
            given.seed = random.SystemRandom().randrange(1_000_000)
        say(f"seed {given.seed}{', the known-bad variant' if given.control else ''}")
        return given


class Figure:
    """What was promised and what was found.  `must` notes a promise, `end` tells the figure."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.broken: list[str] = []

    def must(self, holds: object, otherwise: str) -> bool:
        """Note a promise, and say at once where it is broken."""
        if not holds:
            self.broken.append(otherwise)
            if len(self.broken) <= MOST_TOLD:
                say(f"NOT SO: {otherwise}")
        return bool(holds)

    def end(self, text: str) -> int:
        """The last line, and the exit code that belongs to it."""
        took = f"{time.monotonic() - BEGAN:.0f} s"
        if self.broken:
            first = f"{len(self.broken)} promises broken, the first: {self.broken[0]}"
            print(f"{self.name} FAILS: {first}; {text}; {took}", flush=True)
            return FAILS
        print(f"{self.name} HOLDS: {text}; {took}", flush=True)
        return HOLDS


def say(text: str) -> None:
    """One line to whoever watches."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a proof as a program.  A proof that breaks is not taken for one that found something."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        code = main()
    except KeyboardInterrupt:
        code = STOPPED
    except Exception:
        traceback.print_exc()
        say("the proof itself broke")
        code = BROKEN
    sys.exit(code)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise KeyboardInterrupt(signal.Signals(number).name)
