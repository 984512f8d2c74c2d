"""JD.ID's sandbox over real HTTP: both generations, audit states, Basic Sellers, rotation of refresh tokens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.contract.sandbox_calls import consent, exchange, sent

pytest_plugins = ("tests.sandbox_server",)

WHO = ("jd_id", "samudra")
LIST = "jingdong.seller.product.getWareInfoListByVendorId"
DETAIL = "jingdong.seller.product.getWareBySpuIds"
OF_SPU = "jingdong.seller.product.getSkuInfoBySpuIdAndVenderId"
SKUS = "jingdong.seller.product.sku.read.getSkuBySkuIds"
STOCK = "jingdong.epistock.updateEpiMerchantWareStock"
FIRST = "com.jd.eptid.warecenter.api.ware.WarePlusClient."
VECTORS = json.loads((Path(__file__).parent / "vectors" / "jd_id.json").read_text("utf-8"))


def result(answer, name="returnType"):
    (root, inside), *rest = answer.items()
    assert root.endswith("_response")
    assert not rest
    assert inside["code"] == "0"
    return inside[name]


def inner(answer):
    assert answer["openapi_code"] == 0
    assert isinstance(answer["openapi_data"], str)
    return json.loads(answer["openapi_data"])


def code_of(answer):
    return answer["error_response"]["code"] if "error_response" in answer else str(answer.get("openapi_code", "0"))


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["accept"]], ids=lambda each: each["id"])
def test_other_clients_signatures_are_accepted(sandbox, vector):
    assert code_of(sent(sandbox, vector)) in {"0", "15", "18", "19"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_another_secret_refuses_every_vector(sandbox, vector):
    assert code_of(sent(sandbox, vector | {"app_secret": "another"})) == "12"


def test_a_client_that_leaves_values_with_an_at_sign_out_is_refused(sandbox):
    (vector,) = [each for each in VECTORS if each["id"] == "B20"]
    assert code_of(sent(sandbox, vector)) == "12"


def test_times_are_read_in_jakarta(sandbox):
    now = datetime.now(timezone(timedelta(hours=7)))
    assert "error_response" not in sandbox.call(*WHO, LIST, timestamp=f"{now:%Y-%m-%d %H:%M:%S}")
    beijing = datetime.now(UTC) + timedelta(hours=8)
    assert sandbox.error(*WHO, LIST, timestamp=f"{beijing:%Y-%m-%d %H:%M:%S}") == "8"


def test_the_whole_catalogue_with_audit_states(sandbox):
    spus = []
    for number in (1, 2, 3):
        found = result(sandbox.call(*WHO, LIST, {"page": number, "size": 40}))
        assert found["isSuccess"] is True
        spus += found["model"]["spuInfoVoList"]
    assert len({each["spuId"] for each in spus}) == found["model"]["totalNum"] == len(spus)
    assert "auditStatus" not in spus[0]
    states, skus = {}, []
    for start in range(0, len(spus), 20):
        ids = ",".join(str(each["spuId"]) for each in spus[start : start + 20])
        for each in result(sandbox.call(*WHO, DETAIL, {"spuId": ids, "skuIds": "1"}))["model"]:
            states[each["spuId"]] = each["auditStatus"]
            numbers = ",".join(str(sku) for sku in each["skuIds"])
            skus += result(sandbox.call(*WHO, SKUS, {"skuId": numbers}))["model"]
    assert len({each["skuId"] for each in skus}) == 400
    assert set(states.values()) == {1, 4}
    waiting = sum(states[each["spuId"]] == 4 for each in skus)
    assert waiting == sandbox.truth("jd_id/samudra")["imported"]["waiting"] > 0
    assert any(each["sellerSkuId"] is None for each in skus)
    one = result(sandbox.call(*WHO, OF_SPU, {"spuId": spus[0]["spuId"]}))["model"]
    assert one == [each for each in skus if each["spuId"] == spus[0]["spuId"]]
    assert isinstance(one[0]["jdPrice"], int)


def test_details_come_only_where_asked_for(sandbox):
    spu = result(sandbox.call(*WHO, LIST, {"page": 1, "size": 1}))["model"]["spuInfoVoList"][0]["spuId"]
    (bare,) = result(sandbox.call(*WHO, DETAIL, {"spuId": spu}))["model"]
    assert not {"skuIds", "brandName", "description", "imgUris"} & set(bare)
    asked = {"spuId": spu, "spuDescription": "1", "spuImgs": "1", "brandInfo": "1", "skuIds": "1"}
    (full,) = result(sandbox.call(*WHO, DETAIL, asked))["model"]
    assert {"skuIds", "brandName", "description", "imgUris"} <= set(full)


def test_the_audit_can_be_passed_and_its_numbers_told(sandbox):
    who = {"integration": "jd_id", "account": "samudra"}
    waiting = sandbox.http.get("/control/listings", params=who | {"label": "waiting"}).json()
    assert sandbox.control("listing", **who, deed="pass")
    assert sandbox.truth("jd_id/samudra")["imported"]["waiting"] == 0
    sandbox.control("listing", **who, deed="audit", id=waiting[0]["id"])
    sandbox.control("account", integration="jd_id", name="samudra", told={"audit_waiting": 9})
    (spu,) = result(sandbox.call(*WHO, DETAIL, {"spuId": waiting[0]["parent"]}))["model"]
    assert spu["auditStatus"] == 9


def test_page_caps(sandbox):
    assert sandbox.error(*WHO, LIST, {"page": 1, "size": 101}) == "61"
    assert sandbox.error(*WHO, LIST, {"page": 0, "size": 10}) == "61"
    past = result(sandbox.call(*WHO, LIST, {"page": 90, "size": 50}))["model"]
    assert past["spuInfoVoList"] == []
    assert "model" in result(sandbox.call(*WHO, SKUS, {"skuId": "1"}))


def a_listing(sandbox, slot=0):
    asked = {"integration": "jd_id", "account": "samudra", "start": slot, "count": 1}
    return sandbox.http.get("/control/listings", params=asked).json()[0]


@pytest.mark.parametrize("form", ["list", "text"])
def test_stock(sandbox, form):
    sku = a_listing(sandbox)["id"]
    entries = [{"skuId": sku, "realNum": 15}]
    given = entries if form == "list" else f"[{{'skuId':{sku},'realNum':15}}]"
    found = result(sandbox.call(*WHO, STOCK, {"wareStockUpdateListStr": given}), "EptRemoteResult")
    assert found["success"] is True
    assert found["model"][str(sku)] == {"code": 1, "message": "success", "success": True}
    assert a_listing(sandbox)["stock"] == 15
    query = "jingdong.epistock.queryEpiMerchantWareStock"
    found = result(sandbox.call(*WHO, query, {"wareStockQueryListStr": f"[{{'skuId':{sku}}}]"}), "EptRemoteResult")
    assert found["model"][str(sku)]["realNum"] == 15
    bad = result(sandbox.call(*WHO, STOCK, {"wareStockUpdateListStr": [{"skuId": 1, "realNum": 2}]}), "EptRemoteResult")
    assert bad["model"]["1"]["message"] == "Failure operation!!"


def test_prices_are_whole_rupiah(sandbox):
    sku = a_listing(sandbox)["id"]
    price = "jingdong.seller.price.updatePriceBySkuIds"
    assert result(sandbox.call(*WHO, price, {"skuId": sku, "salePrice": 149000}))["success"] is True
    assert a_listing(sandbox)["price"] == "149000"
    assert sandbox.error(*WHO, price, {"skuId": sku, "salePrice": "149000.5"}) == "61"
    update = "jingdong.seller.product.sku.write.updateSkuList"
    sandbox.call(*WHO, update, {"skuId": sku, "jdPrice": 150000, "sellerSkuId": "NEW-1"})
    assert (a_listing(sandbox)["price"], a_listing(sandbox)["sku"]) == ("150000", "NEW-1")


def test_the_first_generation(sandbox):
    spus = inner(sandbox.first(FIRST + "getWareTinyInfoListByVenderId", "1,10"))["model"]
    assert len(spus["spuInfoVoList"]) == 10
    skus = inner(sandbox.first(FIRST + "getSkuInfoBySpuId", f"[{spus['spuInfoVoList'][0]['spuId']}]"))["model"]
    ids = ",".join(str(each["skuId"]) for each in skus)
    assert inner(sandbox.first("epi.ware.openapi.SkuApi.getSkuBySkuIds", json.dumps({"skuIds": ids})))["model"] == skus
    sku = skus[0]["skuId"]
    stock = json.dumps({"jsonStr": [{"skuId": sku, "realNum": 3}]})
    assert inner(sandbox.first("epi.ware.openapi.warestock.updateWareStock", stock))["success"] is True
    assert inner(sandbox.first("epi.ware.openapi.warestock.queryWareStockList", f"[{sku}]"))["model"][str(sku)]
    price = json.dumps({"skuInfo": {"skuId": sku, "jdPrice": 99000}})
    assert inner(sandbox.first("epi.ware.openapi.SkuApi.updateSkuInfo", price))["success"] is True
    assert (a_listing(sandbox)["stock"], a_listing(sandbox)["price"]) == (3, "99000")
    assert inner(sandbox.first("epi.popShop.getShopBrandList", "{}"))["model"]
    assert sandbox.first("epi.none", "{}")["openapi_code"] == 15
    assert sandbox.first("epi.popShop.getShopBrandList", "{}", access_token="x")["openapi_code"] == 19


def test_a_basic_seller_is_turned_away_everywhere(sandbox):
    basic = ("jd_id", "kenanga")
    assert sandbox.error(*basic, LIST) == "64"
    assert sandbox.first("epi.popShop.getShopBrandList", "{}", account="kenanga")["openapi_code"] == 64
    found = consent(sandbox, *basic)
    assert (found["error"], found["state"]) == ("64", "st&te")
    sandbox.control("level", integration="jd_id", account="kenanga", level="qualified")
    assert "code" in consent(sandbox, *basic)
    assert "error_response" not in sandbox.call(*basic, LIST)


def test_the_page_is_indonesian_and_refresh_tokens_rotate(sandbox):
    asked = {"app_key": sandbox.account(*WHO)["app_key"], "response_type": "code"}
    asked["redirect_uri"] = "http://127.0.0.1:8000/oauth/jd_id/callback"
    shown = sandbox.http.get("/jd_id/oauth2/to_login", params=asked).text
    assert '<html lang="id">' in shown
    assert "Izinkan" in shown
    found = consent(sandbox, *WHO)
    tokens = exchange(sandbox, *WHO, "access_token", grant_type="authorization_code", code=found["code"])
    assert tokens["expires_in"] == 86_400
    renewed = exchange(
        sandbox, *WHO, "refresh_token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert renewed["refresh_token"] != tokens["refresh_token"]
    again = exchange(sandbox, *WHO, "refresh_token", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again["code"] == 400


def test_a_refused_consent_goes_back_with_the_state(sandbox):
    assert consent(sandbox, *WHO, decision="refuse") == {"error": "access_denied", "state": "st&te"}


def test_faults_reach_the_first_generation_in_its_form(sandbox):
    sandbox.control("fault", integration="jd_id", kind="busy")
    assert sandbox.first("epi.popShop.getShopBrandList", "{}")["openapi_code"] == 1
    sandbox.control("fault", integration="jd_id", kind="busy", operation="oauth.*")
    assert exchange(sandbox, *WHO, "refresh_token", grant_type="refresh_token", refresh_token="x")["code"] == 500


def test_two_channels_share_most_codes(sandbox):
    found = sandbox.truth("jd_com/samudra", "jd_id/samudra")
    assert sum(found["second"].values()) == 400
    assert found["second"]["matched"] > 250
