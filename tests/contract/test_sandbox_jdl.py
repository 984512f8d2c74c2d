"""The sandbox of JD Logistics over real HTTP: the gateway's checks in order, the services' codes, orders and stock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from portal.contract.world.records import Token
from tests.contract.jdl_calls import OUTSIDE
from tests.contract.jdl_sandbox import PATHS, Jdl

pytest_plugins = ("tests.sandbox_server",)

EMPTY = "[{}]"


@pytest.fixture
def jdl(sandbox: Any) -> Jdl:
    return Jdl(sandbox)


def gateway(answer: Any) -> str:
    assert answer.status_code == 200
    assert answer.headers["Lop-Trace-Id"]
    return str(answer.json().get("error_response", {}).get("code", ""))


def _is_ours(vector: dict[str, Any]) -> bool:
    """Whether a request is to this domain and a merchant's; others are refused before the signature."""
    return vector["query"]["LOP-DN"] == "JD_FOP_FULFILLMENT_CENTE" and "access_token" in vector["query"]


OURS = [each for each in OUTSIDE["requests"] if _is_ours(each)]


# --- the gateway --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", OURS, ids=lambda each: each["id"])
@pytest.mark.parametrize("secret", ["right", "wrong"])
def test_other_clients_requests_are_accepted_as_they_put_them_on_the_wire(
    sandbox: Any, vector: dict[str, Any], secret: str
) -> None:
    app, path = vector["query"]["app_key"], vector["path"]
    app_secret = vector["app_secret"] if secret == "right" else "another"
    sandbox.control("account", integration="jdl", name="vector", app_key=app, app_secret=app_secret, rate=None)
    hours = int(vector["headers"].get("lop-tz", "8"))
    said = datetime.strptime(vector["query"]["timestamp"], "%Y-%m-%d %H:%M:%S").replace(
        tzinfo=timezone(timedelta(hours=hours))
    )
    sandbox.control("clock", integration="jdl", seconds=(said - datetime.now(UTC)).total_seconds())
    world = sandbox.worlds["jdl"]
    ends = world.now().timestamp() + 1000
    world.memory.keep_token(Token(vector["query"]["access_token"], "refresh-x", app, "vector", 0, ends))
    headers, body = vector["headers"], vector["body"].encode()
    answer = sandbox.http.post(f"/jdl{path}", params=vector["query"], content=body, headers=headers)
    if secret == "right":
        # The signature holds; whose codes these are is another question.
        assert gateway(answer) == ""
        assert answer.json()["code"] in {"2000", "2001"}
    else:
        assert gateway(answer) == "12"


def test_the_checks_come_in_their_order(jdl: Jdl) -> None:
    """Each call has one thing less wrong than the one before."""
    steps: list[tuple[str, str, dict[str, str], str]] = [
        ("15", "/fop/open/nothing/here", {"app_key": ""}, "?"),
        ("20", "goods.query", {"app_key": "", "v": ""}, "?"),
        ("21", "goods.query", {"app_key": "x", "v": ""}, "?"),
        ("4", "goods.query", {"v": "", "timestamp": ""}, "?"),
        ("5", "goods.query", {"v": "1.0", "timestamp": ""}, "?"),
        ("7", "goods.query", {"timestamp": "", "sign": ""}, "?"),
        ("8", "goods.query", {"timestamp": "yesterday", "sign": ""}, "?"),
        ("8", "goods.query", {"timestamp": "2020-01-01 00:00:00", "sign": ""}, "?"),
        ("11", "goods.query", {"sign": "", "access_token": ""}, "?"),
        ("18", "goods.query", {"access_token": "", "LOP_DN": "ECAP"}, "?"),
        ("19", "goods.query", {"access_token": "x", "LOP_DN": "ECAP"}, "?"),
        ("15", "goods.query", {"LOP_DN": "ECAP", "sign": "x"}, "?"),
        ("12", "goods.query", {"sign": "x"}, "?"),
        ("12", "goods.query", {"algorithm": "sm3-salt"}, "?"),
        ("62", "goods.query", {}, "?"),
        ("62", "goods.query", {}, "{}"),
        ("62", "goods.query", {}, "[{},{}]"),
        ("", "goods.query", {}, EMPTY),
    ]
    found = [gateway(jdl.post(operation, body, **changed)) for _, operation, changed, body in steps]
    assert found == [code for code, *_ in steps]


def test_the_time_is_read_in_the_zone_of_the_header_and_the_domain_may_be_a_header(jdl: Jdl) -> None:
    utc = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    assert gateway(jdl.post("goods.query", EMPTY, timestamp=utc)) == "8"
    assert gateway(jdl.post("goods.query", EMPTY, timestamp=utc, headers={"lop-tz": "0"})) == ""
    late = f"{datetime.now(UTC) - timedelta(minutes=11):%Y-%m-%d %H:%M:%S}"
    assert gateway(jdl.post("goods.query", EMPTY, timestamp=late, headers={"lop-tz": "0"})) == "8"
    domain = {"LOP-DN": "JD_FOP_FULFILLMENT_CENTE"}
    assert gateway(jdl.post("goods.query", EMPTY, LOP_DN="", headers=domain)) == ""


def test_ten_calls_a_second_and_no_more(jdl: Jdl) -> None:
    jdl.control("limits", rate=10)
    codes = [gateway(jdl.post("goods.query", EMPTY)) for _ in range(14)]
    assert codes[:10] == [""] * 10
    assert "2" in codes[10:]


def test_a_forced_code_comes_after_the_checks_and_is_a_services_from_1000_on(jdl: Jdl) -> None:
    jdl.sandbox.control("fault", integration="jdl", kind="busy", times=2)
    assert gateway(jdl.post("goods.query", EMPTY, sign="x")) == "12"
    assert gateway(jdl.post("goods.query", EMPTY)) == "66"
    jdl.sandbox.control("fault", integration="jdl", kind="code:2130", operation="stock.query")
    assert jdl.data("goods.query", pageSize=1)
    assert jdl.code("stock.query") == "2130"
    assert jdl.data("stock.query")


# --- the services -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"customerCode": None}, "2000"),
        ({"systemType": None}, "2000"),
        ({"systemType": "1"}, "2055"),
        ({"customerCode": "KH1"}, "2001"),
        ({"systemCode": "OTHER"}, "2003"),
        ({"cargoOwnerCode": "CO1"}, "2004"),
        ({"operatorAccount": "nobody"}, "2006"),
        ({"customerDeptCode": "EBU9"}, "2006"),
        ({"scCode": "SHOP"}, "2059"),
        ({"pageSize": 101}, "3008"),
        ({"pageNo": 0}, "3008"),
    ],
)
def test_every_wrong_code_has_its_number(jdl: Jdl, changed: dict[str, Any], code: str) -> None:
    assert jdl.code("goods.query", **changed) == code


def test_another_customers_codes_open_nothing(sandbox: Any, jdl: Jdl) -> None:
    other = Jdl(sandbox, "samudra")
    assert jdl.code("goods.query", customerCode=other.types["customer_code"]) == "2001"
    assert jdl.code("stock.query", warehouseCode=other.types["warehouse_code"]) == "2130"


def test_two_warehouses_are_listed_and_one_may_be_off(jdl: Jdl) -> None:
    records = jdl.data("warehouse.query", warehouseCode=None)["records"]
    assert [(each["country"], each["status"]) for each in records] == [("GB", 1), ("GB", 1)]
    assert all(len(each["warehouseCode"]) == 11 and each["warehouseCode"][0] == "C" for each in records)
    jdl.control("warehouse", warehouse=records[1]["warehouseCode"], status=0)
    assert [each["status"] for each in jdl.data("warehouse.query", warehouseCode=None)["records"]] == [1, 0]
    assert jdl.code("warehouse.query", warehouseCode="800001810") == "2130"


def test_the_goods_are_those_of_the_same_merchants_shops(sandbox: Any, jdl: Jdl) -> None:
    rows = [row for number in (1, 2, 3, 4) for row in jdl.data("goods.query", pageNo=number, pageSize=100)["rows"]]
    assert len({row["customerGoodsId"] for row in rows}) == len(rows) == 400
    shop = sandbox.worlds["jd_com"]
    sold = {each.sku for each in shop.catalogue(shop.seller("northwick"))}
    assert len(sold & {row["customerGoodsId"] for row in rows}) > 250
    assert all(row["jdGoodsId"].startswith("EMG") and row["goodsName"] and row["goodsNameEn"] for row in rows)
    chinese = [row for row in rows if any("一" <= sign <= "龥" for sign in row["goodsName"])]
    assert 0 < len(chinese) < len(rows) / 2
    (indonesian, *_) = Jdl(sandbox, "samudra").data("goods.query", pageSize=1)["rows"]
    assert indonesian["goodsName"] != indonesian["goodsNameEn"]


def test_goods_can_be_saved_and_are_listed_from_then_on(jdl: Jdl) -> None:
    (known,) = jdl.data("goods.query", pageSize=1)["rows"]
    goods = [
        {"customerGoodsId": "NEW-1", "goodsName": "新品", "barcodes": ["690"]},
        {"customerGoodsId": known["customerGoodsId"], "goodsName": "Renamed"},
        {"customerGoodsId": "NEW-2"},
    ]
    results = jdl.data("goods.save", goodsList=goods)["results"]
    assert [each["success"] for each in results] == [True, True, False]
    assert (results[1]["jdGoodsId"], results[2]["code"]) == (known["jdGoodsId"], "2000")
    found = jdl.data("goods.query", customerGoodsIdList=["NEW-1", known["customerGoodsId"], "nobody"])["rows"]
    assert [each["goodsName"] for each in found] == ["新品", "Renamed"]
    assert jdl.data("goods.query", pageSize=1)["total"] == 401
    assert jdl.data("goods.query", pageNo=401, pageSize=1)["rows"][0]["customerGoodsId"] == "NEW-1"
    assert jdl.stock("NEW-1")["totalQuantity"] == 0
    since = f"{datetime.now(timezone(timedelta(hours=8))) - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
    assert [each["customerGoodsId"] for each in jdl.data("goods.query", updateTimeStart=since)["rows"]] == ["NEW-1"]
    assert jdl.code("goods.save", goodsList=[{}] * 51) == "3008"


def test_stock_keeps_its_rule_in_every_warehouse(jdl: Jdl) -> None:
    for site in jdl.data("warehouse.query", warehouseCode=None)["records"]:
        data = jdl.data("stock.query", warehouseCode=site["warehouseCode"])
        assert (data["total"], data["pages"], data["current"], data["size"]) == (400, 8, 1, 50)
        for each in data["records"]:
            parts = ("stockQuantity", "preoccupiedQuantity", "operatorLockNum", "inventoryLockNum")
            assert each["totalQuantity"] == sum(each[name] for name in parts)
    batches = jdl.data("stock.batch")["records"]
    assert {each["goodsLevel"] for each in batches} <= {"100", "200"}
    assert jdl.code("stock.query", customerGoodsIdList=["x"] * 51) == "3008"
    assert jdl.code("stock.query", warehouseCode=None) == "2000"


def test_stock_can_be_set_below_nothing_and_locked(jdl: Jdl) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    jdl.control("stock", sku=sku, quantity=-3)
    assert jdl.stock(sku)["stockQuantity"] == -3
    jdl.control("stock", sku=sku, locked=5, quantity=7)
    after = jdl.stock(sku)
    assert (after["stockQuantity"], after["operatorLockNum"] + after["inventoryLockNum"]) == (7, 5)
    assert after["preoccupiedQuantity"] == before["preoccupiedQuantity"]


# --- orders -------------------------------------------------------------------------------------------------------


def test_an_order_reserves_leaves_and_is_delivered(jdl: Jdl) -> None:
    first, second = jdl.skus(2)
    before = jdl.stock(first)
    order = jdl.order("NW-9001", (first, 2), (second, 1))
    made = jdl.data("outstock.create", **order)
    assert (made["status"], made["customerOrderNo"]) == ("10010", "NW-9001")
    reserved = jdl.stock(first)
    assert reserved["stockQuantity"] == before["stockQuantity"] - 2
    assert reserved["preoccupiedQuantity"] == before["preoccupiedQuantity"] + 2
    assert reserved["totalQuantity"] == before["totalQuantity"]
    assert jdl.data("outstock.create", **order) == made
    assert jdl.stock(first) == reserved
    assert jdl.code("outstock.create", **jdl.order("NW-9001", (first, 3))) == "2218"
    assert jdl.data("outstock.query", customerOrderNo="NW-9001")["records"][0]["preShipWayBill"] is None
    for status in ("10014", "10016", "10018", "10020"):
        (moved,) = jdl.control("order", reference="NW-9001")
        assert moved["status"] == status
    left = jdl.stock(first)
    assert left["totalQuantity"] == before["totalQuantity"] - 2
    assert left["preoccupiedQuantity"] == before["preoccupiedQuantity"]
    (record,) = jdl.data("outstock.query", customerOrderNoList=["NW-9001"])["records"]
    assert [each["status"] for each in record["statusList"]] == ["10010", "10014", "10016", "10018", "10020"]
    assert record["actualCarrierName"] == "Royal Mail"
    assert record["packageList"][0]["trackingNo"] == record["preShipWayBill"]
    assert [each["realOutstockQuantity"] for each in record["goodsDtoList"]] == [2, 1]
    assert "Canal Wharf" not in json.dumps(record)
    trace = jdl.data("outstock.trace", trackingNo=record["preShipWayBill"], warehouseCode=None)["traceList"]
    assert [each["category"] for each in trace] == [420]
    answer = jdl.call("outstock.cancel", customerOrderNo="NW-9001")
    assert (answer["code"], answer["data"]["resultType"]) == ("2515", 2)
    jdl.control("order", reference="NW-9001")
    (record,) = jdl.data("outstock.query", serviceBillCode=made["serviceBillCode"])["records"]
    assert (record["status"], bool(record["signingTime"])) == ("10034", True)


def test_what_is_short_is_told_and_nothing_is_reserved(jdl: Jdl) -> None:
    (sku,) = jdl.skus(1)
    has = jdl.stock(sku)["stockQuantity"]
    answer = jdl.call("outstock.create", **jdl.order("NW-9002", (sku, has), (sku, 1)))
    assert answer["code"] == "2510"
    assert answer["data"]["shortages"] == [{"customerGoodsId": sku, "quantity": has + 1, "stockQuantity": has}]
    assert jdl.stock(sku)["stockQuantity"] == has
    assert jdl.data("outstock.query", customerOrderNo="NW-9002")["records"] == []


@pytest.mark.parametrize(("steps", "result", "ends"), [(0, 0, "10028"), (2, 1, "10027")])
def test_a_cancelled_order_gives_its_stock_back(jdl: Jdl, steps: int, result: int, ends: str) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    jdl.data("outstock.create", **jdl.order("NW-9003", (sku, 4)))
    for _ in range(steps):
        jdl.control("order", reference="NW-9003")
    assert jdl.data("outstock.cancel", customerOrderNo="NW-9003")["resultType"] == result
    (record,) = jdl.data("outstock.query", customerOrderNo="NW-9003")["records"]
    assert record["status"] == ends
    if ends == "10027":
        assert jdl.stock(sku)["preoccupiedQuantity"] == before["preoccupiedQuantity"] + 4
        jdl.control("order", reference="NW-9003")
    assert jdl.stock(sku) == before
    assert jdl.code("outstock.cancel", customerOrderNo="nobody's") == "2342"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"orderType": "3"}, "3008"),
        ({"customerOrderNo": "x" * 51}, "3008"),
        ({"customerOrderNo": ""}, "2000"),
        ({"consigneeInformation": {"consigneeName": "A"}}, "2000"),
        ({"goodsDtoList": []}, "2000"),
        ({"goodsDtoList": [{"orderLine": "1", "customerGoodsId": "none", "quantity": 1}]}, "2501"),
        ({"goodsDtoList": [{"orderLine": "1", "customerGoodsId": "a", "quantity": 1}] * 2}, "2087"),
        ({"customerRemark": "x" * 201}, "3008"),
    ],
)
def test_an_order_that_is_not_right_has_its_number(jdl: Jdl, changed: dict[str, Any], code: str) -> None:
    (sku,) = jdl.skus(1)
    assert jdl.code("outstock.create", **jdl.order("NW-9004", (sku, 1), **changed)) == code


def test_orders_are_found_by_their_time_of_change_in_windows_of_seven_days(jdl: Jdl) -> None:
    here = timezone(timedelta(hours=8))
    now = datetime.now(here)

    def stamped(moment: datetime) -> str:
        return f"{moment:%Y-%m-%d %H:%M:%S}"

    week = {"updateTimeStart": stamped(now - timedelta(days=6, hours=23)), "updateTimeEnd": stamped(now)}
    first_day = jdl.data("outstock.query", **week)
    assert first_day["total"] == 12
    assert {each["status"] for each in first_day["records"]} >= {"10010", "10020", "10034", "10028", "10051"}
    later = {"updateTimeStart": stamped(now), "updateTimeEnd": stamped(now + timedelta(minutes=5))}
    assert jdl.data("outstock.query", **later)["total"] == 0
    jdl.control("order", reference=first_day["records"][-1]["customerOrderNo"])
    assert jdl.data("outstock.query", **later)["total"] == 1
    assert jdl.code("outstock.query", updateTimeStart=stamped(now - timedelta(days=8))) == "3008"
    assert jdl.data("outstock.query", status="10020")["total"] == 2


def test_what_is_announced_waits_and_then_comes_in(jdl: Jdl) -> None:
    (sku,) = jdl.skus(1)
    before = jdl.stock(sku)
    announced = {
        "customerInstockNo": "IN-9001",
        "instockType": "1",
        "expectedTime": "2027-01-01 08:00:00",
        "goodsDtoList": [{"orderLine": "1", "customerGoodsId": sku, "quantity": 30}],
    }
    made = jdl.data("instock.create", **announced)
    assert jdl.data("instock.create", **announced) == made
    waits = jdl.stock(sku)["purchaseWaitinStockQuantity"] - before["purchaseWaitinStockQuantity"]
    assert waits == 30
    for _ in range(3):
        jdl.control("inbound", reference="IN-9001")
    assert jdl.code("instock.cancel", customerInstockNo="IN-9001") == "2515"
    jdl.control("inbound", reference="IN-9001", damaged=2)
    after = jdl.stock(sku)
    assert after["totalQuantity"] == before["totalQuantity"] + 28
    assert after["purchaseWaitinStockQuantity"] == before["purchaseWaitinStockQuantity"]
    (record,) = jdl.data("instock.query", customerInstockNo="IN-9001")["records"]
    assert record["status"] == "70"
    assert [(each["realInstockQuantity"], each["damagedQuantity"]) for each in record["goodsDtoList"]] == [(28, 2)]
    jdl.data("instock.create", **announced | {"customerInstockNo": "IN-9002"})
    assert jdl.data("instock.cancel", customerInstockNo="IN-9002")["resultType"] == 0
    assert jdl.stock(sku)["purchaseWaitinStockQuantity"] == before["purchaseWaitinStockQuantity"]


def test_no_buyer_stands_in_the_journal(jdl: Jdl) -> None:
    (sku,) = jdl.skus(1)
    jdl.data("outstock.create", **jdl.order("NW-9005", (sku, 1)))
    told = json.dumps(jdl.sandbox.journal(integration="jdl"), ensure_ascii=False)
    assert "NW-9005" in told
    assert "Whitlock" not in told
    assert "Canal Wharf" not in told


def test_every_operation_has_its_path(jdl: Jdl) -> None:
    for operation in PATHS:
        assert jdl.call(operation).get("error_response") is None, operation
