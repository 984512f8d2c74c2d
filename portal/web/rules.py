"""The rules of a store: the list, and one rule with its conditions, tried before it is saved."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import rule_rehearsal, rules
from portal.flows.rule_conditions import Field
from portal.flows.rules import MOST_CONDITIONS
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Rule, Store
from portal.web import asked, rule_form, rule_words, rules_pages
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, wants_json
from portal.web.rule_form import RuleForm, Typed
from portal.web.show import asks_for, go, show

bp = Blueprint("rules", __name__)

FIRST = (Field.COUNTRY,)


@bp.get("/rules")
@needs(Needs.VIEW)
def index() -> Response:
    """The rules of one store, the first by name where the address names none."""
    known = rules_pages.stores()
    store = asked.own(known, "store") or next(iter(known.values()), None)
    if store is None:
        return show("rules/none.html")
    names = rules_pages.names_of(store.id)
    rows = rules_pages.rows(store.id, names)
    if wants_json():
        items = [rules_pages.as_item(each) for each in rows]
        return as_json({"store": store.id, "default_plugin": names.default_id, "items": items})
    return show("rules/list.html", store=store, stores=known.values(), rows=rows, names=names, saved=None)


@bp.route("/rules/new", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def new() -> Response:
    """Add a rule to a store."""
    known = rules_pages.stores()
    store = asked.own(known, "store") or (next(iter(known.values())) if len(known) == 1 else None)
    if store is None:
        return redirect(url_for("rules.index"), 303)
    return _edit(store, None)


@bp.get("/rules/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One rule."""
    rule = find(Rule, public_id)
    if wants_json():
        names = rules_pages.names_of(rule.store_id)
        return as_json(rules_pages.as_item(rules_pages.row(rule, names)))
    return _edit(_store_of(rule), rule)


@bp.post("/rules/<public_id>")
@needs(Needs.MANAGE, support=Support.ACTS)
def save(public_id: str) -> Response:
    """Change a rule, or try the change first."""
    rule = find(Rule, public_id)
    return _edit(_store_of(rule), rule)


@bp.post("/rules/<public_id>/active")
@needs(Needs.MANAGE, support=Support.ACTS)
def active(public_id: str) -> Response:
    """Turn a rule on or off."""
    rule = find(Rule, public_id)
    rules.turn(rule, request.form.get("on") == "1", by())
    if asks_for("rule_active"):
        names = rules_pages.names_of(rule.store_id)
        return show("rules/list.html", "rule_active", row=rules_pages.row(rule, names), saved=rule.id)
    return go("rules.index", store=rule.store_id)


@bp.post("/rules/<public_id>/move")
@needs(Needs.MANAGE, support=Support.ACTS)
def move(public_id: str) -> Response:
    """Move a rule up or down."""
    rule = find(Rule, public_id)
    rules.move(rule, -1 if request.form.get("step") == "up" else 1, by())
    return go("rules.index", store=rule.store_id)


@bp.post("/rules/<public_id>/remove")
@needs(Needs.MANAGE, support=Support.ACTS)
def remove(public_id: str) -> Response:
    """Take a rule away."""
    rule = find(Rule, public_id)
    store_id, name = rule.store_id, rule.name
    rules.remove(rule, by())
    return go("rules.index", store=store_id, say=_("The rule “%(name)s” was removed.", name=name))


def _store_of(rule: Rule) -> Store:
    return db.session.get_one(Store, (whose(), rule.store_id))


def _edit(store: Store, rule: Rule | None) -> Response:
    """The form of a rule: shown, changed by a condition, tried, or saved."""
    names = rules_pages.names_of(store.id)
    form = rule_form.make(names, rule)
    if request.method == "GET":
        known = rule_form.of_rule(rule) if rule else [Typed(each) for each in FIRST]
        return _form(store, rule, names, form, known)
    conditions = rule_form.typed()
    then, _dash, which = request.form.get("then", "").partition("-")
    if then == "add":
        return _form(store, rule, names, form, _with_one_more(conditions), focus=len(conditions))
    if then == "drop":
        kept = [each for number, each in enumerate(conditions) if str(number) != which]
        return _form(store, rule, names, form, kept)
    draft = rule_form.draft(form, conditions, store.currency)
    if found := rules.problems(store.id, draft):
        rule_form.blame(form, conditions, found)
        return _form(store, rule, names, form, conditions)
    if then == "try":
        said = rules.text_of(rule, draft)
        listed = rule_rehearsal.with_change(store.id, rule, said)
        tried = rule_rehearsal.rehearse(store.id, listed)
        outcome = rules_pages.outcome(tried, listed, said.id, names)
        return _form(store, rule, names, form, conditions, outcome=outcome, tried=rules_pages.sentence_of(said, names))
    return _save(store, rule, names, form, conditions)


def _save(
    store: Store, rule: Rule | None, names: rules_pages.Names, form: RuleForm, conditions: Sequence[Typed]
) -> Response:
    draft = rule_form.draft(form, conditions, store.currency)
    try:
        if rule is None:
            rules.add(store, draft, by())
        else:
            rules.change(rule, draft, by())
    except Refusal as why:
        rule_form.blame(form, conditions, [why])
        return _form(store, rule, names, form, conditions)
    say = _("The rule was saved. Orders that were decided before stay where they are.")
    return go("rules.index", store=store.id, say=say)


def _with_one_more(conditions: Sequence[Typed]) -> list[Typed]:
    name = request.form.get("add_field", "")
    if name not in set(Field):
        abort(404)
    return [*conditions, Typed(Field(name))][:MOST_CONDITIONS]


def _form(
    store: Store,
    rule: Rule | None,
    names: rules_pages.Names,
    form: RuleForm,
    conditions: Sequence[Typed],
    **more: Any,
) -> Response:
    return show(
        "rules/form.html",
        store=store,
        rule=rule,
        names=names,
        form=form,
        conditions=conditions,
        fields=[(each.value, words) for each, words in rule_words.fields().items()],
        choices=rule_form.choices(names),
        most=MOST_CONDITIONS,
        last=rule_rehearsal.LAST,
        **{"outcome": None, "tried": "", "focus": None, **more},
    )
