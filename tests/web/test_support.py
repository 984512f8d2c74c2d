"""Support staff at work as a merchant: the faults that others made, each as a test, and what the merchant sees."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import (
    AuditNote,
    LoginSession,
    Membership,
    Role,
    SupportConsent,
    SupportEnd,
    SupportMode,
    User,
)
from tests.cast import Cast, csrf
from tests.web.visiting import (
    acting,
    begin,
    change_visit,
    consent,
    cookie,
    send,
    the_visit,
    view_as,
)


def change_user(cast: Cast, user_id: object, **values: object) -> None:
    with cast.app.app_context():
        db.session.execute(sa.update(User).where(User.id == user_id).values(**values))
        db.session.commit()


def how_it_ended(cast: Cast) -> SupportEnd | None:
    return the_visit(cast).end


# --- the start --------------------------------------------------------------------------------------------------------


def test_an_agent_begins_with_a_reason_and_a_ticket_and_looks_as_the_first_owner(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    form = sam.get(f"/support/merchants/{cast.lantern}/view-as").text
    choices = re.findall(r"<option[^>]*value=\"([0-9a-f-]{36})\"", form)
    assert choices == [str(cast.mei.id), str(cast.tom.id), str(cast.vera.id)], "active members, the owner first"
    for said, wrong in (({"ticket": " "}, "ticket"), ({"reason": "other"}, "other reason"), ({"reason": "x"}, "list")):
        answer = begin(sam, cast, **said)
        assert answer.status_code == 422, said
        assert wrong in answer.text, said
    assert begin(sam, cast).location == "/"
    page = sam.get("/").text
    assert "Blue Lantern" in page
    assert "Mei Lin" in page
    assert "4812" in page
    visit = the_visit(cast)
    assert (visit.mode, visit.agent_name, visit.whom_name, visit.role) == (
        SupportMode.VIEW,
        "Sam Staff",
        "Mei Lin",
        Role.OWNER,
    )
    assert timedelta(minutes=29) < visit.ends_at - now() <= timedelta(minutes=30)


def test_only_staff_with_the_right_begin_and_an_unknown_merchant_is_not_there(cast: Cast) -> None:
    address = f"/support/merchants/{cast.lantern}/view-as"
    assert cast.client_of(cast.rex).get(address).status_code in {403, 404}
    sam = cast.client_of(cast.sam)
    assert sam.get("/support/merchants/01890000-0000-7000-8000-00000000dead/view-as").status_code == 404
    change_user(cast, cast.sam.id, may_view_as=False)
    assert sam.get(address).status_code == 403
    assert begin(sam, cast).status_code == 403


def test_staff_take_over_neither_staff_nor_the_disabled_nor_anothers_people(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    change_user(cast, cast.tom.id, disabled_at=now())
    change_user(cast, cast.vera.id, is_staff=True)
    for whom in (cast.tom, cast.vera, cast.sam, cast.rex):
        assert begin(sam, cast, whom=str(whom.id)).status_code == 422, whom.name
    page = sam.get(f"/support/merchants/{cast.lantern}/view-as").text
    assert "Tom Ellis" not in page
    assert "Vera Novak" not in page


def test_the_start_asks_for_fresh_proof(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    with cast.app.app_context():
        db.session.execute(sa.update(LoginSession).values(fresh_at=now() - timedelta(hours=1)))
        db.session.commit()
    answer = sam.get(f"/support/merchants/{cast.lantern}/view-as")
    assert answer.status_code == 303
    assert answer.location.startswith("/confirm")


def test_both_tokens_are_new_at_the_start_and_at_the_end(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    first = cookie(sam, "sid")
    begin(sam, cast)
    second, visit = cookie(sam, "sid"), cookie(sam, "acting")
    assert first != second
    assert visit
    send(sam, "/support/stop")
    assert cookie(sam, "sid") not in {first, second}
    assert cookie(sam, "acting") == ""
    assert sam.get("/support/merchants/" + str(cast.lantern) + "/view-as").status_code == 200, "still signed in"
    sam.set_cookie("acting", visit)
    assert "Mei Lin" not in sam.get("/").text, "the token of a visit that is over opens nothing"
    for old in (first, second):
        sam.delete_cookie("acting")
        sam.set_cookie("sid", old)
        assert sam.get("/").location.startswith("/login"), "nor does a token of before"


# --- faults of others -------------------------------------------------------------------------------------------------


def test_the_right_that_is_taken_during_a_visit_ends_it_and_stop_still_works(cast: Cast) -> None:
    """GitLab 20388: the right was taken, the visit went on, and stopping it gave 404."""
    sam = view_as(cast)
    change_user(cast, cast.sam.id, may_view_as=False)
    answer = sam.get("/stores")
    assert answer.status_code == 303
    assert answer.location == "/support/over?why=right"
    assert "Your right to work as this merchant ended" in sam.get(answer.location).text
    assert how_it_ended(cast) is SupportEnd.RIGHT
    assert send(sam, "/support/stop").status_code == 303
    assert sam.get("/stores").status_code in {403, 404}


def test_from_inside_a_visit_no_other_begins_neither_with_a_member_nor_elsewhere(cast: Cast) -> None:
    """GitLab 196028: from A's place over B's back into A's, which left an unrecorded visit."""
    for begun in (view_as, acting):
        sam = begun(cast)
        for merchant in (cast.lantern, cast.rival):
            assert sam.get(f"/support/merchants/{merchant}/view-as").status_code == 403
            assert begin(sam, cast, merchant).status_code == 403
        assert "press Stop above" in sam.get(f"/support/merchants/{cast.rival}/view-as").text
        send(sam, "/support/stop")


def test_one_visit_per_agent_the_second_is_refused_with_a_way_to_stop_the_first(cast: Cast) -> None:
    view_as(cast)
    elsewhere = cast.client_of(cast.sam)
    answer = begin(elsewhere, cast, cast.rival, whom=str(cast.rex.id))
    assert answer.status_code == 422
    assert 'action="/support/stop"' in answer.text
    assert send(elsewhere, "/support/stop").status_code == 303
    assert how_it_ended(cast) is SupportEnd.STOPPED
    assert begin(elsewhere, cast, cast.rival, whom=str(cast.rex.id)).status_code == 303


def test_every_change_names_the_agent_beside_the_member(cast: Cast) -> None:
    """GitLab 8691 and 536, Nextcloud 131, ownCloud 13: the trail named the one who was impersonated, alone."""
    sam = acting(cast)
    answer = send(sam, f"/stores/{cast.lantern_store}", name="Kiosk", currency="CNY", time_zone="Asia/Shanghai")
    assert answer.status_code == 303, answer.text
    visit = the_visit(cast)
    with cast.app.app_context(), acting_for(cast.lantern):
        note = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "store_changed")).one()
        assert (note.who, note.user_id, note.as_whom, note.support_id, note.reason) == (
            "Sam Staff",
            cast.sam.id,
            "Mei Lin",
            visit.id,
            "connection 4812",
        )
        inside = db.session.scalars(sa.select(AuditNote).where(AuditNote.support_id == visit.id)).all()
        assert {each.what for each in inside} >= {"support_started", "support_asked", "support_acted", "store_changed"}
        assert all(each.who == "Sam Staff" and each.as_whom == "Mei Lin" for each in inside)


def test_a_copied_token_opens_nothing_without_the_agents_own_browser_and_ends(cast: Cast) -> None:
    """agenticos 943: a token that was copied could be used by anybody, and nothing ended it."""
    sam = view_as(cast)
    stranger = cast.app.test_client()
    stranger.set_cookie("acting", cookie(sam, "acting"))
    assert "Blue Lantern" not in stranger.get("/stores").text
    assert how_it_ended(cast) is SupportEnd.RIGHT, "whoever shows it elsewhere ends it"
    assert sam.get("/stores").location == "/support/over?why=right"


def test_the_screen_shows_as_whom_and_not_the_agents_own_place(cast: Cast) -> None:
    """objectui 4467: the menu went on showing the administrator."""
    sam = view_as(cast)
    page = sam.get("/stores").text
    nav = page[page.index('<nav class="nav"') : page.index("</nav>", page.index("nav-foot"))]
    assert "Mei Lin" in nav
    assert "Sam Staff" not in nav
    assert "/support/" not in nav
    assert "Sam Staff views as" in " ".join(page.split())


def test_an_answer_that_comes_late_does_not_take_the_token_that_was_given_meanwhile(cast: Cast) -> None:
    """A page that asks for itself again was on its way with the old token while the agent began to act."""
    consent(cast, SupportConsent.ALWAYS)
    sam = view_as(cast)
    old = cookie(sam, "acting")
    assert send(sam, "/support/act").status_code == 303
    late = cast.app.test_client()
    late.set_cookie("sid", cookie(sam, "sid"))
    late.set_cookie("acting", old)
    answer = late.get("/orders/new-ones", headers={"HX-Request": "true", "HX-Target": "orders_news"})
    assert "Blue Lantern" not in answer.text
    assert not [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("acting=")]
    assert sam.get("/stores").status_code == 200, "the visit goes on"


# --- what ends it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        ("disabled", "right"),
        ("not_staff", "right"),
        ("signed_out", "right"),
        ("member_left", "right"),
        ("member_disabled", "right"),
        ("time", "time"),
        ("merchant", "merchant"),
        ("never", "consent"),
    ],
)
def test_what_a_visit_stands_on_is_looked_at_on_every_request(cast: Cast, cut: str, why: str) -> None:
    whom = cast.tom if cut.startswith("member") else cast.mei
    sam = acting(cast, whom=str(whom.id))
    assert sam.get("/stores").status_code == 200
    match cut:
        case "disabled":
            change_user(cast, cast.sam.id, disabled_at=now())
        case "not_staff":
            change_user(cast, cast.sam.id, is_staff=False, may_view_as=False)
        case "signed_out":
            with cast.app.app_context():
                db.session.execute(sa.delete(LoginSession).where(LoginSession.user_id == cast.sam.id))
                db.session.commit()
        case "member_left":
            with cast.app.app_context(), acting_for(cast.lantern):
                db.session.execute(sa.delete(Membership).where(Membership.user_id == whom.id))
                db.session.commit()
        case "member_disabled":
            change_user(cast, whom.id, disabled_at=now())
        case "time":
            change_visit(cast, ends_at=now() - timedelta(seconds=1))
        case "merchant":
            tom = cast.client_of(cast.tom)
            end = f"/settings/support/{the_visit(cast).id}/end"
            assert tom.post(end, data={"csrf_token": csrf(tom, "/stores/new")}).status_code == 303
        case "never":
            consent(cast, SupportConsent.NEVER)
    answer = sam.get("/stores")
    assert answer.status_code == 303
    assert answer.location == f"/support/over?why={why}"
    assert how_it_ended(cast) == why
    assert 'href="/support"' in sam.get(answer.location).text or "/login" in sam.get(answer.location).text
    assert "Lantern Shanghai" not in sam.get("/stores", follow_redirects=True).text


def test_a_part_of_a_page_is_sent_away_whole_and_json_is_refused(cast: Cast) -> None:
    sam = view_as(cast)
    change_visit(cast, ends_at=now() - timedelta(seconds=1))
    assert sam.get("/stores", headers={"Accept": "application/json"}).status_code == 403
    sam = view_as(cast)
    change_visit(cast, ends_at=now() - timedelta(seconds=1), ended_at=None, end=None)
    answer = sam.get("/stores", headers={"HX-Request": "true", "HX-Target": "stores_list"})
    assert answer.headers["HX-Redirect"] == "/support/over?why=time"


def test_it_is_made_longer_once_with_a_reason_and_never_beyond_an_hour(cast: Cast) -> None:
    sam = view_as(cast)
    assert send(sam, "/support/extend", why="").status_code == 422
    assert send(sam, "/support/extend", why="The import still runs").status_code == 303
    visit = the_visit(cast)
    assert visit.ends_at - visit.started_at == timedelta(minutes=60)
    assert send(sam, "/support/extend", why="Once more, if I may").status_code == 422
    assert "Extend…" not in sam.get("/").text


def test_signing_out_ends_the_visit_too(cast: Cast) -> None:
    sam = view_as(cast)
    assert send(sam, "/logout").status_code == 303
    assert how_it_ended(cast) is SupportEnd.RIGHT
    assert cookie(sam, "acting") == ""
    assert sam.get("/stores").location.startswith("/login")


# --- the strip --------------------------------------------------------------------------------------------------------


def test_the_strip_is_on_every_page_and_on_every_error_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sam = view_as(cast)

    def broken() -> None:
        raise RuntimeError("a page that fails")

    monkeypatch.setitem(cast.app.view_functions, "coverage.index", _declared_like(cast, "coverage.index", broken))
    monkeypatch.setitem(cast.app.config, "PROPAGATE_EXCEPTIONS", False)
    answers = {
        200: sam.get("/stores"),
        404: sam.get("/nowhere"),
        403: send(sam, "/stores/new", name="X"),
        400: sam.post("/stores/new"),
        405: sam.get("/support/stop"),
        500: sam.get("/coverage"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status, status
        assert answer.text.count('id="support_strip"') == 1, status
        assert "As Mei Lin:" in answer.text, status
        assert 'data-acting="view"' in answer.text, status
    whole = sam.get("/nowhere", headers={"HX-Request": "true", "HX-Target": "stores_list"})
    assert whole.headers["HX-Retarget"] == "body"
    assert 'id="support_strip"' in whole.text


def _declared_like(cast: Cast, endpoint: str, view: object) -> object:
    view.declared = vars(cast.app.view_functions[endpoint])["declared"]  # type: ignore[attr-defined]
    return view


def test_a_swap_leaves_the_strip_where_it_is(cast: Cast) -> None:
    sam = view_as(cast)
    part = sam.get("/stores", headers={"HX-Request": "true", "HX-Target": "stores_list"}).text
    assert "support_strip" not in part
    page = sam.get("/stores").text
    assert page.index('id="support_strip"') < page.index('<main id="main"') < page.index('id="stores_list"')


def test_acting_looks_different_from_looking(cast: Cast) -> None:
    page = acting(cast).get("/stores").text
    assert 'data-acting="act"' in page
    assert "strip staff act" in page
    assert "acts as" in page
