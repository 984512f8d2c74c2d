"""Every page of the portal with something on it, by name; made from what a merchant with both channels has."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.visit import Visit

STATES = ("linked", "new", "near", "duplicate", "empty", "ambiguous", "waiting", "left_out", "sku_changed", "reissued")
CHANNELS = {
    "jd_id": ("JD.ID", ("settings", "login", "options", "statuses", "export", "disconnect")),
    "jd_com": ("JD Worldwide", ("settings", "options", "preview", "statuses", "carriers", "export", "disconnect")),
    "jdl": ("JD UK – Ecom Orders", ("settings", "login", "statuses", "stock", "disconnect")),
    "basic": ("Kedai Kenanga", ("guide", "settings", "login", "check")),
    "draft": ("JD Mall", ("guide", "settings", "options", "check")),
}


def add_channel(visit: Visit, remote: str) -> str:
    """A draft of a connection in the merchant's only store; gives its path, the browser stands at its first step."""
    visit.open("/channels/add")
    visit.press("Select", remote)
    expect(visit.page).to_have_url(re.compile(r"/connections/.+/guide$"))
    return urlsplit(visit.page.url).path.removesuffix("/guide")


def tick_guide(visit: Visit) -> None:
    """What the guide asks for, and on."""
    for box in visit.page.locator("#guide_form input[type=checkbox]").all():
        box.check()
    visit.press("Continue")


def enter_keys(visit: Visit, integration: str, account: dict[str, object], **changed: str) -> None:
    """Fill in the keys of an account as its control page shows them; the browser stands at the settings."""
    tokens = account.get("tokens")
    known = {
        "api_key": account["app_key"],
        "api_secret": account["app_secret"],
        "shop_id": account["shop_id"],
        "app_id": "700002",
        "access_token": tokens[0]["access"] if isinstance(tokens, list) and tokens else "",
        "api_endpoint": f"{visit.house.sandbox.url}/jd_com",
    }
    wanted = ("shop_id", "api_key", "api_secret") if integration == "jd_id" else (
        "api_key", "api_secret", "app_id", "access_token", "api_endpoint"
    )  # fmt: skip
    for key in wanted:
        visit.page.locator(f"#{key}").fill(str(changed.get(key, known[key])))


def consent(visit: Visit, account: dict[str, object], *, allow: bool = True) -> None:
    """Sign in at the remote's own page, and allow or refuse; the browser stands at the step of the sign-in."""
    visit.page.locator("main form[action$='/login'] button").first.click()
    visit.page.wait_for_url(f"{visit.house.sandbox.url}/**")
    visit.page.locator("#email").fill(str(account["email"]))
    visit.page.locator("#password").fill(str(account["password"]))
    visit.page.locator(f"button[value={'allow' if allow else 'refuse'}]").click()
    visit.page.wait_for_url(f"{visit.house.url}/connections/**/login")


def unfinished_jd_id(visit: Visit) -> str:
    """A connection whose sign-in JD.ID has turned away: the shop is a Basic Seller."""
    basic = visit.house.sandbox.account("jd_id", "kenanga")
    path = add_channel(visit, "JD.ID")
    tick_guide(visit)
    visit.page.locator("#name").fill("Kedai Kenanga")
    enter_keys(visit, "jd_id", basic)
    visit.press("Install")
    consent(visit, basic)
    expect(visit.page.locator("#refused")).to_be_visible()
    return path


def unfinished_jd_com(visit: Visit) -> str:
    """A connection that has its keys and waits for its options."""
    path = add_channel(visit, "JD.com")
    visit.press("Continue")
    visit.page.locator("#name").fill("JD Mall")
    enter_keys(visit, "jd_com", visit.house.sandbox.account("jd_com", "northwick"))
    visit.press("Continue")
    return path


def upload(visit: Visit) -> None:
    """A file of products with rows that want a look, checked and waiting for a decision."""
    visit.open("/products/import")
    rows = "SKU,Name,Barcode\nKOPI-001,Kopi Gayo 250 g,8991\nKOPI-001,Kopi Gayo 500 g,8992\n,Tanpa kode,8993\n"
    visit.page.locator("input[type=file]").set_input_files(
        {"name": "produk.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    visit.page.locator("main form[enctype] button[type=submit]").first.click()
    expect(visit.page).to_have_url(re.compile(r"/products/import/[\w-]{20,}"))


def connect_link(visit: Visit) -> None:
    """A connect link of the plugin, as it stands on its page."""
    name, _ = CHANNELS["jdl"]
    visit.open({words: path for path, words in _links(visit, "/plugins", r"/connections/[\w-]+")}[name])
    visit.press("Copy connect link")
    expect(visit.page.locator("#connect_address")).to_be_visible()


def addresses(visit: Visit) -> dict[str, str]:
    """Path by name of every page that shows something of the merchant who is signed in."""
    channels = _links(visit, "/channels", r"/connections/[\w-]+") + _links(visit, "/plugins", r"/connections/[\w-]+")
    names = {name: path for path, name in channels}
    found = {
        "home": "/",
        "stores": "/stores",
        "store": _links(visit, "/stores", r"/stores/[\w-]{20,}")[0][0],
        "store_new": "/stores/new",
        "channels": "/channels",
        "plugins": "/plugins",
        "sync": "/sync?view=all",
        "sync_attention": "/sync?view=attention",
        "links": "/links",
        "listings": "/listings",
        "products": "/products",
        "products_none": "/products?q=there-is-no-such-product",
        "coverage": "/coverage",
        "coverage_gaps": "/coverage?only=gaps",
        "files": "/products/import",
        "sku_check": "/products/check",
        "export": "/products/export",
        "orders": "/orders",
        "orders_attention": "/orders?view=attention",
        "orders_none": "/orders?q=there-is-no-such-order",
        "order_new": "/orders/new",
        "stock": "/stock",
        "stock_low": "/stock?view=low",
        "stock_oversold": "/stock?view=oversold",
        "stock_file": "/stock/file",
        "rules": "/rules",
        "rule_new": "/rules/new",
        "deliveries": "/deliveries",
        "deliveries_refused": "/deliveries?view=refused",
        "connect_done": "/connect/done",
        "connect_gone": "/connect/there-is-no-such-link",
        "my_store": "/settings/my-store",
        "language": "/settings/language",
        "people": "/settings/people",
        "leaving": "/settings/leave",
        "security": "/settings/security",
        "password": "/settings/security/password",
        "second_factor": "/settings/security/second-factor",
        "notifications": "/settings/notifications",
        "support_access": "/settings/support",
        "activity": "/settings/activity",
        "confirm": "/confirm",
        "not_found": "/nowhere",
    }
    inside = {"chooser": "channels/add", "plugin_chooser": "plugins/add", "store_limits": "limits"}
    found |= {name: f"{found['store']}/{step}" for name, step in inside.items()}
    for key, (name, steps) in CHANNELS.items():
        if name in names:
            found |= {key: names[name]} | {f"{key}_{step}": f"{names[name]}/{step}" for step in steps}
    found |= {f"links_{state}": f"/links?state={state}" for state in STATES}
    if new := _links(visit, "/links?state=new", r"/listings/[\w-]{20,}"):
        found |= {
            "choose": new[0][0].replace("/listings/", "/links/") + "/choose",
            "links_all": "/links?state=new&all=1",
        }
        found |= {f"bulk_{verb}": f"/links/bulk?verb={verb}&state=new" for verb in ("create", "leave_out")}
    found |= _first(visit, "run", "/sync?view=all", r"/sync/[\w-]{20,}")
    found |= _first(visit, "delivery", "/deliveries", r"/deliveries/[\w-]{20,}")
    found |= _first(visit, "file", "/products/import", r"/products/import/[\w-]{20,}")
    found |= _first(visit, "product", "/products", r"/products/[\w-]{20,}")
    found |= _first(visit, "rule", "/rules", r"/rules/[\w-]{20,}")
    found |= {name: path for name, path in visit.house.walked.items() if name.startswith("order_")}
    # The product of these orders, which has a past, and one that is counted by hand.
    promised = _first(visit, "stock_product", found.get("order_waiting", "/stock"), r"/products/[\w-]{20,}")
    found |= {name: path.replace("/products/", "/stock/") for name, path in promised.items()}
    found |= _first(visit, "stock_by_hand", "/stock", r"/stock/[\w-]{20,}")
    if "product" in found:
        found |= {step: f"{found['product']}/{step}" for step in ("parts", "prices")}
    if "stock_by_hand" in found:
        found |= {f"stock_{step}": f"{found['stock_by_hand']}/{step}" for step in ("adjust", "limits")}
    found |= _first(visit, "member", "/settings/people", r"/settings/people/[\w-]{20,}")
    found |= _first(visit, "visit", "/settings/support", r"/settings/support/[\w-]{20,}")
    found |= _first(visit, "batch", "/links", r"/links/batches/[\w-]{20,}")
    found |= _first(visit, "listing", "/links?state=linked", r"/listings/[\w-]{20,}")
    if "listing" in found:
        found |= {"unlink": f"{found['listing']}/unlink", "number": f"{found['listing']}/stock"}
    return found


def of_staff(visit: Visit) -> dict[str, str]:
    """Path by name of every page of the staff area, for an agent who works as nobody at this moment."""
    found = {
        "staff_merchants": "/support",
        "staff_worst": "/support?sort=health",
        "staff_none": "/support?q=there-is-no-such-merchant",
        "staff_sessions": "/support/sessions",
        "staff_sessions_open": "/support/sessions?state=open",
        "staff_report": "/support/report",
        "support_over": "/support/over",
    }
    found |= _first(visit, "staff_merchant", "/support?sort=health", r"/support/merchants/[\w-]{20,}")
    found |= _first(visit, "staff_merchant_samudra", "/support?q=samudra", r"/support/merchants/[\w-]{20,}")
    found |= _first(visit, "staff_session", "/support/sessions", r"/support/sessions/[\w-]{20,}")
    return found | {"view_as": f"{found['staff_merchant']}/view-as"}


def as_a_merchant(visit: Visit) -> dict[str, str]:
    """Path by name of what only an agent sees who looks as a merchant, and of the merchant's pages under the strip."""
    return {
        "acting_home": "/",
        "acting_channel": _links(visit, "/channels", r"/connections/[\w-]+")[0][0],
        "acting_orders": "/orders",
        "acting_support": "/settings/support",
        "acting_ask": "/support/ask",
        "acting_extend": "/support/extend",
        "acting_act": "/support/act",
        "acting_refused": "/support/sessions",
    }


def _links(visit: Visit, path: str, pattern: str) -> list[tuple[str, str]]:
    """The links of a page whose address has this form, with their words."""
    page = visit.page.request.get(visit.house.url + path).text()
    found = re.findall(rf'<a\b[^>]*href="({pattern})"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [(address, unescape(re.sub(r"<[^>]+>", "", words)).strip()) for address, words in found]


def _first(visit: Visit, key: str, path: str, pattern: str) -> dict[str, str]:
    found = _links(visit, path, pattern)
    return {key: found[0][0]} if found else {}
