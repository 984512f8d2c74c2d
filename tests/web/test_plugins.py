"""A plugin from the chooser to a warehouse that is read: the page of its own makers, step by step."""

from __future__ import annotations

import re
import uuid

import pytest
import sqlalchemy as sa

from portal.flows import secrets
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import (
    Connection,
    ConnectionState,
    Listing,
    Run,
    Store,
    WarehouseStock,
)
from portal.web.causes import explain
from tests.cast import Cast
from tests.sandbox_server import Running
from tests.web.plugged import Warehouser
from tests.web.sandboxed import at_home, text_of
from tests.web.shelf import lantern
from tests.web.test_connections import asked_by, at

CODES = [
    "Plugin Name",
    "Customer Code",
    "Operator Code",
    "Source System Code",
    "Cargo Owner ID",
    "Warehouse Code",
    "Sales Channel Code (scCode)",
    "Customer Dept Code",
]


@pytest.fixture
def mei(cast: Cast, linked: Running) -> Warehouser:
    """Blue Lantern's owner, before anything is installed."""
    return Warehouser(cast, cast.mei, linked)


def test_the_chooser_finds_jd_and_install_opens_the_one_form_without_contacting_anybody(
    cast: Cast, linked: Running, mei: Warehouser
) -> None:
    before = len(linked.journal(integration="jdl"))
    found = text_of(mei.get(f"/stores/{cast.lantern_store}/plugins/add?q=JD"))
    assert "JD Logistics" in found
    assert "Install" in found
    form = mei.follow(mei.get(mei.install("jdl")))
    assert form.status_code == 200
    labels = re.findall(r'<label for="\w+">([^<]+)</label>', form.text)
    assert labels[0] == "Plugin Name"
    assert [each for each in labels if each in CODES] == CODES, "the order of the page, each with its name"
    assert [each for each in labels if each in {"Download products", "Auto sync stock", "Order import"}] == [
        "Download products",
        "Auto sync stock",
        "Order import",
    ]
    page = text_of(form)
    assert "Is default" in page
    assert "Save and connect first." in page
    assert "it works once and ends after 72 hours." in page
    assert 'value="LINTAS"' in form.text, "the house's own source system stands there already"
    assert mei.row().state is ConnectionState.DRAFT
    assert len(linked.journal(integration="jdl")) == before


def test_all_eight_values_are_required_and_each_gap_is_named_above_and_at_its_field(mei: Warehouser) -> None:
    mei.install("jdl")
    answer = mei.send("settings", dict.fromkeys(["name", "source_system_code"], ""))
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "There is a problem with 8 fields" in text_of(answer)
    for field in ("name", "customer_code", "operator_code", "source_system_code", "cargo_owner_id", "warehouse_code"):
        assert f'<a href="#{field}">' in answer.text
        assert f'id="{field}-err"' in answer.text
    for field in ("sales_channel_code", "customer_dept_code"):
        assert f'id="{field}-err"' in answer.text
    assert "Enter the Plugin Name." in text_of(answer)
    assert "Not saved: 8 fields need changes" in text_of(answer)
    assert mei.row().state is ConnectionState.DRAFT


def test_only_outer_space_is_trimmed_and_what_the_eye_cannot_tell_is_named_with_a_button_that_mends_it(
    mei: Warehouser,
) -> None:
    mei.install("jdl")
    assert mei.send("settings", mei.codes(customer_code="  kh 0001 ")).status_code == 303
    assert mei.row().settings["customer_code"] == "kh 0001"
    odd = mei.codes(warehouse_code="Ｃ0007000211\u200b")
    page = mei.follow(mei.send("settings", odd))
    assert "characters that the eye cannot tell" in text_of(page)
    assert mei.row().settings["warehouse_code"] == "Ｃ0007000211\u200b", "nothing is changed unasked"
    mended = mei.send("settings", odd | {"then": "mend:warehouse_code"})
    assert mended.status_code == 303
    assert mei.row().settings["warehouse_code"] == "C0007000211"


def test_the_page_from_install_to_ready(cast: Cast, linked: Running, mei: Warehouser) -> None:
    mei.install("jdl")
    saved = mei.follow(mei.send("settings", mei.codes(is_default="y")))
    assert "Everything is saved. Connect next." in text_of(saved)
    assert "Step 2 of 3" in text_of(saved)
    assert "Connect first." in text_of(saved), "Is active waits and says why"
    assert mei.row().is_default
    there = mei.send("login")
    assert there.location.startswith(f"{linked.url}/jdl/oauth/authorize")
    given = mei.follow(mei.come_back(mei.consent_there(there.location)))
    assert "Account at JD Logistics jdl_northwick" in text_of(given)
    back = mei.follow(mei.send("login/next", {"pushes": "1"}))
    assert "Connected. Turn it on at the top." in text_of(back)
    assert mei.row().pushes is True
    assert mei.row().state is ConnectionState.SAVED

    mei.send("active", {"on": "1"})
    running = text_of(mei.page())
    order = ["Codes accepted", "JD confirmed access", "Warehouse found", "Reading products", "Reading stock", "Ready"]
    places = [running.find(each) for each in order]
    assert -1 not in places
    assert places == sorted(places)
    assert "0 of 6" in running
    assert 'hx-trigger="load delay:2s' in mei.page().text, "the block asks for itself"
    mei.work()
    done = text_of(mei.page())
    assert "<progress" not in mei.page().text, "what is done needs no bar"
    assert "Warehouse found" in done
    assert "Birmingham Hams Hall" in done
    assert done.count("400 SKUs read") == 2
    assert "load delay" not in mei.page().text
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Listing)) == 400
        assert db.session.scalar(sa.select(sa.func.count()).select_from(WarehouseStock)) == 400


def test_connect_and_copy_connect_link_save_what_was_typed_first(linked: Running, mei: Warehouser) -> None:
    mei.install("jdl")
    gap = mei.send("settings", mei.codes(customer_dept_code="", then="connect"))
    assert gap.status_code == 422
    assert "Enter the Customer Dept Code." in text_of(gap)
    there = mei.send("settings", mei.codes(then="connect"))
    assert there.location.startswith(f"{linked.url}/jdl/oauth/authorize")
    assert mei.row().state is ConnectionState.SAVED
    mei.install("jdl")
    page = mei.follow(mei.send("settings", mei.codes(name="Other", then="link")))
    assert "the connect link is ready to be copied" in text_of(page)
    assert 'id="connect_address"' in page.text


def test_the_connected_page_tells_facts_figures_and_runs_and_no_secret(cast: Cast, mei: Warehouser) -> None:
    mei.running()
    page = mei.page()
    with lantern(cast):
        opened = secrets.read(at(mei))
    shown = text_of(page)
    assert f"ends in …{opened['token.access'][-4:]}" in shown
    assert opened["token.access"] not in page.text
    assert "400 SKUs with figures" in shown
    for what in ("Products", "Stock", "Orders", "Incoming goods"):
        assert re.search(rf'class="name" href="/sync/[^"]+">{what}</a>', page.text), what
    assert "Changes are seen by asking only, every 15 minutes." in shown
    assert 'name="customer_code"' not in page.text, "codes are to be read here, Edit leads to the form"
    assert mei.here("settings") in page.text


def test_sync_now_asks_for_everything_that_is_wanted(cast: Cast, mei: Warehouser) -> None:
    mei.running()
    with lantern(cast):
        before = db.session.scalar(sa.select(sa.func.count()).select_from(Run))
    assert mei.send("sync").status_code == 303
    with lantern(cast):
        runs = db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(4)).all()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Run)) == (before or 0) + 4
    assert {each.resource for each in runs} == {"products", "stock", "outbound", "inbound"}


def test_test_connection_has_three_answers(cast: Cast, linked: Running, mei: Warehouser) -> None:
    mei.connected()
    well = text_of(mei.send("settings", mei.codes(then="test")))
    assert "JD Logistics accepted the codes. Warehouse Birmingham Hams Hall, account jdl_northwick." in well

    no = mei.send("settings", mei.codes(then="test", customer_code="KH-NONE"))
    said = text_of(no)
    assert "JD Logistics knows no Customer Code KH-NONE." in said
    assert "In the words of JD Logistics: “" in said
    assert "(2001)" in said, "the remote's own number stands beside its words"
    assert '<a href="#customer_code">' in no.text

    linked.control("fault", integration="jdl", kind="busy", times=20)
    nobody = text_of(mei.send("settings", mei.codes(then="test")))
    linked.control("clear", integration="jdl")
    assert "Try again in a minute." in nobody


def test_a_wrong_warehouse_is_named_with_those_that_are_listed_and_one_press_takes_one(
    linked: Running, mei: Warehouser
) -> None:
    mei.connected(warehouse_code="800001810")
    sites = [mei.codes()["warehouse_code"]]
    page = mei.send("settings", mei.codes(warehouse_code="800001810", then="test"))
    said = text_of(page)
    assert said.count("JD Logistics has no warehouse 800001810 for this cargo owner.") >= 2, "above and at the field"
    assert "JD Logistics lists these instead:" in said
    offered = re.findall(r'name="use" value="warehouse_code=(\w+)"', page.text)
    assert len(offered) == 2
    assert sites[0] in offered
    taken = mei.send("settings", mei.codes(warehouse_code="800001810", use=f"warehouse_code={sites[0]}"))
    assert f"Warehouse Code is now {sites[0]}. It was saved." in text_of(mei.follow(taken))
    assert mei.row().settings["warehouse_code"] == sites[0]
    with pytest.raises(AssertionError):
        mei.follow(mei.send("settings", mei.codes(use="warehouse_code=")))


def test_a_first_check_that_is_refused_stops_at_its_step_and_offers_what_would_do(mei: Warehouser) -> None:
    mei.connected(warehouse_code="800001810")
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.FAILED
    page = mei.page()
    said = text_of(page)
    assert "JD Logistics has no warehouse 800001810 for this cargo owner." in said
    assert "Check again" in said
    right = mei.codes()["warehouse_code"]
    assert f'name="use" value="warehouse_code={right}"' in page.text
    form = mei.page("settings")
    assert form.status_code == 200
    assert 'id="warehouse_code-err"' in form.text
    assert mei.send("offer", {"use": "warehouse_code=made-up"}).status_code == 303
    assert mei.row().settings["warehouse_code"] == "800001810", "only what the remote listed is taken"
    assert f"Warehouse Code is now {right}" in text_of(
        mei.follow(mei.send("offer", {"use": f"warehouse_code={right}"}))
    )
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE


@pytest.mark.parametrize(
    ("code", "wrong", "words"),
    [
        ("customer_code", "KH-NONE", "knows no Customer Code KH-NONE"),
        ("source_system_code", "ELSE", "does not take the Source System Code ELSE"),
        ("cargo_owner_id", "CO-NONE", "Cargo Owner ID CO-NONE does not belong"),
        ("operator_code", "nobody", "Operator Code nobody may not act"),
        ("customer_dept_code", "EBU-NONE", "no right to the department EBU-NONE"),
        ("sales_channel_code", "SHOP-NONE", "knows no Sales Channel Code SHOP-NONE"),
    ],
)
def test_each_wrong_code_ends_the_activation_in_its_own_cause(
    mei: Warehouser, code: str, wrong: str, words: str
) -> None:
    mei.connected(**{code: wrong})
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.FAILED
    assert words in text_of(mei.page())
    assert f'id="{code}-err"' in mei.page("settings").text


def test_a_remote_that_says_nothing_for_five_minutes_fails_with_check_again_and_details(
    cast: Cast, linked: Running, mei: Warehouser
) -> None:
    mei.connected()
    mei.send("active", {"on": "1"})
    with lantern(cast):
        db.session.execute(sa.update(Connection).values(active_since=sa.func.now() - sa.text("interval '6 minutes'")))
        db.session.commit()
    waiting = text_of(mei.page())
    assert "The first check stopped at “Codes accepted”." in waiting
    assert "Check again" in waiting
    assert "Copy details" in waiting
    linked.control("fault", integration="jdl", kind="busy", times=50)
    mei.work()
    linked.control("clear", integration="jdl")
    assert mei.row().state is ConnectionState.FAILED
    assert mei.send("check-again").status_code == 303
    assert mei.row().state is ConnectionState.ACTIVATING


def test_is_default_moves_and_a_default_cannot_be_disconnected(cast: Cast, mei: Warehouser) -> None:
    first = mei.saved(is_default="y").id
    mei.install("jdl")
    page = text_of(mei.page("settings"))
    assert "Now: JD Main Warehouse." in page
    mei.send("settings", mei.codes(name="Second", is_default="y"))
    with lantern(cast):
        defaults = db.session.scalars(sa.select(Connection.name).where(Connection.is_default)).all()
    assert defaults == ["Second"]
    refused = mei.send("disconnect")
    assert refused.status_code == 422
    assert "Orders of Lantern Shanghai go to this plugin, its default." in text_of(refused)
    store = text_of(mei.get(f"/stores/{cast.lantern_store}"))
    assert "Orders with no matching rule go to the default plugin, Second." in store
    assert "Made Second the default plugin" in store
    mei.id = first
    assert mei.send("disconnect").status_code == 303


def test_two_plugins_on_one_owner_and_warehouse_are_not_both_on(mei: Warehouser) -> None:
    mei.running()
    mei.connected(name="Twin")
    answer = mei.send("active", {"on": "1"}, headers=asked_by("active_switch", mei.here("settings")))
    assert answer.status_code == 422
    assert "JD Main Warehouse already counts the stock of this owner in this warehouse." in text_of(answer)
    again = mei.follow(mei.send("active", {"on": "1"}))
    assert mei.row().state is ConnectionState.SAVED
    assert again.status_code in {200, 303}


def test_a_code_that_is_shown_instead_is_pasted_and_a_text_without_one_is_refused_at_the_field(
    linked: Running, mei: Warehouser
) -> None:
    mei.saved()
    page = mei.page("login")
    assert "JD Logistics showed me a code instead" in text_of(page)
    shown = re.search(r'href="([^"]+oob[^"]*)"', page.text)
    assert shown
    bad = mei.send("login/paste", {"text": "nothing that looks like it"})
    assert bad.status_code == 422
    assert "There is no code in this text." in text_of(bad)
    code = mei.code_shown(shown[1].replace("&amp;", "&"))
    given = mei.follow(mei.send("login/paste", {"text": f"  {code} "}))
    assert "Account at JD Logistics jdl_northwick" in text_of(given)
    assert mei.send("login/next").status_code == 303
    assert mei.row().granted_at is not None
    used = mei.follow(mei.send("login/paste", {"text": code}))
    assert "has not given access" in text_of(used), "a code works once"


def test_a_wrong_code_does_not_throw_a_consent_away(mei: Warehouser) -> None:
    mei.saved(warehouse_code="800001810")
    given = mei.follow(mei.come_back(mei.consent_there(mei.send("login").location)))
    assert "has given access" in text_of(given)
    assert mei.send("login/next").status_code == 303
    assert mei.row().granted_at is not None


def test_the_ready_letter_has_both_addresses_in_english_and_chinese(cast: Cast, mei: Warehouser) -> None:
    mei.install("jdl")
    page = mei.page("settings").text
    for part in ("letter_en", "letter_zh"):
        letter = page.partition(f'id="{part}"')[2].partition("</div>")[0]
        assert "http://localhost/oauth/jdl/callback" in letter
        assert "http://localhost/hooks/" in letter
    vera = Warehouser(cast, cast.vera, mei.sandbox)
    assert "/hooks/" not in vera.get(mei.here("settings")).text, "the address is a secret to those who only look"


def test_house_keys_that_are_missing_are_told_by_name_to_managers_only(cast: Cast, mei: Warehouser) -> None:
    mei.install("jdl")
    at_home(cast.app, sandbox_url="")
    assert "PORTAL_JDL_APP_KEY" in text_of(mei.page("settings"))
    vera = Warehouser(cast, cast.vera, mei.sandbox)
    seen = text_of(vera.get(mei.here("settings")))
    assert "has no working keys of its own" in seen
    assert "PORTAL_" not in seen


def test_the_page_of_a_store_pages_its_activity_and_stands_like_the_worst_of_its_connections(
    cast: Cast, mei: Warehouser
) -> None:
    mei.saved()
    for number in range(24):
        mei.send("settings", mei.codes(name=f"Name {number}"))
    address = f"/stores/{cast.lantern_store}"
    first = mei.get(address)
    older = re.search(r'rel="next" href="([^"#]+)', first.text)
    assert older
    assert "There is no default plugin yet." in text_of(first)
    assert "Orders that no rule takes wait here" in text_of(first)
    assert "Added the store Lantern Shanghai" not in text_of(first)
    assert "Added the store Lantern Shanghai" in text_of(mei.get(older[1].replace("&amp;", "&")))
    with lantern(cast):
        connection = at(mei)
        connection.state, connection.trouble, connection.active_since = ConnectionState.FAILED, "busy", now()
        db.session.commit()
        assert db.session.get_one(Store, (cast.lantern, cast.lantern_store)).is_active
    head = mei.get(address).text.partition('id="store_head"')[2].partition("</header>")[0]
    assert "Needs attention" in head


def test_words_of_a_plugin_name_the_value_only_where_there_is_one(cast: Cast, mei: Warehouser) -> None:
    mei.install("jdl")
    with cast.app.test_request_context(), lantern(cast):
        found = db.session.get_one(Connection, (cast.lantern, uuid.UUID(mei.id)))
        assert (
            explain("wrong_customer", "connection", {}, found).title == "JD Logistics does not know this Customer Code."
        )


def test_a_name_that_another_plugin_of_the_store_has_is_refused_at_its_field(mei: Warehouser) -> None:
    mei.saved()
    mei.install("jdl")
    answer = mei.send("settings", mei.codes(warehouse_code="C0000000001", is_default="y"))
    assert answer.status_code == 422
    assert "JD Main Warehouse" in answer.text
