"""What the control page says and how it looks."""

from typing import Any

VIEWS = (
    (
        "/control/accounts",
        "every account with its keys, tokens and numbers, its merchant, and what that merchant types here",
    ),
    ("/control/faults", "the faults that wait"),
    ("/control/journal?since=0&limit=1000", "requests and effects in order, one JSON object a line"),
    (
        "/control/truth?first=jd_com/samudra&second=jd_id/samudra",
        "what a portal must count after importing them, and the orders by state",
    ),
    (
        "/control/listings?integration=jd_id&account=samudra&label=waiting",
        "the catalogue as it is; start, count, label",
    ),
    (
        "/control/orders?integration=jd_com&account=samudra",
        "the orders as they are, without their buyers; after, count",
    ),
    ("/control/letters?to=owner@northwick.example", "the letters that came, the newest first, with their links"),
)

EXAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "account",
        "adds an account, or changes named fields of one",
        {"integration": "jd_com", "name": "shop-7", "size": 1200, "seed": "shop-7", "dirty": 0.1},
    ),
    (
        "fault",
        (
            "lets something fail. kind: busy, token, clock, quota, rate, rate:429, rate:429:<seconds>, code:<n>, "
            "error200, http500, html502, html200, refuse, reset, hang, drip, cut, gbk, types, huge, bomb, "
            "latency:<ms>. operation may hold *; times null stands until cleared; after does the work first and loses "
            "the answer"
        ),
        {"integration": "jd_com", "kind": "rate:429:3", "operation": "jingdong.sku.*", "times": 2, "after": False},
    ),
    ("clear", "clears all faults", {"integration": "jd_com"}),
    ("clock", "sets how far the remote's clock is ahead", {"integration": "jd_com", "seconds": -420}),
    ("token", "expire, revoke or new", {"integration": "jd_id", "account": "samudra", "deed": "expire"}),
    (
        "listing",
        (
            "sku, stock (with value), withdraw, restore, reissue, pass, audit, on_sale, off_sale; by id or by slot, "
            "and pass without either for all that wait"
        ),
        {"integration": "jd_com", "account": "samudra", "deed": "sku", "slot": 3, "value": "NEW-CODE"},
    ),
    (
        "catalogue",
        "another size, seed, channel or dirty share; undoes edits",
        {"integration": "jd_com", "account": "samudra", "size": 100000},
    ),
    ("level", "qualified or basic", {"integration": "jd_id", "account": "samudra", "level": "basic"}),
    (
        "limits",
        "calls a second and a day; null for none",
        {"integration": "jd_com", "account": "samudra", "rate": 10, "quota": None},
    ),
    (
        "callback",
        "registers one more callback address at the account's app",
        {"integration": "jd_id", "account": "samudra", "url": "http://127.0.0.1:9000/oauth/jd_id/callback"},
    ),
    ("reset", "accounts of the first day, no faults, true time; the journal stays", {}),
)

STYLE = """
:root{color-scheme:light dark;--line:#c9ced6;--soft:#f5f6f8;--ink:#1b1f24;--dim:#58616d;--deed:#1f5fae}
@media (prefers-color-scheme:dark){:root{--line:#3a414b;--soft:#1c2026;--ink:#e6e9ee;--dim:#a2abb8;--deed:#7db4f5}
body{background:#121519}button{color:#10151b!important}}
*{box-sizing:border-box}body{margin:0;color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main{max-width:76rem;margin:0 auto;padding:0 1rem}h1{margin:1.25rem 0 .25rem}h2{margin:2rem 0 .5rem}
h3{margin:1rem 0 .25rem}h4{margin:0 0 .5rem}nav a{margin-right:1rem}a{color:var(--deed)}p{max-width:60rem}
small,header p,dt{color:var(--dim)}.cards,.forms{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr))}
article,form{border:1px solid var(--line);border-radius:8px;padding:1rem;background:var(--soft);min-width:0}
form h3{margin-top:0}dl{display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:.25rem .75rem;margin:0}
dd{margin:0;overflow-wrap:anywhere;white-space:pre-line;font-family:ui-monospace,monospace;font-size:.86em}
code,pre{overflow-wrap:anywhere;white-space:pre-wrap}pre{margin:.25rem 0 .75rem;padding:.5rem .75rem;
background:var(--soft);border-radius:6px}label{display:block;margin:.5rem 0}
input:not([type=checkbox]),select{display:block;width:100%;font:inherit;padding:.45rem .6rem;border:1px solid #7d8794;
border-radius:6px;background:Canvas;color:inherit}button{font:inherit;min-height:2.5rem;padding:.4rem 1rem;border:0;
border-radius:6px;background:var(--deed);color:#fff;cursor:pointer}.tick{display:flex;gap:.5rem;align-items:center}
:focus-visible{outline:3px solid var(--deed);outline-offset:2px}.done{border-left:4px solid #2e8b57;padding:.5rem 1rem;
background:var(--soft)}.wide{overflow-x:auto}table{border-collapse:collapse;margin-bottom:1rem}
th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
li{margin:.35rem 0}ul{padding-left:1.1rem}
"""
