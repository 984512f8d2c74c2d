"""SECURITY.md says only what can be shown: each command and each test that it names is there."""

from __future__ import annotations

import re

from portal.cli import main
from portal.config import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()


def test_every_proof_and_every_test_that_it_names_is_there() -> None:
    proofs = re.findall(r"python -m tests\.proof\.(\w+)", TEXT)
    tests = re.findall(r"tests/[\w/]+\.py", TEXT)
    assert len(proofs) > 10
    assert len(tests) > 10
    for name in [*(f"tests/proof/{each}.py" for each in proofs), *tests]:
        assert (ROOT / name).exists(), name


def test_every_command_that_it_names_is_there() -> None:
    named = set(re.findall(r"`portal ([a-z-]+)", TEXT))
    assert named >= {"doctor", "audit-heads", "routes", "rotate-keys"}
    assert named <= set(main.commands)


def test_it_says_how_to_report_and_how_soon_somebody_answers() -> None:
    for promise in ("within 3 working days", "within 90 days", "within 48 hours"):
        assert promise in TEXT
