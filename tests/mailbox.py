"""A mail server on loopback for tests: it keeps what it is given, or refuses it as it was told.

Since it speaks SMTP, what the tests see is what any mail server would see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from portal.flows import work
from portal.flows.house import House
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Work
from tests.stack import free_port
from workers.jobs import VERBS

LINK = re.compile(r"https?://\S+")


@dataclass
class Mailbox:
    """What came in, oldest first.  `refusals` are answers to recipients, used up one by one; "" takes the letter."""

    url: str = ""
    letters: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    asked: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the recipient, or refuse it."""
        self.asked += 1
        if self.refusals and (said := self.refusals.pop(0)):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the letter."""
        content: Any = envelope.content
        found: Any = message_from_bytes(content, policy=policy.default)
        self.letters.append(found)
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        """The letters to somebody."""
        return [each for each in self.letters if each["To"] == address]

    def text(self, address: str) -> str:
        """The words of the newest letter to somebody."""
        return str(self.to(address)[-1].get_content())

    def link(self, address: str, beginning: str = "") -> str:
        """The path of a link in the newest letter to somebody: the first that begins so."""
        paths = ["/" + each.split("/", 3)[3] for each in LINK.findall(self.text(address)) if each.count("/") >= 3]
        return next(each for each in paths if each.startswith(beginning))


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """A mail server that listens."""
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def posted_to(app: Flask, url: str) -> Iterator[None]:
    """The portal with this mail server."""
    old: House = app.extensions["lintas"]
    app.extensions["lintas"] = replace(old, settings=replace(old.settings, mail_url=url))
    try:
        yield
    finally:
        app.extensions["lintas"] = old


def deliver(app: Flask) -> int:
    """Have the workers send every letter that was asked for, now; answers how many rows were handled."""
    with app.app_context():
        with db.engine.begin() as wire:
            wire.execute(work.BE_RELAY)
            merchants = list(wire.execute(sa.select(Work.merchant_id).where(Work.lane == "mail").distinct()).scalars())
        done = 0
        for _ in range(3):  # A letter to several people becomes one for each of them first.
            for merchant_id in merchants:
                with work.acting_for(merchant_id):
                    db.session.execute(
                        sa.update(Work)
                        .where(Work.merchant_id == merchant_id, Work.lane == "mail", Work.status == "open")
                        .values(not_before=now())
                    )
                    db.session.commit()
            done += work.drain("mail", VERBS)
        return done
