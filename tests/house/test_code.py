"""House rules that a machine can keep."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.kit.db import Base

ROOT = Path(__file__).resolve().parents[2]
PORTAL = sorted((ROOT / "portal").rglob("*.py"))
WORKERS = sorted((ROOT / "workers").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INTEGRATIONS = [each.name for each in (ROOT / "portal/integrations").iterdir() if (each / "__init__.py").exists()]


def floor(path: Path) -> str:
    return path.relative_to(ROOT / "portal").parts[0] if path.is_relative_to(ROOT / "portal") else "workers"


def calls(path: Path) -> list[tuple[str, int]]:
    return [
        (node.func.attr, node.lineno)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def test_only_flows_commit() -> None:
    for path in [*PORTAL, *WORKERS]:
        if floor(path) not in {"flows"} and "world" not in path.parts and "sandbox" not in path.as_posix():
            bad = [line for name, line in calls(path) if name == "commit"]
            assert not bad, f"{path.relative_to(ROOT)} commits in line {bad[0]}"


def test_no_floor_above_the_integrations_knows_the_name_of_one() -> None:
    names = re.compile("|".join(rf"\b{each}\b" for each in INTEGRATIONS))
    for path in [*PORTAL, *WORKERS, *TEMPLATES]:
        if "integrations" not in path.parts and "sandbox" not in path.as_posix() and "world" not in path.parts:
            found = names.search(path.read_text())
            assert found is None, f"{path.relative_to(ROOT)} names {found[0] if found else ''}"


def test_no_time_but_through_the_clock() -> None:
    for path in [*PORTAL, *WORKERS]:
        text = path.read_text()
        if path.name != "clock.py" and "world" not in path.parts and "sandbox" not in path.as_posix():
            assert not re.search(r"datetime\.(utcnow|now)\(|date\.today\(", text), path.relative_to(ROOT)


ABOUT_NUMBERS = re.compile(
    r"portal/(kit/money|contract/(options|writing|reading)"
    r"|flows/(stock|order|push|levels|drift|rehearsals|bundles|price|outbound|leaving|following|planning|rule|routing)"
    r"|integrations/\w+/(orders|outward|mapping|fulfilment|shipping)|web/(amounts|stock|prices|order|explained))"
)


def test_no_float_near_money_or_pieces() -> None:
    """No column is a float, and where amounts and pieces are worked with nothing is made one or divided into one."""
    for table in Base.metadata.tables.values():
        for column in table.columns:
            assert not isinstance(column.type, sa.Float | sa.Numeric), f"{table.name}.{column.name}"
    looked_at = [path for path in PORTAL if ABOUT_NUMBERS.match(path.relative_to(ROOT).as_posix())]
    assert len(looked_at) > 40
    for path in looked_at:
        for node in ast.walk(ast.parse(path.read_text())):
            made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}
            divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            assert not made, f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]
            assert not divided, f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def test_no_template_has_an_inline_style_a_handler_a_script_or_unescaped_output() -> None:
    bad = re.compile(r'\sstyle="|\son[a-z]+="|hx-on|<script(?![^>]*\ssrc=)|hx-vals=.js:')
    for path in TEMPLATES:
        # What stands between Jinja's braces is no HTML: a macro may well have an argument called style.
        found = bad.search(re.sub(r"{%.*?%}|{{.*?}}", "", path.read_text(), flags=re.DOTALL))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0] if found else ''}"
        assert not re.search(r"\|\s*safe\b", path.read_text()), path.relative_to(ROOT)


def test_every_job_name_resolves() -> None:
    jobs = importlib.import_module("workers.jobs")
    relay = (ROOT / "workers/relay.py").read_text()
    for name in re.findall(r'"(workers\.jobs\.\w+)"', relay):
        assert callable(getattr(jobs, name.rpartition(".")[2]))


def test_every_kind_of_work_that_is_added_has_a_verb() -> None:
    verbs = importlib.import_module("workers.jobs").VERBS
    for path in (ROOT / "portal/flows").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "add"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "work"
                and isinstance(node.args[0], ast.Constant)
            ):
                assert node.args[0].value in verbs, f"{path.name} adds {node.args[0].value}"


@pytest.mark.parametrize("path", [*PORTAL, *WORKERS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_says_in_its_first_lines_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} has no docstring"
