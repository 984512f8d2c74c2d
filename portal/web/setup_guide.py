"""The setup guide: four steps from an empty account to products that stay in sync.  It goes away when all are done."""

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.web.doors import Needs, may
from portal.web.home_pages import Setup
from portal.web.show import nav_url


def steps(setup: Setup) -> list[dict[str, Any]]:
    """The steps as `ui.guide` draws them; none when all are done.  A viewer sees them without their buttons."""
    if setup.done:
        return []
    found = [_add_a_store(setup), _connect(setup), _link(setup), _turn_on(setup)]
    if not may(Needs.MANAGE):
        for step in found:
            step["url"] = None
    return found


def _add_a_store(setup: Setup) -> dict[str, Any]:
    return {
        "state": "done" if setup.stores else "now",
        "title": _("Add a store"),
        "text": _("You need a name, a currency and a time zone. You can change the name later."),
        "url": url_for("stores.new"),
        "button": _("Add store"),
    }


def _connect(setup: Setup) -> dict[str, Any]:
    begun = setup.unfinished is not None
    return {
        "state": "done" if setup.connected else "now" if setup.stores else "later",
        "after": 1,
        "title": _("Connect a sales channel"),
        "text": _("Have the keys at hand that the channel gave you. Nothing there changes when you connect."),
        "url": url_for("connections.detail", public_id=setup.unfinished) if begun else url_for("channels.add"),
        "button": _("Continue") if begun else _("Add New Sales Channel"),
    }


def _link(setup: Setup) -> dict[str, Any]:
    waits = setup.connected and not setup.imported
    return {
        "state": "done" if setup.linked else "now" if setup.connected else "later",
        "after": 2,
        "title": _("Link your SKUs"),
        "text": _("First the products of the channel come in. What cannot be linked by its SKU is then listed for you.")
        if waits
        else _("The same product must have the same SKU in every channel. We list the ones that differ."),
        "url": nav_url("links.index") if setup.imported else None,
        "button": _("Link SKUs"),
    }


def _turn_on(setup: Setup) -> dict[str, Any]:
    return {
        "state": "done" if setup.syncing else "now" if setup.rests else "later",
        "after": 2,
        "title": _("Turn syncing on"),
        "text": _("Products then follow by themselves. Nothing is sent to the channel until you turn that on too."),
        "url": url_for("connections.detail", public_id=setup.rests) if setup.rests else None,
        "button": _("Turn on"),
    }
