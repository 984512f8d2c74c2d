"""Activity: what the merchant reads of the audit trail, and that refusals stand in it."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal.flows import denials, stores
from portal.flows.audit import Behalf, By
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import AuditNote, Store, User
from tests.cast import Cast
from tests.web.test_stores import HX, post

PAGE = "/settings/activity"


def entries(page: str) -> list[str]:
    """The texts of the lines, without marks."""
    listed = page[page.index('id="activity_list"') :]
    return [" ".join(re.sub(r"<[^>]*>", " ", each).split()) for each in re.findall(r"<li>.*?</li>", listed, re.S)]


def rename(cast: Cast, *names: str, by: By | None = None) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        store = db.session.get_one(Store, (whose(), cast.lantern_store))
        for name in names:
            stores.change(store, name, "CNY", "Asia/Shanghai", by or By("Tom Ellis", cast.tom.id, "req-1", "192.0.2.7"))


def test_everybody_of_the_merchant_reads_who_did_what_with_what_it_replaced_and_from_where(cast: Cast) -> None:
    rename(cast, "Lantern Pudong")
    for person in (cast.mei, cast.tom, cast.vera):
        first = entries(cast.client_of(person).get(f"{PAGE}?kind=changes").text)[0]
        assert "Changed the details of the store" in first
        assert "Tom Ellis" in first
        assert "Lantern Shanghai → Lantern Pudong" in first
        assert "From 192.0.2.7" in first
        assert "Request req-1" in first
    assert "Pudong" not in cast.client_of(cast.rex).get(PAGE).text


def test_what_support_staff_did_names_both_persons_and_the_reason(cast: Cast) -> None:
    behalf = Behalf("Sam Staff", "Mei Lin", new_id(), "connection L-204")
    rename(cast, "Lantern Pudong", by=By("Sam Staff / Mei Lin", cast.sam.id, "req-2", "192.0.2.9", behalf))
    rename(cast, "Lantern Bund")
    client = cast.client_of(cast.mei)
    (line,) = entries(client.get(f"{PAGE}?support=1").text)
    assert "Sam Staff of the support staff, as Mei Lin" in line
    assert "Why: A sales channel or plugin does not connect (ticket L-204)" in line
    assert "Bund" not in line
    by_name = entries(client.get(f"{PAGE}?who={cast.sam.id}").text)
    assert by_name == [line], "somebody who is no member can be asked for, too"


def test_the_list_is_filtered_by_person_kind_and_day(cast: Cast) -> None:
    rename(cast, "Lantern Pudong")
    client = cast.client_of(cast.vera)
    client.get("/stores/new")
    kinds = {kind: entries(client.get(f"{PAGE}?kind={kind}").text) for kind in ("changes", "refusals", "looks")}
    assert [each.split(" Vera")[0] for each in kinds["refusals"]] == ["Was refused a page: GET /stores/new"]
    assert any("Changed the details" in each for each in kinds["changes"])
    assert not any("refused" in each for each in kinds["changes"])
    assert kinds["looks"] == []
    assert all("Tom Ellis" in each for each in entries(client.get(f"{PAGE}?who={cast.tom.id}").text))
    assert entries(client.get(f"{PAGE}?who=lintas").text)
    assert "Nothing that was done matches." in client.get(f"{PAGE}?from=2100-01-01").text
    assert len(entries(client.get(f"{PAGE}?from=nonsense&to=9999-12-31").text)) > 2
    assert client.get(f"{PAGE}?from=0001-01-01&to=0001-01-01&who=nobody&kind=odd&page=odd").status_code == 200


def test_a_day_begins_where_the_reader_is(cast: Cast) -> None:
    late = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.add(
            AuditNote(
                merchant_id=whose(),
                who="Tom Ellis",
                what="sync_stopped",
                subject="run",
                subject_id=new_id(),
                at=late,
            )
        )
        db.session.commit()
    client = cast.client_of(cast.tom)
    assert len(entries(client.get(f"{PAGE}?from=2026-03-05&to=2026-03-05").text)) == 1, "Shanghai, as the merchant is"
    assert entries(client.get(f"{PAGE}?from=2026-03-04&to=2026-03-04").text) == []
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.get_one(User, cast.tom.id).time_zone = "Europe/London"
        db.session.commit()
    assert len(entries(client.get(f"{PAGE}?from=2026-03-04&to=2026-03-04").text)) == 1, "London, where Tom is"


def test_pages_follow_one_another_without_a_gap_and_a_filter_swaps_the_list_only(cast: Cast) -> None:
    rename(cast, *[f"Name {number}" for number in range(40)])
    client, seen, url = cast.client_of(cast.tom), [], f"{PAGE}?who={cast.tom.id}&kind=changes"
    for _ in range(2):
        page = client.get(url).text
        seen += entries(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        url = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 40
    fragment = client.get(f"{PAGE}?kind=looks", headers={**HX, "HX-Target": "activity_list"})
    assert fragment.text.lstrip().startswith('<div id="activity_list"')
    assert 'id="activity_chips"' in fragment.text


def test_an_owner_takes_it_all_home_as_a_file_that_no_spreadsheet_runs(cast: Cast) -> None:
    rename(cast, "=cmd|' /C calc'!A1", *[f"Name {number}" for number in range(3)])
    owner = cast.client_of(cast.mei)
    assert "/settings/activity/file" in owner.get(PAGE).text
    answer = owner.get(f"{PAGE}/file?who={cast.tom.id}&kind=changes")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    head, *rows = csv.reader(answer.text.lstrip("\ufeff").splitlines())
    assert head == ["Time (UTC)", "Who", "What", "Change", "Reason", "Address", "Request"]
    assert len(rows) == 4
    assert rows[-2][3] == "'=cmd|' /C calc'!A1 → Name 0"
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    tom = cast.client_of(cast.tom)
    assert tom.get(f"{PAGE}/file").status_code == 403
    assert 'href="/settings/activity/file' not in tom.get(PAGE).text


# --- refusals ---------------------------------------------------------------------------------------------------------


def refusals(cast: Cast) -> list[AuditNote]:
    with cast.app.app_context(), acting_for(cast.lantern):
        query = sa.select(AuditNote).where(AuditNote.what == denials.WHAT).order_by(AuditNote.id)
        return list(db.session.scalars(query))


def test_a_refused_page_is_noted_by_its_pattern_once_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    vera = cast.client_of(cast.vera)
    for _ in range(3):
        assert vera.get(f"/stores/{cast.lantern_store}/channels/add?secret=1").status_code == 403
    (note,) = refusals(cast)
    assert (note.who, note.user_id) == ("Vera Novak", cast.vera.id)
    assert note.name == "GET /stores/<public_id>/channels/add"
    assert note.after == {"method": "GET", "rule": "/stores/<public_id>/channels/add"}
    assert note.address == "127.0.0.1"
    assert note.request_id
    vera.get("/stores/new")
    assert len(refusals(cast)) == 2, "another page is another note"
    monkeypatch.setattr(denials, "now", lambda: now() + timedelta(seconds=61))
    vera.get("/stores/new")
    assert len(refusals(cast)) == 3, "and so is the same one a minute later"


def test_a_refused_change_leaves_its_note_and_nothing_else(cast: Cast) -> None:
    vera = cast.client_of(cast.vera)
    assert post(vera, "/settings/language", f"/stores/{cast.lantern_store}/active", on="0").status_code == 403
    assert [each.name for each in refusals(cast)] == ["POST /stores/<public_id>/active"]
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.get_one(Store, (whose(), cast.lantern_store)).is_active


def test_a_stranger_and_a_page_that_is_not_there_leave_no_note(cast: Cast) -> None:
    cast.client_of(None).get("/stores/new")
    cast.client_of(cast.vera).get(f"/stores/{cast.rival_store}")
    assert refusals(cast) == []
