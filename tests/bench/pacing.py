"""B9: how much of the rate that a remote allows a sync uses, with real processes and the sandbox's own limiter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.flows import connections
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for
from tests.bench import ground
from tests.bench.figure import Asked, Figure, at_least
from tests.proof import parts
from tests.stack import Stack

RATE, LATENCY = 20, 50
GOAL = 0.97
# The first and the last moments of a run are the portal's own, not the pace's.
MIDDLE = (0.1, 0.9)


def bench(asked: Asked) -> list[Figure]:
    """A whole import at 20 calls a second; the journal of the sandbox tells when each call came."""
    size = asked.size(26_000, 9_000)
    with ground.house(workers=1, relay=True, sandbox=True, settings={"PORTAL_PACES": f"jd_com={RATE}"}) as stack:
        account = stack.sandbox.control("account", integration="jd_com", name="pace", size=size, dirty=0.08)
        stack.sandbox.control("limits", integration="jd_com", account="pace", rate=RATE)
        stack.sandbox.control("fault", integration="jd_com", account="pace", kind=f"latency:{LATENCY}", times=None)
        merchant = parts.merchant("Pace")
        with acting_for(merchant):
            connections.turn_on(parts.connection(account, stack.sandbox, "pace"), LINTAS)
        done = stack.until(lambda: _state(stack) in {"done", "failed", "stopped"}, 300)
        assert done, "the run did not end"
        assert _state(stack) == "done", f"the run ended as {_state(stack)}"
        calls = _calls(stack)
    return [_figure(calls, size)]


def _state(stack: Stack) -> str:
    found = stack.rows("select state from run")
    return str(found[0][0]) if found else ""


def _calls(stack: Stack) -> list[dict[str, Any]]:
    found = stack.sandbox.journal(account="pace")
    return [each for each in found if str(each["operation"]).startswith("jingdong.")]


def _figure(calls: list[dict[str, Any]], size: int) -> Figure:
    moments = [datetime.fromisoformat(each["at"]).timestamp() for each in calls]
    refused = sum(1 for each in calls if each["code"] != "0")
    whole = (len(moments) - 1) / (moments[-1] - moments[0])
    first, last = (round(len(moments) * part) for part in MIDDLE)
    steady = (last - first - 1) / (moments[last - 1] - moments[first])
    share = steady / RATE
    return Figure(
        "B9",
        f"share of {RATE} calls/s that a sync of {size:,} listings uses, steady middle (whole run: {whole / RATE:.1%})",
        steady,
        "calls/s",
        share,
        ">= 0.97, no call refused",
        f"{refused} calls were refused" if refused else at_least(share, GOAL),
        {"calls": len(calls), "whole_run": whole / RATE, "refused": refused},
    )
