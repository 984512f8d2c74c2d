"""What somebody sent is shown without the values of hidden fields, however they are wrapped."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from portal.kit import masking
from portal.kit.masking import shown

HIDDEN = {"phone", "address"}


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "SECRET"},
        {"Phone": "SECRET"},
        {"a": [{"b": {"phone": "SECRET"}}]},
        {"address": {"street": "SECRET", "lines": ["SECRET", {"x": "SECRET"}], "no": 5}},
        {"text": json.dumps({"phone": "SECRET", "deeper": json.dumps([{"address": ["SECRET"]}])})},
    ],
)
def test_a_hidden_field_is_masked_at_any_depth_and_all_below_it(body: object) -> None:
    said = shown(json.dumps(body).encode(), HIDDEN)
    assert said is not None
    assert "SECRET" not in said
    assert masking.HIDDEN in said


def test_a_form_is_shown_with_the_json_in_its_fields_opened() -> None:
    body = urlencode({"topic": "stock", "request_body": json.dumps({"sku": "A1", "phone": "SECRET"})}).encode()
    said = shown(body, HIDDEN)
    assert json.loads(said or "") == {"topic": "stock", "request_body": {"sku": "A1", "phone": masking.HIDDEN}}


def test_a_field_that_stands_twice_hides_both_values() -> None:
    said = shown(b'{"phone": "SECRET", "phone": "SECRET", "sku": "A", "sku": "B", "sku": ["C"]}', HIDDEN)
    assert json.loads(said or "") == {"phone": [masking.HIDDEN] * 2, "sku": ["A", "B", ["C"]]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"SECRET",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{SECRET",
        b'{"a": "\\ud800"}',
        b'{"phone": "SECRET", "x": "a=b"',
        b'"phone":"SECRET","x"=b',
    ],
)
def test_what_cannot_be_read_is_not_shown(body: bytes) -> None:
    assert shown(body, HIDDEN) is None


def test_what_is_harmless_stays_as_it_is() -> None:
    body = {"sku": "A1", "number": 7, "none": None, "title": "保温杯"}
    assert json.loads(shown(json.dumps(body).encode(), HIDDEN) or "") == body


def test_a_text_that_looks_as_if_it_had_fields_and_cannot_be_read_is_hidden() -> None:
    assert json.loads(shown(b'{"text": "{phone: SECRET", "other": "[SECRET"}', HIDDEN) or "") == {
        "text": masking.HIDDEN,
        "other": masking.HIDDEN,
    }


@pytest.mark.parametrize(
    "name",
    ["receiverName", "linkMobile", "shipToCity", "zip", "buyerRemark", "consignee_tel", "fullAddress", "userName"],
)
def test_what_is_a_persons_by_its_name_is_hidden_whatever_a_sender_declares(name: str) -> None:
    assert "SECRET" not in (shown(json.dumps({"deep": [{name: "SECRET"}]}).encode(), set()) or "SECRET")


@pytest.mark.parametrize("name", ["sku", "capacity", "customerOrderNo", "warehouseCode", "country", "carrierName"])
def test_what_is_no_persons_stays(name: str) -> None:
    assert "PLAIN" in (shown(json.dumps({name: "PLAIN"}).encode(), set()) or "")
