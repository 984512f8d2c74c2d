"""The page of a product's prices: a field for each currency, faults said at it, and how far each channel is."""

from __future__ import annotations

import pytest

from portal.kit.db import acting_for, db
from portal.models import Connection, ConnectionState, Price
from tests import goods
from tests.cast import Cast, csrf
from tests.web.test_stores import connect


def page_of(cast: Cast) -> str:
    """The page of a product that JD.com lists in yuan; the merchant's store counts in its own currency."""
    channel = connect(cast, ConnectionState.ACTIVE)
    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.get_one(Connection, (cast.lantern, channel))
        product = goods.product("A-1").id
        goods.take_in(row, [goods.listing("1", "A-1")])
        db.session.commit()
        return f"/products/{product}/prices"


def post(cast: Cast, address: str, **typed: str) -> tuple[int, str]:
    client = cast.client_of(cast.mei)
    answer = client.post(address, data={**typed, "csrf_token": csrf(client, address)})
    return answer.status_code, answer.text


def kept(cast: Cast) -> dict[str, int]:
    with cast.app.app_context(), acting_for(cast.lantern):
        return {each.currency: each.minor for each in db.session.query(Price)}


def test_a_price_is_kept_exactly_and_taken_away_again(cast: Cast) -> None:
    address = page_of(cast)
    assert post(cast, address, price_CNY="1,299.50")[0] == 303
    assert kept(cast) == {"CNY": 129950}
    page = cast.client_of(cast.mei).get(address).text
    assert 'value="1299.50"' in page
    assert "does not send prices now" in page, "the channel's export is not let out"
    assert cast.client_of(cast.mei).get(address, headers={"Accept": "application/json"}).json == {
        "items": [{"minor": 129950, "currency": "CNY"}]
    }
    assert post(cast, address, price_CNY="")[0] == 303
    assert kept(cast) == {}


@pytest.mark.parametrize("typed", ["much", "-5", "0", "12 GBP", "9" * 30])
def test_what_is_no_price_is_said_at_its_field_and_nothing_is_lost(cast: Cast, typed: str) -> None:
    address = page_of(cast)
    post(cast, address, price_CNY="10")
    status, page = post(cast, address, price_CNY=typed)
    assert (status, kept(cast)) == (422, {"CNY": 1000})
    assert 'id="price_CNY-err"' in page
    assert f'value="{typed}"' in page
