"""Every word that a flow may note, read out of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.config import ROOT

FLOORS = ("portal", "workers")
# Who notes: `audit.note` itself, and what notes the same in each merchant of a person.
NOTES = {"audit.note": 1, "audit.note_connection": 1, "audit.note_orders": 1, "memberships.note": 1}
# The forwarder of the second takes its word from its callers, which are read by themselves.
FORWARDERS = {"portal/flows/memberships.py"}


@dataclass(frozen=True)
class Noted:
    """A word and where it is noted: with * for what the code does not say, "" where it says nothing of the word."""

    what: str
    where: str


def noted() -> list[Noted]:
    """What each note of the house may say."""
    found: list[Noted] = []
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            if str(path.relative_to(ROOT)) not in FORWARDERS:
                found += _in_file(path)
    return found


def _in_file(path: Path) -> Iterator[Noted]:
    tree = ast.parse(path.read_text())
    for function in [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]:
        for call in _calls(function):
            place = NOTES.get(ast.unparse(call.func))
            if place is None:
                continue
            words = _words(call.args[place], function, tree)
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            yield from [Noted(each, where) for each in sorted(words)] or [Noted("", where)]


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [each for each in ast.walk(tree) if isinstance(each, ast.Call)]


def _words(said: ast.expr, function: ast.FunctionDef, tree: ast.Module) -> set[str]:
    """The texts that an expression may be: written out, chosen between, or given by whoever calls the function."""
    match said:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return _words(one, function, tree) | _words(other, function, tree)
        case ast.JoinedStr(values=parts):
            return {"".join(each.value if isinstance(each, ast.Constant) else "*" for each in parts)}
        case ast.Name(id=name):
            return _assigned(name, function, tree) | _given(name, function, tree)
    return set()


def _assigned(name: str, function: ast.FunctionDef, tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for each in ast.walk(function):
        if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in each.targets):
            found |= _words(each.value, function, tree)
    for each in tree.body:
        if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in each.targets):
            found |= _words(each.value, function, tree)
    return found


def _given(name: str, function: ast.FunctionDef, tree: ast.Module) -> set[str]:
    names = [each.arg for each in function.args.args]
    by_name = [each.arg for each in function.args.kwonlyargs]
    if name not in names + by_name:
        return set()
    found: set[str] = set()
    for caller in [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]:
        for call in _calls(caller):
            if not isinstance(call.func, ast.Name) or call.func.id != function.name:
                continue
            given = {each.arg: each.value for each in call.keywords}
            place = names.index(name) if name in names else len(call.args)
            if name in given:
                found |= _words(given[name], caller, tree)
            elif place < len(call.args):
                found |= _words(call.args[place], caller, tree)
    return found
