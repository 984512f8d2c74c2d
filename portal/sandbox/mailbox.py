"""A mailbox in the box: a mail server that delivers to nobody, and shows what it was given.

It takes every letter to whomever it goes, keeps the newest in memory, and forgets them when it stops.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html import escape
from threading import Lock
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.sandbox.words import STYLE

MOST_KEPT = 200
LARGEST = 1024 * 1024
# One letter under the other, each with its subject at its head.
LETTERS = "main{display:grid;gap:1rem;padding-block:1rem 3rem}article h2{margin:0 0 .5rem;font-size:1.1rem}"
LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class Kept:
    """One letter as it came: to whom, from whom, what it says, and when."""

    number: int
    to: str
    sender: str
    subject: str
    text: str
    at: datetime

    def told(self) -> dict[str, Any]:
        """The same for programs, with the links that it holds."""
        return {
            "number": self.number,
            "to": self.to,
            "from": self.sender,
            "subject": self.subject,
            "text": self.text,
            "links": LINK.findall(self.text),
            "at": self.at.isoformat(),
        }


class Mailbox:
    """The letters, the newest first.  `start` listens on a port, `close` ends that."""

    def __init__(self) -> None:
        self._kept: deque[Kept] = deque(maxlen=MOST_KEPT)
        self._came = 0
        self._lock = Lock()
        self._controller: Controller | None = None

    def start(self, host: str, port: int) -> None:
        """Listen in a thread of its own.  Raises OSError where the port is taken."""
        self._controller = Controller(self, hostname=host, port=port, data_size_limit=LARGEST, enable_SMTPUTF8=True)
        self._controller.start()

    def close(self) -> None:
        """Listen no more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a letter; the mail server's library calls this."""
        del server, session
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        letter: Any = message_from_bytes(raw, policy=policy.default)
        body = letter.get_body(("plain",))
        with self._lock:
            self._came += 1
            self._kept.appendleft(
                Kept(
                    number=self._came,
                    to=", ".join(envelope.rcpt_tos),
                    sender=str(letter["From"] or envelope.mail_from or ""),
                    subject=str(letter["Subject"] or ""),
                    text=body.get_content() if body is not None else "",
                    at=datetime.now(UTC),
                )
            )
        return "250 kept"

    def letters(self, to: str = "") -> Sequence[Kept]:
        """The letters to an address, or all of them."""
        with self._lock:
            return [each for each in self._kept if not to or to.lower() in each.to.lower().split(", ")]

    def page(self) -> str:
        """The page that shows them; the links in them work."""
        found = self.letters()
        inside = "".join(_letter(each) for each in found) or "<p>No letter has come yet.</p>"
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<link rel="icon" href="data:,"><title>Letters</title><style>{STYLE}{LETTERS}</style></head><body><header>'
            "<h1>Letters</h1><p>Everything that this installation sends by mail lands here and goes to nobody. "
            f"The newest {MOST_KEPT} are kept until the sandbox stops.</p>"
            '<nav><a href="/control">Sandbox</a> <a href="/control/mail">Look again</a> '
            f'<a href="/control/letters">As JSON</a></nav></header><main>{inside}</main></body></html>'
        )


def _letter(each: Kept) -> str:
    head = "".join(
        f"<dt>{name}</dt><dd>{escape(value)}</dd>"
        for name, value in (("To", each.to), ("From", each.sender), ("At", f"{each.at:%Y-%m-%d %H:%M:%S} UTC"))
    )
    return f"<article><h2>{escape(each.subject)}</h2><dl>{head}</dl><pre>{_linked(each.text)}</pre></article>"


def _linked(text: str) -> str:
    """The text with its web addresses as links; nothing else in it is believed."""
    parts, end = [], 0
    for found in LINK.finditer(text):
        url = escape(found[0])
        parts += [escape(text[end : found.start()]), f'<a href="{url}" rel="noreferrer">{url}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])
