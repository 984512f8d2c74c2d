"""JD.com and JD.ID against the sandbox over real HTTP: the clock, edits during a walk, the consent from end to end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from portal.contract.errors import Busy, Cause, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, ApiClient, Line
from portal.integrations import get
from portal.integrations.jd_id import consent
from portal.kit.clock import now
from tests.contract.lines import client_of, line_to

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ["tests.sandbox_server"]

CALLBACK = "http://127.0.0.1:8000/oauth/jd_id/callback"


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


def connected(sandbox: Running, line: Line, key: str, name: str, **settings: str) -> Any:
    return client_of(get(key), sandbox.url, sandbox.account(key, name), line, settings)


def records(key: str, pages: Any) -> dict[str, Any]:
    read = get(key).pulls["products"].read
    return {record.remote_id: record for page in pages for record in map(read, page.items)}


def pull(client: ApiClient, key: str, since: Any = None) -> dict[str, Any]:
    return records(key, get(key).pulls["products"].pages(client, since, None))


def raised(client: ApiClient, key: str) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        get(key).check(client)
    return caught.value


@pytest.mark.parametrize(("key", "name"), [("jd_com", "northwick"), ("jd_id", "samudra")])
def test_a_clock_an_hour_off_is_corrected(sandbox: Running, line: Line, key: str, name: str) -> None:
    for seconds in (3600, -3600):
        sandbox.control("clock", integration=key, seconds=seconds)
        assert get(key).check(connected(sandbox, line, key, name)).remote_id
        requests = sandbox.journal(integration=key, kind="request")
        assert [each["code"] for each in requests if each["code"] == "8"]


@pytest.mark.parametrize(("key", "name"), [("jd_com", "northwick"), ("jd_id", "samudra")])
def test_wrong_keys_and_tokens_have_their_causes(sandbox: Running, line: Line, key: str, name: str) -> None:
    right = connected(sandbox, line, key, name)
    wrong_secret = connected(sandbox, line, key, name, api_secret="another-secret")
    assert (raised(wrong_secret, key).cause, raised(wrong_secret, key).code) == (Cause.WRONG_CREDENTIALS, "12")
    assert raised(connected(sandbox, line, key, name, api_key="x"), key).code == "21"
    sandbox.worlds[key].end_tokens(name, revoke=False)
    assert raised(right, key).cause is Cause.TOKEN_EXPIRED


def test_a_used_quota_is_told(sandbox: Running, line: Line) -> None:
    sandbox.control("limits", integration="jd_com", account="northwick", quota=2)
    for _ in range(2):
        get("jd_com").check(connected(sandbox, line, "jd_com", "northwick"))
    why = raised(connected(sandbox, line, "jd_com", "northwick"), "jd_com")
    assert isinstance(why, Busy)
    assert why.cause is Cause.QUOTA_USED
    assert why.after


def test_edits_and_withdrawals_during_a_walk_lose_no_other_sku(sandbox: Running, line: Line) -> None:
    for key, name in (("jd_com", "northwick"), ("jd_id", "samudra")):
        sandbox.control("account", integration=key, name=name, size=900)
        world = sandbox.worlds[key]
        seller = world.seller(name)
        found = {}
        for number, page in enumerate(
            get(key).pulls["products"].pages(connected(sandbox, line, key, name), None, None)
        ):
            found |= records(key, [page])
            for slot in range(number * 40, number * 40 + 30):
                world.edit(seller, slot, gone=True)
            world.edit(seller, 600 + number, sku=f"CHANGED-{number}")
        assert {str(each.remote_id) for each in world.catalogue(seller)} <= set(found)


def test_a_deep_catalogue_is_walked_in_windows(sandbox: Running, line: Line) -> None:
    sandbox.control("account", integration="jd_com", name="northwick", size=24_000)
    found = pull(connected(sandbox, line, "jd_com", "northwick"), "jd_com")
    world = sandbox.worlds["jd_com"]
    assert set(found) == {str(each.remote_id) for each in world.catalogue(world.seller("northwick"))}


def test_only_changed_wares_come_in_since_a_moment(sandbox: Running, line: Line) -> None:
    world = sandbox.worlds["jd_com"]
    client = connected(sandbox, line, "jd_com", "northwick")
    since = now() - timedelta(minutes=10)
    assert pull(client, "jd_com", since) == {}
    changed = world.edit(world.seller("northwick"), 17, sku="NEW-CODE")
    found = pull(client, "jd_com", since)
    assert found[str(changed.remote_id)].sku == "NEW-CODE"
    assert len(found) < 20


def test_unpassed_products_come_with_their_word(sandbox: Running, line: Line) -> None:
    world = sandbox.worlds["jd_id"]
    seller = world.seller("samudra")
    waiting = {each.parent_id for each in world.catalogue(seller) if not each.passed}
    found = pull(connected(sandbox, line, "jd_id", "samudra"), "jd_id")
    assert waiting
    assert {int(each.parent_id) for each in found.values() if each.audit_word == "4"} == waiting


def test_a_typed_shop_of_someone_else_is_refused(sandbox: Running, line: Line) -> None:
    why = raised(connected(sandbox, line, "jd_id", "samudra", shop_id="1"), "jd_id")
    assert isinstance(why, Refused)
    assert why.cause is Cause.WRONG_SHOP


def consented(sandbox: Running, line: Line, app: str, who: str, decision: str) -> tuple[Any, dict[str, str]]:
    """A seller's way through the consent page: the client, and the query of the callback."""
    client = connected(sandbox, line, "jd_id", app)
    client.account = Account(client.account.settings, client.account.hosts)
    page = consent.authorise(client.account, CALLBACK, "state-17")
    seller = sandbox.account("jd_id", who)
    form = {"decision": decision, "email": seller["email"], "password": seller["password"]}
    answer = sandbox.http.post(page, data=form)
    assert answer.status_code == 302, answer.text
    query = dict(httpx.URL(answer.headers["Location"]).params)
    assert query.pop("state") == "state-17"
    return client, query


def test_the_consent_gives_tokens_that_work_and_renew(sandbox: Running, line: Line) -> None:
    client, query = consented(sandbox, line, "samudra", "samudra", "allow")
    tokens = consent.take(client, query["code"], CALLBACK)
    client.account = Account(client.account.settings, client.account.hosts, tokens)
    assert client.shop().name == "Toko Samudra"
    assert tokens.expires_at is not None
    assert timedelta(hours=23) < tokens.expires_at - now() < timedelta(hours=25)
    renewed = consent.renew(client, tokens)
    assert renewed.refresh != tokens.refresh
    assert raised(client, "jd_id").cause is Cause.TOKEN_EXPIRED
    client.account = Account(client.account.settings, client.account.hosts, renewed)
    assert client.shop().remote_id
    with pytest.raises(Unauthorised) as caught:
        consent.renew(client, tokens)
    assert caught.value.cause is Cause.TOKEN_EXPIRED
    with pytest.raises(Refused) as refused:
        consent.take(client, query["code"], CALLBACK)
    assert refused.value.cause is Cause.GRANT_REFUSED


def test_a_refused_consent_and_a_basic_seller_are_told_apart(sandbox: Running, line: Line) -> None:
    _, query = consented(sandbox, line, "samudra", "samudra", "refuse")
    assert consent.refused(query).cause is Cause.GRANT_REFUSED
    _, query = consented(sandbox, line, "kenanga", "kenanga", "allow")
    assert consent.refused(query).cause is Cause.SELLER_LEVEL


@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_the_gateway_tells_a_basic_seller_too(sandbox: Running, line: Line, generation: str) -> None:
    why = raised(connected(sandbox, line, "jd_id", "kenanga", generation=generation), "jd_id")
    assert isinstance(why, Unauthorised)
    assert why.cause is Cause.SELLER_LEVEL
