"""A web server for proofs: ours with another application, as `python -m tests.proof.web tests.proof.x:bad()`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from portal import supervisor


def command(application: str) -> Sequence[str]:
    """How a stack starts one; `application` is what gunicorn is told to load."""
    return (sys.executable, "-m", "tests.proof.web", application)


def main() -> None:
    """Become gunicorn, as the supervisor starts it."""
    line = supervisor.web(int(os.environ["PORT"]), os.environ["PORTAL_LOG_LEVEL"]).command
    os.execv(line[0], [*line[:-1], sys.argv[1]])  # noqa: S606 - our own command, without a shell.


if __name__ == "__main__":
    main()
