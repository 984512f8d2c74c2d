"""Answers: a page, or the one block of it that htmx asked for; and where to go next.

All reading of htmx headers is here, so that a later htmx concerns this file only.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, cast
from urllib.parse import urlsplit

from flask import (
    Flask,
    current_app,
    flash,
    get_flashed_messages,
    make_response,
    redirect,
    render_template,
    url_for,
)
from htmx_flask import Htmx, request
from jinja2_fragments.flask import render_block
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as AnyResponse

from portal.web import headers, words

PARTS = ("parts/ui.html", "parts/lists.html", "parts/fields.html", "parts/errors.html", "parts/connections.html")


def show(
    template: str,
    *blocks: str,
    also: Sequence[str] = (),
    status: int | None = None,
    **context: Any,
) -> AnyResponse:
    """The page; or, when htmx asks for an element that this view names, that block of the page.

    The id of the element is the name of the block; inside a list it is the name, a hyphen and
    the key of the row. Only what the view names can be asked for, so nobody can fish for blocks.
    `also` names blocks that are sent along to be swapped out of band. In every block that is sent
    alone, `fragment` is true.
    """
    alone = asks_for(*blocks)
    if alone:
        parts = [render_block(template, name, fragment=True, **context) for name in (_block_asked_for(), *also)]
        html = "".join(parts) + _messages()
    else:
        html = render_template(template, fragment=False, **context)
    form = context.get("form")
    refused = form is not None and form.errors
    answer = make_response(html, status or (422 if refused else 200))
    if request.htmx and not alone and not _wants_page():
        # A whole page must never land inside the element that asked.
        answer.headers["HX-Retarget"] = "body"
        answer.headers["HX-Reswap"] = "innerHTML"
    answer.vary.update(("HX-Request", "HX-Target"))
    return answer


def go(endpoint: str, say: str | None = None, kind: str = "ok", **values: Any) -> AnyResponse:
    """The way on after a change: 303 to the page, which shows `say` once.

    htmx follows a redirect and would swap another page into the form, so it is sent back only to
    the page on which it stands, and told to load any other.
    """
    if say:
        flash(say, kind)
    url = url_for(endpoint, **values)
    if request.htmx and urlsplit(url).path != path_of_page():
        return hx(redirect_to=url)
    return redirect(url, 303)


def hx(
    body: str = "",
    *,
    status: int = 200,
    redirect_to: str | None = None,
    refresh: bool = False,
    trigger: str | Mapping[str, Any] | None = None,
    retarget: str | None = None,
    reswap: str | None = None,
    push_url: str | None = None,
) -> AnyResponse:
    """An answer that tells htmx what to do beyond the swap."""
    answer = make_response(body, status)
    wishes = {
        "HX-Redirect": redirect_to,
        "HX-Refresh": "true" if refresh else None,
        # Headers are Latin-1, so everything else is escaped.
        "HX-Trigger": trigger if isinstance(trigger, str) or trigger is None else json.dumps(trigger),
        "HX-Retarget": retarget,
        "HX-Reswap": reswap,
        "HX-Push-Url": push_url,
    }
    answer.headers.extend({name: wish for name, wish in wishes.items() if wish is not None})
    answer.vary.update(("HX-Request", "HX-Target"))
    return answer


def is_hx() -> bool:
    """Whether htmx asks for a part of a page."""
    return bool(request.htmx) and not _wants_page()


def asks_for(*blocks: str) -> bool:
    """Whether htmx asks for one of these blocks; a view that knows no more than they show asks this, not `is_hx`."""
    return is_hx() and _block_asked_for() in blocks


def path_of_page() -> str:
    """The path of the page on which htmx stands, "" where that cannot be told."""
    try:
        return urlsplit(request.htmx.current_url or "").path
    except ValueError:
        return ""


def asks_by_itself() -> bool:
    """Whether a block asks for its news again, without anybody having clicked (static/app.js says so)."""
    return request.headers.get("X-By-Itself") == "1"


def toast(title: str, text: str = "", kind: str = "info") -> None:
    """A message about background work, at the corner of this answer or of the next page."""
    flash(cast("str", {"title": str(title), "text": str(text), "kind": kind}), "toast")


def show_error(status: int, request_id: str | None = None, **context: Any) -> AnyResponse:
    """What happened, what of the work is safe, what to do.

    A page that htmx asked for in vain replaces the page (403, 404); every other error leaves what
    was typed where it is and speaks through a toast.
    """
    if is_hx() and status not in (403, 404):
        ui = Macros()
        text = f"{ui.error_text(status)} {ui.error_todo(status)}"
        number = f" {request_id}" if request_id and status >= 500 else ""
        message = {"kind": "bad", "title": _plain(ui.error_title(status)), "text": _plain(text) + number}
        return hx(status=status, trigger={"toast": message})
    return show("error.html", status=status, code=status, request_id=request_id, **context)


def sign_in_again(login_url: str) -> AnyResponse:
    """The session is over: a page redirects, a fragment must not receive the sign-in form."""
    return hx(status=401, redirect_to=login_url) if is_hx() else redirect(login_url, 303)


def nav_url(endpoint: str, **values: Any) -> str | None:
    """The address of a page, or nothing while this installation does not have it."""
    if endpoint not in current_app.view_functions:
        return None
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None


def dress(app: Flask) -> None:
    """Give the templates what they lean on: macros, filters, addresses, `request.htmx`."""
    if "htmx" not in app.extensions:
        Htmx(app)
    words.install_filters(app)
    app.jinja_env.globals.update(
        ui=Macros(),
        nav_url=nav_url,
        static_url=headers.static_url,
        languages=words.LANGUAGES,
        one_time_mark=one_time_mark,
    )


def one_time_mark() -> str:
    """A mark for one drawing of one form, by which `portal.web.once` knows a sending again; nothing is kept of it."""
    return secrets.token_urlsafe(16)


class Macros:
    """The global `ui`: a block rendered alone does not run its template's imports.

    Looked up on use, because a macro keeps the globals that were there when its file was loaded.
    """

    def __getattr__(self, name: str) -> Any:
        for part in PARTS:
            macro = getattr(current_app.jinja_env.get_template(part).module, name, None)
            if macro is not None:
                return macro
        raise AttributeError(name)


def _block_asked_for() -> str:
    return str(request.htmx.target or "").partition("-")[0]


def _plain(text: str) -> str:
    return unescape(str(text)).strip()


def _wants_page() -> bool:
    return bool(request.htmx.boosted or request.htmx.history_restore_request)


def _messages() -> str:
    """Messages that wait for a page travel with the fragment, to the places the page keeps for them."""
    messages = get_flashed_messages(with_categories=True)
    if not messages:
        return ""
    ui = Macros()
    return f"{ui.said(messages, fragment=True)}{ui.toasts(messages, fragment=True)}"
