"""Passes: what stands in an address that nobody signs in to."""

from __future__ import annotations

import uuid

import pytest

from portal.kit import passes

MERCHANT = uuid.UUID("01890000-0000-7000-8000-00000000beef")


def test_a_pass_says_whose_it_is_and_is_found_by_its_hash() -> None:
    text, hashed = passes.make(MERCHANT)
    assert passes.read(text) == (MERCHANT, hashed)
    assert len(hashed) == 32
    assert text not in {passes.make(MERCHANT)[0] for _ in range(50)}


def test_a_pass_fits_into_an_address_as_it_is() -> None:
    for _ in range(50):
        text, _ = passes.make(MERCHANT)
        assert len(text) == 64
        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("spoil", [str.lower, str.strip, lambda text: text[:-1], lambda text: text + "A"])
def test_another_text_is_another_pass_or_none(spoil: object) -> None:
    text, hashed = passes.make(MERCHANT)
    assert callable(spoil)
    read = passes.read(spoil(text))
    assert spoil(text) == text or read is None or read[1] != hashed


@pytest.mark.parametrize("text", ["", "x", "é" * 64, "+" * 64, "/" * 64, "=" * 64, " " * 64, "A" * 63 + "=", "\0" * 64])
def test_what_is_no_pass_is_none(text: str) -> None:
    assert passes.read(text) is None
