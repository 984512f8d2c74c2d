"""Settings: My Store, and the language of a person.  And that no link of these pages leads nowhere."""

from __future__ import annotations

import re
from html import unescape

from portal.kit.db import acting_for, db
from portal.models import ConnectionState, User
from tests.cast import Cast
from tests.web.test_stores import connect, post


def test_my_store_tells_the_account_and_adds_sales_channels(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    answer = client.get("/settings")
    assert answer.status_code == 303
    page = client.get(answer.location).text
    for fact in ("Blue Lantern", "English", "CNY", "Shanghai time", "Lantern Shanghai"):
        assert fact in page, fact
    assert "Add New Sales Channel" in page
    assert f'href="/stores/{cast.lantern_store}/channels/add"' in page
    assert "Add New Sales Channel" not in cast.client_of(cast.vera).get("/settings/my-store").text
    assert "Lantern" not in cast.client_of(cast.rex).get("/settings/my-store").text


def test_the_language_is_kept_for_the_person_and_not_for_the_others(cast: Cast) -> None:
    client = cast.client_of(cast.tom)
    page = client.get("/settings/language").text
    assert re.search(r'<input[^>]*checked[^>]*value="en"|<input[^>]*value="en"[^>]*checked', page)
    answer = post(client, "/settings/language", "/language", locale="id", next="/settings/language")
    assert answer.location == "/settings/language"
    assert '<html lang="id"' in client.get("/settings/language").text
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.get_one(User, cast.tom.id).locale == "id"
    assert '<html lang="en-GB"' in cast.client_of(cast.mei).get("/settings/language").text


def test_no_link_of_these_pages_leads_nowhere(cast: Cast) -> None:
    connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.mei)
    store = f"/stores/{cast.lantern_store}"
    pages = ["/", "/stores", store, "/stores/new", f"{store}/channels/add", f"{store}/plugins/add", "/channels"]
    pages += ["/plugins", "/settings/my-store", "/settings/language"]
    links: dict[str, str] = {}
    for page in pages:
        text = client.get(page).text
        for link in re.findall(r'(?:href|hx-get)="(/(?!static/)[^"#]*)', text):
            links.setdefault(unescape(link), page)
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids)), page
        for anchor in re.findall(r'href="#([^"]+)"', text):
            assert anchor in ids, (page, anchor)
    dead = {link: page for link, page in links.items() if client.get(link).status_code >= 400}
    assert not dead
