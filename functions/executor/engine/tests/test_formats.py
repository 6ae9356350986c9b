"""Other formats, and the odd corners of the usual one."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsb
import xlwt

HEADER = ["First Name", "Email", "Hours", "Start Date"]
DAY = dt.datetime(2024, 2, 29)
EXPECTED = [("first_name", "email", "Hours", "Start Date"), ("Ann", "a@b.c", 1.5, DAY), ("Bob", "b@c.d", 2, DAY)]


def main_part(outcome):
    return [row[:4] for row in outcome.rows()]


def test_xls(process, template, tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Old")
    hidden = book.add_sheet("Hidden")
    hidden.visibility = 1
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    for row, values in enumerate([HEADER, ["Ann", "a@b.c", 1.5, DAY], ["Bob", "b@c.d", 2, DAY]]):
        for column, value in enumerate(values):
            style = (date,) if isinstance(value, dt.datetime) else ()
            sheet.write(row, column, value, *style)
            hidden.write(row, column, "x")
    book.save(tmp_path / "in.xls")
    outcome = process(tmp_path / "in.xls", template)
    assert outcome.code == 0, outcome.stderr
    assert outcome.workbook().sheetnames == ["Old"]
    assert main_part(outcome) == EXPECTED


def test_xlsb(process, template, tmp_path):
    rows = [HEADER, ["Ann", "a@b.c", xlsb.Formula(1.5), DAY], ["Bob", xlsb.Formula("b@c.d"), 2, DAY]]
    more = [
        ["Email", "Value"],
        ["a@b.c", True],
        ["b@c.d", xlsb.Error("#DIV/0!")],
        ["é@漢.🎉", xlsb.Formula(xlsb.Error("#N/A"))],
        ["c@d.e", -(10**9)],
    ]
    path = xlsb.write(tmp_path / "in.xlsb", {"One": rows, "No": more, "Two": more}, states={"No": "hidden"})
    outcome = process(path, template)
    assert outcome.code == 0, outcome.stderr
    assert outcome.workbook().sheetnames == ["One", "Two"]
    assert main_part(outcome) == EXPECTED
    assert [row[1] for row in outcome.rows("Two")[1:]] == [True, "#DIV/0!", "#N/A", -(10**9)]
    assert outcome.rows("Two")[3][0] == "é@漢.🎉"


def test_hooks_see_workbooks_that_openpyxl_can_not_open(process, classic, tmp_path):
    hook = """
        def register(r):
            r.register_hook(f, hook="on_sheet_start", priority=0)
        def f(*, source_sheet, logger, **_):
            cell = source_sheet["B2"].value
            logger.event("config.seen", data={"cell": cell, "state": source_sheet.sheet_state})
    """
    path = xlsb.write(tmp_path / "in.xlsb", {"S": [["Name", "Amount"], ["Ann", 5]]})
    outcome = process(path, classic({"hooks/look.py": hook}))
    assert outcome.event("engine.config.seen")["data"] == {"cell": 5, "state": "visible"}


def test_hooks_see_workbooks_whose_styles_openpyxl_refuses(process, classic, workbook, tmp_path):
    """A font family above 14, as some programs write it: Excel opens such files, openpyxl does not."""
    hook = """
        def register(r):
            r.register_hook(f, hook="on_sheet_start", priority=0)
        def f(*, source_sheet, source_workbook, logger, **_):
            cells = [[cell.value for cell in row] for row in source_sheet.iter_rows()]
            logger.event("config.seen", data={"cells": cells, "sheets": source_workbook.sheetnames})
    """
    source = workbook([["Name", "Amount"], ["Ann", 5]])
    target = tmp_path / "odd.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<family val="2"', b'<family val="34"'))
    with pytest.raises(ValueError, match="could not read stylesheet"):
        openpyxl.load_workbook(target)
    outcome = process(target, classic({"hooks/look.py": hook}))
    assert outcome.code == 0, outcome.stderr
    seen = {"cells": [["Name", "Amount"], ["Ann", 5]], "sheets": ["Sheet1"]}
    assert outcome.event("engine.config.seen")["data"] == seen
    (warning,) = [event for event in outcome.events if event["level"] == "warning"]
    assert (warning["event"], warning["data"]) == ("engine.log", {"reason": "Max value is 14"})


def test_an_xls_with_values_in_opposite_corners_is_refused(process, template, tmp_path):
    book = xlwt.Workbook()
    for number in range(4):
        sheet = book.add_sheet(f"S{number}")
        sheet.write(0, 0, "a")
        sheet.write(65_535, 255, "z")
    book.save(tmp_path / "in.xls")
    outcome = process(tmp_path / "in.xls", template)
    assert outcome.code == 1
    assert "too large" in outcome.completed["execution"]["failure"]["message"]


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>{tables}</office:spreadsheet>
 </office:body></office:document-content>"""


def ods_cell(value: object) -> str:
    if isinstance(value, dt.datetime):
        return f'<table:table-cell office:value-type="date" office:date-value="{value.date().isoformat()}"/>'
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def write_ods(path: Path, tables: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest:manifest xmlns:manifest='urn:x'/>")
        archive.writestr("content.xml", ODS.format(tables=tables))


def test_ods(process, template, tmp_path):
    rows = [HEADER, ["Ann", "a@b.c", 1.5, DAY], ["Bob", "b@c.d", 2, DAY]]
    body = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
    write_ods(tmp_path / "in.ods", f'<table:table table:name="Open">{body}</table:table>')
    outcome = process(tmp_path / "in.ods", template)
    assert outcome.code == 0, outcome.stderr
    assert main_part(outcome) == EXPECTED


def test_an_ods_that_repeats_itself_for_ever_is_refused(process, template, tmp_path):
    row = (
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384" '
    )
    row += 'office:value-type="float" office:value="1"/></table:table-row>'
    write_ods(tmp_path / "in.ods", f'<table:table table:name="Bomb">{row}</table:table>')
    outcome = process(tmp_path / "in.ods", template)
    assert outcome.code == 1
    assert outcome.completed["execution"]["failure"]["code"] == "input_error"


def test_xlsm_is_read_and_its_macros_are_not(process, template, workbook, tmp_path):
    source = workbook([HEADER, ["Ann", "a@b.c", 1.5, DAY]])
    target = tmp_path / "in.xlsm"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/vbaProject.bin", b"\x00" * 100)
    outcome = process(target, template)
    assert outcome.code == 0
    assert "xl/vbaProject.bin" not in zipfile.ZipFile(outcome.out / "in_normalized.xlsx").namelist()


def edited(path: Path, edit) -> Path:
    book = openpyxl.load_workbook(path)
    edit(book.active)
    book.save(path)
    return path


def test_the_1904_date_system(process, template, workbook, tmp_path):
    path = workbook([HEADER, ["Ann", "a@b.c", 1.5, DAY]])
    book = openpyxl.load_workbook(path)
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active["D2"] = DAY
    book.save(path)
    assert main_part(process(path, template))[1][3] == DAY


def test_merged_cells_count_once(process, template, workbook):
    path = workbook([["People", None, None, None], HEADER, ["Ann", "a@b.c", 1.5, DAY], ["Bob", None, 2, DAY]])

    def merge(sheet):
        sheet.merge_cells("A1:D1")
        sheet.merge_cells("B3:B4")

    rows = main_part(process(edited(path, merge), template))
    assert rows[1][1] == "a@b.c"
    assert rows[2][1] is None


def test_hidden_rows_and_columns_are_data(process, template, workbook):
    def hide(sheet):
        sheet.row_dimensions[2].hidden = True
        sheet.column_dimensions["B"].hidden = True

    path = edited(workbook([HEADER, ["Ann", "a@b.c", 1.5, DAY], ["Bob", "b@c.d", 2, DAY]]), hide)
    assert main_part(process(path, template)) == EXPECTED


def test_old_dates_long_texts_and_other_scripts(process, template, workbook):
    long = "x" * 32_767
    cells = ["מזרח", "東京都", "👩‍👩‍👧", long, "line\nbreak", "tab\there", "\u200fRTL"]
    rows = [["First Name", "Email", "Text"], *[["Ann", "a@b.c", cell] for cell in cells]]
    outcome = process(workbook(rows), template)
    assert [row[2] for row in outcome.rows()[1:]] == cells


def test_texts_longer_than_a_cell_are_cut_and_said_to_be(process, template, tmp_path):
    (tmp_path / "in.csv").write_text(f"First Name,Email\nAnn,{'é' * 40_000}\n", "utf-8")
    outcome = process(tmp_path / "in.csv", template)
    assert len(outcome.rows()[1][1]) == 32_767
    assert "text_truncated" in outcome.finding_codes


def test_dates_before_1900_in_transforms_become_texts(classic, process, workbook):
    source = """
        import datetime as dt
        import polars as pl
        from ade_engine.models import FieldDef
        def register(r):
            r.register_field(FieldDef(name="born"))
            r.register_column_transform(f, field="born", priority=0)
        def f(**_):
            return pl.lit(dt.datetime(1815, 12, 10, 6, 30))
    """
    outcome = process(workbook([["Name", "Amount"], ["Ada", 1]]), classic({"columns/born.py": source}))
    assert outcome.rows()[1][2] == "1815-12-10 06:30:00"


TYPES = {
    "u64": ("pl.lit(2**63 + 1, pl.UInt64)", str(2**63 + 1)),
    "big": ("pl.lit(2**60, pl.Int64)", str(2**60)),
    "i8": ("pl.lit(7, pl.Int8)", 7),
    "f32": ("pl.lit(0.5, pl.Float32)", 0.5),
    "nan": ("pl.lit(float('nan'))", None),
    "dec": ("pl.lit('1.25').cast(pl.Decimal(10, 2))", 1.25),
    "cat": ("pl.lit('x').cast(pl.Categorical)", "x"),
    "list": ("pl.concat_list(pl.lit(1), pl.lit(2))", "[1, 2]"),
    "date": ("pl.lit(dt.date(2024, 1, 2))", dt.datetime(2024, 1, 2)),
    "ms": ("pl.lit(dt.datetime(2024, 1, 2)).cast(pl.Datetime('ms'))", dt.datetime(2024, 1, 2)),
    "zone": ("pl.lit(dt.datetime(2024, 1, 2, 12)).dt.replace_time_zone('UTC')", dt.datetime(2024, 1, 2, 12)),
    "time": ("pl.lit(dt.time(8, 30))", dt.time(8, 30)),
    "span": ("pl.lit(dt.timedelta(hours=30))", dt.timedelta(hours=30)),
    "bool": ("pl.lit(True)", True),
    "null": ("pl.lit(None)", None),
}


@pytest.mark.parametrize("touch", [False, True], ids=["native", "openpyxl"])
def test_every_type_that_rules_can_make_is_written(classic, process, workbook, touch):
    fields = "\n".join(
        f"    r.register_field(FieldDef(name={name!r}))\n"
        f"    r.register_column_transform(lambda **_: {source}, field={name!r}, priority=0)"
        for name, (source, _) in TYPES.items()
    )
    modules = {
        "columns/types.py": "import datetime as dt\nimport polars as pl\nfrom ade_engine.models import FieldDef\n"
        f"def register(r):\n{fields}\n"
    }
    if touch:
        modules["hooks/touch.py"] = (
            "def register(r):\n    r.register_hook(f, hook='on_table_written', priority=0)\n"
            "def f(*, output_sheet, **_):\n    output_sheet['A1'].value\n"
        )
    outcome = process(workbook([["Name", "Amount"], ["Ada", 1]]), classic(modules))
    assert outcome.code == 0, outcome.stderr
    header, row = outcome.rows()
    written = dict(zip(header, row, strict=True))
    assert {name: written[name] for name in TYPES} == {name: value for name, (_, value) in TYPES.items()}


def test_more_columns_than_people_look_at(process, template, workbook):
    header = ["First Name", "Email", *[f"c{i}" for i in range(2000)]]
    outcome = process(workbook([header, ["Ann", "a@b.c", *range(2000)]]), template)
    assert outcome.rows()[1][-2] == 1999
    assert outcome.rows()[1][2001] == 1999


def test_more_rows_than_a_sheet_can_hold(classic, process, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Name\n" + "Ann\n" * 1_050_000)
    settings = "max_cells = 2000000\n"
    batch = """
        import polars as pl
        def register(r):
            r.register_row_detector(rows, row_kind="data", priority=9, batch=True)
        def rows(*, rows, **_):
            first = pl.int_range(len(rows), eager=True) == 0
            return {"header": first.cast(float), "data": (~first).cast(float)}
    """
    outcome = process(path, classic({"row_detectors/rows.py": batch}, settings))
    assert outcome.code == 0, outcome.stderr
    assert "sheet_continued" in outcome.finding_codes
    book = openpyxl.load_workbook(outcome.out / "in_normalized.xlsx", read_only=True)
    assert book.sheetnames == ["in", "in (2)"]
    counts = [sheet.max_row for sheet in book.worksheets]
    assert counts[0] == 1_048_576
    assert sum(counts) == 1_050_000 + 2
