"""What hooks see of an input that openpyxl can't open itself."""

from __future__ import annotations

import pytest

LOOK = """
    def register(r):
        r.register_hook(start, hook="on_workbook_start", priority=0)
        r.register_hook(look, hook="on_sheet_start", priority=0)

    def start(*, source_workbook, **_):
        source_workbook.active

    def look(*, source_workbook, source_sheet, logger, **_):
        by_name = source_workbook[source_sheet.title]
        texts = [cell.value for row in source_sheet.iter_rows() for cell in row]
        kinds = {cell.data_type for row in by_name.iter_rows() for cell in row}
        found = {"title": source_sheet.title, "there": source_sheet.title in source_workbook, "texts": texts,
                 "kinds": sorted(kinds), "names": source_workbook.sheetnames}
        logger.event("config.seen", data=found)
"""
LONG = "a-very-long-name-that-is-longer-than-thirty-one-characters"


@pytest.mark.parametrize(
    ("name", "title"),
    [("in", "in"), ("a[1]", "a_1_"), (LONG, LONG[:31]), ("'quoted'", "quoted"), ("history", "history_")],
)
@pytest.mark.filterwarnings("error")
def test_a_sheet_has_the_name_of_the_file_whatever_excel_takes(classic, process, tmp_path, name, title):
    path = tmp_path / f"{name}.csv"
    path.write_bytes(b'Name,Amount\na\x01b,=1+1\n\x0bc,"d\re"\n')
    outcome = process(path, classic({"hooks/look.py": LOOK}))
    assert outcome.code == 0, outcome.stderr
    seen = outcome.event("engine.config.seen")["data"]
    assert seen == {
        "title": name,
        "there": True,
        "texts": ["Name", "Amount", "a_x0001_b", "=1+1", "_x000B_c", "d\re"],
        "kinds": ["s"],
        "names": [title],
    }
