"""The wizard: guide, settings, options, check; the same code for every integration."""

from __future__ import annotations

import io
import re
import uuid
from datetime import UTC, datetime
from threading import Thread

import pytest
import sqlalchemy as sa
from PIL import Image

from portal.flows import connections, secrets
from portal.flows.audit import LINTAS
from portal.kit import logo
from portal.kit.db import db
from portal.models import Connection, ConnectionState, Listing, Logo, Secret, Store
from tests.cast import Cast
from tests.sandbox_server import Running
from tests.servers import Servers
from tests.web.sandboxed import Shopkeeper, text_of
from tests.web.shelf import Browser, lantern

HX = {"HX-Request": "true"}


def test_jd_com_is_connected_step_by_step_in_the_words_of_its_own_page(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    opened = mei.get(mei.install("jd_com"))
    assert opened.location.endswith("/guide"), "a draft opens at its first step"
    assert "Request API access" in mei.page("guide").text
    assert mei.send("guide").location.endswith("/settings")

    labels = re.findall(r'<label for="\w+">([^<]+?)(?: <span|</label>)', mei.page("settings").text)
    assert labels == [
        "Sales Channel Name",
        "Sales Channel Logo",
        "API Key",
        "API Secret",
        "App ID",
        "Access Token",
        "API Endpoint",
    ]
    tested = mei.send("settings", mei.jd_com_keys(then="test"))
    assert "JD.com accepted the keys. Shop Northwick 海外旗舰店, Shop ID 800001." in text_of(tested)
    assert mei.send("settings", mei.jd_com_keys()).location.endswith("/options")

    for label in ("Sync Inventory", "Sync Stock Levels", "Max Stock Levels", "Stock Buffer", "Use Channel Names"):
        assert label in mei.page("options").text
    chosen = {"import_products": "y", "max_level": "100", "buffer": "10", "import_orders_from": "on"}
    assert mei.send("options", chosen).location.endswith("/check")

    summary = text_of(mei.page("check"))
    assert "Max Stock Levels 100 Stock Buffer 10" in summary
    assert "The keys are checked with JD.com" in summary
    assert 'role="switch"' in mei.page("check").text, "Is active stands at the top"
    assert mei.send("check").location.endswith(mei.here())
    assert mei.row().state is ConnectionState.SAVED, "saving turns nothing on"

    assert mei.send("active", {"on": "1"}).status_code == 303
    mei.work()
    page = text_of(mei.page())
    assert "Connected" in page
    assert "400 products looked at" in page
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Listing)) == 400


def test_every_step_names_what_is_missing_at_its_field_and_above(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    answer = mei.send("settings", {"name": "", "api_endpoint": f"{linked.url}/jd_com"})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    for field, words in (("api_key", "Enter the API Key."), ("api_secret", "Enter the API Secret.")):
        assert f'<a href="#{field}">{words}</a>' in answer.text
        assert f'id="{field}-err"' in answer.text
    assert mei.row().state is ConnectionState.DRAFT, "nothing was saved"


def test_a_pattern_of_the_declaration_is_said_in_its_own_words(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_id")
    answer = mei.send("settings", mei.jd_id_keys(shop_id="abc"))
    assert answer.status_code == 422
    assert "A Shop ID has digits only." in answer.text


def test_ticks_of_the_guide_must_be_set_and_can_be_taken_back(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_id")
    answer = mei.send("guide", {"tick_0": "y"})
    assert answer.status_code == 422
    assert 'id="tick_1-err"' in answer.text
    assert 'id="tick_0-err"' not in answer.text
    assert mei.send("guide", {"tick_0": "y", "tick_1": "y"}).location.endswith("/settings")
    assert mei.row().confirmed.keys() == {"0", "1"}
    assert mei.row().confirmed["0"]["by"] == "Mei Lin"
    assert mei.page("guide").text.count(" checked") == 2


def test_jd_id_reads_in_indonesian_in_the_order_of_its_page(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.post("/language", {"locale": "id"})
    mei.install("jd_id")
    page = text_of(mei.page("guide"))
    order = [
        "JD.ID tutup pada 31 Maret 2023",
        "Toko saya sudah Qualified Seller",
        "kode SKU yang sama",
        "1 Masuk ke Seller Center",
        "2 Masuk ke dev console",
        "3 Register",
        "4 Create App",
        "5 Seller to JD.ID",
        "6 Normal Standard API",
        "7 App Name",
        "8 Publish App",
        "9 App Management",
        "10 App Setting",
        "http://localhost/oauth/jd_id/callback",
    ]
    places = [page.find(each) for each in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    settings = text_of(mei.page("settings"))
    assert settings.index("Shop ID") < settings.index("API Key") < settings.index("API Secret")


def test_a_secret_is_write_only(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    keys = mei.jd_com_keys()
    page = mei.page("settings")
    for secret in (keys["api_secret"], keys["access_token"]):
        assert secret not in page.text
        assert f"ends in …{secret[-4:]}" in text_of(page)
    assert "by Mei Lin" in text_of(page)
    assert 'name="api_secret"' not in page.text, "there is no field to be filled by a browser"
    assert 'name="api_secret"' in mei.page("settings?replace=api_secret").text

    mei.send("settings", keys | {"api_secret": "", "access_token": "", "app_id": "APP-2"})
    with lantern(cast):
        row = db.session.get_one(Connection, (cast.lantern, uuid.UUID(mei.id)))
        kept = secrets.read(row)
        assert kept["api_secret"] == keys["api_secret"], "empty keeps it"
        assert row.settings["app_id"] == "APP-2"
        sealed = db.session.scalars(sa.select(Secret)).all()
        assert all(keys["api_secret"].encode() not in each.sealed for each in sealed)


def test_only_outer_white_space_goes_and_odd_characters_are_named_and_mended_by_one_button(
    cast: Cast, linked: Running
) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    keys = mei.jd_com_keys()
    typed = keys | {"app_id": "  ＡP 0 1 ", "api_secret": f"{keys['api_secret']}\u200b"}
    assert mei.send("settings", typed).location.endswith("/settings"), "the page names them before it goes on"
    page = mei.page("settings")
    assert "FULLWIDTH LATIN CAPITAL LETTER A" in page.text
    assert "ZERO WIDTH SPACE" in page.text
    assert keys["api_secret"] not in page.text
    assert mei.row().settings["app_id"] == "ＡP 0 1", "saved as typed"

    kept = typed | {"api_secret": "", "access_token": "", "seen_slips": "1"}
    assert mei.send("settings", kept).location.endswith("/options"), "who knows better may go on"
    for key in ("api_secret", "app_id"):
        mei.send("settings", kept | {"then": f"mend:{key}"})
    assert mei.row().settings["app_id"] == "AP 0 1"
    with lantern(cast):
        row = db.session.get_one(Connection, (cast.lantern, uuid.UUID(mei.id)))
        assert secrets.read(row)["api_secret"] == keys["api_secret"]
    assert "eye cannot tell" not in mei.page("settings").text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://evil.example", "evil.example is not a gateway that may be called here"),
        ("https://api.jd.com.evil.example/routerjson", "is not a gateway"),
        ("http://api.jd.com", "beginning with https://"),
        ("https://user@api.jd.com", "beginning with https://"),
        ("https://api.jd.com:8443", "beginning with https://"),
        ("file:///etc/passwd", "beginning with https://"),
    ],
)
def test_an_endpoint_that_is_not_on_the_list_is_refused_at_its_field(
    cast: Cast, linked: Running, address: str, words: str
) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    answer = mei.send("settings", mei.jd_com_keys(api_endpoint=address))
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert 'id="api_endpoint-err"' in answer.text


def test_the_sandbox_is_the_first_gateway_offered_so_that_sample_keys_never_leave(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    page = mei.page("settings").text
    assert f'value="{linked.url}/jd_com"' in page
    listed = re.findall(r'<option value="(http[^"]+)"', page)
    assert listed == [f"{linked.url}/jd_com", "https://api.jd.com", "https://api-dev.jd.com"]


def test_the_test_has_three_answers_on_the_page_of_its_button(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    headers = {**HX, "HX-Target": "settings_form"}
    refused = mei.send("settings", mei.jd_com_keys(api_secret="wrong-secret-000000", then="test"), headers=headers)
    assert refused.status_code == 200
    assert "<html" not in refused.text, "htmx gets the block alone"
    assert "JD.com did not accept this API Key and Secret." in refused.text
    assert "Copy both again" in refused.text
    assert mei.row().checked_at is None

    linked.control("fault", integration="jd_com", kind="refuse", times=1)
    silent = mei.send("settings", mei.jd_com_keys(then="test"), headers=headers)
    assert 'class="note warn"' in silent.text
    assert f"No answer from {linked.url.removeprefix('http://')}." in text_of(silent)
    assert "Try again in a minute." in silent.text

    accepted = mei.send("settings", mei.jd_com_keys(then="test"), headers=headers)
    assert "JD.com accepted the keys." in accepted.text
    assert mei.row().shop_name == "Northwick 海外旗舰店"


def test_no_transaction_is_open_while_the_remote_thinks(cast: Cast, linked: Running, database: Servers) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    linked.control("fault", integration="jd_com", kind="latency:1500", times=1)
    before = linked.journal()[-1]["seq"]
    asking = Thread(target=mei.send, args=("settings", mei.jd_com_keys(then="test")))
    asking.start()
    while not linked.journal(before, kind="request") and asking.is_alive():
        asking.join(0.02)
    everyone = sa.create_engine(database.superuser_url, poolclass=sa.NullPool)
    with everyone.connect() as wire:
        assert asking.is_alive(), "the remote still thinks"
        resting = sa.text("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
        assert wire.scalar(resting) == 0
    asking.join()
    assert mei.row().checked_at is not None


def test_new_keys_make_what_the_old_ones_proved_count_no_longer(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    mei.send("settings", mei.jd_com_keys(then="test"))
    assert mei.row().checked_at is not None
    mei.send("settings", mei.jd_com_keys(account="samudra"))
    assert mei.row().checked_at is None
    assert mei.row().shop_name == ""


def test_a_name_that_is_taken_is_said_at_the_name_and_nothing_is_saved(cast: Cast, linked: Running) -> None:
    with lantern(cast):
        other = connections.install(db.session.scalars(sa.select(Store)).one(), "jd_com", LINTAS)
        connections.save_settings(other, "Taken", {}, LINTAS)
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    answer = mei.send("settings", mei.jd_com_keys(name="taken"))
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text
    assert mei.row().settings == {}
    long = mei.send("settings", mei.jd_com_keys(name="x" * 81))
    assert long.status_code == 422
    assert "1 to 80 characters" in long.text


def picture(size: tuple[int, int] = (40, 20), kind: str = "PNG") -> io.BytesIO:
    """A picture as a browser uploads it."""
    out = io.BytesIO()
    Image.new("RGB", size, "#c81623").save(out, kind)
    out.seek(0)
    return out


def test_a_logo_is_made_anew_and_served_as_a_picture_and_nothing_else(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    uploaded = {"logo": (picture((1200, 900), "JPEG"), "evil.html", "text/html")}
    assert mei.send("settings", mei.jd_com_keys() | uploaded).status_code == 303
    address = f"/logos/{mei.row().logo_id}"
    assert f'src="{address}"' in mei.page("settings").text
    answer = mei.get(address)
    assert answer.data.startswith(b"\x89PNG")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Disposition"] == 'inline; filename="logo.png"'
    assert "immutable" in answer.headers["Cache-Control"]
    assert max(Image.open(io.BytesIO(answer.data)).size) <= 512
    assert Browser(cast, cast.rex).get(address).status_code == 404

    mei.send("settings", mei.jd_com_keys() | {"logo": (picture(), "new.png")})
    assert mei.get(address).status_code == 404, "the old picture is gone"
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Logo)) == 1


def test_what_is_no_picture_or_too_large_is_refused_at_its_field(
    cast: Cast, linked: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logo, "LARGEST_UPLOAD", 20_000)
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    for bad in (b"<svg onload=alert(1)>", b"\x89PNG" + b"0" * 30_000):
        answer = mei.send("settings", mei.jd_com_keys() | {"logo": (io.BytesIO(bad), "logo.png")})
        assert answer.status_code == 422
        assert 'href="#logo"' in answer.text
    assert mei.row().logo_id is None


def test_an_empty_number_is_not_zero_and_what_is_no_number_is_refused(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    base = {"import_products": "y", "import_orders_from": "on"}
    mei.send("options", base | {"max_level": "", "buffer": "0"})
    assert (mei.row().options["max_level"], mei.row().options["buffer"]) == (None, 0)
    for typed, words in (("10x", "Enter a whole number"), ("-5", "Enter a whole number"), ("１００", "full-width")):
        answer = mei.send("options", base | {"max_level": typed})
        assert answer.status_code == 422, typed
        assert words in answer.text
        assert 'id="max_level-err"' in answer.text
    assert mei.row().options["max_level"] is None


def test_orders_begin_at_a_moment_in_the_time_of_the_store(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    chosen = {"import_orders_from": "moment", "import_orders_from_at": "2026-11-18T00:00"}
    assert mei.send("options", chosen).status_code == 303
    moment = datetime.fromisoformat(mei.row().options["import_orders_from"])
    assert moment == datetime(2026, 11, 17, 16, 0, tzinfo=UTC), "midnight in Shanghai"
    assert "18 Nov 2026, 00:00, Shanghai time" in text_of(mei.page("options")), "the value in words, with its zone"
    assert "From 18 Nov 2026, 00:00, Shanghai time" in text_of(mei.page("check"))

    empty = mei.send("options", {"import_orders_from": "moment", "import_orders_from_at": ""})
    assert empty.status_code == 422
    assert "Enter the date and the time" in empty.text
    mei.send("options", {"import_orders_from": "on", "import_orders_from_at": ""})
    assert mei.row().options["import_orders_from"] is None


def test_a_time_that_the_clocks_leave_out_is_refused(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    with lantern(cast):
        db.session.scalars(sa.select(Store)).one().time_zone = "Europe/London"
        db.session.commit()
    chosen = {"import_orders_from": "moment", "import_orders_from_at": "2027-03-28T01:30"}
    answer = mei.send("options", chosen)
    assert answer.status_code == 422
    assert "The clocks in London time leave this time out." in answer.text


def test_export_cannot_be_turned_on_by_any_form(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    mei.send("options", {"export": "y", "import_orders_from": "on"})
    assert mei.row().options["export"] is False
    with lantern(cast):
        row = db.session.get_one(Connection, (cast.lantern, uuid.UUID(mei.id)))
        connections.save_options(row, {"export": True}, LINTAS)
        assert row.options["export"] is False, "nor by a flow that knows of no preview"
    assert mei.send("switches/export", {"on": "1"}).status_code == 404
    assert "until you have looked at every number that would change" in mei.page("options").text


def test_the_preview_follows_the_numbers_and_a_bad_one_keeps_the_last(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    headers = {**HX, "HX-Target": "stock_preview"}

    def preview(**typed: str) -> str:
        answer = mei.page("preview", query_string=typed, headers=headers)
        assert "<html" not in answer.text
        assert 'id="echo" hx-swap-oob="true"' in answer.text
        return text_of(answer)

    assert "320 on hand − 14 reserved − 10 buffer → 100 max 100" in preview(max_level="100", buffer="10")
    assert "→ 306 shown" in preview(max_level="", buffer=""), "empty means no maximum"
    assert "→ 0 max 0" in preview(max_level="0", buffer=""), "0 shows nothing"
    wrong = preview(max_level="100", buffer="1o", shown_max_level="100", shown_buffer="10")
    assert "Still the last numbers. Enter a whole number" in wrong
    assert "− 10 buffer → 100 max 100" in wrong
    assert "Wool blanket, grey all kept as buffer 7 0" in preview(max_level="", buffer="10")
    assert mei.row().options["buffer"] is None, "nothing was saved"


def test_without_scripts_a_button_draws_the_preview_and_saves_nothing(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    typed = {"max_level": "50", "buffer": "5", "import_orders_from": "on", "then": "preview"}
    answer = mei.send("options", typed)
    assert answer.status_code == 200
    assert "→ 50 max 50" in text_of(answer)
    assert 'value="50"' in answer.text, "what was typed is still there"
    assert mei.row().options["max_level"] is None


def test_the_preview_takes_real_listings_once_there_are_some(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    mei.send("active", {"on": "1"})
    mei.work()
    page = text_of(mei.page("preview", query_string={"max_level": "10", "buffer": "1"}))
    with lantern(cast):
        quantities = db.session.scalars(sa.select(Listing.quantity)).all()
    capped, zero = sum(each - 1 > 10 for each in quantities), sum(each <= 1 for each in quantities)
    assert f"Of 400 SKUs: {capped} capped, {zero} would show 0" in page
    assert "Example:" not in page.partition("What JD.com would show")[2]


def test_a_rival_a_stranger_and_no_id_get_nothing(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    rex, stranger = Browser(cast, cast.rex), Browser(cast, None)
    for step in ("", "/guide", "/settings", "/login", "/options", "/check", "/preview", "/disconnect"):
        ids = (mei.id, uuid.uuid4(), "no-such-id")
        answers = {rex.not_there(f"/connections/{{}}{step}", each) for each in ids}
        assert len(answers) == 1, "the same bytes for an id of somebody else, an unknown one and nonsense"
        assert next(iter(answers))[0] == 404
        assert stranger.get(f"/connections/{mei.id}{step}").status_code == 303
    for step in ("active", "settings", "login/next", "disconnect", "test"):
        assert rex.post(f"/connections/{mei.id}/{step}").status_code == 404


def test_a_viewer_looks_and_changes_nothing(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    vera = Shopkeeper(cast, cast.vera, linked)
    vera.id = mei.id
    for step in ("guide", "settings", "login", "options", "check", "disconnect"):
        page = vera.page(step)
        assert page.status_code == 200
        main = page.text.partition("<main")[2].partition("</main>")[0]
        assert 'type="submit"' not in main, step
    for step in ("guide", "settings", "login", "login/next", "options", "check", "active", "test", "sync", "audits"):
        assert vera.send(step).status_code == 403, step
    for step in ("check-again", "disconnect", "switches/import_products"):
        assert vera.send(step).status_code == 403, step
    assert mei.row().state is ConnectionState.SAVED
