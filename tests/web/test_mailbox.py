"""The mailbox of the sandbox: whoever tries the portal on one machine reads the letters there, and their links work."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from werkzeug.test import Client

from portal.sandbox import SandboxApp, create_sandbox
from tests.cast import Cast, csrf
from tests.mailbox import deliver, posted_to
from tests.stack import free_port

LINK = re.compile(r'<a href="(http://127\.0\.0\.1/invited/[^"]+)"')


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[SandboxApp, int]]:
    """A sandbox whose mailbox listens, and the port."""
    app, port = create_sandbox(tmp_path, "http://127.0.0.1"), free_port()
    app.mailbox.start("127.0.0.1", port)
    yield app, port
    app.close()


def test_an_invitation_is_read_and_accepted_from_the_page_of_the_mailbox(
    cast: Cast, box: tuple[SandboxApp, int]
) -> None:
    sandbox, port = box
    mei = cast.client_of(cast.mei)
    with posted_to(cast.app, f"smtp://127.0.0.1:{port}"):
        form = {"csrf_token": csrf(mei, "/settings/people"), "email": "ann@example.com", "role": "viewer"}
        assert mei.post("/settings/people", data=form).status_code == 303
        deliver(cast.app)
    page = Client(sandbox).get("/control/mail").text
    assert "Mei Lin invites you to work for Blue Lantern" in unescape(page)
    found = LINK.search(page)
    assert found is not None
    assert cast.client_of(None).get(unescape(found[1]).removeprefix("http://127.0.0.1")).status_code == 200
    letters = Client(sandbox).get("/control/letters?to=ANN@example.com").json
    assert [each["to"] for each in letters] == ["ann@example.com"]
    assert letters[0]["links"] == [unescape(found[1])]
    assert Client(sandbox).get("/control/letters?to=nobody@example.com").json == []


def test_what_stands_in_a_letter_is_shown_and_never_believed(box: tuple[SandboxApp, int]) -> None:
    sandbox, port = box
    evil = (
        'Subject: <script>alert(1)</script>\r\n\r\n<b>x</b> javascript:alert(1) https://a.example/?q="onclick=1 end\r\n'
    )
    with smtplib.SMTP("127.0.0.1", port) as wire:
        wire.sendmail("a@example.com", ["b@example.com"], evil)
    page = Client(sandbox).get("/control/mail").text
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert 'href="javascript' not in page
    assert '<a href="https://a.example/?q=" ' in page


def test_the_control_page_leads_to_the_letters(box: tuple[SandboxApp, int]) -> None:
    sandbox, _ = box
    assert 'href="/control/mail"' in Client(sandbox).get("/control").text
    assert "No letter has come yet" in Client(sandbox).get("/control/mail").text
