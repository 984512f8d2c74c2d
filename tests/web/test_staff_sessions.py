"""What the staff read of their sessions as merchants: all of them, one with its pages, and the report of a month."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.kit.clock import now
from portal.models import SupportMode
from tests.cast import Cast
from tests.web.staffed import card, row_of, visit


def test_sessions_say_who_whom_why_how_long_and_what_came_of_it(cast: Cast) -> None:
    visit(cast, pages=3, changes=2, reveals=1, mode=SupportMode.ACT, acted_at=now())
    row = row_of(cast.client_of(cast.sam).get("/support/sessions").text, "Sam Staff")
    for told in (
        "as Mei Lin",
        "Act",
        "Blue Lantern",
        "SUP-4711",
        "12 minutes",
        " 3 ",
        " 2 ",
        " 1 ",
        "Stopped by the agent",
    ):
        assert told in row, told


def test_sessions_are_filtered_by_agent_merchant_and_whether_they_go_on(cast: Cast) -> None:
    moment = now()
    visit(cast, started_at=moment, ends_at=moment + timedelta(minutes=30), ended_at=None, end=None, ticket="OPEN-77")
    visit(cast, merchant_id=cast.rival, whom_name="Rex Stone", ticket="RIVAL-88")
    # Nobody touched this one when its time was over.
    visit(cast, ended_at=None, end=None, ticket="LAPSED-99")
    sam = cast.client_of(cast.sam)

    def tickets(**asked: Any) -> list[str]:
        page = sam.get("/support/sessions", query_string=asked).text
        return re.findall(r"(?:OPEN-77|RIVAL-88|LAPSED-99)(?=</span>)", page)

    assert sorted(tickets()) == ["LAPSED-99", "OPEN-77", "RIVAL-88"]
    assert "3 sessions" in sam.get("/support/sessions").text
    assert tickets(state="open") == ["OPEN-77"]
    assert tickets(merchant=cast.rival) == ["RIVAL-88"]
    assert tickets(agent=cast.sam.id, state="open") == ["OPEN-77"]
    assert tickets(q="rival-8") == ["RIVAL-88"]
    assert "Time was over" in row_of(sam.get("/support/sessions?q=LAPSED").text, "LAPSED-99")


def test_one_session_shows_its_pages_and_changes_in_words(cast: Cast) -> None:
    made = visit(
        cast,
        pages=2,
        changes=1,
        asked_at=now(),
        asked_why="The date is wrong",
        granted_at=now(),
        granted_by="Mei Lin",
    )
    visit(cast, changes=1)
    page = cast.client_of(cast.sam).get(f"/support/sessions/{made}").text
    assert page.count("Saved the options of Lantern at JD") == 1, "what was done in another session is not told"
    assert "Saved the options of Lantern at JD" in card(page, "deeds")
    assert "Support staff began" not in card(page, "deeds")
    assert "The date is wrong" in card(page, "steps")
    assert "Allowed by Mei Lin" in card(page, "steps")
    assert re.findall(r"<code>GET (/orders/\d)</code>", page) == ["/orders/0", "/orders/1"]


def test_the_merchant_and_the_staff_read_the_same_numbers_and_refusals_are_no_changes(cast: Cast) -> None:
    made = visit(cast, pages=6, changes=2, reveals=1, refused=4)
    for person, address in ((cast.sam, f"/support/sessions/{made}"), (cast.mei, f"/settings/support/{made}")):
        page = cast.client_of(person).get(address).text
        text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
        for label, number in (("Pages opened", 6), ("Changes", 2), ("Revealed", 1), ("Refused", 4)):
            assert re.search(rf"{label} {number}\b", text), (address, label)
        assert text.count("Saved the options of Lantern at JD") == 2
        assert "Was refused a page" not in text, "what did not happen is no change"
    listed = cast.client_of(cast.mei).get("/settings/support").text
    assert re.search(r" 6 +2 ", row_of(listed, "Sam Staff"))


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticket", "is_one"),
    [
        ("SUP-4711", True),
        ("#48213", True),
        ("48213", True),
        ("JIRA 12", True),
        ("", False),
        ("-", False),
        ("none", False),
        ("asked by phone 3 times", False),
        ("1", False),
    ],
)
def test_the_report_names_the_sessions_without_a_ticket_number(cast: Cast, ticket: str, is_one: bool) -> None:
    visit(cast, ticket=ticket, started_at=now())
    page = cast.client_of(cast.sam).get("/support/report").text
    assert ("Sam Staff" in card(page, "without")) is not is_one


def test_the_report_orders_by_length_reveals_and_pages_and_keeps_to_its_month(cast: Cast) -> None:
    moment = datetime.fromisoformat("2026-03-31T20:00:00+00:00")
    for ticket, minutes, pages, reveals in (("A-100", 5, 9, 0), ("B-100", 29, 1, 2), ("C-100", 15, 4, 7)):
        ended = moment + timedelta(minutes=minutes)
        visit(cast, ticket=ticket, started_at=moment, ended_at=ended, ends_at=ended, pages=pages, reveals=reveals)
    visit(cast, ticket="D-100", started_at=moment + timedelta(hours=5), ends_at=moment + timedelta(hours=5.5))
    page = cast.client_of(cast.sam).get("/support/report?month=2026-03").text

    def order(name: str) -> list[str]:
        return re.findall(r"[A-D]-100", card(page, name))

    assert order("longest") == ["B-100", "C-100", "A-100"]
    assert order("revealing") == ["C-100", "B-100"]
    assert order("opening") == ["A-100", "C-100", "B-100"]
    assert "March 2026" in page
    april = cast.client_of(cast.sam).get("/support/report?month=2026-04").text
    assert re.findall(r"[A-D]-100", card(april, "longest")) == ["D-100"]
    assert "None in this month." in card(cast.client_of(cast.sam).get("/support/report?month=2025-01").text, "longest")
