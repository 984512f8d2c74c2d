"""A form that is sent twice has one effect, and both sendings get the same answer.

Every form that is drawn carries a one-time mark, a random value that nothing is kept of.  The first sending of a mark
is worked on; another one of the same form by the same person, at the same moment or later, waits for the first and gets
its answer: page or redirect, cookies, and what the next page says.  What the form holds belongs to the mark: whoever
goes back in the browser and sends other values sends another form.  The mark proves nothing; the token against forged
forms stands beside it.

The marks are looked at before the door, for the first sending may close it: whoever signs a browser out, or stops work
as a merchant, and presses twice, gets one answer.
"""

import hashlib
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator

from flask import Flask, flash, g, redirect, request, session
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from portal.flows import sent_forms
from portal.flows.sent_forms import Sending
from portal.kit import log
from portal.web import doors, machines, show, ways
from portal.web.requests import SAFE

FIELD = "once"
# Each sending tries a password or a code anew, and each is counted.
FOR_ITSELF = {"people.login", "people.second_step"}
# Seconds.  A call to a remote ends before that; a browser is asked to come back for anything longer.
PATIENCE = 12.0
# Seconds.  So soon after the first sending another one is the same press of the button; later it is a press of its own,
# which the door must let pass.
SAME_PRESS = 60.0
LOOK_EVERY = 0.05
# Bytes of an answer that are kept; no form is answered with more than a long page.
MOST_KEPT = 512 * 1024
# Where Flask keeps what the next page says.
SAID = "_flashes"

say = log.logger(__name__)


def watch(app: Flask) -> None:
    """Look at every sending before the doors do; what they refuse or lead elsewhere uses up no mark."""
    app.before_request(_claim)
    app.after_request(_keep)


def _claim() -> Response | None:
    mark = request.form.get(FIELD, "") if _counts() else ""
    if not mark:
        return None
    sending = Sending.of(_parts(mark))
    if not sent_forms.claim(sending) and (answer := _wait(sending)) is not None:
        return answer
    g.sending = sending
    return None


def _counts() -> bool:
    endpoint = request.endpoint
    return request.method not in SAFE and endpoint is not None and endpoint not in FOR_ITSELF and not machines.calls()


def _parts(mark: str) -> Iterator[str | bytes]:
    """What makes a sending the same: the browser's session, the mark, where to, and every value."""
    yield doors.token() or session.get("csrf_token", "")
    yield mark
    yield f"{request.method} {request.full_path}"
    for name, value in sorted(request.form.items(multi=True)):
        if name not in {FIELD, "csrf_token"}:
            yield name
            yield value
    for name, file in sorted(request.files.items(multi=True), key=lambda pair: pair[0]):
        yield f"{name} {file.filename}"
        yield hashlib.sha256(file.stream.read()).digest()
        file.stream.seek(0)


def _wait(sending: Sending) -> Response | None:
    """The answer of the first sending; None where that came to nothing, so that this one is the first now."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if (kept := sent_forms.answer_of(sending)) is not None:
            return _again(kept)
        if sent_forms.claim(sending):
            return None
        time.sleep(LOOK_EVERY)
    flash(_("This was sent before and is still being worked on. Reload the page in a moment to see what came of it."))
    return _back()


def _again(kept: bytes) -> Response:
    """The answer of the first sending, once more."""
    first = json.loads(kept)
    if time.time() - first["at"] > SAME_PRESS and _is_out():
        return _back()
    if first["said"]:
        session[SAID] = first["said"]
    if first["body"] is None or first["asked"] != _asked():
        return _back()
    return Response(b64decode(first["body"]), first["status"], first["headers"])


def _is_out() -> bool:
    """Whether the session in which the form was sent is over."""
    doors.recognise()
    return bool(doors.token()) and g.signed_in is None


def _back() -> Response:
    """To the page with the form, which shows what came of it."""
    return show.hx(refresh=True) if show.is_hx() else redirect(ways.came_from(), 303)


def _keep(answer: Response) -> Response:
    sending: Sending | None = g.pop("sending", None)
    if sending is None:
        return answer
    try:
        if answer.status_code >= 400 or not g.get("let_in", False):
            sent_forms.release(sending)
        else:
            sent_forms.answered(sending, _whole(answer))
    except SQLAlchemyError:
        # What was asked for is done, and says so; the mark opens by itself.
        say.exception("the answer to a form was not kept", endpoint=request.endpoint)
    return answer


def _whole(answer: Response) -> bytes:
    """The answer with all that belongs to it; its body is left out where it is a stream or very long."""
    short = not answer.is_streamed and len(answer.get_data()) <= MOST_KEPT
    return json.dumps(
        {
            "status": answer.status_code,
            "headers": list(answer.headers),
            "body": b64encode(answer.get_data()).decode() if short else None,
            "said": session.get(SAID),
            "at": time.time(),
            "asked": _asked(),
        }
    ).encode()


def _asked() -> list[str]:
    """What an answer is made for: a page, an element of one, or data."""
    return [request.headers.get(name, "") for name in ("HX-Request", "HX-Target", "Accept")]
