"""Connections to the sandbox, made by the flows as a merchant would make them."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from flask import Flask

from portal import integrations
from portal.flows import connections, secrets, work
from portal.flows.audit import By
from portal.flows.house import House
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Connection, Store, Work
from tests.sandbox_server import Running
from workers.jobs import VERBS

MEI = By("Mei Lin")
FAST = {"jd_com": 5000.0, "jd_id": 5000.0}


def point_at(app: Flask, url: str) -> None:
    """Have the portal meet the remotes at this sandbox, as fast as it answers."""
    old: House = app.extensions["lintas"]
    app.extensions["lintas"] = replace(old, settings=replace(old.settings, sandbox_url=url, paces=FAST))


def jd_com(sandbox: Running, account: str = "northwick", name: str = "JD.com", **changed: str) -> Connection:
    """A saved connection to JD.com."""
    who = sandbox.account("jd_com", account)
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, "jd_com", MEI)
    values = {
        "api_key": who["app_key"],
        "api_secret": who["app_secret"],
        "app_id": "1",
        "access_token": who["tokens"][0]["access"],
        "api_endpoint": "https://api.jd.com/routerjson",
    } | changed
    connections.save_settings(made, name, values, MEI)
    return made


def work_off(rounds: int = 60) -> int:
    """What the workers would do until nothing is due; waiting times are cut short."""
    done = 0
    for _ in range(rounds):
        db.session.execute(
            sa.update(Work).where(Work.kind.in_(["sync", "activate", "link_batch"])).values(not_before=now())
        )
        db.session.commit()
        step = work.drain_all(VERBS)
        done += step
        if not step:
            break
    return done


def jd_id(sandbox: Running, account: str = "samudra", name: str = "JD.ID") -> Connection:
    """A connection to JD.ID that was let in, as after the consent page."""
    who = sandbox.account("jd_id", account)
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, "jd_id", MEI)
    values = {"shop_id": str(who["shop_id"]), "api_key": who["app_key"], "api_secret": who["app_secret"]}
    connections.save_settings(made, name, values, MEI)
    connections.confirm(made, [str(n) for n, step in enumerate(integrations.get("jd_id").guide) if step.confirm], MEI)
    token = sandbox.control("token", integration="jd_id", account=account, deed="new")
    secrets.keep(made, "token.access", _access(token, sandbox, account), MEI.name)
    db.session.commit()
    return made


def _access(said: dict[str, object], sandbox: Running, account: str) -> str:
    return str(sandbox.account("jd_id", account)["tokens"][-1]["access"])
