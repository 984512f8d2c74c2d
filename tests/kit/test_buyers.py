"""How little of a buyer's name shows."""

from __future__ import annotations

import pytest

from portal.kit.buyers import masked_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Lovelace Byron", "A*** L***"),
        ("王小芳", "王**"),
        ("王 小芳", "王**"),
        ("张 三", "张*"),
        ("张*三", "张**"),
        ("王**", "王**"),
        ("Ada Lovelace *gift*", "A*** L***"),
        ("A*** L***", "A*** L***"),
        ("0812345678 Ada", "*** A***"),
        ("  ", ""),
    ],
)
def test_a_name_shows_no_more_than_first_letters_whatever_stars_and_spaces_are_in_it(name: str, shown: str) -> None:
    assert masked_name(name) == shown
