"""Every word that a flow may note has a sentence, and every sentence a flow that notes it."""

from __future__ import annotations

from fnmatch import fnmatchcase

from flask import Flask

from portal.models import AuditNote
from portal.web import activity_words
from portal.web.activity_words import LOOKS, MARKS, REFUSALS, SAID, SIGN_INS
from tests.house.audit_calls import noted


def test_every_note_of_the_house_has_a_sentence() -> None:
    missing = [each for each in noted() if not any(fnmatchcase(known, each.what or "?") for known in SAID)]
    assert not missing, "give these words a sentence in portal/web/activity_words.py (or say plainly what is noted)"


def test_no_sentence_and_no_kind_is_left_without_a_note_that_says_it() -> None:
    patterns = {each.what for each in noted()}
    for known in {*SAID, *MARKS, *SIGN_INS, *REFUSALS, *LOOKS}:
        assert any(fnmatchcase(known, each) for each in patterns), f"nothing notes {known}"
    assert set(MARKS) | SIGN_INS | REFUSALS | LOOKS <= set(SAID)


def test_each_sentence_is_made_without_a_gap_in_it(app: Flask) -> None:
    with app.test_request_context():
        for what in SAID:
            said = activity_words.sentence(AuditNote(what=what, name="Thing", who="Mei", reason=""))
            assert said[0].isupper(), what
            assert "%(" not in said, what
