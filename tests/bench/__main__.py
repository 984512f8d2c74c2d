"""`python -m tests.bench [B3 B7 ...] [--quick]`: measure, print a line for each figure, write var/bench.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figure import Asked, Figure, machine

# The module of each figure.  Figures of one module are measured together, for they need the same rows.
MODULES = {
    "hooks": ("B1", "B2"),
    "imports": ("B3", "B4", "B5"),
    "orders": ("B6", "B8", "B15"),
    "lists": ("B7",),
    "pushing": ("B11",),
    "order_imports": ("B12",),
    "changes": ("B13",),
    "pacing": ("B9",),
    "ledger": ("B10",),
    "memory": ("B14",),
    "files": ("B14",),
    "starting": ("B16",),
}
NAMES = [name for names in MODULES.values() for name in names]
ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "var" / "bench.json"


def main() -> int:
    """Measure what was asked for.  A missed goal is told and is no error; a benchmark that breaks is one."""
    said = argparse.ArgumentParser(prog="python -m tests.bench", description="Goals: tests/bench/README.md")
    said.add_argument("names", nargs="*", metavar="FIGURE", help=f"of {', '.join(NAMES)}; all without")
    said.add_argument("--quick", action="store_true", help="smaller sizes: hints, in about ten minutes")
    given = said.parse_args()
    wanted = {name.upper() for name in given.names} or set(NAMES)
    if unknown := sorted(wanted - set(NAMES)):
        said.error(f"no such figure: {', '.join(unknown)}")
    figures, broken = _measure(wanted, Asked(quick=given.quick, by_name=bool(given.names), say=_say))
    _write(figures, quick=given.quick)
    met = sum(1 for each in figures if each.goal and not each.missed)
    _say(f"{met} goals met, {sum(bool(each.missed) for each in figures)} missed; {RESULT.relative_to(ROOT)}")
    return 1 if broken else 0


def _measure(wanted: set[str], asked: Asked) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    broken: list[str] = []
    for module, names in MODULES.items():
        if not wanted & set(names):
            continue
        began = time.monotonic()
        try:
            found = importlib.import_module(f"tests.bench.{module}").bench(asked)
        except Exception as why:
            _say(f"{', '.join(names)} broke: {type(why).__name__}: {why}")
            if os.environ.get("VERBOSE"):
                raise
            broken.append(module)
            continue
        mine = [each for each in found if any(each.name.startswith(name) for name in wanted)]
        figures += mine
        for each in mine:
            _say(each.line())
        _say(f"      ({module}: {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})")
    return figures, broken


def _write(figures: list[Figure], *, quick: bool) -> None:
    """The figures of earlier runs that were not measured now are kept, each with its own moment."""
    RESULT.parent.mkdir(exist_ok=True)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    before = json.loads(RESULT.read_text())["figures"] if RESULT.exists() else {}
    now = {
        each.name: {
            "what": each.what,
            "value": each.value,
            "unit": each.unit,
            "ratio": each.ratio,
            "goal": each.goal,
            "missed": each.missed,
            "quick": quick,
            "at": moment,
            "load": round(os.getloadavg()[0], 2),
            **({"notes": each.notes} if each.notes else {}),
        }
        for each in figures
    }
    merged = dict(sorted({**before, **now}.items(), key=lambda pair: (int(pair[0][1:].rstrip("abcdefgh")), pair[0])))
    RESULT.write_text(json.dumps({"machine": machine(), "figures": merged}, indent=1, default=str) + "\n")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
