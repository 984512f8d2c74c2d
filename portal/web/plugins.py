"""Plugins over all stores, and their chooser: the same pages as those of sales channels, for the other kind."""

from flask import Blueprint
from werkzeug.wrappers import Response

from portal.contract.definition import Kind
from portal.models import Store
from portal.web.channels import InstallForm, show_chooser, show_list, show_which_store
from portal.web.doors import Needs, find, needs

bp = Blueprint("plugins", __name__)


@bp.get("/plugins")
@needs(Needs.VIEW)
def index() -> Response:
    """The plugins of all stores."""
    return show_list(Kind.FULFILMENT)


@bp.get("/plugins/add")
@needs(Needs.MANAGE)
def add() -> Response:
    """Add a plugin: straight to the chooser of the only store, or first the question which one."""
    return show_which_store(Kind.FULFILMENT)


@bp.get("/stores/<public_id>/plugins/add")
@needs(Needs.MANAGE)
def choose(public_id: str) -> Response:
    """Choose a plugin for a store."""
    return show_chooser(find(Store, public_id), Kind.FULFILMENT, InstallForm())
