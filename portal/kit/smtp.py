"""Handing letters to a mail server by SMTP (RFC 5321), and which of its refusals pass by themselves."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from flask import current_app
from flask_mailman import EmailMessage
from flask_mailman.backends.smtp import EmailBackend
from flask_mailman.message import sanitize_address

# By scheme: the port where none is named, and what is done about encryption.
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
SECONDS = 20


class MailLater(Exception):
    """The mail server does not take the letter now: it may later.  The text is a slug and the server's number."""


class MailRefused(Exception):
    """The mail server never takes this letter.  The text is a slug and the server's number."""


class NotAMailServer(ValueError):
    """The text is no address of a mail server."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in: smtp://host, smtp+starttls://user:password@host:587 or smtps://…"""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(repr=False, default="")

    @classmethod
    def read(cls, url: str) -> Self:
        """The server of an address.  Raises NotAMailServer."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NotAMailServer from None
        if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise NotAMailServer
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], user, password)

    def send(self, to: str, sender: str, subject: str, text: str, headers: dict[str, str]) -> None:
        """Hand one letter in.  Raises MailLater or MailRefused."""
        if not is_address(to):
            raise MailRefused("address")
        with self._conversation() as connection:
            EmailMessage(subject, text, sender, [to], headers=headers, connection=connection).send()

    def greet(self) -> None:
        """Sign in and leave again, to see whether letters would be taken.  Raises MailLater."""
        with self._conversation():
            pass

    @contextmanager
    def _conversation(self) -> Iterator["_Checked"]:
        connection = self._connection()
        try:
            with connection:
                yield connection
        except smtplib.SMTPRecipientsRefused as why:
            raise _of_code("recipient", next(iter(why.recipients.values()))[0]) from None
        except smtplib.SMTPAuthenticationError as why:
            # That says nothing about the letter: whoever looks after the house mends the password.
            raise MailLater(f"sign_in {why.smtp_code}") from None
        except smtplib.SMTPSenderRefused as why:
            raise _of_code("sender", why.smtp_code) from None
        except smtplib.SMTPDataError as why:
            raise _of_code("letter", why.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise MailLater("no_starttls") from None
        except (smtplib.SMTPException, OSError) as why:
            raise MailLater(f"no_answer {type(why).__name__}") from None

    def _connection(self) -> "_Checked":
        return _Checked(
            mailman=current_app.extensions["mailman"],
            host=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.scheme == "smtp+starttls",
            use_ssl=self.scheme == "smtps",
            timeout=SECONDS,
        )


def is_address(text: str) -> bool:
    """Whether letters can be addressed so: of a name beyond ASCII, each part has a form that mail servers know."""
    try:
        sanitize_address(text, "utf-8")
    except ValueError:
        return False
    return True


def _of_code(what: str, code: int) -> MailLater | MailRefused:
    """Of the server's numbers those of 500 and more are final (RFC 5321 §4.2.1)."""
    return (MailRefused if code >= 500 else MailLater)(f"{what} {code}")


class _Upgraded(smtplib.SMTP):
    """A conversation that becomes an encrypted one only with a server whose certificate is good."""

    def starttls(self, *, context: ssl.SSLContext | None = None) -> Any:  # type: ignore[override]
        """Without a context the library would take any certificate."""
        return super().starttls(context=context or ssl.create_default_context())


class _Checked(EmailBackend):  # type: ignore[misc]  # The library carries no types.
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return smtplib.SMTP_SSL if self.use_ssl else _Upgraded
