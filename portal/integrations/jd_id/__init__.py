"""JD.ID, as it was until 31 March 2023: products, orders, stock and prices.

The second generation lets us in by consent, the first by a typed token.
"""

from portal.contract.definition import (
    Confirming,
    Grant,
    Integration,
    Kind,
    Pace,
    PriceOut,
    Pull,
    Resource,
    StockOut,
)
from portal.integrations.jd_id import consent, mapping, orders_mapping, orders_walk, outward, shipping, walk, words
from portal.integrations.jd_id.client import HOSTS, JdIdClient
from portal.integrations.jd_id.guide import GUIDE
from portal.integrations.jd_id.sandbox import Sandbox
from portal.integrations.jd_id.statuses import STATUS_TEXTS, STATUSES

INTEGRATION = Integration(
    key="jd_id",
    name=words.NAME,
    kind=Kind.MARKETPLACE,
    tile="ID",
    summary=words.SUMMARY,
    settings=words.SETTINGS,
    options=words.OPTIONS,
    guide=GUIDE,
    search_words=words.SEARCH_WORDS,
    closed=words.CLOSED,
    hosts=HOSTS,
    app_key="api_key",
    client=JdIdClient,
    grant=Grant(
        authorise=consent.authorise,
        take=consent.take,
        renew=consent.renew,
        renew_before=consent.RENEW_BEFORE,
        needed=consent.needed,
        refused=consent.refused,
        may=words.MAY,
        may_not=words.MAY_NOT,
    ),
    check=JdIdClient.shop,
    pulls={
        Resource.PRODUCTS: Pull(pages=walk.pages, read=mapping.product),
        Resource.ORDERS: Pull(
            pages=orders_walk.pages,
            read=orders_mapping.order,
            incremental=True,
            some=orders_walk.some,
            every=orders_walk.EVERY,
            option="import_orders",
            reach=orders_walk.REACH,
        ),
    },
    stock_out=StockOut(send=outward.send_stock, read=outward.read_stock, most=outward.MOST, most_read=outward.MOST),
    price_out=PriceOut(send=outward.send_price),
    # JD.ID chooses the carrier, so there is no list of the seller's own.
    confirming=Confirming(confirm=shipping.confirm),
    audits=mapping.AUDITS,
    statuses=STATUSES,
    status_texts=STATUS_TEXTS,
    # JD.ID's limits are not established; these are gentle and ours.
    pace=Pace(rate=5, burst=4, at_once=4),
    sandbox=Sandbox,
    currency=mapping.CURRENCY,
    locale="id",
)
