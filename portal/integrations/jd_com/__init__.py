"""JD.com and JD Worldwide: products by the seller's own token."""

from portal.contract.definition import Integration, Kind, Pace, Pull, Resource
from portal.integrations.jd_com import mapping, walk, words
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
    pulls={Resource.PRODUCTS: Pull(pages=walk.pages, read=mapping.product, incremental=True)},
    # JD.com limits calls per second without saying to how many; this is gentle and ours.
    pace=Pace(rate=10, burst=4, at_once=4),
    sandbox=Sandbox,
    currency=mapping.CURRENCY,
)
