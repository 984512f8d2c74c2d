"""JD Logistics: its form, how it is signed and asked, what its answers and refusals mean, the first check."""

import json
from typing import Any

import httpx
import pytest

from portal.contract.definition import Entry
from portal.contract.errors import Busy, Cause, Offer, Refused, RemoteError, Unauthorised
from portal.contract.records import ShipmentStatus, Tokens
from portal.integrations.jdl import checks, maps
from portal.integrations.jdl.client import JdlClient
from tests.contract.jdl_calls import ONE, OUTSIDE, SETTINGS, asked, client, no, raised, well

# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_form_has_the_seven_codes_in_the_order_of_jds_sheet_and_two_folded_addresses() -> None:
    labels = [each.label.en for each in ONE.settings if not each.advanced]
    assert labels == [
        "Customer Code",
        "Operator Code",
        "Source System Code",
        "Cargo Owner ID",
        "Warehouse Code",
        "Sales Channel Code (scCode)",
        "Customer Dept Code",
    ]
    assert all(each.required and each.entry is Entry.CODE for each in ONE.settings if not each.advanced)
    for each in ONE.settings:
        if not each.advanced:
            name = "scCode" if "scCode" in each.label.en else each.label.en
            assert name in each.label.id
            assert name in each.label.zh
    folded = {each.key: (each.use, tuple(each.choices)) for each in ONE.settings if each.advanced}
    assert folded["gateway"] == (
        "gateway",
        ("https://intl-api.jdl.com", "https://api.jdl.com", "https://uat-api.jdl.com"),
    )
    assert folded["sign_in_server"][0] == "oauth"
    assert [(each.label.en, each.default) for each in ONE.options] == [
        ("Download products", False),
        ("Auto sync stock", False),
        ("Order import", True),
    ]


def test_typing_jd_finds_it() -> None:
    assert "jd" in ONE.name.casefold()
    assert "jd" in ONE.search_words


def test_the_letter_names_every_code_and_both_addresses() -> None:
    assert ONE.letter is not None
    for text in (ONE.letter.en, ONE.letter.id, ONE.letter.zh):
        for name in ("customerCode", "operatorAccount", "systemCode", "cargoOwnerCode", "warehouseCode", "scCode"):
            assert name in text
        assert "{callback}" in text
        assert "{hook}" in text


def test_a_tracking_number_alone_is_no_dispatch() -> None:
    assert [code for code, status in ONE.statuses.items() if status is ShipmentStatus.DISPATCHED] == ["10020"]
    assert ONE.statuses["10029"] is ShipmentStatus.KEEP


# --- signing and asking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", OUTSIDE["refresh"], ids=lambda each: each["id"])
def test_other_clients_refresh_signatures_are_reproduced(vector: dict[str, Any]) -> None:
    signed = {name: vector["query"][name] for name in ("app_key", "refresh_token", "timestamp")}
    assert JdlClient.sign(signed, vector["app_secret"]) == vector["query"]["sign"].lower()


def test_a_call_has_everything_but_the_body_in_the_query_and_signs_the_bytes_that_it_sends() -> None:
    sent: list[httpx.Request] = []
    one = client(lambda request: sent.append(request) or well({"records": [], "total": 0, "pages": 0}))
    one.stock(1, ["SKU-红-01"])
    (request,) = sent
    query = dict(request.url.params)
    assert (request.method, request.url.host) == ("POST", "intl-api.jdl.com")
    assert request.url.path == "/fop/open/stockprovider/querystockwarehouselistbypage"
    assert query["timestamp"] == "2026-11-20 20:00:00"
    assert request.headers["lop-tz"] == "8"
    assert request.headers["content-type"] == "application/json;charset=utf-8"
    assert (query["LOP-DN"], query["v"], query["algorithm"]) == ("JD_FOP_FULFILLMENT_CENTE", "2.0", "md5-salt")
    signed = {name: query[name] for name in ("access_token", "app_key", "timestamp", "v")}
    signed |= {"method": request.url.path, "param_json": request.content.decode()}
    assert query["sign"] == JdlClient.sign(signed, SETTINGS["app_secret"])
    assert asked(request) == {
        "customerCode": "KH20000000001",
        "customerDeptCode": "EBU1",
        "operatorAccount": "jd_demo_operator",
        "systemCode": "neuro-demo",
        "cargoOwnerCode": "CO0000042",
        "systemType": "10",
        "warehouseCode": "C0000000777",
        "customerGoodsIdList": ["SKU-红-01"],
        "pageNo": 1,
        "page": 1,
        "pageNum": 1,
        "pageSize": 50,
    }


def test_a_blank_code_is_left_out_rather_than_sent_empty() -> None:
    sent: list[httpx.Request] = []
    one = client(lambda request: sent.append(request) or well(None), cargo_owner_id=" ", sales_channel_code="")
    one.goods(1)
    assert not {"cargoOwnerCode", "scCode"} & set(asked(sent[0]))


def test_the_house_may_choose_an_hmac_and_another_domain() -> None:
    sent: list[httpx.Request] = []
    one = client(lambda request: sent.append(request) or well(None), algorithm="HMacSHA256", lop_dn="FOP")
    one.warehouses()
    query = dict(sent[0].url.params)
    assert (query["algorithm"], query["LOP-DN"], len(query["sign"])) == ("HMacSHA256", "FOP", 44)
    assert raised(client(lambda request: well(None), algorithm="sm3-salt").warehouses).cause is Cause.HOUSE_KEYS


@pytest.mark.parametrize("missing", ["app_key", "app_secret"])
def test_without_the_houses_keys_nothing_is_sent(missing: str) -> None:
    one = client(lambda request: pytest.fail("sent"), **{missing: ""})
    assert raised(one.warehouses).cause is Cause.HOUSE_KEYS


def test_without_a_token_nothing_is_sent() -> None:
    assert raised(client(lambda request: pytest.fail("sent"), None).warehouses).cause is Cause.TOKEN_MISSING


# --- answers ----------------------------------------------------------------------------------------------------------

ROWS = {"records": [{"a": 1}], "total": 1, "pages": 1}


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 200, "data": ROWS},
        {"code": "200", "data": ROWS},
        {"code": 1000, "data": ROWS},
        {"code": "0", "data": ROWS},
        {"success": True, "data": ROWS},
        {"success": "true", "code": "77", "data": ROWS},
        {"failed": False, "data": ROWS},
        {"code": 200, "data": json.dumps(ROWS)},
        {"code": 200, "data": {"list": [{"a": 1}], "totalCount": "1", "totalPage": "1"}},
        {"code": 200, "data": {"rows": '[{"a": 1}]', "total": 1, "pages": 1}},
        {"code": 200, "data": {"items": [{"a": 1}], "total": 1, "pages": 1}},
        {"code": 200, "data": [{"a": 1}]},
    ],
)
def test_every_form_of_a_good_answer_is_read(answer: Any) -> None:
    assert client(lambda request: answer).goods(1) == ([{"a": 1}], 1, 1)


def test_an_answer_that_says_it_failed_is_not_believed_for_its_code() -> None:
    assert raised(lambda: client(lambda request: {"code": 200, "success": False, "data": ROWS}).goods(1))
    assert raised(lambda: client(lambda request: {"code": 200, "failed": True, "data": ROWS}).goods(1))


@pytest.mark.parametrize("vector", OUTSIDE["refusals"], ids=lambda each: each["id"])
def test_the_gateways_refusal_keeps_its_code_and_its_words(vector: dict[str, Any]) -> None:
    why = raised(lambda: client(lambda request: vector["body"].encode()).goods(1))
    assert (why.code, why.said) == (vector["code"], vector["said"])
    assert (type(why), why.cause) == (Refused, Cause.HOUSE_KEYS)


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        (2, Busy, Cause.RATE_LIMITED),
        (8, Refused, Cause.CLOCK),
        (15, Refused, Cause.PATH_UNKNOWN),
        (18, Unauthorised, Cause.TOKEN_MISSING),
        (19, Unauthorised, Cause.TOKEN_EXPIRED),
        (20, Refused, Cause.HOUSE_KEYS),
        (21, Refused, Cause.HOUSE_KEYS),
        (62, Refused, Cause.REFUSED),
        (66, Busy, Cause.BUSY),
        (987, Busy, Cause.BUSY),
    ],
)
def test_what_a_number_of_the_gateway_means(code: int, kind: type[RemoteError], cause: Cause) -> None:
    why = raised(lambda: client(lambda request: {"error_response": {"code": code, "en_desc": "x"}}).goods(1))
    assert (type(why), why.cause) == (kind, cause)


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("2000", Refused, Cause.VALUE_MISSING),
        ("2001", Refused, Cause.WRONG_CUSTOMER),
        ("2002", Busy, Cause.BUSY),
        ("2003", Refused, Cause.WRONG_SYSTEM),
        ("2004", Refused, Cause.WRONG_OWNER),
        ("2006", Refused, Cause.WRONG_OPERATOR),
        ("2059", Refused, Cause.WRONG_SALES_CHANNEL),
        ("2130", Refused, Cause.WRONG_WAREHOUSE),
        ("4000", Busy, Cause.BUSY),
        ("98765", Refused, Cause.REFUSED),
    ],
)
def test_what_a_number_of_a_service_means(code: str, kind: type[RemoteError], cause: Cause) -> None:
    why = raised(lambda: client(lambda request: no(code, "JD's own words")).goods(1))
    assert (type(why), why.cause, why.code, why.said) == (kind, cause, code, "JD's own words")
    assert why.after == (600 if code == "2002" else None)


# --- what an operator may correct -------------------------------------------------------------------------------------


def test_paths_names_and_numbers_can_be_corrected_without_code() -> None:
    sent: list[httpx.Request] = []
    corrected = {
        "paths": {"goods.query": "/fop/open/v2/goods"},
        "request": {"scCode": "salesChannel"},
        "reply": {"customerGoodsId": "goodsNo", "rows": "goodsList"},
        "codes": {"55": "wrong_owner"},
        "gateway_codes": {"77": "house_keys"},
    }
    answer = well(json.dumps({"goodsList": [{"goodsNo": "SKU-1", "jdGoodsId": "E1"}], "total": 1, "pages": 1}))
    one = client(lambda request: sent.append(request) or answer, maps=json.dumps(corrected))
    assert one.goods(1)[0] == [{"customerGoodsId": "SKU-1", "jdGoodsId": "E1"}]
    assert sent[0].url.path == "/fop/open/v2/goods"
    assert asked(sent[0])["salesChannel"] == "WEB"
    assert raised(lambda: client(lambda r: no("55"), maps=json.dumps(corrected)).goods(1)).cause is Cause.WRONG_OWNER
    refused = {"error_response": {"code": 77, "en_desc": ""}}
    assert raised(lambda: client(lambda r: refused, maps=json.dumps(corrected)).goods(1)).cause is Cause.HOUSE_KEYS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not one JSON object"),
        ('{"path": {}}', "no part 'path'"),
        ('{"paths": []}', "'paths'"),
        ('{"paths": {"goods.read": "/a"}}', "goods.read"),
        ('{"paths": {"goods.query": "fop/open"}}', "paths.goods.query"),
        ('{"request": {"scCode": "sales channel"}}', "request.scCode"),
        ('{"reply": {"a": "x", "b": "x"}}', "two entries"),
        ('{"codes": {"2130": "a wrong warehouse"}}', "codes.2130"),
    ],
)
def test_a_wrong_correction_says_which_entry_and_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        maps.read(text)
    assert says in str(caught.value)
    why = raised(lambda: client(lambda request: pytest.fail("sent"), maps=text).goods(1))
    assert why.cause is Cause.HOUSE_KEYS
    assert says in why.detail


# --- the first check --------------------------------------------------------------------------------------------------

SITES = [
    {"warehouseCode": "C0000000777", "warehouseName": "Birmingham", "status": 1},
    {"warehouseCode": "C0000000778", "warehouseName": "Milton Keynes", "status": 1},
    {"warehouseCode": "C0000000779", "warehouseName": "Leeds", "status": 0},
]


def warehouses(request: httpx.Request) -> Any:
    """A remote that knows three warehouses, one of them off."""
    wanted = asked(request).get("warehouseCode")
    found = [each for each in SITES if wanted in {None, each["warehouseCode"]}]
    return well({"records": found}) if found else no("2130", "warehouse unknown")


def test_the_warehouse_is_named_and_an_unknown_one_comes_with_those_that_jd_lists() -> None:
    assert checks.warehouse(client(warehouses)) == "Birmingham"
    why = raised(lambda: checks.warehouse(client(warehouses, warehouse_code="800001810")))
    assert (why.cause, why.said) == (Cause.WRONG_WAREHOUSE, "warehouse unknown")
    assert why.offers == (
        Offer("warehouse_code", "C0000000777", "Birmingham"),
        Offer("warehouse_code", "C0000000778", "Milton Keynes"),
    )


def test_a_warehouse_that_is_off_or_not_listed_has_its_cause() -> None:
    off = raised(lambda: checks.warehouse(client(warehouses, warehouse_code="C0000000779")))
    assert (off.cause, len(off.offers)) == (Cause.WAREHOUSE_OFF, 2)
    none = raised(lambda: checks.warehouse(client(lambda request: well({"records": []}))))
    assert (none.cause, none.offers) == (Cause.WRONG_WAREHOUSE, ())


def test_a_refused_department_is_told_from_a_refused_operator() -> None:
    def department(request: httpx.Request) -> Any:
        return no("2006", "no right") if "customerDeptCode" in asked(request) else well(ROWS)

    assert raised(lambda: checks.codes(client(department))).cause is Cause.WRONG_DEPARTMENT

    def busy(request: httpx.Request) -> Any:
        refused = {"error_response": {"code": 66, "en_desc": "busy"}}
        return no("2006", "no right") if "customerDeptCode" in asked(request) else refused

    assert raised(lambda: checks.codes(client(busy))).cause is Cause.WRONG_OPERATOR
    tokens = Tokens("granted-token", account="jd_seller_pin")
    operator = raised(lambda: checks.codes(client(lambda request: no("2006"), tokens)))
    assert operator.cause is Cause.WRONG_OPERATOR
    assert operator.offers == (Offer("operator_code", "jd_seller_pin"),)


def test_a_refused_source_system_comes_with_the_houses_own() -> None:
    why = raised(lambda: checks.codes(client(lambda request: no("2003"))))
    assert why.offers == (Offer("source_system_code", "LINTAS"),)
