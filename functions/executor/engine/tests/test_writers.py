"""The output is the same whether a hook touches the workbook, and openpyxl writes it, or not."""

from __future__ import annotations

from typing import Any

import pytest

TOUCH = """
    def register(r):
        r.register_hook(f, hook="on_table_written", priority=0)
    def f(*, output_sheet, **_):
        output_sheet["A1"].value
"""
MADE = r"""
    import datetime as dt
    import polars as pl
    from ade_engine.models import FieldDef

    VALUES = {
        "text": "x", "escape": "_x0041_ and _x005F_x0041_", "control": "a\x01b\rc\x0b", "nothing": "\ufffe",
        "long": "x" * 40_000, "pairs": "x" + "\U0001f600" * 20_000, "equals": "=1+1", "blank": "",
        "big": 2**53 + 1, "least": -(2**53), "infinite": float("inf"), "old": dt.date(1849, 12, 31),
        "older": dt.datetime(1815, 12, 10, 6, 30, 0, 5), "first": dt.date(1900, 1, 1), "leap": dt.date(1900, 3, 1),
        "micro": dt.datetime(2024, 1, 2, 3, 4, 5, 678900), "span": dt.timedelta(days=2, seconds=3),
        "clock": dt.time(23, 59, 59, 500000),
    }

    def register(r):
        for name, value in VALUES.items():
            r.register_field(FieldDef(name=name))
            r.register_column_transform(lambda value=value, **_: pl.lit(value), field=name, priority=0)
"""


def shown(outcome: Any) -> dict[str, Any]:
    sheet = outcome.workbook().worksheets[0]
    cells = [[(cell.value, cell.data_type, cell.number_format) for cell in row] for row in sheet.iter_rows()]
    notes = [note for note in outcome.artifact["notes"] if note["code"] == "text_truncated"]
    return {"cells": cells, "notes": notes}


@pytest.mark.parametrize("generation", [1, 2])
def test_both_writers_make_the_same_of_values(classic, process, workbook, generation):
    path = workbook([["Name", "y" * 32_000 + "=" * 700, "Mixed"], ["Ada", 1, 2**60], ["Bob", 2, "x"]])
    project = classic({"columns/made.py": MADE}, f"engine = {generation}\nwrite_formulas = true")
    native = shown(process(path, project))
    (project / "src/ade_config/hooks").mkdir()
    (project / "src/ade_config/hooks/touch.py").write_text("\n".join(line[4:] for line in TOUCH.splitlines()))
    assert shown(process(path, project)) == native
    assert native["notes"][0]["count"] == 4
    values = {name: (value, kind) for (name, *_), (value, kind, _) in zip(*native["cells"][:2], strict=True)}
    assert values["older"] == ("1815-12-10 06:30:00.000005", "s")
    assert values["old"] == ("1849-12-31 00:00:00", "s")
    assert values["equals"] == ("=1+1", "f")
    assert values["infinite"] == (None, "n")


def test_one_text_that_is_cut_is_one(template, process, tmp_path):
    (tmp_path / "in.csv").write_text(f"First Name,Email\nAnn,{'x' * 40_000}\n")
    (note,) = [n for n in process(tmp_path / "in.csv", template).artifact["notes"] if n["code"] == "text_truncated"]
    assert note["message"] == "1 text is longer than a cell can hold (32,767 characters) and was cut"
