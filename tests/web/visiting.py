"""Support staff at work as a merchant, as tests go about it: a browser of sam's that begins, asks and acts."""

from __future__ import annotations

import re
import uuid

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.kit.db import acting_for, db
from portal.models import Merchant, SupportConsent, SupportSession
from tests.cast import Cast, csrf

TOKEN = re.compile(r"X-CSRFToken&#34;: &#34;([^&]+)&#34;|\"X-CSRFToken\": \"([^\"]+)\"")
WHY = "The cap of one listing is wrong"


def view_as(cast: Cast, **said: str) -> FlaskClient:
    """A browser in which sam looks as mei."""
    client = cast.client_of(cast.sam)
    answer = begin(client, cast, **said)
    assert answer.status_code == 303, answer.text
    return client


def begin(client: FlaskClient, cast: Cast, merchant: uuid.UUID | None = None, **said: str) -> TestResponse:
    """Send the form that begins a visit of Blue Lantern, or of another merchant."""
    address = f"/support/merchants/{merchant or cast.lantern}/view-as"
    form = {"whom": str(cast.mei.id), "reason": "connection", "ticket": "4812", **said}
    return client.post(address, data={**form, "csrf_token": token_of(client)})


def token_of(client: FlaskClient, page: str = "/support/over") -> str:
    """The token that the frame of a page carries for htmx."""
    found = TOKEN.search(client.get(page).text)
    assert found, page
    return found[1] or found[2]


def send(client: FlaskClient, address: str, **form: str) -> TestResponse:
    """Send a form with the token that this browser's pages carry."""
    return client.post(address, data={**form, "csrf_token": token_of(client)})


def acting(cast: Cast, **said: str) -> FlaskClient:
    """A browser in which sam acts as mei, who allowed it."""
    client = view_as(cast, **said)
    assert send(client, "/support/ask", why=WHY).status_code == 303
    mei = cast.client_of(cast.mei)
    answer = mei.post(f"/settings/support/{the_visit(cast).id}/allow", data={"csrf_token": csrf(mei, "/stores/new")})
    assert answer.status_code == 303, answer.text
    assert send(client, "/support/act").status_code == 303
    return client


def the_visit(cast: Cast) -> SupportSession:
    """The newest visit of Blue Lantern."""
    with cast.app.app_context(), acting_for(cast.lantern):
        found = db.session.scalars(
            sa.select(SupportSession).order_by(SupportSession.started_at.desc(), SupportSession.id.desc())
        ).first()
        assert found is not None, "somebody began"
        db.session.expunge(found)
        return found


def change_visit(cast: Cast, **values: object) -> None:
    """Write into the visits of Blue Lantern, such as a time that has passed."""
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(SupportSession).values(**values))
        db.session.commit()


def consent(cast: Cast, setting: SupportConsent) -> None:
    """What Blue Lantern asks of support staff."""
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.update(Merchant).values(support_consent=setting))
        db.session.commit()


def cookie(client: FlaskClient, name: str) -> str:
    """The value of a cookie of this browser, "" where it has none."""
    found = client.get_cookie(name)
    return found.value if found else ""
