"""What holds for every workbook: no row is lost, nothing is misread, the same input gives the same record."""

from __future__ import annotations

import compileall
import datetime as dt
import itertools
import json
import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ade_engine import Engine, RunRequest, RunStatus
from ade_engine._native import Workbook
from ade_engine.infrastructure.settings import Settings
from ade_engine.pipeline.frames import as_text
from ade_engine.scaffold import scaffold
from conftest import engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 1000
HEADERS = [
    ["First Name", "Last Name", "Email", "Hours"],
    ["Full Name", "E-mail", "Start Date"],
    ["Name", "Phone", "City", "Rate", "Status"],
    ["Kunde", "Betrag"],
    ["Employee Name", "Email Address"],
]
WORDS = st.text("abcdefgh XYZäé漢", min_size=1, max_size=9).filter(lambda text: text.strip() and text.strip()[0] != "=")
CELLS = st.one_of(
    st.none(),
    WORDS,
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6).map(lambda number: round(number, 3)).filter(lambda number: not number.is_integer()),
    st.booleans(),
    st.datetimes(min_value=dt.datetime(1950, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["n/a", "-", "42", "x@y.z", "=1+1", "Total", "Note: see below", "Name"]),
)


@st.composite
def tables(draw: Any) -> list[list[Any]]:
    header = draw(st.sampled_from(HEADERS))
    body = draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header)), min_size=1, max_size=6))
    return [header, *body]


@st.composite
def sheets(draw: Any) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for title in draw(st.lists(WORDS, max_size=2)):
        rows.append([title])
    rows += [[] for _ in range(draw(st.integers(0, 2)))]
    offset = draw(st.integers(0, 2))
    for table in draw(st.lists(tables(), min_size=1, max_size=3)):
        rows += [[*[None] * offset, *row] for row in table]
        rows += [[] for _ in range(draw(st.integers(0, 2)))]
    for note in draw(st.lists(WORDS, max_size=2)):
        rows.append([note])
    return rows


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("properties") / "config"
    scaffold(root, layout="src", package_name="ade_config", force=False)
    compileall.compile_dir(root, quiet=1)
    return root


def run(source: Path, config: Path) -> tuple[dict[str, Any], Path]:
    """The artifact and the output, next to the input."""
    artifact = source.with_name(f"{source.stem}_artifact.json")
    request = RunRequest(config, source, artifact_path=artifact)
    result = Engine(Settings.load(config, log_level=60)).run(request)
    assert result.status is RunStatus.SUCCEEDED, result.error
    assert result.output_path is not None
    return untimed(artifact), result.output_path


def untimed(path: Path) -> dict[str, Any]:
    artifact = json.loads(path.read_text("utf-8"))
    del artifact["run"]["started_at"], artifact["run"]["completed_at"]
    return artifact


def write(path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    for row_number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            if value is not None:
                cell = book.active.cell(row_number, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"
    book.save(path)


def values(row: Any) -> Counter[str]:
    texts = (str(as_text(value) or "").strip() for value in row)
    return Counter(text for text in texts if text)


def test_what_holds_for_every_workbook(config: Path, tmp_path: Path) -> None:
    sources = (tmp_path / f"{number:05}.xlsx" for number in itertools.count())
    artifacts: dict[str, dict[str, Any]] = {}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=sheets())
    def holds(rows: list[list[Any]]) -> None:
        source = next(sources)
        write(source, rows)
        artifact, output = run(source, config)
        written = [list(row) for row in openpyxl.load_workbook(output).active.iter_rows(values_only=True)]
        every_row_comes_out_or_is_named(rows, artifact, written)
        openpyxl_and_the_native_reader_agree(output, written)
        artifacts[source.stem] = artifact

    holds()
    assert len(artifacts) >= EXAMPLES
    another_process_makes_the_same(artifacts, config, tmp_path)


def another_process_makes_the_same(artifacts: dict[str, dict[str, Any]], config: Path, folder: Path) -> None:
    """All of them once more, as a batch, in a process whose sets and dicts of objects have another order."""
    out = folder / "again"
    done = engine(
        *("process", "batch", "--input-dir", folder, "--include", "?????.xlsx", "--output-dir", out),
        *("--logs-dir", out, "--config-package", config, "--quiet"),
        env={"PYTHONHASHSEED": "1"},
    )
    assert done.returncode == 0, done.stderr
    for stem, artifact in artifacts.items():
        assert untimed(out / f"{stem}_artifact.json") == artifact
        name = f"{stem}_normalized.xlsx"
        assert cells(out / name) == cells(folder / name)


def cells(path: Path) -> bytes:
    """The first sheet of a workbook as it is stored."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


def every_row_comes_out_or_is_named(rows: list[list[Any]], artifact: dict[str, Any], written: list[list[Any]]) -> None:
    named = {row for note in artifact["notes"] for row in note["meta"].get("rows", [])}
    headers = {
        table["header"]["row_index"] + offset
        for table in artifact["tables"]
        for offset in range(table["header"]["row_count"])
    }
    # Each row of the output answers for one row of the source. Rows with the most values choose first.
    free = [values(row) for row in written]
    kept = [(number, values(row)) for number, row in enumerate(rows, start=1) if number not in named | headers]
    for number, row in sorted(kept, key=lambda item: -item[1].total()):
        # Full names are turned round by the template; everything else is as it was.
        plain = Counter({value: count for value, count in row.items() if "," not in value and "  " not in value})
        matches = [index for index, candidate in enumerate(free) if not plain - candidate]
        assert not row or matches, (number, row, written)
        if plain:
            free.pop(min(matches, key=lambda index: free[index].total()))


def openpyxl_and_the_native_reader_agree(output: Path, theirs: list[list[Any]]) -> None:
    book = Workbook(
        output, detect=True, file_bytes=1 << 30, expanded_bytes=1 << 30, cells=1 << 20, shared_strings=1 << 20
    )
    sheet = book.read_sheet(0, None, None)
    for number, row in enumerate(theirs):
        ours = sheet.row(number)
        ours += [None] * (len(row) - len(ours))
        assert all(_same(a, b) for a, b in zip(ours, row, strict=True)), (ours, row)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs)
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
