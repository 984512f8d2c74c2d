"""What is collected for the translators: every text that people read, wherever it stands."""

from __future__ import annotations

import importlib.util
import re

from portal.config import ROOT

FIRST_WORDS = re.compile(r'_\("([^"]+)"')


def test_the_texts_of_letters_are_collected_as_those_of_pages_are() -> None:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "tools" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    collected = {message.id for message in tool.texts(tool.collect())}
    letters = sorted((ROOT / "templates" / "mail").glob("*.txt"))
    assert letters
    for letter in letters:
        wanted = FIRST_WORDS.findall(letter.read_text(encoding="utf-8"))
        assert wanted, letter.name
        assert set(wanted) <= collected, letter.name
