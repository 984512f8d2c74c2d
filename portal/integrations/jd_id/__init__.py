"""JD.ID, as it was until 31 March 2023: products by consent (second generation) or by a typed token (first)."""

from portal.contract.definition import Grant, Integration, Kind, Pace, Pull, Resource
from portal.integrations.jd_id import consent, mapping, walk, words
from portal.integrations.jd_id.client import HOSTS, JdIdClient
from portal.integrations.jd_id.guide import GUIDE
from portal.integrations.jd_id.sandbox import Sandbox

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
    pulls={Resource.PRODUCTS: Pull(pages=walk.pages, read=mapping.product)},
    audits=mapping.AUDITS,
    # JD.ID's limits are not established; these are gentle and ours.
    pace=Pace(rate=5, burst=4, at_once=4),
    sandbox=Sandbox,
    currency=mapping.CURRENCY,
    locale="id",
)
