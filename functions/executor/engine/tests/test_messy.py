"""Messy workbooks with the template's config: what comes out, and what is said about the rest."""

from __future__ import annotations

import datetime as dt

import pytest

HEADER = ["First Name", "Last Name", "Email", "Hours"]
ANN = ["Ann", "Lee", "ann@x.org", 40]
BOB = ["Bob", "Ray", "bob@x.org", 38]
CYD = ["Cyd", "Day", "cyd@x.org", 12]


def messages(outcome, code):
    return [f["message"] for f in outcome.completed["evaluation"]["findings"] if f["code"] == code]


def data(rows, width):
    return [row[:width] for row in rows if any(value is not None for value in row)]


def test_titles_blanks_duplicates_totals_and_notes(process, template, workbook):
    rows = [
        ["People 2024"],
        ["Prepared by:", "Jane"],
        [],
        HEADER,
        ANN,
        BOB,
        BOB,
        [],
        CYD,
        ["Total", None, None, 128],
        [],
    ]
    outcome = process(workbook([*rows, ["Note: preliminary figures"], ["Source: HR export"]]), template)
    assert outcome.code == 0, outcome.stderr
    assert data(outcome.rows(), 4) == [
        ("first_name", "last_name", "email", "Hours"),
        *(tuple(row) for row in (ANN, BOB, BOB, CYD)),
    ]
    assert messages(outcome, "rows_before_table") == ["'Sheet1': 2 rows above the table not taken as data: 1, 2"]
    assert messages(outcome, "rows_skipped") == [
        "'Sheet1': 1 row of kind 'total' not taken as data: 10",
        "'Sheet1': 2 rows of kind 'note' not taken as data: 12, 13",
    ]
    (table,) = outcome.artifact["tables"]
    assert table["region"] == "A4:D9"
    assert table["header"] == {"row_index": 4, "row_count": 1, "inferred": False, "cells": HEADER}
    assert table["rows"] == {"source": 4, "output": 4}


def test_tables_below_each_other(process, template, workbook):
    outcome = process(workbook([HEADER, ANN, BOB, [], ["Name", "E-mail"], ["Doe, Jane Q", "j@x.org"]]), template)
    rows = outcome.rows()
    assert rows[0][:4] == ("first_name", "last_name", "email", "Hours")
    assert rows[3] == (None,) * 5
    assert rows[4][:2] == ("full_name", "email")
    assert rows[5][:2] == ("Jane Q Doe", "j@x.org")
    assert [table["region"] for table in outcome.artifact["tables"]] == ["A1:D3", "A5:B6"]


def test_tables_side_by_side(process, template, workbook):
    left = [["Full Name", "Email"], ["Ann Mary Lee", "a@b.c"], [None, None]]
    right = [HEADER, ANN, BOB]
    outcome = process(workbook([[*a, None, *b] for a, b in zip(left, right, strict=True)]), template)
    assert [table["region"] for table in outcome.artifact["tables"]] == ["A1:B2", "D1:G3"]
    rows = outcome.rows()
    assert data(rows[:2], 2) == [("full_name", "email"), ("Ann Mary Lee", "a@b.c")]
    assert data(rows[3:], 4) == [("first_name", "last_name", "email", "Hours"), tuple(ANN), tuple(BOB)]


def test_tables_side_by_side_at_different_heights(process, template, workbook):
    left = [["Left title"], ["Full Name", "Email"], ["Ann Mary Lee", "a@b.c"], ["Max Lee", "m@b.c"], []]
    right = [[], [], [], ["Right title"], ["First Name", "Last Name", "Hours"], ["Ann", "Lee", 40], ["Bob", "Ray", 38]]
    rows = []
    for number in range(7):
        start = [*(left[number] if number < len(left) else []), None, None, None][:3]
        rows.append([*start, *right[number]])
    outcome = process(workbook(rows), template)
    assert [table["region"] for table in outcome.artifact["tables"]] == ["A2:B4", "D5:F7"]
    assert len(messages(outcome, "rows_before_table")) == 2


def test_a_blank_column_inside_a_table_keeps_its_rows_together(process, template, workbook):
    rows = [["First Name", "Last Name", None, "Email"], ["Ann", "Lee", None, "a@b.c"]]
    outcome = process(workbook(rows), template)
    (table,) = outcome.artifact["tables"]
    assert table["region"] == "A1:D2"


def test_offset_tables_start_where_they_start(process, template, workbook):
    outcome = process(workbook([[], [], [None, None, *HEADER], [None, None, *ANN]]), template)
    (table,) = outcome.artifact["tables"]
    assert table["region"] == "C3:F4"
    assert table["mapped_columns"][0]["source_column_index"] == 2
    assert data(outcome.rows(), 4) == [("first_name", "last_name", "email", "Hours"), tuple(ANN)]


def test_stacked_headers(process, template, workbook):
    rows = [
        ["Employee", None, "Contact", None],
        ["First Name", "Last Name", "Email", "Phone"],
        ["Ann", "Lee", "a@b.c", "1"],
    ]
    outcome = process(workbook(rows), template)
    (table,) = outcome.artifact["tables"]
    assert table["header"]["row_count"] == 2
    assert table["header"]["cells"] == ["Employee First Name", "Last Name", "Contact Email", "Phone"]
    assert [column["field"] for column in table["mapped_columns"]] == ["first_name", "last_name", "email"]
    assert messages(outcome, "ambiguous_mapping") == [
        "'Sheet1': column 'Employee First Name' was taken as first_name (1); full_name scored 1"
    ]


def test_a_column_that_loses_its_field_takes_its_next(config, process, workbook):
    source = """
        from ade_engine.models import FieldDef
        def register(r):
            for name in ("a", "b"):
                r.register_field(FieldDef(name=name))
            r.register_column_detector(f, field="a", priority=0)
        def f(*, column_index, **_):
            return [{"a": 0.9, "b": 0.8}, {"a": 1.0}, {"b": 0.5}][column_index]
    """
    rows_module = "def register(r):\n    r.register_row_detector(f, row_kind='header', priority=0)\n"
    rows_module += "def f(*, row_index, **_):\n    return {'header': 1.0} if row_index == 1 else {'data': 1.0}\n"
    project = config({"columns/ab.py": source, "row_detectors/rows.py": rows_module}, "engine = 2")
    outcome = process(workbook([["x", "y", "z"], [1, 2, 3]]), project)
    assert outcome.rows()[0] == ("b", "a", "z")


def test_unknown_labels_are_still_a_header(process, template, workbook):
    outcome = process(workbook([["Kunde", "Betrag"], ["Meier", 12.5], ["Huber", 8]]), template)
    (table,) = outcome.artifact["tables"]
    assert table["header"]["cells"] == ["Kunde", "Betrag"]
    assert table["rows"]["output"] == 2


def test_an_inferred_header_is_said_to_be(process, template, workbook):
    outcome = process(workbook([["x", "y"], ["a", "b"], ["c", "d"]]), template)
    (table,) = outcome.artifact["tables"]
    assert table["header"]["inferred"] is True
    structure = outcome.completed["workbooks"][0]["sheets"][0]["tables"][0]["structure"]
    assert structure["header"]["inferred"] is True
    assert messages(outcome, "header_inferred")


def test_mixed_columns_keep_values_and_types(process, template, workbook):
    day = dt.datetime(2024, 1, 2)
    mixed = [10, "n/a", 2.5, True, day, None, dt.time(8, 30), "10"]
    rows = [["First Name", "Email", "Mixed"], *[["Ann", "a@b.c", value] for value in mixed]]
    outcome = process(workbook(rows), template)
    assert [row[2] for row in outcome.rows()[1:]] == mixed


def test_headers_blank_and_repeated(process, template, workbook):
    rows = [["Email", None, "Hours", "Hours", "First Name"], ["a@b.c", 1, 2, 3, "Ann"]]
    outcome = process(workbook(rows), template)
    assert outcome.rows()[0][:5] == ("email", "col_2", "Hours", "Hours__2", "first_name")


def test_empty_sheets(process, template, workbook):
    outcome = process(workbook({"Empty": [], "Full": [HEADER, ANN]}), template)
    assert outcome.code == 0
    assert outcome.workbook().sheetnames == ["Empty", "Full"]
    nothing = process(workbook({"Empty": []}, "none.xlsx"), template)
    assert nothing.completed["evaluation"]["outcome"] == "failure"
    assert "no_tables_detected" in nothing.finding_codes


def test_full_names(process, template, workbook):
    names = {
        "Doe, Jane": "Jane Doe",
        "Doe , Jane  Q.": "Jane Q. Doe",
        "  Ann   Mary Lee ": "Ann Mary Lee",
        "Cher": "Cher",
        "Lee, Ann, PhD": "Lee, Ann, PhD",
        "van der Berg, Max": "Max van der Berg",
    }
    outcome = process(workbook([["Full Name", "Hours"], *[[name, 1] for name in names]]), template)
    assert [row[0] for row in outcome.rows()[1:]] == list(names.values())


@pytest.mark.parametrize("touch", [False, True], ids=["native", "openpyxl"])
def test_nothing_is_injected(process, template, tmp_path, touch):
    text = 'First Name,Email,=cmd|\' /C calc\'!A0\n=1+1,=HYPERLINK("http://x"),=cmd\n+1,@SUM(A1),-2\n'
    (tmp_path / "in.csv").write_text(text, "utf-8")
    if touch:
        hook = "def register(r):\n    r.register_hook(f, hook='on_table_written', priority=0)\n"
        hook += "def f(*, output_sheet, **_):\n    output_sheet['A1'].value\n"
        (template / "src" / "ade_config" / "hooks" / "touch.py").write_text(hook)
    outcome = process(tmp_path / "in.csv", template)
    for row in outcome.workbook().active.iter_rows():
        for cell in row:
            assert cell.data_type != "f", cell.coordinate
    assert outcome.rows()[0][2] == "=cmd|' /C calc'!A0"
    assert [row[0] for row in outcome.rows()[1:]] == ["=1+1", "+1"]


def test_the_same_input_makes_the_same_artifact(process, template, workbook):
    path = workbook([["Title"], HEADER, ANN, [1, "x", None, "?"]])
    first = process(path, template).artifact
    second = process(path, template).artifact
    for artifact in (first, second):
        del artifact["run"]["started_at"], artifact["run"]["completed_at"]
    assert first == second


def test_what_the_artifact_says_about_columns(process, template, workbook):
    outcome = process(workbook([["Name", "Email", "E-Mail", "Weight"], ["Ann Lee", "a@b.c", "x@y.z", 3]]), template)
    (table,) = outcome.artifact["tables"]
    name = table["mapped_columns"][0]
    assert (name["field"], name["header"], name["score"]) == ("full_name", "Name", 0.8)
    (contribution,) = name["contributions"]
    assert contribution["detector"] == "ade_config.columns.full_name.detect_header"
    assert contribution["location"].startswith("src/ade_config/columns/full_name.py:")
    reasons = {column["header"]: column["reason"] for column in table["unmapped_columns"]}
    assert reasons == {"E-Mail": "duplicate_field", "Weight": "no_signal"}
    assert table["unmapped_columns"][0]["runner_up"]["field"] == "email"
    assert outcome.artifact["config"]["digest"].startswith("sha256:")


def test_emails_are_checked(process, template, workbook):
    outcome = process(workbook([HEADER, ANN, ["Bob", "Ray", "not given", 1], ["Cyd", "Day", None, 2]]), template)
    (issue,) = outcome.artifact["tables"][0]["validation_issues"]
    assert (issue["cell"], issue["field"], issue["value"]) == ("Sheet1!C3", "email", "not given")
    assert issue["output_cell"] == "Sheet1!C3"


@pytest.mark.parametrize("generation", [1, 2])
def test_formulas_that_nobody_computed_are_told(process, template, workbook, generation):
    (template / "settings.toml").write_text(f"engine = {generation}\n")
    mirrored = [[f"=Data!A{row}", f"=Data!B{row}"] for row in range(2, 32)]
    sheets = {
        "Pay": [["First Name", "Hours", "Gross"], ["Ann", 2, "=B2*3"], ["Bob", 4, None]],
        "Mirror": [["First Name", "Email"], *mirrored],
        "Data": [["First Name", "Email"], *[["Ann", "a@b.c"]] * 30],
    }
    outcome = process(workbook(sheets), template)
    told = [note for note in outcome.artifact["notes"] if note["code"] == "formulas_without_value"]
    assert [(note["severity"], note["count"], note["meta"]["sheet_name"]) for note in told] == [
        ("warning", 1, "Pay"),
        ("warning", 60, "Mirror"),
    ]
    assert told[0]["message"].endswith(": C2")
    assert told[1]["message"].endswith(", A11, B11, …")
    assert [note["meta"]["cells"][:3] for note in told] == [["C2"], ["A2", "B2", "A3"]]
    assert outcome.artifact["tables"][0]["rows"]["output"] == 2
