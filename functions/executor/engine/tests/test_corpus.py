"""Every case of the corpus, run with the template's config, against what was agreed to come of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest
from ade_engine import Engine, RunRequest, RunStatus
from ade_engine.infrastructure.settings import Settings
from ade_engine.scaffold import scaffold
from corpus.cases import SHEETS, TEXTS

GOLDEN = Path(__file__).parent / "corpus" / "golden"
SCHEMA = json.loads((Path(__file__).parents[1] / "artifact.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus") / "config"
    scaffold(root, layout="src", package_name="ade_config", force=False)
    return root


def write(name: str, folder: Path) -> Path:
    if name in TEXTS:
        path = folder / f"{name}.csv"
        path.write_bytes(TEXTS[name])
        return path
    path = folder / f"{name}.xlsx"
    book = openpyxl.Workbook()
    for number, row in enumerate(SHEETS[name], start=1):
        for column, value in enumerate(row, start=1):
            if value is not None:
                cell = book.active.cell(number, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"
    book.active.title = "Sheet1"
    book.save(path)
    return path


def process(path: Path, config: Path) -> Path:
    """The output of a file; the artifact is beside it."""
    request = RunRequest(
        config_package=config, input_file=path, output_dir=path.parent, artifact_path=path.parent / "artifact.json"
    )
    outcome = Engine(Settings.load(config, log_level=60)).run(request)
    assert outcome.status is RunStatus.SUCCEEDED, outcome.error
    return outcome.output_path


def result(path: Path, config: Path) -> dict[str, Any]:
    """What a person would check: where the tables are, what their columns became, what came out and what was said."""
    output = process(path, config)
    artifact = json.loads((path.parent / "artifact.json").read_text("utf-8"))
    jsonschema.validate(artifact, SCHEMA)
    book = openpyxl.load_workbook(output)
    return {
        "tables": [
            {
                "region": table["region"],
                "header": table["header"],
                "rows": table["rows"],
                "mapped": {column["header"]: column["field"] for column in table["mapped_columns"]},
                "unmapped": {column["header"]: column["reason"] for column in table["unmapped_columns"]},
                "issues": [issue["cell"] for issue in table["validation_issues"]],
            }
            for table in artifact["tables"]
        ],
        "notes": [note["message"] for note in artifact["notes"]],
        "output": [[_plain(value) for value in row] for row in book.active.iter_rows(values_only=True)],
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else f"{type(value).__name__} {value}"


@pytest.mark.parametrize("name", [*SHEETS, *TEXTS])
def test_case(name: str, config: Path, tmp_path: Path) -> None:
    found = result(write(name, tmp_path), config)
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE"):
        golden.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert found == json.loads(golden.read_text("utf-8"))


@pytest.mark.parametrize("name", SHEETS)
def test_every_row_is_in_a_table_or_a_finding(name: str, config: Path, tmp_path: Path) -> None:
    path = write(name, tmp_path)
    process(path, config)
    artifact = json.loads((tmp_path / "artifact.json").read_text("utf-8"))
    found: set[int] = set()
    for table in artifact["tables"]:
        first, last = (int("".join(filter(str.isdigit, cell))) for cell in table["region"].split(":"))
        # Of a header of several rows only the first is known to be one; a finding has to name the others.
        found |= {first, *range(first + table["header"]["row_count"], last + 1)}
    for note in artifact["notes"]:
        found |= set(note["meta"].get("rows", []))
    sheet = openpyxl.load_workbook(path).active
    filled = {row[0].row for row in sheet.iter_rows() if any(str(cell.value or "").strip() for cell in row)}
    assert filled <= found


def test_every_golden_file_has_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*SHEETS, *TEXTS}
