"""Signing in and out."""

import pytest

from portal.flows import people
from portal.models import Role
from tests.cast import PASSWORD, Cast, csrf


def test_the_right_password_opens_a_session_and_signing_out_ends_it_on_the_server(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    cookie = client.get_cookie("sid")
    assert cookie is not None
    assert cookie.http_only
    assert client.get("/login").status_code == 303
    answer = client.post("/logout", data={"csrf_token": csrf(client, "/stores/new")})
    assert answer.status_code == 303
    client.set_cookie("sid", cookie.value)
    assert client.get("/stores").status_code == 303, "the old cookie opens nothing any more"


def test_a_wrong_password_and_an_unknown_address_answer_the_same(cast: Cast) -> None:
    client = cast.client_of(None)
    token = csrf(client, "/login")
    answers = [
        client.post("/login", data={"email": email, "password": "not the password", "csrf_token": token})
        for email in (cast.mei.email, "nobody@example.com")
    ]
    assert [each.status_code for each in answers] == [422, 422]
    texts = [each.text.replace(cast.mei.email, "@").replace("nobody@example.com", "@") for each in answers]
    assert texts[0] == texts[1]
    assert "do not belong together" in texts[0]


OF_OTHERS = (
    "//evil.example",
    "https://evil.example/",
    "/\\evil",
    "/\t/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    "/ /evil.example",
    "/a\\evil",
    "///evil.example",
    "//[evil",
    "",
)


def test_the_way_back_leads_only_to_our_own_pages(cast: Cast) -> None:
    ours = [("/stores", "/stores")]
    others = [(each, "/") for each in OF_OTHERS]
    for wanted, landed in ours + others:
        client = cast.client_of(None)
        token = csrf(client, "/login")
        answer = client.post(
            "/login",
            query_string={"next": wanted},
            data={"email": cast.mei.email, "password": PASSWORD, "csrf_token": token},
        )
        assert answer.status_code == 303
        assert answer.location == landed


@pytest.mark.parametrize("wanted", OF_OTHERS)
def test_choosing_a_language_leads_only_to_our_own_pages(cast: Cast, wanted: str) -> None:
    client = cast.client_of(cast.mei)
    token = csrf(client, "/stores/new")
    answer = client.post("/language", data={"locale": "en", "next": wanted, "csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_password_is_what_was_typed_white_space_included(cast: Cast) -> None:
    password = "  two spaces on each side  "
    with cast.app.app_context():
        ann = people.create_user("ann@example.com", "Ann", password)
        people.join(cast.lantern, ann, Role.VIEWER)
    for typed, status in ((password.strip(), 422), (password, 303)):
        client = cast.client_of(None)
        form = {"email": " ann@example.com ", "password": typed, "csrf_token": csrf(client, "/login")}
        assert client.post("/login", data=form).status_code == status


def test_a_form_without_its_token_or_from_another_site_is_refused(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    assert client.post("/logout").status_code == 400
    token = csrf(client, "/stores/new")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post("/logout", data={"csrf_token": token}, headers=headers).status_code == 403
    assert client.get("/stores").status_code == 200, "the session goes on"
