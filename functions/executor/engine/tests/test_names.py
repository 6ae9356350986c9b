"""Columns that are called like a field before anything is mapped."""

from __future__ import annotations

from typing import Any

import pytest

EMAIL = """
    import polars as pl
    from ade_engine.models import FieldDef

    def register(r):
        r.register_field(FieldDef(name="email"))
        r.register_field(FieldDef(name="phone"))
        r.register_column_detector(detect, field="email", priority=0)
        r.register_column_transform(upper, field="email", priority=0)
        r.register_column_validator(check, field="email", priority=0)

    def detect(*, header_text, **_):
        return {"E-Mail": {"email": 1.0}, "email": {"phone": 0.5}}.get(header_text, {})

    def upper(**_):
        return pl.col("email").str.to_uppercase()

    def check(**_):
        return pl.when(~pl.col("email").str.contains("@")).then(pl.lit("no address"))
"""
NO_RIVAL = EMAIL.replace('"email": {"phone": 0.5}', '"other": {}')
ROWS = [["E-Mail", "email", "Amount"], ["a@a.co", "x1", 1], ["b.co", "x2", 2]]


def found(outcome: Any) -> dict[str, Any]:
    (table,) = outcome.artifact["tables"]
    return {
        "mapped": {c["field"]: (c["header"], c["source_column_index"]) for c in table["mapped_columns"]},
        "unmapped": {c["header"]: c["reason"] for c in table["unmapped_columns"]},
        "issues": [(i["cell"], i["value"], i["output_cell"]) for i in table["validation_issues"]],
    }


@pytest.mark.parametrize("drop", [False, True])
def test_the_mapped_column_gets_the_name_and_its_holder_another(classic, process, workbook, drop):
    settings = f"engine = 2\nremove_unmapped_columns = {str(drop).lower()}"
    outcome = process(workbook(ROWS), classic({"columns/email.py": NO_RIVAL}, settings))
    assert found(outcome) == {
        "mapped": {"email": ("E-Mail", 0)},
        "unmapped": {"email": "no_signal", "Amount": "no_signal"},
        "issues": [("Sheet1!A3", "B.CO", "Sheet1!A3")],
    }
    rows = [("email", "email__2", "Amount"), ("A@A.CO", "x1", 1), ("B.CO", "x2", 2)]
    assert outcome.rows() == [row[:1] if drop else row for row in rows]
    (finding,) = [f for f in outcome.completed["evaluation"]["findings"] if f["code"] == "column_renamed"]
    assert finding["meta"] == {"sheet_name": "Sheet1", "header": "email", "name": "email__2"}
    assert "'E-Mail' was taken as email" in finding["message"]


def test_names_that_are_made_are_nobody_elses(classic, process, workbook):
    """Neither another column's nor a field's."""
    field = "from ade_engine.models import FieldDef\n"
    field += "def register(r):\n    r.register_field(FieldDef(name='email__3'))\n"
    project = classic({"columns/email.py": NO_RIVAL, "columns/more.py": field}, "engine = 2")
    outcome = process(workbook([["E-Mail", "email", "email__2"], ["a@a.co", "x", "y"]]), project)
    assert outcome.rows() == [("email", "email__4", "email__2"), ("A@A.CO", "x", "y")]


def test_columns_may_change_names(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/email.py": EMAIL}, "engine = 2"))
    assert outcome.rows() == [("email", "phone", "Amount"), ("A@A.CO", "x1", 1), ("B.CO", "x2", 2)]
    assert "column_renamed" not in outcome.finding_codes


def test_values_of_several_types_stay_with_a_column_that_is_renamed(classic, process, workbook):
    outcome = process(
        workbook([["E-Mail", "email"], ["a@a.co", 1], ["b@b.co", "x"]]),
        classic({"columns/email.py": NO_RIVAL}, "engine = 2"),
    )
    assert outcome.rows() == [("email", "email__2"), ("A@A.CO", 1), ("B@B.CO", "x")]


def test_engine_1_leaves_the_name_and_the_record_says_whose_it_is(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/email.py": NO_RIVAL}))
    assert found(outcome) == {
        "mapped": {"email": ("email", 1)},
        "unmapped": {"E-Mail": "duplicate_field", "Amount": "no_signal"},
        "issues": [("Sheet1!B2", "X1", "Sheet1!B2"), ("Sheet1!B3", "X2", "Sheet1!B3")],
    }
    assert outcome.rows()[0] == ("E-Mail", "email", "Amount")
    (warning,) = [event for event in outcome.events if event["level"] == "warning"]
    assert warning["data"] == {"field": "email", "column": "E-Mail"}


def test_engine_1_refuses_one_name_after_another(classic, process, workbook):
    """What is called phone keeps it, so what is called email does too."""
    path = workbook([["E-Mail", "email", "phone"], ["a@a.co", "x1", 1]])
    outcome = process(path, classic({"columns/email.py": EMAIL}))
    assert outcome.rows() == [("E-Mail", "email", "phone"), ("a@a.co", "X1", 1)]
    assert sorted(e["data"]["column"] for e in outcome.events if e["level"] == "warning") == ["E-Mail", "email"]
