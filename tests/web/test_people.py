"""Signing in and out."""

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


def test_the_way_back_leads_only_to_our_own_pages(cast: Cast) -> None:
    ours = [("/stores", "/stores")]
    others = [(each, "/") for each in ("//evil.example", "https://evil.example/", "/\\evil")]
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


def test_a_form_without_its_token_or_from_another_site_is_refused(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    assert client.post("/logout").status_code == 400
    token = csrf(client, "/stores/new")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post("/logout", data={"csrf_token": token}, headers=headers).status_code == 403
    assert client.get("/stores").status_code == 200, "the session goes on"
