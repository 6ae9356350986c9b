"""What a run tells about itself: why a column is what it is, how far it is, what a person should know."""

from __future__ import annotations

RIVALS = """
    from ade_engine.models import FieldDef

    def register(registry):
        for name in ("weight", "height", "depth"):
            registry.register_field(FieldDef(name=name))
        registry.register_column_detector(by_header, field="weight", priority=20)
        registry.register_column_detector(by_values, field="height", priority=10)

    def by_header(*, header_text, **_):
        if header_text == "Size":
            return {"weight": 0.6, "height": 0.5, "depth": 0.1}
        return {"weight": -1.0} if header_text == "Other" else {}

    def by_values(*, column_sample, **_):
        return {"weight": 0.4, "height": 0.45} if "7" in column_sample else {}
"""
ROWS = [["Name", "Size", "Other", "Blank"], ["Ann", 7, "x", None], ["Bob", 8, "y", None]]


def test_why_a_column_is_what_it_is(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/zz_size.py": RIVALS}, "engine = 2"))
    (table,) = outcome.artifact["tables"]
    size = next(column for column in table["mapped_columns"] if column["header"] == "Size")
    module = "ade_config.columns.zz_size"
    given = [(c["detector"], c["field"], c["delta"]) for c in size["contributions"]]
    assert given == [
        (f"{module}.by_header", "weight", 0.6),
        (f"{module}.by_header", "height", 0.5),
        (f"{module}.by_header", "depth", 0.1),
        (f"{module}.by_values", "weight", 0.4),
        (f"{module}.by_values", "height", 0.45),
    ]
    assert {c["location"] for c in size["contributions"]} == {
        "src/ade_config/columns/zz_size.py:10",
        "src/ade_config/columns/zz_size.py:15",
    }
    assert (size["field"], size["score"]) == ("weight", 1.0)
    assert (size["runner_up"]["field"], size["runner_up"]["score"]) == ("height", 0.95)
    assert len(size["runner_up"]["contributions"]) == 2
    other, blank = table["unmapped_columns"]
    assert (other["header"], other["reason"], other["runner_up"]["field"]) == ("Other", "no_signal", "weight")
    assert [(c["detector"], c["delta"]) for c in other["contributions"]] == [(f"{module}.by_header", -1.0)]
    assert (blank["header"], blank["contributions"], blank["runner_up"]) == ("Blank", [], None)


def test_close_calls_are_findings_with_their_runner_up(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/zz_size.py": RIVALS}, "engine = 2"))
    (finding,) = [f for f in outcome.completed["evaluation"]["findings"] if f["code"] == "ambiguous_mapping"]
    assert finding["meta"] == {"sheet_name": "Sheet1", "header": "Size", "field": "weight", "runner_up": "height"}


def test_progress_goes_from_stage_to_stage(template, process, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("First Name,Email\n" + "Ann,a@b.c\n" * 6000)
    outcome = process(path, template)
    told = [event["data"] for event in outcome.events if event["event"] == "engine.progress"]
    ends = {step["stage"]: step["rows_total"] for step in told if step["rows_done"] == step["rows_total"]}
    assert ends == {"detect_rows": 6001, "detect_columns": 6000, "transform": 6000, "validate": 6000, "write": 6000}
    assert all(0 <= step["rows_done"] <= step["rows_total"] and step["sheet_name"] == "in" for step in told)
    assert [step["stage"] for step in told] == sorted((s["stage"] for s in told), key=list(ends).index)


def test_failures_of_hooks_and_configs_name_their_place(classic, process, workbook):
    hook = """
        def register(registry):
            registry.register_hook(f, hook="on_table_validated", priority=0)

        def f(*, table, **_):
            return table["nothing"]
    """
    failure = process(workbook(ROWS), classic({"hooks/bad.py": hook}, "engine = 2")).completed["execution"]["failure"]
    assert failure["stage"] == "on_table_validated"
    assert failure["message"].startswith(
        "'in.xlsx': Hook on_table_validated failed on table 0 of 'Sheet1' (A1:D3): "
        "ade_config.hooks.bad.f (src/ade_config/hooks/bad.py:6): ColumnNotFoundError"
    )


def test_config_errors_name_their_line(classic, process, workbook):
    twice = "\ndef register(registry):\n    registry.register_field('name')\n"
    failure = process(workbook(ROWS), classic({"columns/zz.py": twice}, "engine = 2")).completed["execution"]["failure"]
    assert failure["code"] == "config_error"
    assert failure["stage"] == "load_config"
    assert failure["message"].endswith("(src/ade_config/columns/zz.py:3)")


def test_failures_of_detectors_name_their_row_and_column(classic, process, workbook):
    rows = "def register(r):\n    r.register_row_detector(f, row_kind='data', priority=0)\n"
    rows += "def f(*, row_index, **_):\n    return {'data': 1 // (3 - row_index)}\n"
    project = classic({"row_detectors/zz.py": rows}, "engine = 2")
    failure = process(workbook(ROWS), project).completed["execution"]["failure"]
    assert failure["stage"] == "detect_rows"
    assert "failed on row 3 of 'Sheet1'" in failure["message"]
    assert "src/ade_config/row_detectors/zz.py:4" in failure["message"]
    columns = "def register(r):\n    r.register_column_detector(f, field='name', priority=0)\n"
    columns += "def f(*, column_index, **_):\n    return {'name': 1 // (2 - column_index)}\n"
    (project / "src/ade_config/row_detectors/zz.py").unlink()
    (project / "src/ade_config/columns/zz.py").write_text(columns)
    failure = process(workbook(ROWS), project).completed["execution"]["failure"]
    assert failure["stage"] == "detect_columns"
    assert "failed on column 3 ('Other') of 'Sheet1'" in failure["message"]
