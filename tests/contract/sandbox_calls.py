"""How the sandbox's tests speak to it beyond single calls: other clients' requests, the consent page, one listing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.sandbox_server import CALLBACK


def page(answer):
    return next(iter(answer.values()))["page"]


def listing(sandbox, slot=0):
    asked = {"integration": "jd_com", "account": "northwick", "start": slot, "count": 1}
    return sandbox.http.get("/control/listings", params=asked).json()[0]


def sent(sandbox, vector):
    """The answer to a request exactly as another client put it on the wire, at its time, with its keys."""
    gateway = vector["gateway"]
    sandbox.control(
        "account",
        integration=gateway.split("/")[0],
        name="vector",
        app_key=vector["app_key"],
        app_secret=vector["app_secret"],
    )
    stamp = vector["timestamp"]
    if len(stamp) > 19:
        said = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f%z")
    else:
        said = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone(timedelta(hours=8)))
    sandbox.control("clock", seconds=(said - datetime.now(UTC)).total_seconds())
    http = vector["http"]
    headers = {"Content-Type": http["content_type"]} if http["content_type"] else {}
    url = f"{sandbox.url}/{gateway}" + (f"?{http['query']}" if http["query"] else "")
    answer = httpx.request(http["method"], url, content=http["body"].encode(), headers=headers, trust_env=False)
    assert answer.status_code == 200
    return answer.json()


def consent(sandbox, integration, name, decision="allow", **changed):
    """Goes through the consent page; gives the query of the callback, or the page where it stayed."""
    who = sandbox.account(integration, name)
    asked = {
        "app_key": who["app_key"],
        "response_type": "code",
        "redirect_uri": CALLBACK.format(integration),
        "state": "st&te",
        "scope": "snsapi_base",
    } | changed
    shown = sandbox.http.get(f"/{integration}/oauth2/to_login", params=asked)
    if shown.status_code != 200:
        return shown
    assert who["app_name"] in shown.text
    assert who["email"] in shown.text
    form = asked | {"email": who["email"], "password": who["password"], "decision": decision} | changed
    answer = sandbox.http.post(f"/{integration}/oauth2/to_login", data=form)
    if answer.status_code != 302:
        return answer
    assert answer.headers["Location"].startswith(CALLBACK.format(integration))
    return {key: value[0] for key, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def exchange(sandbox, integration, name, path, **asked):
    who = sandbox.account(integration, name)
    keys = {"app_key": who["app_key"], "app_secret": who["app_secret"]}
    return sandbox.http.get(f"/{integration}/oauth2/{path}", params=keys | asked).json()
