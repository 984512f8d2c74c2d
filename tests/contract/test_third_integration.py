"""A third remote as one folder of literal files: it is found and asked the same as the others, unasked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from portal.contract.definition import Integration
from portal.contract.http import Account, ApiClient
from portal.integrations import all_integrations
from tests.contract import checks, checks_of_answers
from tests.contract.lines import line_to
from tests.remotes import registered, served

DEFINITION = '''
"""Pasar, a remote that exists in this test only."""

from portal.contract import standard_webhooks
from portal.contract.definition import (
    Check, Entry, HouseValue, Integration, Kind, Pace, Pull, Resource, Setting
)
from portal.contract.records import ShipmentStatus
from portal.contract.webhooks import Webhook
from portal.contract.words import Text, same
from portal.integrations.pasar.client import PasarClient
from portal.integrations.pasar.mapping import hint, product
from portal.integrations.pasar.sandbox import sandbox

INTEGRATION = Integration(
    key="pasar",
    name="Pasar",
    kind=Kind.MARKETPLACE,
    tile="PS",
    summary=Text("A market.", "Sebuah pasar.", "一个市场。"),
    settings=(
        Setting(key="shop", label=same("Shop")),
        Setting(key="secret", label=Text("Secret", "Rahasia", "密钥"), entry=Entry.SECRET),
    ),
    options=(),
    hosts={"api": "https://api.pasar.example"},
    app_key="shop",
    client=PasarClient,
    check=PasarClient.shop,
    pulls={Resource.PRODUCTS: Pull(pages=PasarClient.pages, read=product, some=PasarClient.some)},
    house_values=(HouseValue(key="region", default="java"),),
    statuses={"1": ShipmentStatus.SENT},
    status_texts={"1": same("sent")},
    checks=(Check(key="shop", title=same("Shop"), passes=PasarClient.name_of_shop),),
    one_stock=("shop",),
    webhook=Webhook(verify=standard_webhooks.verify, hint=hint, topics={"goods": same("Goods")}),
    pace=Pace(rate=1),
    sandbox=sandbox,
    currency="IDR",
)
'''

CLIENT = '''
"""Where Pasar is and how it is paged."""

from portal.contract.errors import Cause, Garbled, Refused
from portal.contract.http import ApiClient, read_json, request_to
from portal.contract.records import Page, Shop


class PasarClient(ApiClient):
    def call(self, path):
        headers = {"Authorization": f"Bearer {self.account.settings['secret']}"}
        address = self.account.hosts["api"] + path
        try:
            body = read_json(self.ask(request_to("GET", address, headers=headers)))
        except Garbled as why:
            raise Garbled(why.cause, why.detail) from None
        if body.get("success") is False:
            raise Refused(Cause.REFUSED)
        return body

    def shop(self):
        return Shop(self._want(self.call("/shop"), "id", str), "")

    def name_of_shop(self):
        return self.shop().name

    def some(self, codes):
        items = [item for page in self.pages(None, None) for item in page.items]
        return [item for item in items if isinstance(item, dict) and item.get("code") in codes]

    def pages(self, since, cursor):
        page = int(cursor or 1)
        while page:
            body = self.call(f"/goods?page={page}")
            items, more = self._want(body, "goods", list), self._want(body, "more", bool)
            page = page + 1 if more else 0
            yield Page(items, str(page) if page else None)

    @staticmethod
    def _want(body, name, kind):
        if not isinstance(body.get(name), kind):
            raise Garbled(Cause.NOT_READABLE, name)
        return body[name]
'''

MAPPING = '''
"""Pasar's goods in our words."""

from portal.contract.reading import amount, instant, remote_id, text
from portal.contract.records import RemoteListing
from portal.contract.webhooks import Hint


def hint(push):
    return Hint("goods", "products", (push.body.decode(),))


def product(raw):
    return RemoteListing(
        remote_id=remote_id(raw, "id"),
        parent_id=remote_id(raw, "id"),
        sku=text(raw, "code"),
        title=text(raw, "name"),
        price=amount(raw, "price", "IDR"),
        updated_at=instant(raw, "at"),
    )
'''

SANDBOX = '''
"""A Pasar in a box: seven goods, two a page."""

import json
from urllib.parse import parse_qs


def sandbox(environ, start_response):
    page = int(parse_qs(environ["QUERY_STRING"]).get("page", ["1"])[0])
    goods = [{"id": number, "code": f"C{number}", "name": "x", "price": "10", "at": 1000} for number in range(1, 8)]
    body = {"id": "S1", "goods": goods[page * 2 - 2 : page * 2], "more": page * 2 < len(goods)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
'''

FILES = {
    "__init__.py": DEFINITION,
    "client.py": CLIENT,
    "mapping.py": MAPPING,
    "sandbox.py": SANDBOX,
    "samples/products.1.json": '{"id": 1, "code": " ", "name": "Teh", "price": 12500.5, "at": 1772690829000}',
    "samples/products.1.expected.json": (
        '{"remote_id": "1", "parent_id": "1", "sku": " ", "title": "Teh", "parent_title": "",'
        ' "price": {"minor": 1250050, "currency": "IDR"}, "quantity": null, "status_word": "", "on_sale": true,'
        ' "audit_word": null, "attributes": "", "barcode": "", "image": "",'
        ' "updated_at": "2026-03-05T06:07:09+00:00"}'
    ),
}


@pytest.fixture
def third(tmp_path: Path) -> Iterator[Integration]:
    """The folder beside the others while a test runs; nothing else is told of it."""
    known = dict(all_integrations())
    with registered(tmp_path, {f"pasar/{name}": content for name, content in FILES.items()}):
        yield all_integrations()["pasar"]
    assert all_integrations() == known


def test_a_folder_is_registered_by_being_there(third: Integration) -> None:
    assert "pasar" in all_integrations()
    assert len(all_integrations()) > 1


@pytest.mark.parametrize("check", [*checks.ALL, *checks_of_answers.ALL], ids=lambda check: check.__name__)
def test_the_third_keeps_the_contract(third: Integration, check: Callable[[Integration], None]) -> None:
    check(third)


def test_nothing_secret_gets_out_of_the_third(third: Integration, caplog: pytest.LogCaptureFixture) -> None:
    checks_of_answers.nothing_secret_gets_out(third, caplog)


def test_the_thirds_own_sandbox_is_pulled(third: Integration) -> None:
    with served(third.sandbox) as url, line_to() as line:
        account = Account({"shop": "S1", "secret": "s"}, {"api": url})

        def fresh() -> ApiClient:
            return third.client(account, line)

        checks_of_answers.sandbox_answers_the_check(third, fresh())
        checks_of_answers.sandbox_fills_every_pull(third, fresh())
        checks_of_answers.sandbox_passes_every_step_of_the_check(third, fresh())
        checks_of_answers.some_are_what_all_have_of_them(third, fresh())
        checks_of_answers.a_pull_goes_on_where_it_was_killed(third, fresh)
        checks_of_answers.spoiled_answers_become_our_errors(third, fresh)


BROKEN = [
    (checks.speaks_three_languages, "__init__.py", "Sebuah pasar.", " "),
    (checks.secrets_are_marked, "__init__.py", ", entry=Entry.SECRET", ""),
    (checks.definition_holds_together, "__init__.py", 'app_key="shop"', 'app_key="key"'),
    (checks.what_the_house_sets_holds_together, "__init__.py", 'HouseValue(key="region"', 'HouseValue(key="shop"'),
    (checks.statuses_have_their_words, "__init__.py", 'status_texts={"1"', 'status_texts={"2"'),
    (checks.steps_and_stock_hold_together, "__init__.py", 'one_stock=("shop",)', 'one_stock=("stock",)'),
    (checks.pushes_are_believed_by_their_signature_only, "__init__.py", "standard_webhooks.verify", "print"),
    (checks.pushes_are_believed_by_their_signature_only, "mapping.py", '"products"', '"stock"'),
    (checks.imports_only_its_own, "mapping.py", "from portal.contract.rec", "import flask\nfrom portal.contract.rec"),
    (checks.samples_map_as_expected, "mapping.py", 'text(raw, "code")', 'text(raw, "code").strip()'),
    (checks.reading_is_pure, "mapping.py", 'text(raw, "name")', 'raw.pop("name")'),
    (checks.reading_answers_or_refuses, "mapping.py", 'text(raw, "name")', 'raw["name"].upper()'),
    (checks.vectors_are_reproduced, "client.py", "def shop(self)", "sign = staticmethod(str)\n\n    def shop(self)"),
    (checks_of_answers.bad_answers_become_our_errors, "client.py", "self.ask(", "self.line.send("),
    (checks_of_answers.wrong_types_become_our_errors, "client.py", "not isinstance(body.get(name), kind)", "False"),
    (checks_of_answers.wrong_addresses_become_our_errors, "client.py", "request_to(", "__import__('httpx').Request("),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "name", "was", "becomes"), BROKEN, ids=[f"{each[0].__name__}, {each[2]}" for each in BROKEN]
)
def test_each_check_can_fail(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    check: Callable[[Integration], None],
    name: str,
    was: str,
    becomes: str,
) -> None:
    assert was in FILES[name]
    monkeypatch.setitem(FILES, name, FILES[name].replace(was, becomes))
    broken = request.getfixturevalue("third")
    ways = (AssertionError, pytest.fail.Exception, LookupError, AttributeError, TypeError, httpx.InvalidURL)
    with pytest.raises(ways):
        check(broken)
