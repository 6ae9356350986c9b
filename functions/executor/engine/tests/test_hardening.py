"""Hostile and odd inputs: each ends as the error or the finding it should, and within memory.

How long they take is measured by ``make bench-engine``.
"""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from conftest import SCHEMA
from hardening import ITEMS, run


@pytest.mark.parametrize("name", ITEMS)
def test_item(name: str, template: Path, tmp_path: Path) -> None:
    item = ITEMS[name]
    path = item.make(tmp_path)
    measured = run(item, path, template, tmp_path / "out")
    outcome = measured.outcome
    assert "panicked" not in outcome.stderr
    assert "Traceback" not in outcome.stderr
    SCHEMA.validate(outcome.artifact)
    assert measured.mebibytes <= item.memory_mib
    written = list((tmp_path / "out").glob("*.xlsx"))
    if item.error is not None:
        assert outcome.code == 1
        failure = outcome.completed["execution"]["failure"]
        assert failure["code"] == item.code
        assert failure["stage"] in ("open", "read", "detect_rows", "write")
        assert path.name in failure["message"]
        assert item.error in failure["message"]
        assert outcome.artifact["run"]["error"] == failure
        assert written == []
        return
    assert outcome.code == 0, outcome.stderr
    assert item.findings <= outcome.finding_codes
    book = openpyxl.load_workbook(written[0], read_only=True)
    if item.rows:
        found = book.worksheets[0].iter_rows(max_row=len(item.rows), values_only=True)
        width = len(item.rows[0])
        assert [list(row)[:width] for row in found] == item.rows
