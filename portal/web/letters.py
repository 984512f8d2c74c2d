"""Letters in words: a text template, in the language and the time zone of whoever gets it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, g, url_for

from portal.flows.house import house

# What a template needs beyond what its flow knows, found by its name when the letter is written.
Completer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_completers: dict[str, Completer] = {}


def completes(template: str) -> Callable[[Completer], Completer]:
    """Declare who finds what a template needs beyond its arguments: sentences that other pages say too."""

    def declare(completer: Completer) -> Completer:
        _completers[template] = completer
        return completer

    return declare


def written(template: str, locale: str, time_zone: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The subject and the text of a letter: the first line of its template, and what follows.

    No request is under way where letters are written, so it gets a context of its own, in which links are made for the
    address of the portal.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    portal = house().settings.portal_url
    context = app.app_context()
    context.url_adapter = app.url_map.bind(urlsplit(portal).netloc, url_scheme=urlsplit(portal).scheme)
    with context:
        g.signed_in, g.locale, g.own_zone = None, locale, time_zone
        named = {**arguments, **_completers.get(template, dict)(arguments)}
        page = app.jinja_env.get_template(f"mail/{template}.txt")
        subject, _, text = page.render(link=_link, portal=portal, **named).partition("\n")
    return " ".join(subject.split()), text.strip() + "\n"


def _link(endpoint: str, **values: Any) -> str:
    """The whole address of a page."""
    return url_for(endpoint, _external=True, **values)
