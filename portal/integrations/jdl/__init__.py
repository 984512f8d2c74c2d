"""JD Logistics: warehouses that keep a merchant's goods, entered by the house's key and a yearly consent."""

from datetime import timedelta

from portal.contract.definition import Check, Grant, HouseValue, Integration, Kind, Pace, Pull, Resource
from portal.contract.signing import MD5_SALT
from portal.integrations.jdl import checks, consent, mapping, maps, walk, words
from portal.integrations.jdl.client import DOMAIN, HOSTS, JdlClient
from portal.integrations.jdl.fulfilment import FULFILLING
from portal.integrations.jdl.guide import GUIDE, LETTER
from portal.integrations.jdl.sandbox import Sandbox
from portal.integrations.jdl.statuses import STATUS_TEXTS, STATUSES
from portal.integrations.jdl.webhook import WEBHOOK

INTEGRATION = Integration(
    key="jdl",
    name=words.NAME,
    kind=Kind.FULFILMENT,
    tile="JL",
    summary=words.SUMMARY,
    settings=words.SETTINGS,
    options=words.OPTIONS,
    guide=GUIDE,
    letter=LETTER,
    search_words=words.SEARCH_WORDS,
    house_values=(
        HouseValue(key="app_key"),
        HouseValue(key="app_secret", secret=True),
        HouseValue(key="push_key", secret=True),
        HouseValue(key="source_system"),
        HouseValue(key="lop_dn", default=DOMAIN),
        HouseValue(key="algorithm", default=MD5_SALT, check=JdlClient.check_algorithm),
        HouseValue(key="maps", file=True, check=maps.read),
    ),
    hosts=HOSTS,
    app_key="app_key",
    client=JdlClient,
    grant=Grant(
        authorise=consent.authorise,
        take=consent.take,
        renew=consent.renew,
        renew_before=consent.RENEW_BEFORE,
        warn_before=consent.WARN_BEFORE,
        pasted=consent.pasted,
        pasted_tokens=consent.pasted_tokens,
        shown_at=consent.shown_at,
        may=words.MAY,
        may_not=words.MAY_NOT,
    ),
    check=checks.shop,
    checks=(
        Check(key="codes", title=words.CHECKS["codes"], passes=checks.codes),
        Check(key="access", title=words.CHECKS["access"], passes=checks.access),
        Check(key="warehouse", title=words.CHECKS["warehouse"], passes=checks.warehouse),
    ),
    one_stock=("cargo_owner_id", "warehouse_code"),
    pulls={
        Resource.PRODUCTS: Pull(pages=walk.products, read=mapping.product, some=walk.some_products),
        Resource.STOCK: Pull(
            pages=walk.stock,
            read=mapping.stock,
            some=walk.some_stock,
            every=timedelta(minutes=30),
            option="sync_stock",
        ),
        Resource.OUTBOUND: Pull(
            pages=walk.outbound,
            read=mapping.outbound,
            incremental=True,
            some=walk.some_outbound,
            every=timedelta(minutes=15),
            option="import_orders",
        ),
        Resource.INBOUND: Pull(
            pages=walk.inbound,
            read=mapping.inbound,
            incremental=True,
            some=walk.some_inbound,
            every=timedelta(minutes=15),
            option="import_orders",
        ),
    },
    statuses=STATUSES,
    status_texts=STATUS_TEXTS,
    webhook=WEBHOOK,
    fulfilling=FULFILLING,
    # JD's limits are not established; these are gentle and ours.
    pace=Pace(rate=8, burst=4, at_once=4),
    sandbox=Sandbox,
    currency=mapping.CURRENCY,
)
