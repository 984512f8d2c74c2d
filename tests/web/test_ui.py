"""The parts of the pages: macros, words, and the page-or-block answer. No database is needed here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, Response, render_template_string
from flask.testing import FlaskClient
from flask_babel import Babel
from flask_wtf import CSRFProtect, FlaskForm
from jinja2 import ChoiceLoader as Choices
from jinja2 import DictLoader
from jinja2 import FileSystemLoader as Folder
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    Field,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, Optional

from portal.web import headers, show, words

ROOT = Path(__file__).parents[2]
LONDON, SHANGHAI, JAKARTA = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Jakarta")
MOMENT = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)

PAGE = """
{% extends "layout.html" %}
{% block title %}Stores{% endblock title %}
{% block main %}
  <h1>Stores</h1>
  {% block stores_table %}<div id="stores_table">{{ ui.badge("ok", "Active") }}</div>{% endblock stores_table %}
  {% block stores_chips %}
    <p id="stores_chips"{% if fragment %} hx-swap-oob="true"{% endif %}>chips</p>
  {% endblock stores_chips %}
{% endblock main %}
"""


class EveryField(FlaskForm):
    plain = StringField("Plugin Name", [DataRequired("Enter the Plugin Name")], description="Tells plugins apart.")
    code = StringField("Warehouse Code", [Length(max=30)], description="The site that ships.")
    secret = StringField("API Secret", description="Paste it whole.")
    password = PasswordField("Password", description="At least 12 characters.")
    choice = SelectField("Currency", choices=[SelectChoice("GBP", "Pound")], description="Fixed after the first order.")
    tick = BooleanField("Is default", description="Orders that match no rule.")
    radio = RadioField(
        "Order import", choices=[SelectChoice("new", "New"), SelectChoice("all", "All")], description="Which orders."
    )
    number = IntegerField("Stock buffer", [Optional()], description="Kept back.")
    moment = DateTimeLocalField("From", description="Shanghai time.", default=datetime(2026, 11, 20, 13, 5))  # noqa: DTZ001
    logo = FileField("Logo", description="PNG or JPEG.")
    endpoint = StringField("API Endpoint", description="Choose or type one.")
    text = TextAreaField("Message", description="As JD gets it.")


KINDS = {"code": "code", "secret": "secret", "endpoint": "combobox"}


@pytest.fixture
def small_app() -> Iterator[Flask]:
    app = Flask("small", static_folder=str(ROOT / "static"), static_url_path="/static")
    app.jinja_loader = Choices([Folder(ROOT / "templates"), DictLoader({"page.html": PAGE})])
    app.config.update(SECRET_KEY="test", WTF_CSRF_CHECK_DEFAULT=False)
    Babel(app, locale_selector=lambda: "en")
    CSRFProtect(app)
    show.dress(app)
    headers.protect(app, form_hosts=("https://oauth.example",))

    @app.context_processor
    def around() -> dict[str, object]:
        person = SimpleNamespace(name="Hannah Reid", initials="HR", is_authenticated=True, is_staff=False)
        return {"current_user": person, "merchant": None, "nav_counts": None, "strips": [], "locale": "en"}

    @app.route("/stores", endpoint="stores.index")
    def stores() -> object:
        return show.show("page.html", "stores_table", also=("stores_chips",))

    @app.route("/wrong", methods=["GET", "POST"])
    def wrong() -> object:
        form = EveryField(meta={"csrf": False})
        form.validate()
        return show.show("page.html", "stores_table", form=form)

    @app.route("/move", methods=["POST"])
    def move() -> object:
        return show.go("stores.index", say="The parcel is booked.")

    @app.route("/done")
    def done() -> object:
        show.toast("Import finished", "2,038 products")
        return show.show("page.html", "stores_table")

    @app.route("/error/<int:status>")
    def error(status: int) -> object:
        return show.show_error(status, "req-1")

    with app.test_request_context():
        yield app


@pytest.fixture
def small(small_app: Flask) -> FlaskClient:
    return small_app.test_client()


def draw(source: str, **context: object) -> str:
    return render_template_string(source, **context)


def row(name: str, form: FlaskForm) -> str:
    return draw("{{ ui.row(field, kind) }}", field=form[name], kind=KINDS.get(name))


def ask(client: FlaskClient, url: str, target: str = "", **more: str) -> Response:
    return client.get(url, headers={"HX-Request": "true", "HX-Target": target, **more})


FIELDS = [name for name, field in EveryField.__dict__.items() if hasattr(field, "field_class")]


@pytest.mark.usefixtures("small_app")
class TestFields:
    @pytest.mark.parametrize("name", FIELDS)
    def test_label_and_help_are_tied_to_the_control(self, name: str) -> None:
        form = EveryField(meta={"csrf": False})
        field: Field = form[name]
        html = row(name, form)

        assert field.label.text in html
        assert f'id="{name}-help">{field.description}</p>' in html
        assert f'aria-describedby="{name}-help' in html
        assert "aria-invalid" not in html
        assert f'for="{name}"' in html or name == "radio"

    @pytest.mark.parametrize("name", FIELDS)
    def test_error_stands_at_the_field_and_in_its_description(self, name: str) -> None:
        form = EveryField(meta={"csrf": False})
        form[name].errors = ["Enter it"]
        html = row(name, form)

        assert f'id="{name}-err"' in html
        assert "Error:" in html
        assert "Enter it" in html
        assert f"{name}-help {name}-err" in html
        assert 'aria-invalid="true"' in html or name == "radio"

    @pytest.mark.parametrize("name", FIELDS)
    def test_nothing_typed_is_cut_off(self, name: str) -> None:
        html = row(name, EveryField(meta={"csrf": False}))
        assert "maxlength" not in html
        assert 'type="number"' not in html

    def test_each_kind_has_the_control_it_needs(self) -> None:
        form = EveryField(meta={"csrf": False})
        wanted = {
            "code": ['spellcheck="false"', 'autocapitalize="off"', 'class="input code'],
            "secret": ['type="password"', 'autocomplete="off"', "data-reveal"],
            "password": ['type="password"', "data-reveal", "Show"],
            "choice": ["<select", 'class="select'],
            "tick": ['type="checkbox"'],
            "radio": ["<fieldset", "<legend", 'type="radio"'],
            "number": ['inputmode="numeric"', 'type="text"', "(optional)"],
            "moment": ['type="datetime-local"', "20 Nov 2026, 13:05"],
            "logo": ['type="file"'],
            "endpoint": ['list="endpoint-list"', "<datalist"],
            "text": ["<textarea"],
        }
        for name, parts in wanted.items():
            html = row(name, form)
            assert [part for part in parts if part not in html] == [], name

    def test_a_stored_secret_never_comes_back(self) -> None:
        form = EveryField(meta={"csrf": False}, data={"secret": "top-secret"})
        saved = {"at": MOMENT, "by": "Hannah Reid", "tail": "9f2c", "url": "/replace"}
        html = draw('{{ ui.row(f.secret, "secret", saved=saved) }}', f=form, saved=saved)
        assert "20 Nov 2026 by Hannah Reid" in html
        assert "…9f2c" in html
        assert "<input" not in html
        assert "top-secret" not in row("secret", form)

    def test_summary_links_to_the_fields_with_the_same_words(self) -> None:
        form = EveryField(meta={"csrf": False})
        form.validate()
        form.radio.errors = ["Choose one"]
        html = draw("{{ ui.error_summary(form) }}", form=form)
        assert 'href="#plain">Enter the Plugin Name</a>' in html
        assert 'href="#radio-0">Choose one</a>' in html
        assert "autofocus" in html
        assert f"There is a problem with {len(form.errors)} fields" in html

    def test_no_error_no_summary(self) -> None:
        assert draw("{{ ui.error_summary(form) }}", form=EveryField(meta={"csrf": False})).strip() == ""

    def test_form_posts_files_and_works_without_scripts(self) -> None:
        source = '{% call ui.form(form, "/plugins/1", target="plugin_form") %}x{% endcall %}'
        html = draw(source, form=EveryField())
        assert 'method="post" action="/plugins/1" novalidate' in html
        assert 'enctype="multipart/form-data"' in html
        assert 'hx-target="#plugin_form"' in html
        assert 'name="csrf_token"' in html


@pytest.mark.usefixtures("small_app")
class TestParts:
    def test_switch_says_its_state_and_sends_the_other(self) -> None:
        html = draw('{{ ui.switch("/a", true, "Is active", "active") }}')
        assert 'role="switch" aria-checked="true"' in html
        assert 'name="on" value="0"' in html
        assert 'id="active"' in html

    def test_switch_that_is_not_available_stays_focusable_and_says_why(self) -> None:
        html = draw('{{ ui.switch("/a", false, "Is active", "active", reason="Save first") }}')
        assert 'aria-disabled="true"' in html
        assert 'aria-describedby="active-why"' in html
        assert " disabled" not in html
        assert 'type="submit"' not in html

    def test_what_comes_from_outside_is_escaped(self) -> None:
        html = draw('{{ ui.badge("bad", name) }}{{ ui.note("info", name) }}', name="<script>x</script>")
        assert "<script>" not in html
        assert html.count("&lt;script&gt;") == 2

    def test_progress_has_a_name_and_no_inline_style(self) -> None:
        html = draw('{{ ui.progress(1043, 1684, "h") }}')
        assert 'max="1684" value="1043" aria-labelledby="h">61.9%' in html
        assert "style" not in html

    def test_stepper_links_only_steps_that_are_done(self) -> None:
        html = draw('{{ ui.stepper(["Keys", "Settings", "Check"], 2, ["/1", "/2", "/3"]) }}')
        assert html.count("<a ") == 1
        assert 'aria-current="step"' in html

    def test_pager_draws_a_quiet_word_where_there_is_no_page(self) -> None:
        html = draw('{{ ui.pager(none, "/?after=x", "1–8 of 86") }}')
        assert '<span class="quiet">Previous</span>' in html
        assert 'rel="next" href="/?after=x"' in html

    @pytest.mark.parametrize(
        ("number", "limit", "text"),
        [
            (86, 1000, "86"),
            (1284, 1000, "1,000+"),
            (1284, None, "1,284"),
            (SimpleNamespace(number=10000, more=True), None, "10,000+"),
        ],
    )
    def test_counts_say_where_they_stop(self, number: object, limit: int | None, text: str) -> None:
        assert draw("{{ ui.count(number, limit) }}", number=number, limit=limit).strip() == text

    def test_dialog_is_also_a_page(self) -> None:
        source = '{% call ui.dialog("d", "Add store", page=page) %}x{% endcall %}'
        assert "<dialog" in draw(source, page=False)
        assert "<dialog" not in draw(source, page=True)
        assert "<h1" in draw(source, page=True)

    def test_time_carries_the_moment_and_the_zone(self) -> None:
        html = draw('{{ ui.when(at, "Asia/Shanghai") }}', at=MOMENT)
        assert 'datetime="2026-11-20T13:05:00+00:00"' in html
        assert "21:05:00 · Shanghai time (UTC+08:00)" in html

    def test_every_icon_in_use_is_in_the_sprite(self) -> None:
        sprite = (ROOT / "static/icons.svg").read_text()
        html = draw('{{ ui.icon("store") }}')
        assert '#i-store"' in html
        for name in ("store", "box", "orders", "channel", "plug", "pulse", "gear", "check", "alert", "x", "copy"):
            assert f'id="i-{name}"' in sprite


class TestShow:
    def test_a_browser_gets_the_page(self, small: FlaskClient) -> None:
        answer = small.get("/stores")
        assert answer.status_code == 200
        assert "<!DOCTYPE html>" in answer.text
        assert '<html lang="en-GB"' in answer.text
        assert 'aria-current="page"' in answer.text
        assert {"HX-Request", "HX-Target"} <= set(answer.vary)

    def test_htmx_gets_the_block_and_what_goes_along(self, small: FlaskClient) -> None:
        answer = ask(small, "/stores", "stores_table")
        assert answer.text.lstrip().startswith('<div id="stores_table">')
        assert 'hx-swap-oob="true">chips' in answer.text
        assert "<h1>" not in answer.text

    def test_a_row_of_a_list_is_asked_for_by_block_and_key(self, small: FlaskClient) -> None:
        assert "<h1>" not in ask(small, "/stores", "stores_table-12").text

    def test_blocks_that_the_view_does_not_name_stay_closed(self, small: FlaskClient) -> None:
        answer = ask(small, "/stores", "main")
        assert "<!DOCTYPE html>" in answer.text
        assert answer.headers["HX-Retarget"] == "body"

    @pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
    def test_a_whole_page_is_a_whole_page(self, small: FlaskClient, header: str) -> None:
        answer = ask(small, "/stores", "stores_table", **{header: "true"})
        assert "<!DOCTYPE html>" in answer.text
        assert "HX-Retarget" not in answer.headers

    def test_errors_in_the_form_are_422(self, small: FlaskClient) -> None:
        assert small.get("/wrong").status_code == 422
        assert "<title>Error: Stores – Lintas</title>" in small.get("/wrong").text
        assert ask(small, "/wrong", "stores_table").status_code == 422

    def test_go_redirects_and_speaks_once(self, small: FlaskClient) -> None:
        answer = small.post("/move")
        assert (answer.status_code, answer.location) == (303, "/stores")
        assert "The parcel is booked." in small.get("/stores").text
        assert "The parcel is booked." not in small.get("/stores").text

    def test_htmx_is_sent_back_to_its_page_but_told_to_load_another(self, small: FlaskClient) -> None:
        same = small.post("/move", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/stores?q=1"})
        assert same.status_code == 303
        other = small.post("/move", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/move"})
        assert (other.status_code, other.headers["HX-Redirect"]) == (200, "/stores")

    def test_a_toast_travels_with_the_fragment(self, small: FlaskClient) -> None:
        answer = ask(small, "/done", "stores_table")
        assert 'hx-swap-oob="beforeend:#toasts"' in answer.text
        assert "Import finished" in answer.text

    def test_errors_keep_what_was_typed(self, small: FlaskClient) -> None:
        assert "req-1" in small.get("/error/500").text
        toast = ask(small, "/error/500", "stores_table")
        assert toast.text == ""
        assert "req-1" in toast.headers["HX-Trigger"]
        page = ask(small, "/error/404", "stores_table")
        assert page.status_code == 404
        assert page.headers["HX-Retarget"] == "body"


class TestHeaders:
    def test_every_answer_is_protected(self, small: FlaskClient) -> None:
        for url in ("/stores", "/error/500", "/nowhere", "/static/app.css"):
            with small.get(url) as answer:
                csp = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in csp
            assert "form-action 'self' https://oauth.example" in csp
            assert "unsafe" not in csp
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_pages_are_not_kept_and_hashed_files_are(self, small_app: Flask, small: FlaskClient) -> None:
        kept = {"/stores": "no-store", headers.static_url("app.css"): "immutable", "/static/app.css": "no-cache"}
        for url, how_long in kept.items():
            with small.get(url) as answer:
                assert how_long in answer.headers["Cache-Control"]

    def test_https_is_remembered_only_over_https(self, small: FlaskClient) -> None:
        assert "Strict-Transport-Security" not in small.get("/stores").headers
        secure = small.get("/stores", base_url="https://localhost")
        assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("locale", "full", "recent", "number", "percent", "rupiah", "yuan", "pound"),
    [
        (
            "en",
            "20 Nov 2026, 13:05",
            "Today, 13:05 · 2 min ago",
            "1,284.5",
            "62.6%",
            "IDR 1,249,000",
            "CNY 1,299.50",
            "£84.90",
        ),
        (
            "id",
            "20 Nov 2026 13.05",
            "Hari ini 13.05 · 2 menit lalu",
            "1.284,5",
            "62,6%",
            "Rp1.249.000",
            "CNY 1.299,50",
            "GBP 84,90",
        ),
        (
            "zh_Hans",
            "2026年11月20日 13:05",
            "今天 13:05 · 2分钟前",
            "1,284.5",
            "62.6%",
            "IDR 1,249,000",
            "¥1,299.50",
            "GBP 84.90",
        ),
    ],
)
def test_table_of_languages(
    locale: str, full: str, recent: str, number: str, percent: str, rupiah: str, yuan: str, pound: str
) -> None:
    now = MOMENT.replace(minute=7)
    assert words.full(MOMENT, locale, LONDON) == full
    assert words.when(MOMENT, locale, LONDON, now) == recent
    assert words.number(1284.5, locale) == number
    assert words.percent(0.626, locale) == percent
    prices = [(124_900_000, "IDR", rupiah), (129_950, "CNY", yuan), (8_490, "GBP", pound)]
    for minor, currency, text in prices:
        assert words.money(minor, currency, locale, own=True).replace("\u00a0", " ") == text


def test_mixed_lists_always_show_the_code() -> None:
    assert words.money_parts(129_950, "CNY", "zh_Hans") == ("CNY", "1,299.50")
    assert words.money_parts(1_299, "JPY", "en") == ("JPY", "1,299")


def test_fractions_of_a_rupiah_are_not_hidden() -> None:
    assert words.money_parts(124_900_050, "IDR", "id", own=True) == ("", "Rp1.249.000,50")


def test_negative_amounts_keep_sign_and_symbol_together() -> None:
    assert words.money_parts(-8_490, "GBP", "en", own=True) == ("", "−£84.90")


@pytest.mark.parametrize(
    ("minutes", "en", "indonesian", "zh"),
    [
        (0, "just now", "baru saja", "刚刚"),
        (59, "59 min ago", "59 menit lalu", "59分钟前"),
        (60, "1 hour ago", "1 jam lalu", "1小时前"),
        (3 * 60, "3 hours ago", "3 jam lalu", "3小时前"),
        (6 * 24 * 60, "6 days ago", "6 hari lalu", "6天前"),
        (-6 * 24 * 60, "in 6 days", "6 hari lagi", "6天后"),
    ],
)
def test_ago(minutes: int, en: str, indonesian: str, zh: str) -> None:
    now = MOMENT.fromtimestamp(MOMENT.timestamp() + minutes * 60, UTC)
    assert [words.ago(MOMENT, locale, now) for locale in words.LANGUAGES] == [en, indonesian, zh]


def test_the_day_is_that_of_the_zone() -> None:
    late = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    assert words.when(late, "en", SHANGHAI, MOMENT) == "Tomorrow, 00:30"
    assert words.when(late, "id", JAKARTA, MOMENT) == "Hari ini 23.30"
    assert words.full(late, "zh_Hans", SHANGHAI) == "2026年11月21日 00:30"


@pytest.mark.parametrize(
    ("zone", "names"),
    [
        ("Asia/Jakarta", ["WIB", "WIB", "WIB"]),
        ("Asia/Makassar", ["WITA", "WITA", "WITA"]),
        ("Asia/Jayapura", ["WIT", "WIT", "WIT"]),
        ("Asia/Shanghai", ["Shanghai time", "waktu Shanghai", "北京时间"]),
        ("Europe/London", ["London time", "waktu London", "伦敦时间"]),
    ],
)
def test_zones_have_the_names_that_people_use(zone: str, names: list[str]) -> None:
    assert [words.zone_name(zone, locale) for locale in words.LANGUAGES] == names


def test_nearly_done_is_not_done() -> None:
    assert words.percent(0.9999, "en") == "99.9%"
    assert words.percent(1, "en") == "100%"
