"""The forms and links of a page, as a browser would send and follow them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

SILENT = {"submit", "button", "image", "reset", "file"}


@dataclass
class Form:
    """Where it goes, how, and what it holds; each field with every value that can be chosen."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    def filled(self) -> dict[str, str]:
        """The form as it stands: the first value of each field."""
        return {name: values[0] for name, values in self.fields.items()}


def forms(page: str, html: str) -> list[Form]:
    """The forms of a page, and its links and lists with a query as forms that are asked for."""
    reader = _Reader(page)
    reader.feed(html)
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Form] = []
        self._page = page
        self._open: Form | None = None
        self._by_id: dict[str, Form] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._begin(given)
        elif tag in {"input", "textarea", "button"}:
            shown = given.get("type", "submit" if tag == "button" else "") not in SILENT or given.get("value")
            if given.get("name") and shown:
                self._note(given, given["name"], given.get("value", ""))
            if given.get("formaction"):
                self._note_action(given["formaction"])
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            self._note(given, self._select, given.get("value", ""))
        for name in ("href", "hx-get"):
            self._link(given.get(name, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""

    def _begin(self, given: dict[str, str]) -> None:
        action = given.get("action") or given.get("hx-post") or self._page
        self._open = Form(urljoin(self._page, action), given.get("method", "get").upper())
        self.found.append(self._open)
        if given.get("id"):
            self._by_id[given["id"]] = self._open

    def _note(self, given: dict[str, str], name: str, value: str) -> None:
        form = self._by_id.get(given["form"]) if given.get("form") else self._open
        if form is not None:
            form.fields.setdefault(name, []).append(value)

    def _note_action(self, action: str) -> None:
        if self._open is not None:
            other = Form(urljoin(self._page, action), self._open.method, self._open.fields)
            self.found.append(other)

    def _link(self, target: str) -> None:
        whole = urlsplit(urljoin(self._page, target))
        asked = parse_qsl(whole.query, keep_blank_values=True)
        if target and not whole.netloc and asked:
            self.found.append(Form(whole.path, "GET", {name: [value] for name, value in asked}))
