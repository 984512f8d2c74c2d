"""JD.com and JD Worldwide: products and orders come in, stock, prices and shipments go out, by the seller's token."""

from datetime import timedelta

from portal.contract.definition import (
    Confirming,
    Integration,
    Kind,
    Pace,
    PriceOut,
    Pull,
    Resource,
    StockOut,
)
from portal.integrations.jd_com import mapping, orders, orders_mapping, orders_walk, outward, statuses, walk, words
from portal.integrations.jd_com.client import LIVE, PRE_RELEASE, JdComClient
from portal.integrations.jd_com.sandbox import Sandbox

INTEGRATION = Integration(
    key="jd_com",
    name=words.NAME,
    kind=Kind.MARKETPLACE,
    tile="JD",
    summary=words.SUMMARY,
    settings=words.SETTINGS,
    options=words.OPTIONS,
    guide=words.GUIDE,
    search_words=words.SEARCH_WORDS,
    hosts={"gateway": LIVE, "pre_release": PRE_RELEASE},
    app_key="api_key",
    client=JdComClient,
    check=JdComClient.shop,
    pulls={
        Resource.PRODUCTS: Pull(pages=walk.pages, read=mapping.product, incremental=True),
        Resource.ORDERS: Pull(
            pages=orders_walk.pages,
            read=orders_mapping.order,
            incremental=True,
            some=orders.some,
            every=timedelta(minutes=3),
            option="import_orders",
            reach=orders_walk.REACH,
        ),
    },
    statuses=statuses.STATUSES,
    status_texts=statuses.STATUS_TEXTS,
    stock_out=StockOut(
        send=outward.send_levels, read=outward.read_levels, most=outward.MOST_LEVELS, most_read=outward.MOST_READ
    ),
    price_out=PriceOut(send=outward.send_price),
    confirming=Confirming(confirm=outward.confirm, carriers=outward.carriers),
    # JD.com limits calls per second without saying to how many; this is gentle and ours.
    pace=Pace(rate=10, burst=4, at_once=4),
    sandbox=Sandbox,
    currency=mapping.CURRENCY,
)
