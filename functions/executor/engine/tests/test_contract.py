"""Configs written from the contract of engine 1.9, one for each kind of callable and each hook, in both layouts.

Each directory of ``contract`` is a package on top of ``contract/base``; its ``expected.json`` holds the events of the
run and the sheets of the output. ``UPDATE=1`` writes those files, and a person reads the difference.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ade_engine.models import HookName

ROOT = Path(__file__).parent / "contract"
KINDS = ["row_detector", "column_detector", "column_transform", "column_validator"]
CASES = [*KINDS, *(hook.value for hook in HookName)]
PEOPLE = [["Name", "Amount", "Note"], ["Ann", 5, "x"], ["Bob", -1, None], ["Cyd", 2.5, " z "]]
MORE = [["Name", "Amount"], ["Dan", 7]]


@pytest.fixture
def source(workbook: Any) -> Path:
    """Two tables on a sheet, a sheet with nothing on it, and a hidden one."""
    path = workbook({"People": [*PEOPLE, [], *MORE], "Empty": [], "Hidden": PEOPLE})
    book = openpyxl.load_workbook(path)
    book["Hidden"].sheet_state = "hidden"
    book.save(path)
    return path


def project(case: str, layout: str, target: Path) -> Path:
    """The case's config as a person would lay it out."""
    package = target / "src" / "ade_config" if layout == "src" else target / "ade_config"
    shutil.copytree(ROOT / "base", package, ignore=shutil.ignore_patterns("__pycache__"))
    left_out = shutil.ignore_patterns("__pycache__", "expected.json", "settings.toml")
    shutil.copytree(ROOT / case, package, ignore=left_out, dirs_exist_ok=True)
    if (ROOT / case / "settings.toml").exists():
        shutil.copy(ROOT / case / "settings.toml", target)
    return target


def told(event: dict[str, Any]) -> list[Any]:
    """An event without its paths and times."""
    name, data = event["event"].removeprefix("engine."), dict(event["data"])
    if name == "run.completed":
        data["execution"] = {**data["execution"], **dict.fromkeys(("started_at", "completed_at", "duration_ms"), "…")}
        data = without_folders(data)
    for key in ("input_file", "output_file", "output_dir", "logs_file", "logs_dir", "config_package", "settings"):
        data.pop(key, None)
    return [name, data]


def without_folders(data: Any) -> Any:
    """The data with the names of output files in place of their paths."""
    if isinstance(data, dict):
        return {key: Path(v).name if key == "path" else without_folders(v) for key, v in data.items()}
    return [without_folders(value) for value in data] if isinstance(data, list) else data


@pytest.mark.parametrize("layout", ["src", "flat"])
@pytest.mark.parametrize("case", CASES)
def test_configs_of_engine_1_9_run_unchanged(
    case: str, layout: str, source: Path, process: Any, tmp_path: Path
) -> None:
    outcome = process(source, project(case, layout, tmp_path / "config"))
    assert outcome.code == 0, outcome.stderr
    book = outcome.workbook()
    sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    found = {"events": [told(event) for event in outcome.events], "sheets": sheets}
    expected = ROOT / case / "expected.json"
    if os.environ.get("UPDATE"):
        lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in found["events"])
        rest = json.dumps(sheets, ensure_ascii=False)
        expected.write_text(f'{{"events": [\n{lines}\n],\n"sheets": {rest}}}\n', "utf-8")
    assert found == json.loads(expected.read_text("utf-8"))
