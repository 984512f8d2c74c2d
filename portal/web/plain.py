"""The same lists and details as JSON, for scripts that ask with `Accept: application/json`; read-only, same rights."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import current_app, make_response, request
from werkzeug.wrappers import Response

from portal.kit.paging import Count, Slice

HTML, JSON = "text/html", "application/json"


def wants_json() -> bool:
    """Whether the request prefers JSON; a browser, and whoever does not mind, gets the page."""
    return request.accept_mimetypes.best_match([HTML, JSON]) == JSON


def as_json(data: Mapping[str, Any], status: int = 200) -> Response:
    """The data as JSON.  Ids, times, words of enumerations and capped counts may stand in it as they are."""
    answer = make_response(current_app.json.response(_plain(data)), status)
    answer.vary.add("Accept")
    return answer


def list_as_json(page: Slice[Any], items: Iterable[Mapping[str, Any]], count: Count | None = None) -> Response:
    """One page of a list: its items, and the cursors of the pages beside it."""
    data: dict[str, Any] = {"items": list(items), "next": page.after, "previous": page.before}
    if count is not None:
        data["count"] = count
    return as_json(data)


def refused(status: int, request_id: str | None = None) -> Response:
    """A refusal as JSON: its number, a word for it that does not change, and the number that support asks for."""
    word = "sign_in_first" if status == HTTPStatus.UNAUTHORIZED else _word(status)
    return as_json({"error": {"status": status, "code": word, "request": request_id or ""}}, status)


def _word(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    except ValueError:
        return "refused"


def amount(minor: int | None, currency: str) -> dict[str, Any] | None:
    """An amount of money in minor units of its currency, None where there is none."""
    return None if minor is None else {"minor": minor, "currency": currency}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, Count):
        return {"number": value.number, "more": value.more}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
