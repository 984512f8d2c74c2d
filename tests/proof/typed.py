"""What is typed into the forms of the portal where a page proposes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cast import PASSWORD
from tests.proof.drawn import UNTICKED, Button, Form

# Forms that change who signs in, or end the browser's own session or place: these come at the very end.
END = {
    "members.hand_over",
    "members.leave",
    "security.end_others",
    "security.end_session",
    "security.password",
}
# Forms that take away what others need: these come last before that.
LAST = {
    "connections.active",
    "connections.remove",
    "members.remove",
    "members.revoke",
    "orders.cancel",
    "orders.ship",
    "product_files.drop",
    "rules.remove",
    "shipments.unmerge",
    "stores.active",
    "support.stop",
    "sync.stop",
}
GOODS = ("goods.csv", b"SKU,Title\nA-1,A title\n", "text/csv")
STOCK = ("stock.csv", b"SKU,Quantity\nA,3\n", "text/csv")
FILES = {"stock.take_file": STOCK}
NEW_PASSWORD = "another-word-of-the-cast"
# By the view that a form goes to: what is typed into its fields.
TYPED: dict[str, dict[str, str]] = {
    "bundles.add": {"sku": "B", "quantity": "2"},
    "confirm.page": {"password": PASSWORD},
    "members.invite": {"email": "newcomer-{merchant_id}@example.com"},
    "order_entry.new": {"sku": "A", "pieces": "1", "name": "A buyer", "price": "5"},
    "order_routing.act": {"why": "A reason"},
    "orders.receive": {"pieces": "1"},
    "rules.new": {"name": "A rule of the proof", "c-0-value": "ID"},
    "reset.forgotten": {"email": "{merchant_id}@example.com"},
    "security.password": {"old": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD},
    "stock.adjust": {"number": "5", "note": "counted"},
    "support.ask": {"why": "A reason"},
    "support.extend": {"why": "A reason"},
    "support.view_as": {"ticket": "T-1", "note": "A reason"},
    "stores.new": {"name": "A store of the proof"},
    "wizard.save_settings": {
        "api_key": "key",
        "api_secret": "secret",
        "shop_id": "1",
        "cod_payment_types": "2",
        "channel_delivery_types": "3",
    },
}
TICKED = {"wizard.save_guide", "links.select", "deliveries.replay_many", "orders_bulk.act", "connect.confirm"}


def typed(
    endpoint: str, form: Form, button: Button, things: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], list[tuple[str, tuple[str, bytes, str]]]]:
    """The fields and the files of a form, filled in as far as the page did not."""
    known = TYPED.get(endpoint, {})
    fields = [
        (name, known[name].format(**things) if name in known and kind != "hidden" else value)
        for name, value, kind in form.fields
        if kind != "file" and (kind != UNTICKED or endpoint in TICKED)
    ]
    files = [(name, FILES.get(endpoint, GOODS)) for name, _, kind in form.fields if kind == "file" and name != "logo"]
    return [*fields, *([(button.name, button.value)] if button.name else [])], files
