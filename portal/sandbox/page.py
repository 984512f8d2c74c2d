"""The control page: what accounts there are, and a form for every deed.  Plain HTML; it needs no script."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from portal.contract.world.deeds import Deed
from portal.contract.world.faults import KINDS
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.sandbox.words import EXAMPLES, STYLE, VIEWS

_LISTING_DEEDS = ("sku", "stock", "withdraw", "restore", "reissue", "pass", "audit", "on_sale", "off_sale")


def deeds_of(remote: Any) -> tuple[Deed, ...]:
    """The deeds that only this remote knows."""
    return tuple(getattr(remote, "deeds", ()))


def drawn(worlds: Mapping[str, World], public_url: str, done: str, remotes: Mapping[str, Any] | None = None) -> str:
    """The page."""
    remotes = remotes or {}
    said = f'<p class="done" role="status">Done: {escape(done)}.</p>' if done else ""
    accounts = "".join(_remote(world, public_url, remotes.get(key)) for key, world in worlds.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,"><title>Sandbox</title>'
        f"<style>{STYLE}</style></head><body><header><h1>Sandbox</h1><p>Remotes in a box. "
        "No request from here reaches JD, and no key below opens anything there.</p>"
        '<nav><a href="#accounts">Accounts</a> <a href="#world">The world</a> <a href="#goods">Listings</a> '
        f'<a href="#api">JSON API</a> <a href="/control/mail">Letters</a></nav></header><main>{said}'
        f'<section id="accounts"><h2>Accounts</h2>{accounts}</section>'
        f'<section id="world"><h2>The world</h2>{_state(worlds)}'
        f'<div class="forms">{_world_forms(worlds)}</div></section>'
        f'<section id="goods"><h2>Listings</h2><div class="forms">{_goods_forms(worlds)}</div></section>'
        f"{_own_forms(worlds, remotes)}"
        f'<section id="api"><h2>JSON API</h2>{_api(public_url, remotes)}</section></main></body></html>'
    )


# --- accounts ---------------------------------------------------------------------------------------------------------


def _remote(world: World, public_url: str, remote: Any) -> str:
    shows = getattr(remote, "shows", None)
    cards = "".join(_card(world, seller, shows(seller) if shows else {}) for seller in world.sellers())
    notes = ""
    if world.shelf is not None and world.shelf.audited:
        notes = (
            "<p>auditStatus is 1 for a passed check and 4 for one that waits. That 4 is a change under audit stands in "
            "a client of that time; 1 is our invention. An account may have other numbers (<code>told</code>: "
            "<code>audit_passed</code>, <code>audit_waiting</code>).</p>"
        )
    address = f"{public_url}/{world.key}"
    head = f"<h3>{escape(world.key)}</h3><p>Address: <code>{escape(address)}</code></p>"
    house: Mapping[str, str] = getattr(remote, "house", {})
    if house:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in house.items())
        notes += f"<p>The house's own values, for all accounts here:</p><dl>{rows}</dl>"
    return f'{head}{notes}<div class="cards">{cards}</div>'


def _card(world: World, seller: Seller, own: Mapping[str, str]) -> str:
    live = [token for token in world.memory.tokens(seller.name) if not token.revoked]
    token = live[0] if live else None
    expired = token is not None and token.expires <= world.now().timestamp()
    rows = [
        ("App key", seller.app_key),
        ("App secret", seller.app_secret),
        ("Access token", (token.access if token else "none") + (" (expired)" if expired else "")),
        ("Shop id", str(seller.shop_id)),
        ("Vendor id", str(seller.vender_id)),
        ("Seller sign-in", f"{seller.email} · {seller.password}"),
        ("Level", seller.level.value),
        ("Callbacks", "\n".join(seller.callbacks) or "none"),
        ("Catalogue", f"{seller.size} SKUs, seed {seller.seed}, {seller.dirty:.0%} dirty"),
        *own.items(),
        ("Limits", f"{seller.rate or 'no'} calls a second, {seller.quota or 'no'} calls a day"),
    ]
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return (
        f"<article><h4>{escape(seller.shop_name)} <small>{escape(seller.name)}</small></h4><dl>{inside}</dl></article>"
    )


def _state(worlds: Mapping[str, World]) -> str:
    rows = []
    for world in worlds.values():
        waiting = "; ".join(
            f"{fault.kind}{':' + fault.argument if fault.argument else ''} for {fault.operation or 'any call'}"
            f"{' of ' + fault.seller if fault.seller else ''}, "
            f"{'until cleared' if fault.left is None else str(fault.left) + '×'}"
            for fault in world.faults()
        )
        rows.append(
            f"<tr><th scope=row>{escape(world.key)}</th><td>{world.now():%Y-%m-%d %H:%M:%S} UTC"
            f" ({world.clock_offset:+.0f} s)</td><td>{escape(waiting) or 'none'}</td></tr>"
        )
    head = "<tr><th scope=col>Remote</th><th scope=col>Its clock</th><th scope=col>Faults waiting</th></tr>"
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


# --- forms ------------------------------------------------------------------------------------------------------------


def _world_forms(worlds: Mapping[str, World]) -> str:
    remotes = _choice("integration", "Remote", list(worlds))
    who = _who(worlds)
    return "".join(
        (
            _form("fault", "Let something fail", _choice("integration", "Remote", ["", *worlds]), _faults()),
            _form("clear", "Clear all faults", _choice("integration", "Remote", ["", *worlds])),
            _form("clock", "Move the clock", remotes, _field("seconds", "Seconds ahead (negative: behind)", "0")),
            _form("token", "Tokens", who, _choice("deed", "Deed", ["expire", "revoke", "new"])),
            _form("level", "Seller level", who, _choice("level", "Level", ["qualified", "basic"])),
            _form("limits", "Limits", who, _field("rate", "Calls a second"), _field("quota", "Calls a day")),
            _form("callback", "Register a callback address", who, _field("url", "Address", "https://")),
            _form("account", "New account", remotes, _field("name", "Name"), _field("shop_name", "Shop name")),
            _form("reset", "Begin again", _choice("integration", "Remote", ["", *worlds])),
        )
    )


def _faults() -> str:
    return (
        f"{_field('kind', 'Fault, as in busy or latency:800', 'busy', 'faults')}"
        f'<datalist id="faults">{"".join(f"<option>{kind}</option>" for kind in KINDS)}</datalist>'
        f"{_field('operation', 'Operation or pattern (empty: any)')}{_field('account', 'Account (empty: any)')}"
        f"{_field('times', 'Times (0: until cleared)', '1')}"
        '<label class="tick"><input type="checkbox" name="after" value="1"> Do the work first, lose the answer</label>'
    )


def _goods_forms(worlds: Mapping[str, World]) -> str:
    who = _who({key: world for key, world in worlds.items() if world.shelf is not None})
    return "".join(
        (
            _form(
                "listing",
                "Change a listing",
                who,
                _choice("deed", "Deed", _LISTING_DEEDS),
                _field("id", "SKU id at the remote (pass: empty for all)"),
                _field("slot", "or its place in the catalogue"),
                _field("value", "New SKU text or stock"),
            ),
            _form(
                "catalogue",
                "Another catalogue",
                who,
                _field("size", "SKUs (up to 1,000,000)"),
                _field("seed", "Seed"),
                _field("dirty", "Dirty share, as in 0.08"),
            ),
        )
    )


def _own_forms(worlds: Mapping[str, World], remotes: Mapping[str, Any]) -> str:
    """A section for each remote that knows deeds of its own."""
    sections = []
    for key, remote in remotes.items():
        forms = "".join(
            _form(
                deed.name,
                deed.title,
                _who({key: worlds[key]}),
                *(_field(name, label) for name, label in deed.fields.items()),
            )
            for deed in deeds_of(remote)
        )
        if forms:
            sections.append(f'<section><h2>At {escape(key)}</h2><div class="forms">{forms}</div></section>')
    return "".join(sections)


def _form(deed: str, title: str, *fields: str) -> str:
    return (
        f'<form method="post" action="/control/{deed}"><h3>{escape(title)}</h3>{"".join(fields)}'
        f"<button>{escape(title)}</button></form>"
    )


def _field(name: str, label: str, value: str = "", listed: str = "") -> str:
    more = f' list="{listed}"' if listed else ""
    return f'<label>{escape(label)}<input name="{name}" value="{escape(value)}"{more}></label>'


def _choice(name: str, label: str, values: list[str] | tuple[str, ...]) -> str:
    options = "".join(f'<option value="{escape(each)}">{escape(each) or "all"}</option>' for each in values)
    return f'<label>{escape(label)}<select name="{name}">{options}</select></label>'


def _who(worlds: Mapping[str, World]) -> str:
    """Remote and account in one field."""
    groups = "".join(
        f'<optgroup label="{escape(key)}">'
        + "".join(
            f'<option value="{escape(key)}/{escape(each.name)}">{escape(each.shop_name)} ({escape(each.name)})</option>'
            for each in world.sellers()
        )
        + "</optgroup>"
        for key, world in worlds.items()
    )
    return f'<label>Account<select name="who">{groups}</select></label>'


# --- API --------------------------------------------------------------------------------------------------------------


def _api(public_url: str, remotes: Mapping[str, Any]) -> str:
    views = "".join(f"<li><code>GET {escape(path)}</code> {escape(what)}</li>" for path, what in VIEWS)
    deeds = "".join(
        f"<li><code>POST /control/{deed}</code> {escape(what)}<pre>{escape(json.dumps(example))}</pre></li>"
        for deed, what, example in (
            *EXAMPLES,
            *((each.name, each.what, each.example) for remote in remotes.values() for each in deeds_of(remote)),
        )
    )
    return (
        f"<p>Send JSON (<code>Content-Type: application/json</code>) to <code>{escape(public_url)}</code>; what cannot "
        "be done answers 400 with <code>error</code>. <code>integration</code> may be left out where all remotes can "
        f"be meant.</p><ul>{views}</ul><ul>{deeds}</ul>"
    )
