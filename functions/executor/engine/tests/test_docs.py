"""The documentation is true: its blocks run and its table of settings is the code's."""

from __future__ import annotations

import ast
import inspect
import os
import re
from dataclasses import fields
from pathlib import Path

from ade_engine.infrastructure import settings as module
from ade_engine.infrastructure.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r'^```\w+ title="(?P<path>[^"]+)"\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL)


def test_the_tutorial_runs(cli, process, workbook, template):
    text = (DOCS / "writing-a-config.md").read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == 5
    for block in blocks:
        path = template / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["body"], "utf-8")
    for name in ("email", "first_name", "last_name", "middle_name", "full_name"):
        (template / "src" / "ade_config" / "columns" / f"{name}.py").unlink()
    assert cli("config", "validate", "--config-package", template).returncode == 0
    rows = [
        ["Order No.", "Customer", "Amount"],
        ["A-1", " ann lee ", 12.5],
        ["A-2", "Bob Ray", "free"],
        ["A-3", "Cyd Day", -3],
        ["Total", None, 9.5],
    ]
    outcome = process(workbook(rows), template)
    assert outcome.code == 0, outcome.stderr
    assert outcome.rows() == [("order_id", "customer", "amount"), ("A-1", "Ann Lee", 12.5), ("A-3", "Cyd Day", -3)]
    (issue,) = outcome.artifact["tables"][0]["validation_issues"]
    assert (issue["message"], issue["cell"], issue["output_cell"]) == (
        "An amount is not negative",
        "Sheet1!C4",
        "Sheet1!C3",
    )
    assert any(note["meta"].get("rows") == [5] for note in outcome.artifact["notes"])
    assert outcome.event("engine.config.dropped")["data"] == {"rows": 1}


def settings_table() -> str:
    """The settings as the reference lists them, from the docstrings of the code."""
    (cls,) = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    meanings = {}
    for declared, doc in zip(cls.body, cls.body[1:], strict=False):
        if isinstance(declared, ast.AnnAssign) and isinstance(doc, ast.Expr):
            meanings[declared.target.id] = doc.value.value
    rows = [
        f"| `{setting.name}` | {shown(setting.default)} | {meanings[setting.name]} |" for setting in fields(Settings)
    ]
    return "\n".join(rows).replace("``", "`") + "\n"


def shown(default: object) -> str:
    """A default as TOML says it."""
    if isinstance(default, tuple):
        return " ".join(default)
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_the_table_of_settings_is_complete():
    """``UPDATE=1`` writes it."""
    path = DOCS / "config-reference.md"
    head, mark, table = path.read_text("utf-8").partition("| key | default | meaning |\n|---|---|---|\n")
    if os.environ.get("UPDATE"):
        path.write_text(head + mark + settings_table(), "utf-8")
        table = settings_table()
    assert table == settings_table()
