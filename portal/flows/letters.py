"""Letters to people: asked for in the transaction of their cause, written and handed in when a worker sends them.

A row of work names a kind of letter and the thing that it is about, and nothing else: whom it goes to, what it says and
the secret part of its links are made at the moment of sending, so that none of it waits in the database or in Redis.
"""

import hashlib
import ipaddress
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from portal.flows import work
from portal.flows.house import house
from portal.flows.work import Again, Claim, Dead, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.smtp import MailLater, MailRefused, MailServer
from portal.models import Merchant, User, Work, WorkStatus

KIND, LANE = "letter", "mail"
# A mail server that takes nothing for so long will not take this letter; its news is old by then.
PATIENCE = timedelta(days=3)
SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
NO_SERVER = "no_mail_server"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to one person: his or her address, language and time zone, the template and what it names.

    `arguments` may hold the secret part of a link; they live only while the letter is sent.
    """

    to: str
    locale: str
    time_zone: str
    template: str
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)


def to(user: User, template: str, **arguments: Any) -> Letter:
    """A letter to a person about the merchant of the moment; where the person chose no language or time zone, those of
    the merchant."""
    merchant = db.session.get_one(Merchant, whose())
    locale, zone = user.locale or merchant.locale, user.time_zone or merchant.time_zone
    return Letter(user.email, locale, zone, template, {"name": user.name, "merchant": merchant.name, **arguments})


Composer = Callable[[uuid.UUID], Sequence[Letter]]
_composers: dict[str, Composer] = {}


def kind(name: str) -> Callable[[Composer], Composer]:
    """Declare who composes a kind of letter, given the id of what it is about.

    A composer runs in a worker, for the merchant that asked, in an open transaction which is committed before the
    letter goes out.  It gives no letter where there is nothing to say any more.  After a refusal that passes it is
    called again, so whatever it makes replaces what it made before.
    """

    def declare(composer: Composer) -> Composer:
        _composers[name] = composer
        return composer

    return declare


def post(letter: str, subject_id: uuid.UUID, *, after: timedelta = timedelta(0)) -> None:
    """Ask, in the open transaction, for a letter; while one of the kind about the same waits, no second one is sent.

    `after` lets it wait, for letters that collect.
    """
    key = _key(letter, subject_id)
    work.add(KIND, LANE, key, {"letter": letter, "id": str(subject_id)}, not_before=now() + after)


def withdraw(letter: str, subject_id: uuid.UUID) -> None:
    """Take back, in the open transaction, a letter that has not gone out."""
    work.withdraw(KIND, _key(letter, subject_id))


def can_send() -> bool:
    """Whether this installation has a mail server; without one letters wait."""
    return bool(house().settings.mail_url)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest letter about a thing stands: on its way, or given up.  `why` begins with a slug, "" for none."""

    waits: bool
    dead: bool
    why: str


def standing(letter: str, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """How the letters about these things stand, by thing; nothing for those that went out."""
    keys = {_key(letter, each): each for each in ids}
    query = (
        sa.select(Work.natural_key, Work.status, Work.error)
        .where(Work.merchant_id == whose(), Work.kind == KIND, Work.natural_key.in_(keys))
        .order_by(Work.created_at, Work.id)
    )
    # Read in the order of time, so that the newest one decides.
    newest = {row.natural_key: row for row in db.session.execute(query)} if keys else {}
    return {
        keys[key]: Standing(row.status == WorkStatus.OPEN, row.status == WorkStatus.DEAD, row.error)
        for key, row in newest.items()
        if row.status != WorkStatus.DONE
    }


def send(claimed: Claim) -> Outcome:
    """Carry a letter out.  One to several people becomes a row for each, so that no one gets it twice."""
    found = _composed(claimed)
    if not found:
        return None
    if len(found) > 1:
        _share_out(claimed, found)
        return None
    # What was composed is kept before the letter is out: a link that works nowhere would be worse than none.
    held = work.hold(claimed)
    db.session.commit()
    try:
        _hand_in(found[0], held)
    except MailRefused as why:
        return Dead(str(why))
    except MailLater as why:
        return _later(held, str(why))
    return None


def _composed(claimed: Claim) -> list[Letter]:
    """The letters of a row: of one that was shared out, the one whose recipient it names."""
    found = list(_composers[claimed.body["letter"]](uuid.UUID(claimed.body["id"])))
    only = claimed.body.get("only")
    return [each for each in found if only is None or _mark(each) == only]


def _share_out(claimed: Claim, found: Sequence[Letter]) -> None:
    for mark in {_mark(each): each for each in found}:
        key = f"{_key(claimed.body['letter'], uuid.UUID(claimed.body['id']))}:{mark}"
        work.add(KIND, LANE, key, {**claimed.body, "only": mark})


def _mark(letter: Letter) -> str:
    # Work rows are read by the support staff, so they name nobody.
    return hashlib.sha256(letter.to.lower().encode()).hexdigest()[:16]


def _key(letter: str, subject_id: uuid.UUID) -> str:
    return f"{letter}:{subject_id}"


def _hand_in(letter: Letter, claimed: Claim) -> None:
    settings = house().settings
    if not settings.mail_url:
        raise MailLater(NO_SERVER)
    subject, text = house().write(letter.template, letter.locale, letter.time_zone, letter.arguments)
    headers = {
        # The same for every attempt, so that a letter whose receipt got lost is known as one when it comes again.
        "Message-ID": f"<{claimed.id}@{_domain()}>",
        # Answering machines are silent to it (RFC 3834).
        "Auto-Submitted": "auto-generated",
        "Content-Language": letter.locale.replace("_", "-"),
    }
    MailServer.read(settings.mail_url).send(letter.to, sender(), subject, text, headers)


def sender() -> str:
    """Whom letters come from."""
    return house().settings.mail_from or f"Lintas <lintas@{_domain()}>"


def _domain() -> str:
    """The name of this house for mail; an address by number is none."""
    host = urlsplit(house().settings.portal_url).hostname or "localhost"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return "localhost"


def _later(claimed: Claim, why: str) -> Outcome:
    """Another attempt after a while that grows with the age of the letter, up to its end."""
    asked_at = db.session.scalar(sa.select(Work.created_at).where(Work.merchant_id == whose(), Work.id == claimed.id))
    age = now() - (asked_at or now())
    if age > PATIENCE:
        return Dead(why)
    return Again(min(max(SHORTEST_PAUSE, age.total_seconds() / 2), LONGEST_PAUSE), progress=False, why=why)
