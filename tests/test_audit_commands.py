"""`portal audit-heads`, and what `portal doctor` says of the audit trails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from portal.flows import audit_heads
from tests import servers
from tests.cast import Cast
from tests.command import Command, command
from tests.flows.test_audit_chain import AT, mighty
from workers.relay import EVERY

__all__ = ["command"]


def test_the_heads_are_written_down_once_and_the_doctor_finds_the_trails_whole(
    command: Command, cast: Cast, tmp_path: Path
) -> None:
    where = str(tmp_path / "heads")
    assert command("audit-heads", PORTAL_AUDIT_HEADS=where).output == "Heads written down, since they had moved: 2.\n"
    assert command("audit-heads", PORTAL_AUDIT_HEADS=where).output == "Heads written down, since they had moved: 0.\n"
    said = command("doctor", PORTAL_AUDIT_HEADS=where).output
    assert "ok  The audit trails are whole (merchants: 2, notes: " in said
    assert "PORTAL_AUDIT_HEADS" not in said


def test_a_place_that_is_not_named_or_cannot_be_written_is_said_in_a_sentence(
    command: Command, cast: Cast, tmp_path: Path
) -> None:
    said = command("audit-heads", PORTAL_AUDIT_HEADS=None)
    assert (said.exit_code, said.output) == (
        1,
        "Error: PORTAL_AUDIT_HEADS: set the file to which the heads are appended.\n",
    )
    assert "PORTAL_AUDIT_HEADS is not set" in command("doctor", PORTAL_AUDIT_HEADS=None).output
    said = command("audit-heads", PORTAL_AUDIT_HEADS=str(tmp_path))
    assert said.exit_code == 1
    assert "cannot be written" in said.output or "cannot be read" in said.output


def test_the_doctor_says_which_merchants_trail_is_broken_and_where(
    command: Command, cast: Cast, tmp_path: Path, started_servers: servers.Servers
) -> None:
    with mighty(started_servers) as wire:
        wire.execute(f"update audit_note set who = 'Nobody' where {AT}", {"m": cast.rival, "n": 1})
    said = command("doctor", PORTAL_AUDIT_HEADS=str(tmp_path / "heads"))
    assert said.exit_code == 1
    (line,) = [each for each in said.output.splitlines() if "not whole" in each]
    assert line.startswith(f"MEND  The audit trail of Red Anchor ({cast.rival}) is not whole: note 1 (")
    assert "Nobody" not in line
    assert "Rex" not in line


def test_the_relay_writes_the_heads_down_every_ten_minutes() -> None:
    assert EVERY[audit_heads.keep] == timedelta(minutes=10)
