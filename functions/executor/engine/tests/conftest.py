"""What the tests share: workbooks made on the spot, configs made on the spot, the command line as people use it.

``cli`` starts ``python -m ade_engine``. ``process`` carries out the same command lines in this process, which spares
each of hundreds of runs its half second of imports.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest
from ade_engine.cli import main
from ade_engine.scaffold import scaffold

SCHEMA_FILE = Path(__file__).parents[1] / "artifact.schema.json"
SCHEMA = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text("utf-8")))


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str
    out: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]

    def event(self, name: str) -> dict[str, Any]:
        (found,) = [event for event in self.events if event["event"] == name]
        return found

    @property
    def completed(self) -> dict[str, Any]:
        return self.event("engine.run.completed")["data"]

    @property
    def artifact(self) -> dict[str, Any]:
        return json.loads((self.out / "artifact.json").read_text("utf-8"))

    @property
    def finding_codes(self) -> set[str]:
        return {finding["code"] for finding in self.completed["evaluation"]["findings"]}

    def workbook(self, name: str = "in_normalized.xlsx") -> openpyxl.Workbook:
        return openpyxl.load_workbook(self.out / name)

    def rows(self, sheet: str | None = None, name: str = "in_normalized.xlsx") -> list[tuple[Any, ...]]:
        book = self.workbook(name)
        return list((book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True))


def engine(
    *arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m ade_engine``."""
    return subprocess.run(
        [sys.executable, "-m", "ade_engine", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    return engine


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A config package as ``config init`` makes it."""
    target = tmp_path / "template"
    scaffold(target, layout="src", package_name="ade_config", force=False)
    return target


@pytest.fixture
def process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Processes a file with a config and returns what came of it; what native code prints counts too."""

    def run(path: Path, config: Path, *arguments: object, env: dict[str, str] | None = None) -> Outcome:
        out = tmp_path / "out"
        command = ("process", "file", "--input", path, "--output-dir", out, "--logs-dir", out)
        options = ("--config-package", config, "--log-format", "ndjson", *arguments)
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main([str(argument) for argument in (*command, *options)])
        # A command that ends leaves its garbage to the end of the process, which is not here.
        gc.unfreeze()
        done = capfd.readouterr()
        assert done.out == ""
        outcome = Outcome(code, done.out, done.err, out)
        SCHEMA.validate(outcome.artifact)
        return outcome

    return run


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Writes sheets of rows to ``in.xlsx``."""

    def write(sheets: dict[str, list[list[Any]]] | list[list[Any]], name: str = "in.xlsx") -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in (sheets if isinstance(sheets, dict) else {"Sheet1": sheets}).items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a config package: modules by path, with ``settings`` as its settings.toml."""

    def write(modules: dict[str, str], settings: str = "", layout: str = "src", package: str = "ade_config") -> Path:
        project = tmp_path / "config"
        root = project / "src" / package if layout == "src" else project / package
        root.mkdir(parents=True)
        (root / "__init__.py").write_text("")
        for name, source in modules.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source), "utf-8")
        if settings:
            (project / "settings.toml").write_text(textwrap.dedent(settings), "utf-8")
        return project

    return write


CLASSIC_ROWS = """
    def register(registry):
        registry.register_row_detector(header, row_kind="header", priority=10)
        registry.register_row_detector(data, row_kind="data", priority=5)

    def header(*, row_values, **_):
        texts = [v for v in row_values if isinstance(v, str)]
        return {"header": 1.0 if texts and len(texts) == len([v for v in row_values if v is not None]) and
                any(str(t).strip().lower() in ("name", "amount", "email", "id") for t in texts) else 0.0}

    def data(*, row_values, **_):
        return {"data": 0.5}
"""
"""Row detectors as people wrote them for engine 1.9."""

CLASSIC_NAME = """
    from ade_engine.models import FieldDef

    def register(registry):
        registry.register_field(FieldDef(name="name", label="Name"))
        registry.register_column_detector(detect, field="name", priority=10)

    def detect(*, column_header_original, **_):
        return {"name": 1.0} if column_header_original.strip().lower() == "name" else {}
"""


@pytest.fixture
def classic(config: Callable[..., Path]) -> Callable[..., Path]:
    """A config in the style of engine 1.9, with more modules if given."""

    def write(modules: dict[str, str] | None = None, settings: str = "") -> Path:
        base = {"row_detectors/rows.py": CLASSIC_ROWS, "columns/name.py": CLASSIC_NAME}
        return config({**base, **(modules or {})}, settings)

    return write
