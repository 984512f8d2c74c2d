"""The forms of a page as a browser knows them: where they go, what they hold, and by which button they are sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urljoin

VOID_TYPES = {"submit", "button", "reset", "image"}
UNTICKED = "unticked"


@dataclass(frozen=True)
class Button:
    """A way to send a form; its name and value travel along."""

    name: str = ""
    value: str = ""
    action: str = ""


@dataclass
class Form:
    """A form that posts.  `fields` are (name, value, kind), in the order of the page."""

    action: str
    id: str = ""
    many_parts: bool = False
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def sendings(self) -> list[tuple[Button, str]]:
        """Each button with where it sends the form; a form without one cannot be sent."""
        return [(each, each.action or self.action) for each in self.buttons]


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.forms: list[Form] = []
        self._strays: list[tuple[str, Form]] = []
        self._now: Form | None = None
        self._select: tuple[Form, str, list[tuple[str, bool]]] | None = None
        self._area: tuple[Form, str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value if value is not None else "" for name, value in attrs}
        if tag == "form":
            posts = said.get("method", "").lower() == "post"
            action = urljoin(self._page, said.get("action") or self._page)
            self._now = Form(action, said.get("id", ""), "multipart" in said.get("enctype", "")) if posts else None
            if self._now:
                self.forms.append(self._now)
            return
        if tag not in {"input", "select", "textarea", "button", "option"}:
            return
        if tag == "option" and self._select:
            self._select[2].append((said.get("value", ""), "selected" in said))
            return
        form = self._owner(said)
        if form is not None and "disabled" not in said:
            self._take(tag, said, form)

    def _owner(self, said: dict[str, str]) -> Form | None:
        """The form around, or the one that an element names; that one may stand further down."""
        if "form" not in said:
            return self._now
        aside = Form("")
        self._strays.append((said["form"], aside))
        return aside

    def _take(self, tag: str, said: dict[str, str], form: Form) -> None:
        name, kind = said.get("name", ""), said.get("type", "submit" if tag == "button" else "text")
        if tag == "button" or (tag == "input" and kind in VOID_TYPES):
            if kind == "submit":
                goes = said.get("hx-post") or said.get("formaction") or ""
                form.buttons.append(Button(name, said.get("value", ""), urljoin(self._page, goes) if goes else ""))
        elif tag == "select":
            self._select = (form, name, [])
        elif tag == "textarea":
            self._area = (form, name, [])
        elif kind in {"checkbox", "radio"}:
            form.fields.append((name, said.get("value", "on"), kind if "checked" in said else UNTICKED))
        elif name:
            form.fields.append((name, said.get("value", ""), kind))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[2].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._now = None
        elif tag == "select" and self._select:
            form, name, options = self._select
            chosen = next(
                (value for value, selected in options if selected), next((value for value, _ in options if value), "")
            )
            form.fields.append((name, chosen, "select"))
            self._select = None
        elif tag == "textarea" and self._area:
            form, name, words = self._area
            form.fields.append((name, "".join(words).strip(), "textarea"))
            self._area = None

    def whole(self) -> list[Form]:
        known = {each.id: each for each in self.forms if each.id}
        for owner, aside in self._strays:
            if owner in known:
                known[owner].fields.extend(aside.fields)
                known[owner].buttons.extend(aside.buttons)
        return [replace(each) for each in self.forms]


def forms(page: str, text: str) -> list[Form]:
    """The forms of a page that post; `page` is its address."""
    reader = _Reader(page)
    reader.feed(text)
    reader.close()
    return reader.whole()
