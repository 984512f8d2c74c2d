"""The demo merchant's browser: what is looked up at the sandbox's control page, and its consent pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx

PATIENCE = 10.0


class Stuck(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass
class Form:
    """A form as a browser sees it: where it goes, what is filled in already, and the first button."""

    action: str = ""
    filled: dict[str, str] = field(default_factory=dict)
    button: tuple[str, str] | None = None


class _Reader(HTMLParser):
    """Finds the first form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form = Form(said.get("action", ""))
        elif self.form is not None and tag == "input" and said.get("name"):
            self.form.filled[said["name"]] = said.get("value", "")
        elif self.form is not None and tag == "button" and self.form.button is None and said.get("name"):
            self.form.button = said["name"], said.get("value", "")


class Browser:
    """Speaks with one sandbox."""

    def __init__(self, sandbox_url: str) -> None:
        self._url = sandbox_url
        self._http = httpx.Client(timeout=PATIENCE, trust_env=False)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def accounts(self) -> list[dict[str, Any]]:
        """The accounts that are ready, each with its merchant and what that merchant types."""
        answer = self._asked("GET", f"{self._url}/control/accounts")
        try:
            found: list[dict[str, Any]] = answer.json()
            complete = all(isinstance(each["types"], dict) and each["merchant"] for each in found)
        except (ValueError, TypeError, KeyError):
            complete = False
        if not complete:
            raise Stuck(
                f"What answers at {self._url} is no sandbox of this version. Stop it and start `make run` again."
            )
        return found

    def register(self, account: Mapping[str, Any], callback: str) -> None:
        """Enter our callback address at the account's app, as a merchant does in the remote's console."""
        if callback in account["callbacks"]:
            return
        said = {"integration": account["integration"], "account": account["name"], "url": callback}
        answer = self._asked("POST", f"{self._url}/control/callback", json=said)
        if answer.status_code != 200:
            raise Stuck(f"The sandbox does not take the callback address {callback}: {answer.text[:200]}")

    def subscribe(self, account: Mapping[str, Any], hook: str) -> None:
        """Enter our address for pushes at the remote, as an operator does in the remote's console."""
        said = {"integration": account["integration"], "account": account["name"], "url": hook, "subscribed": 1}
        answer = self._asked("POST", f"{self._url}/control/hook", json=said)
        if answer.status_code != 200:
            raise Stuck(f"The sandbox does not take the address for pushes: {answer.text[:200]}")

    def control(self, deed: str, account: Mapping[str, Any], **values: Any) -> None:
        """Make the sandbox's world move for one account."""
        said = {"integration": account["integration"], "account": account["name"], **values}
        answer = self._asked("POST", f"{self._url}/control/{deed}", json=said)
        if answer.status_code != 200:
            raise Stuck(f"The sandbox does not do {deed}: {answer.text[:200]}")

    def consent(self, address: str, account: Mapping[str, Any]) -> str:
        """Open a consent page, sign in as this account, allow; the address to which it leads back."""
        page = self._asked("GET", address)
        form = read_form(page.text)
        if page.status_code != 200 or form is None or form.button is None:
            raise Stuck(f"The consent page at {address.partition('?')[0]} shows no form (HTTP {page.status_code}).")
        name, value = form.button
        typed = {"email": account["email"], "password": account["password"]}
        back = self._asked("POST", urljoin(str(page.url), form.action), data={**form.filled, **typed, name: value})
        if not back.is_redirect:
            raise Stuck(f"The consent page does not accept the demo's sign-in (HTTP {back.status_code}).")
        return urljoin(str(back.url), back.headers["Location"])

    def _asked(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, **more)
        except httpx.HTTPError as why:
            raise Stuck(
                f"The sandbox at {self._url} does not answer ({type(why).__name__}). Start `make run`, or "
                "`portal sandbox` in another terminal, and try again."
            ) from None


def read_form(html: str) -> Form | None:
    """The first form of a page, None without one."""
    reader = _Reader()
    reader.feed(html)
    return reader.form
