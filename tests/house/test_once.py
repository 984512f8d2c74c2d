"""Each form that posts carries a one-time mark, so that whatever is sent twice has one effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.addresses import address, make_things, methods, rules
from tests.cast import Cast

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
COMMENT = re.compile(r"\{#.*?#\}", re.S)
FORM = re.compile(r"<form\b(?P<head>.*?[^-%])>(?P<body>.*?)</form>", re.S)
POSTS = re.compile(r'method="(post"|\{\{)|\bhx-(post|put|patch|delete)=', re.I)
CARRIES = re.compile(r"\b(csrf|once)\(\)")
SENDS_ALONE = re.compile(r"<(?!form\b)\w+[^<]*?\bhx-(?:post|put|patch|delete)=.*?>", re.S)
DRAWN = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.S)
MARK = re.compile(r'name="once" value="([\w-]{20,})"')


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_form_that_posts_is_written_with_a_mark(path: Path) -> None:
    text = COMMENT.sub("", path.read_text())
    assert text.count("<form") == len(FORM.findall(text)), "a form begins here and ends elsewhere"
    for form in FORM.finditer(text):
        if POSTS.search(form["head"]):
            assert CARRIES.search(form["body"]), f"this form carries no mark: {form['head'].strip()}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_button_that_is_answered_in_place_has_a_mark_or_a_form_that_is_drawn_anew_with_it(path: Path) -> None:
    text = COMMENT.sub("", path.read_text())
    for button in SENDS_ALONE.finditer(text):
        target = re.search(r'hx-target="#([\w-]+)', button[0])
        form = max(text.rfind(begins, 0, button.start()) for begins in ("<form", "ui.form("))
        drawn_anew = target and 0 <= text.find(f'id="{target[1]}"') < form
        assert drawn_anew or "once_here()" in button[0], button[0]


def test_every_form_that_is_drawn_has_a_mark_of_its_own(cast: Cast) -> None:
    things, seen = make_things(cast), set()
    drawn = 0
    for person in (None, cast.mei, cast.vera, cast.sam):
        client = cast.client_of(person)
        for rule in rules(cast.app):
            if "GET" not in methods(rule):
                continue
            answer = client.get(address(rule, things), buffered=True)
            if answer.mimetype != "text/html":
                continue
            for form in DRAWN.finditer(answer.text):
                if 'method="post"' in form["head"]:
                    marks = MARK.findall(form["body"])
                    assert len(marks) == 1, f"{rule.rule} draws {len(marks)} marks in {form['head'].strip()}"
                    assert marks[0] not in seen, f"{rule.rule} draws a mark twice"
                    seen.add(marks[0])
                    drawn += 1
    assert drawn > 100
