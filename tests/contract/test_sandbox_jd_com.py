"""JD.com's sandbox over real HTTP: signatures of other clients, checks in order, pages, stock, faults, OAuth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.contract.sandbox_calls import listing, page, sent
from tests.sandbox_server import sign

pytest_plugins = ("tests.sandbox_server",)

WARES = "jingdong.ware.read.searchWare4Valid"
SKUS = "jingdong.sku.read.searchSkuList"
INFO = "jingdong.seller.vender.info.get"
SET = "jingdong.ware.stock.sku.set"
VECTORS = json.loads((Path(__file__).parent / "vectors" / "jd_com.json").read_text("utf-8"))
NORTHWICK = ("jd_com", "northwick")


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["accept"]], ids=lambda each: each["id"])
def test_other_clients_signatures_are_accepted(sandbox, vector):
    """Past the signature comes the method (15 where it is not built) and the token (18, 19), never 12."""
    error = sent(sandbox, vector).get("error_response", {"code": "0"})
    assert error["code"] in {"0", "15", "18", "19"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_another_secret_refuses_every_vector(sandbox, vector):
    assert sent(sandbox, vector | {"app_secret": "another"})["error_response"]["code"] == "12"


def test_checks_come_in_the_stated_order(sandbox):
    good = sandbox.signed(*NORTHWICK, INFO)
    secret = sandbox.account(*NORTHWICK)["app_secret"]

    def code(**changed):
        params = {name: value for name, value in (good | changed).items() if value}
        if "sign" not in changed:
            params = sign({name: value for name, value in params.items() if name != "sign"}, secret)
        return sandbox.http.post("/jd_com/routerjson", data=params).json()["error_response"]["code"]

    old = "2020-01-01 00:00:00"
    assert code(v="", timestamp=old, app_key="") == "4"
    assert code(timestamp="", v="1.0") == "7"
    assert code(app_key="", v="1.0") == "20"
    assert code(sign="", v="1.0") == "11"
    assert code(method="", v="1.0") == "14"
    assert code(v="1.0", timestamp=old) == "5"
    assert code(v="two", timestamp=old) == "6"
    assert code(format="xml") == "13"
    assert code(timestamp=old, app_key="x") == "8"
    assert code(timestamp="yesterday", app_key="x") == "8"
    assert code(app_key="x", sign="X") == "21"
    assert code(sign=good["sign"].lower(), method="jingdong.none") == "12"
    assert code(method="jingdong.none", access_token="") == "15"
    assert code(access_token="") == "18"
    assert code(access_token="x") == "19"
    assert code(**{"360buy_param_json": "{"}) == "63"
    assert code(**{"360buy_param_json": "[1]"}) == "62"
    assert code(**{"360buy_param_json": ""}) == "60"


@pytest.mark.parametrize(("minutes", "well"), [(-5.9, True), (5.9, True), (-6.1, False), (6.1, False)])
@pytest.mark.parametrize("short", [True, False])
def test_six_minutes_of_clock_either_way(sandbox, minutes, well, short):
    said = datetime.now(timezone(timedelta(hours=8))) + timedelta(minutes=minutes)
    stamp = f"{said:%Y-%m-%d %H:%M:%S}" if short else f"{said:%Y-%m-%d %H:%M:%S}.000+0800"
    answer = sandbox.call(*NORTHWICK, INFO, timestamp=stamp)
    assert ("error_response" not in answer) == well


def test_a_moved_clock_shows_in_the_date_header(sandbox):
    sandbox.control("clock", integration="jd_com", seconds=7200)
    answer = sandbox.http.post("/jd_com/routerjson", data=sandbox.signed(*NORTHWICK, INFO))
    assert answer.json()["error_response"]["code"] == "8"
    there = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert abs(there - datetime.now(UTC) - timedelta(hours=2)) < timedelta(seconds=5)


def test_expired_revoked_and_foreign_tokens_are_refused(sandbox):
    token = sandbox.account("jd_com", "samudra")["tokens"][0]["access"]
    assert sandbox.error(*NORTHWICK, INFO, access_token=token) == "19"
    sandbox.control("token", integration="jd_com", account="northwick", deed="expire")
    assert sandbox.error(*NORTHWICK, INFO) == "19"
    sandbox.control("token", integration="jd_com", account="northwick", deed="new")
    assert "error_response" not in sandbox.call(*NORTHWICK, INFO)
    sandbox.control("token", integration="jd_com", account="northwick", deed="revoke")
    assert sandbox.error(*NORTHWICK, INFO) == "18"  # No token is left to send.


def test_permission_rate_and_quota(sandbox):
    sandbox.control("account", integration="jd_com", name="northwick", denied=[INFO])
    assert sandbox.error(*NORTHWICK, INFO) == "24"
    sandbox.control("account", integration="jd_com", name="northwick", denied=[])
    sandbox.control("limits", integration="jd_com", account="northwick", rate=2)
    answers = [sandbox.call(*NORTHWICK, INFO) for _ in range(4)]
    assert [each.get("error_response", {}).get("code") for each in answers] == [None, None, "2", "2"]
    sandbox.control("limits", integration="jd_com", account="northwick", quota=1)
    assert "error_response" not in sandbox.call(*NORTHWICK, INFO)
    assert sandbox.error(*NORTHWICK, INFO) == "2"


def test_the_shop(sandbox):
    found = sandbox.call(*NORTHWICK, INFO)["jingdong_seller_vender_info_get_responce"]
    assert found["code"] == "0"
    assert found["vender_info_result"]["shop_id"] == sandbox.account(*NORTHWICK)["shop_id"]
    provinces = sandbox.call(*NORTHWICK, "jingdong.areas.province.get", access_token="")
    assert "jingdong_areas_province_get_responce" in provinces
    carriers = sandbox.call(*NORTHWICK, "jingdong.fce.alpha.getVenderCarrier")
    assert next(iter(carriers.values()))["StandardGenericResponse"]["result"]["carrierList"]


def test_the_whole_catalogue_comes_once_by_wares_and_by_skus(sandbox):
    wares, skus = [], []
    for number in range(1, 4):
        wares += page(sandbox.call(*NORTHWICK, WARES, {"pageNo": number, "pageSize": 50}))["data"]
    for number in range(1, 10):
        asked = {"pageNo": number, "page_size": 50, "field": "skuName,stockNum"}
        found = page(sandbox.call(*NORTHWICK, SKUS, asked))
        assert found["totalItem"] == 400
        skus += found["data"]
    assert len({each["skuId"] for each in skus}) == len(skus) == 400
    assert {each["wareId"] for each in skus} == {each["wareId"] for each in wares}
    assert all(each["wareId"] > 2**53 for each in wares)
    assert set(wares[0]) >= {"wareId", "title", "wareStatus", "itemNum", "outerId"}
    assert "modified" not in wares[0]
    assert any("outerId" not in each for each in skus)


def test_page_caps(sandbox):
    assert sandbox.error(*NORTHWICK, WARES, {"pageSize": 51}) == "61"
    assert sandbox.error(*NORTHWICK, SKUS, {"page_size": 51}) == "61"
    assert sandbox.error(*NORTHWICK, WARES, {"pageNo": 0}) == "61"
    assert sandbox.error(*NORTHWICK, WARES, {"wareId": ",".join(str(each) for each in range(21))}) == "61"
    sandbox.control("catalogue", integration="jd_com", account="northwick", size=6000)
    deep = page(sandbox.call(*NORTHWICK, SKUS, {"pageNo": 101, "page_size": 50}))
    assert (deep["data"], deep["totalItem"]) == ([], 6000)
    assert len(page(sandbox.call(*NORTHWICK, SKUS, {"pageNo": 100, "page_size": 50}))["data"]) == 50


def test_windows_filters_and_orders(sandbox):
    asked = {"pageNo": 1, "pageSize": 50, "field": "modified,stockNum,jdPrice"}
    low, high = "2024-01-01 08:10:00", "2024-01-01 08:40:00"
    window = asked | {"startModifiedTime": low, "endModifiedTime": high}
    found = page(sandbox.call(*NORTHWICK, WARES, window))
    assert found["totalItem"] == 16
    assert all(1_704_067_800_000 <= each["modified"] <= 1_704_069_600_000 for each in found["data"])
    off = page(sandbox.call(*NORTHWICK, WARES, asked | {"wareStatusValue": "2"}))
    assert {each["wareStatus"] for each in off["data"]} == {2}
    dear = page(sandbox.call(*NORTHWICK, WARES, asked | {"orderField": "stockNum", "orderType": "desc"}))["data"]
    assert [each["stockNum"] for each in dear] == sorted((each["stockNum"] for each in dear), reverse=True)
    ids = [each["wareId"] for each in found["data"][:3]]
    for given in (",".join(str(each) for each in ids), ids):
        skus = page(sandbox.call(*NORTHWICK, SKUS, {"wareId": given, "page_size": 50}))
        assert {each["wareId"] for each in skus["data"]} == set(ids)
    one = skus["data"][0]
    assert page(sandbox.call(*NORTHWICK, SKUS, {"skuId": one["skuId"]}))["data"] == [one]
    found = sandbox.call(*NORTHWICK, "jingdong.sku.read.findSkuById", {"skuId": one["skuId"], "field": "stockNum"})
    assert next(iter(found.values()))["sku"]["skuId"] == one["skuId"]
    assert sandbox.error(*NORTHWICK, WARES, {"templateId": 3}) == "61"


def test_stock_is_absolute_and_idempotent_by_reference(sandbox):
    sku = listing(sandbox)["id"]
    entry = {"skuId": sku, "stockNum": 7, "storeId": 0}
    req = {"updateModel": "fullStockIn", "stockRfId": "rf-1", "skuStocks": [entry, {"skuId": 1, "stockNum": 2}]}
    since = sandbox.journal()[-1]["seq"]
    answer = next(iter(sandbox.call(*NORTHWICK, SET, {"req": req}).values()))["returnType"]
    assert answer["success"] is True
    assert [each["data"] for each in answer["obj"]["updateStockResult"]] == [1]
    again = req | {"skuStocks": [entry | {"stockNum": 99}]}
    assert next(iter(sandbox.call(*NORTHWICK, SET, {"req": again}).values()))["returnType"] == answer
    more = req | {"stockRfId": "rf-2", "updateModel": "incrStockIn", "skuStocks": [{"skuId": sku, "incrStockNum": -3}]}
    sandbox.call(*NORTHWICK, SET, {"req": more})
    assert listing(sandbox)["stock"] == 4
    effects = sandbox.journal(since, effect="stock.set")
    assert [each["arguments"]["quantity"] for each in effects] == [7, 4]
    assert effects[0]["arguments"] == {
        "sku": sku,
        "quantity": 7,
        "was": effects[0]["arguments"]["was"],
        "reference": "rf-1",
    }
    for wrong in ({"stockRfId": ""}, {"updateModel": "x"}, {"skuStocks": [entry] * 31}):
        made = {"req": req | {"stockRfId": "rf-9"} | wrong}
        assert next(iter(sandbox.call(*NORTHWICK, SET, made).values()))["returnType"]["success"] is False
    read = sandbox.call(*NORTHWICK, "jingdong.stock.read.findSkuStock", {"skuId": sku})
    assert next(iter(read.values()))["skuStocks"] == [{"skuId": sku, "storeId": 0, "stockNum": 4}]
    newer = sandbox.call(*NORTHWICK, "jingdong.ware.stock.sku.query", {"skuId": sku, "stockModel": "POP_SOP"})
    assert next(iter(newer.values()))["returnType"]["obj"]["skuStockInfos"][0]["stockNum"] == 4


def test_older_stock_write_and_price(sandbox):
    sku = listing(sandbox)["id"]
    stock = "jingdong.stock.write.updateSkuStock"
    assert next(iter(sandbox.call(*NORTHWICK, stock, {"skuId": sku, "stockNum": 0}).values()))["success"] is True
    assert sandbox.error(*NORTHWICK, stock, {"skuId": sku, "stockNum": -1}) == "61"
    assert sandbox.error(*NORTHWICK, stock, {"skuId": 5, "stockNum": 1}) == "71"
    price = "jingdong.price.write.updateSkuJdPrice"
    sandbox.call(*NORTHWICK, price, {"skuId": sku, "jdPrice": "129.90"})
    assert listing(sandbox)["price"] == "129.90"
    text = sandbox.http.post("/jd_com/routerjson", data=sandbox.signed(*NORTHWICK, SKUS, {"skuId": sku})).text
    assert '"jdPrice":129.9,' in text
    assert sandbox.error(*NORTHWICK, price, {"skuId": sku, "jdPrice": "1.234"}) == "61"
    read = sandbox.http.get("/jd_com/routerjson", params=sandbox.signed(*NORTHWICK, INFO))
    assert "error_response" not in read.json()
    written = sandbox.http.get(
        "/jd_com/routerjson", params=sandbox.signed(*NORTHWICK, price, {"skuId": sku, "jdPrice": 1})
    )
    assert written.json()["error_response"]["code"] == "50"


def test_events_on_listings(sandbox):
    who = {"integration": "jd_com", "account": "northwick"}
    old = listing(sandbox, 5)
    sandbox.control("listing", **who, deed="sku", slot=5, value="EDITED-1")
    assert listing(sandbox, 5)["label"] == "changed"
    now = f"{datetime.now(timezone(timedelta(hours=8))) - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
    changed = page(sandbox.call(*NORTHWICK, SKUS, {"startModifiedTime": now}))["data"]
    assert [each["outerId"] for each in changed] == ["EDITED-1"]
    assert page(sandbox.call(*NORTHWICK, SKUS, {"outId": "EDITED-1"}))["totalItem"] == 1
    new = sandbox.control("listing", **who, deed="reissue", id=old["id"])[0]
    assert new["id"] != old["id"]
    sandbox.control("listing", **who, deed="withdraw", slot=6)
    assert page(sandbox.call(*NORTHWICK, SKUS, {}))["totalItem"] == 399
    assert page(sandbox.call(*NORTHWICK, SKUS, {"skuStatuValue": "4"}))["data"][0]["status"] == 4
