"""What a run tells about itself: why a column is what it is, how far it is, what a person should know."""

from __future__ import annotations

import pytest

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


def test_a_table_without_rows_ends_each_stage_once(classic, process, workbook):
    outcome = process(workbook([["Name", "Amount"]]), classic(settings="engine = 2"))
    told = [event["data"]["stage"] for event in outcome.events if event["event"] == "engine.progress"]
    assert told == ["detect_rows", "detect_columns", "transform", "validate", "write"]


def test_the_hook_that_failed_is_named(classic, process, workbook):
    hooks = """
        def register(r):
            r.register_hook(good, hook="on_sheet_start", priority=2)
            r.register_hook(bad, hook="on_sheet_start", priority=1)
        def good(**_):
            pass
        def bad(*, tabel):
            pass
    """
    failure = process(workbook(ROWS), classic({"hooks/two.py": hooks})).completed["execution"]["failure"]
    assert (failure["code"], failure["stage"]) == ("hook_error", "on_sheet_start")
    assert "ade_config.hooks.two.bad (" in failure["message"]
    assert "good" not in failure["message"]
    assert "requires the parameter 'tabel'" in failure["message"]


def notes(outcome, code):
    return [(note["severity"], note["message"]) for note in outcome.artifact["notes"] if note["code"] == code]


GUESS = "The text is not UTF-8; it was read as windows-1252, which is a guess: check letters with accents"


@pytest.mark.parametrize(
    ("content", "severity", "message"),
    [
        ("名前,Name\n山田,Ann\n".encode("shift_jis"), "warning", GUESS),
        ("Фдй,Name\nЖщц,Ann\n".encode("cp1251"), "warning", GUESS),
        ("Zoë,Name\n".encode() + b"\xe9,Ann\n", "warning", GUESS),
        ("Zoë,Name\né,Ann\n".encode("utf-16"), "info", "The text was read as UTF-16LE"),
    ],
    ids=["Shift-JIS", "windows-1251", "one bad byte", "UTF-16"],
)
def test_an_encoding_that_is_a_guess_is_a_warning(classic, process, tmp_path, content, severity, message):
    (tmp_path / "in.csv").write_bytes(content)
    outcome = process(tmp_path / "in.csv", classic(settings="engine = 2"))
    assert notes(outcome, "encoding_detected") == [(severity, message)]


def test_one_of_a_kind_is_one(classic, process, tmp_path, workbook):
    project = classic(settings="engine = 2")
    (tmp_path / "in.csv").write_text("Name,Amount\nAnn,1\nBob\n")
    outcome = process(tmp_path / "in.csv", project)
    (told,) = notes(outcome, "ragged_rows")
    assert told == ("warning", "1 row has another number of fields than the others: row 3")
    assert outcome.event("engine.workbook.started")["message"] == "1 sheet"
    (tmp_path / "in.csv").write_text("Name,Amount\nAnn,1\nBob\nCyd\nDan,2\n")
    (told,) = notes(process(tmp_path / "in.csv", project), "ragged_rows")
    assert told[1] == "2 rows have another number of fields than the others; the first is row 3"
    both = process(workbook({"A": [["Name"]], "B": [["Name"]]}), project)
    assert both.event("engine.workbook.started")["message"] == "2 sheets"


def test_a_validator_that_fails_is_called_one(classic, process, workbook):
    rule = "def register(r):\n    r.register_column_validator(f, field='name', priority=0)\ndef f(**_):\n    1 / 0\n"
    failure = process(workbook(ROWS), classic({"columns/zz.py": rule})).completed["execution"]["failure"]
    assert failure["message"].startswith("'in.xlsx': Validator of 'name' failed on table 0 of 'Sheet1'")


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize(
    ("name", "source", "code", "stage"),
    [
        ("columns/zz.py", "def register(r):\n    1 / 0\n", "unknown_error", "load_config"),
        ("columns/zz.py", "def register(r:\n", "unknown_error", "load_config"),
        (
            "columns/zz.py",
            "def register(r):\n    r.register_column_transform(f, field='name', priority=0)\ndef f(**_):\n    1 / 0\n",
            "unknown_error",
            "transform",
        ),
        (
            "columns/zz.py",
            "def register(r):\n    r.register_column_detector(f, field='name', priority=0)\ndef f(**_):\n    1 / 0\n",
            "pipeline_error",
            "detect_columns",
        ),
    ],
)
def test_the_record_knows_the_stage_whatever_the_generation(
    classic, process, workbook, generation, name, source, code, stage
):
    """By it the platform tells whose fault it was; events of engine 1 say what those of 1.9 did."""
    outcome = process(workbook(ROWS), classic({name: source}, f"engine = {generation}"))
    error, told = outcome.artifact["run"]["error"], outcome.completed["execution"]["failure"]
    assert (error["code"], error["stage"]) == (code, stage)
    assert (told["code"], told["stage"]) == (code, stage if generation == 2 else "unknown")
