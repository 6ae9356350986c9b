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
from ade_engine.models.table import DerivedMapping, MappedColumn, SourceColumn, TableRegion, TableResult

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


def test_the_module_of_the_reference_runs(process, workbook, template):
    (block,) = BLOCK.finditer((DOCS / "config-reference.md").read_text("utf-8"))
    (template / block["path"]).write_text(block["body"], "utf-8")
    rows = [
        ["Email", "Qty", "Place"],
        [None, "kg", None],
        ["a@b.c", "7", "x"],
        ["c@d.e", "2000", "y"],
        ["d@e.f", "3", "z"],
    ]
    outcome = process(workbook(rows), template)
    assert outcome.code == 0, outcome.stderr
    assert [row[1] for row in outcome.rows()] == ["quantity", 3, 7, 2000]
    (issue,) = outcome.artifact["tables"][0]["validation_issues"]
    assert (issue["message"], issue["cell"], issue["output_cell"]) == ("more than 1000", "Sheet1!B4", "Sheet1!B4")
    assert any(note["meta"].get("rows") == [2] for note in outcome.artifact["notes"])


def test_the_reference_names_every_finding():
    told = set(re.findall(r"`([a-z_]+)`", (DOCS / "config-reference.md").read_text("utf-8")))
    found = set()
    for path in Path(inspect.getfile(Settings)).parents[1].rglob("*.py"):
        found |= set(re.findall(r'(?:\.find|_finding)\(\s*"([a-z_]+)"', path.read_text("utf-8")))
        found |= set(re.findall(r'name_rows\([^)]*?"([a-z_]+)"', path.read_text("utf-8")))
    assert len(found) > 10
    assert found - {"execution_failed"} <= told


def test_the_reference_names_all_that_is_known_of_a_table():
    told = set(re.findall(r"`([a-z_0-9]+)(?:\([a-z]*\))?`", (DOCS / "config-reference.md").read_text("utf-8")))
    for kind in (TableRegion, TableResult, SourceColumn, MappedColumn, DerivedMapping):
        known = {field.name for field in fields(kind)} | {name for name in dir(kind) if not name.startswith("_")}
        assert known - {"fetch"} <= told, kind


def test_the_readme_runs(cli, workbook, template, tmp_path, monkeypatch):
    text = (DOCS.parent / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    workbook([["Name", "Email"], ["Ann Lee", "a@b.c"]], "report.xlsx")
    for command in shown.splitlines():
        done = cli(*command.removeprefix("$ ade-engine ").split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report_normalized.xlsx").is_file()
    assert (tmp_path / "out" / "artifact.json").is_file()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["result"].status == "succeeded"


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
