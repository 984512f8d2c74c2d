"""The environment as typed settings.  A missing, default or weak value stops the start and says how to mend it."""

import base64
import binascii
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from portal.keeping import Keeping
from portal.keeping import read as read_keeping

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("production", "embedded", "test")
# Thirty-two random characters of hexadecimal have at least eight different ones but once in ten million.
FEWEST_CHARACTERS = 8
MAIL_SCHEMES = ("smtp", "smtp+starttls", "smtps")
REDIS_SCHEMES = ("redis", "rediss", "unix")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Whoever guesses the token reads the numbers of every lane.
SHORTEST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Misconfigured(Exception):
    """The environment does not allow a start.  Each line of the text names a variable and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the house needs to know of its surroundings.

    `sealing_keys` are base64 texts of 32 bytes, newest first.  `allowed_hosts` are the remote hosts that a typed
    endpoint may name besides each integration's own.  `proxies` counts the trusted hops in front of the web process.
    `audit_heads` is the file to which the heads of the audit trail are appended, "" where they are not kept outside.
    `paces` are calls a second by integration, where the operator knows better than its declaration.  `keeping` says how
    long what is kept is kept.  `of_remotes` are the variables in which an integration may find what the operator sets
    for all of its connections.
    """

    env: str
    portal_url: str
    secret_key: str = field(repr=False)
    sealing_keys: tuple[str, ...] = field(repr=False)
    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    mail_url: str = field(repr=False, default="")
    mail_from: str = ""
    sandbox_url: str = ""
    metrics_token: str = field(repr=False, default="")
    audit_heads: str = ""
    allowed_hosts: frozenset[str] = frozenset()
    proxies: int = 0
    paces: Mapping[str, float] = field(default_factory=dict)
    keeping: Keeping = field(default_factory=Keeping)
    of_remotes: Mapping[str, str] = field(default_factory=dict, repr=False)
    log_level: str = "INFO"
    quick_hashing: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach the portal over TLS."""
        return self.portal_url.startswith("https://")

    @property
    def demo(self) -> bool:
        """Whether the demo sign-ins exist: only beside a sandbox, never in production."""
        return bool(self.sandbox_url) and self.env != "production"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read the environment.  Raises Misconfigured with every fault at once."""
        said = os.environ if env is None else env
        proxies, of_proxies = _proxies(said.get("PORTAL_PROXIES", ""))
        paces, of_paces = _paces(said.get("PORTAL_PACES", ""))
        keeping, of_keeping = read_keeping(said)
        settings = cls(
            env=said.get("PORTAL_ENV", "production"),
            portal_url=said.get("PORTAL_URL", "").rstrip("/"),
            secret_key=said.get("PORTAL_SECRET_KEY", ""),
            sealing_keys=tuple(said.get("PORTAL_SEALING_KEYS", "").replace(",", " ").split()),
            database_url=_psycopg(said.get("PORTAL_DATABASE_URL", "")),
            owner_database_url=_psycopg(said.get("PORTAL_OWNER_DATABASE_URL", "")),
            redis_url=said.get("PORTAL_REDIS_URL", ""),
            mail_url=said.get("PORTAL_MAIL_URL", ""),
            mail_from=said.get("PORTAL_MAIL_FROM", ""),
            sandbox_url=said.get("PORTAL_SANDBOX_URL", "").rstrip("/"),
            metrics_token=said.get("PORTAL_METRICS_TOKEN", ""),
            audit_heads=said.get("PORTAL_AUDIT_HEADS", ""),
            allowed_hosts=frozenset(said.get("PORTAL_ALLOWED_HOSTS", "").lower().replace(",", " ").split()),
            proxies=proxies,
            paces=paces,
            keeping=keeping,
            of_remotes={name: text for name, text in said.items() if name.startswith("PORTAL_")},
            log_level=(said.get("PORTAL_LOG_LEVEL") or "info").upper(),
        )
        if faults := [*of_proxies, *of_paces, *of_keeping, *settings.faults()]:
            raise Misconfigured("\n".join(faults))
        return settings

    def faults(self) -> list[str]:
        """What forbids a start with these settings; empty when nothing does."""
        found = []
        if self.env not in ENVIRONMENTS:
            found.append(f"PORTAL_ENV: set one of {', '.join(ENVIRONMENTS)}, or leave it unset for production")
        if not _host(self.portal_url):
            found.append(
                "PORTAL_URL: set the address under which browsers reach the portal, e.g. https://lintas.example"
            )
        if len(self.secret_key) < 32 or len(set(self.secret_key)) < FEWEST_CHARACTERS:
            found.append("PORTAL_SECRET_KEY: set at least 32 random characters")
        if not self.sealing_keys or not all(_is_key(each) for each in self.sealing_keys):
            found.append("PORTAL_SEALING_KEYS: set one or more keys of 32 random bytes in base64, newest first")
        found += [f"{name}: set it" for name, value in self._addresses() if not value]
        if self.redis_url and not _is_address(self.redis_url, REDIS_SCHEMES):
            found.append("PORTAL_REDIS_URL: set an address like redis://host:6379/0, rediss://… or unix:///path")
        found += _mail_faults(self.mail_url, self.mail_from)
        if self.metrics_token and len(self.metrics_token) < SHORTEST_TOKEN:
            found.append(f"PORTAL_METRICS_TOKEN: set at least {SHORTEST_TOKEN} random characters, or leave it unset")
        if self.log_level not in LOG_LEVELS:
            found.append(f"PORTAL_LOG_LEVEL: set one of {', '.join(LOG_LEVELS).lower()}, or leave it unset for info")
        if self.env == "production":
            found += self._production_faults()
        return found

    def _addresses(self) -> list[tuple[str, str]]:
        return [("PORTAL_DATABASE_URL", self.database_url), ("PORTAL_REDIS_URL", self.redis_url)]

    def _production_faults(self) -> list[str]:
        found = []
        if not self.secure:
            found.append("PORTAL_URL: production needs an https address")
        if self.sandbox_url:
            found.append("PORTAL_SANDBOX_URL: production runs without the sandbox; unset it")
        return found


def _psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    """Whether a text is an address of one of these schemes, with a port that there is where it names one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _ends_with_its_host(url: str) -> bool:
    parts = urlsplit(url)
    return not (parts.path.strip("/") or parts.query or parts.fragment)


def _mail_faults(url: str, sender: str) -> list[str]:
    """What is wrong with the address of the mail server, and with the one that letters come from."""
    found = []
    scheme, host = url.partition("://")[0], _host(url)
    if url and not (host and _is_address(url, MAIL_SCHEMES) and _ends_with_its_host(url)):
        found.append(
            "PORTAL_MAIL_URL: set an address like smtps://user:password@host:465; it begins with one of "
            f"{', '.join(MAIL_SCHEMES)}, and nothing follows the port"
        )
    elif scheme == "smtp" and "@" in url and host not in LOOPBACK:
        found.append(
            "PORTAL_MAIL_URL: the password would travel in the clear; begin it with smtp+starttls:// or smtps://"
        )
    if sender and not re.fullmatch(r"[^@<>\r\n]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s]+@[^@<>\s]+", sender):
        found.append("PORTAL_MAIL_FROM: set one e-mail address, as in Lintas <lintas@lintas.example>")
    return found


def _proxies(text: str) -> tuple[int, list[str]]:
    """The number, and what is wrong with the text."""
    if not text.strip():
        return 0, []
    if text.strip().isdecimal():
        return int(text), []
    return 0, [f"PORTAL_PROXIES: {text!r} cannot be read; set the number of trusted proxies, or leave it unset for 0"]


def _paces(text: str) -> tuple[dict[str, float], list[str]]:
    """The rates by integration, and what is wrong with the text."""
    found, faults = {}, []
    for each in text.replace(",", " ").split():
        key, _, rate = each.partition("=")
        try:
            found[key] = float(rate)
        except ValueError:
            found[key] = 0.0
        if not key or not 0 < found[key] < math.inf:
            faults.append(f"PORTAL_PACES: {each!r} cannot be read; set calls a second above 0, as in key=20")
    return found, faults


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
