"""Formulas that came without a value.

A workbook holds of each formula what it last came to, and that is what is read. Libraries that write workbooks do not
compute formulas, so theirs are blank until a spreadsheet program has saved the file. A row of nothing else is blank too
and no row of data, which nobody would see without this finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ade_engine.models.table import column_letter

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.pipeline.context import RunContext


def tell_about_uncomputed(run: RunContext, sheet: Sheet, sheet_name: str) -> None:
    """A finding for the formulas of a sheet that have no value, if there are any. The first cells are named."""
    count, first = sheet.uncomputed
    if not count:
        return
    cells = [f"{column_letter(column + 1)}{row + 1}" for row, column in first]
    formulas = "formula has" if count == 1 else "formulas have"
    shown = ", ".join(cells) + (", …" if count > len(cells) else "")
    run.find(
        "formulas_without_value",
        f"'{sheet_name}': {count} {formulas} no value and counted as blank, because the workbook was saved without "
        f"computing; open it in a spreadsheet program and save it: {shown}",
        severity="warning",
        count=count,
        sheet_name=sheet_name,
        cells=cells,
    )
