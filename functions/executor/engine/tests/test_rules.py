"""Transforms, validators, hooks and their errors; and library use."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import ade_engine
import openpyxl
import pytest
from ade_engine.infrastructure.observability.logger import RunLog
from ade_engine.models import InputError, TableRegion

ROWS = [["Name", "Amount"], ["Ann", 5], ["Bob", -1], ["Cyd", -2]]

AMOUNT = """
    import polars as pl
    from ade_engine.models import FieldDef

    def register(registry):
        registry.register_field(FieldDef(name="amount", label="Amount"))
        registry.register_field(FieldDef(name="double"))
        registry.register_column_detector(detect, field="amount", priority=10)
        registry.register_column_transform(double, field="double", priority=0)
        registry.register_column_validator(positive, field="amount", priority=0)
        registry.register_column_validator(not_two, field="amount", priority=-1)

    def detect(*, header_text, column_sample, **_):
        return {"amount": "0.9"} if header_text == "Amount" and column_sample[0] == "5" else None

    def double(*, field_name, table, **_):
        assert field_name in table.columns
        return pl.col("amount") * 2

    def positive(*, field_name, **_):
        return pl.when(pl.col(field_name) < 0).then(pl.lit("negative"))

    def not_two(*, field_name, **_):
        return pl.when(pl.col(field_name) == -2).then(pl.lit("minus two"))
"""


def test_transforms_and_validators(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/amount.py": AMOUNT}))
    assert outcome.code == 0, outcome.stderr
    assert outcome.rows() == [("name", "amount", "double"), ("Ann", 5, 10), ("Bob", -1, -2), ("Cyd", -2, -4)]
    validation = outcome.completed["validation"]
    assert validation["issues_total"] == 2
    assert validation["issues_by_severity"] == {"warning": 2}
    first, second = outcome.artifact["tables"][0]["validation_issues"]
    assert first == {
        "row_index": 3,
        "cell": "Sheet1!B3",
        "field": "amount",
        "code": "validation",
        "severity": "warning",
        "message": "negative",
        "value": "-1",
        "output_cell": "Sheet1!B3",
    }
    assert second["message"] == "negative; minus two"
    fields = {field["field"]: field for field in outcome.completed["fields"]}
    assert fields["amount"]["valid_cells"] == 1
    assert fields["amount"]["best_mapping_score"] == 0.9
    assert fields["double"]["detected"] is False


def test_diagnostics_columns(classic, process, workbook):
    settings = "write_diagnostics_columns = true\nremove_unmapped_columns = true"
    rows = [["Name", "Amount", "Other"], ["Ann", 5, 1], ["Bob", -1, 1]]
    outcome = process(workbook(rows), classic({"columns/amount.py": AMOUNT}, settings))
    assert outcome.rows() == [
        ("name", "amount", "double", "__ade_issue__amount", "__ade_has_issues", "__ade_issue_count"),
        ("Ann", 5, 10, None, False, 0),
        ("Bob", -1, -2, "negative", True, 1),
    ]


def test_issues_are_all_counted_and_listed_up_to_a_limit(classic, process, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Name,Amount\n" + "Ann,-1\n" * 10_005)
    negative = "return pl.when(pl.col('Amount').cast(pl.Int64) < 0).then(pl.lit('negative'))"
    outcome = process(path, classic(rule("column_validator", negative)))
    (table,) = outcome.artifact["tables"]
    assert (len(table["validation_issues"]), table["validation_issue_count"]) == (10_000, 10_005)
    assert outcome.completed["validation"]["issues_total"] == 10_005


SORTING = """
    def register(registry):
        registry.register_hook(turn, hook="on_table_transformed", priority=0)

    def turn(*, table, **_):
        return table.reverse().filter(table["name"].reverse() != "Ann")
"""


def test_issues_find_their_source_cells_after_hooks_moved_rows(classic, process, workbook):
    outcome = process(workbook([[], *ROWS]), classic({"columns/amount.py": AMOUNT, "hooks/sort.py": SORTING}))
    cells = [(i["cell"], i["output_cell"]) for i in outcome.artifact["tables"][0]["validation_issues"]]
    assert cells == [("Sheet1!B5", "Sheet1!B2"), ("Sheet1!B4", "Sheet1!B3")]


EVERY_HOOK = """
    import json
    from pathlib import Path

    NAMES = ["on_workbook_start", "on_sheet_start", "on_table_mapped", "on_table_transformed", "on_table_validated",
             "on_table_written", "on_sheet_end", "on_workbook_before_save"]

    def register(registry):
        for name in NAMES:
            registry.register_hook(make(name), hook=name, priority=0)

    def make(name):
        def hook(*, state, metadata, logger, settings, input_file_name, **context):
            state.setdefault("calls", []).append([name, sorted(context), metadata.get("sheet_index")])
            logger.event("config.called", data={"hook": name})
            if name == "on_workbook_before_save":
                Path(metadata["output_file"]).with_suffix(".json").write_text(json.dumps(state["calls"]))
        return hook
"""


def test_hooks_are_called_with_what_they_are_promised(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"hooks/all.py": EVERY_HOOK}))
    assert outcome.code == 0, outcome.stderr
    calls = json.loads((outcome.out / "in_normalized.json").read_text())
    table = ["source_region", "source_sheet", "source_workbook", "table", "table_index"]
    written = ["output_region", "output_sheet", "output_workbook", "table_index", "table_result", "write_table"]
    assert calls == [
        ["on_workbook_start", ["source_workbook"], None],
        ["on_sheet_start", ["source_sheet", "source_workbook"], 0],
        ["on_table_mapped", table, 0],
        ["on_table_transformed", table, 0],
        ["on_table_validated", table, 0],
        ["on_table_written", written, 0],
        ["on_sheet_end", ["output_sheet", "output_workbook", "tables"], 0],
        ["on_workbook_before_save", ["output_workbook"], None],
    ]
    assert sum(event["event"] == "engine.config.called" for event in outcome.events) == 8


TOUCHING = """
    import openpyxl
    from openpyxl.styles import Font

    def register(registry):
        registry.register_hook(look, hook="on_sheet_start", priority=0)
        registry.register_hook(style, hook="on_table_written", priority=0)
        registry.register_hook(add, hook="on_workbook_before_save", priority=0)

    def look(*, source_sheet, source_workbook, state, **_):
        assert source_sheet.title == "Sheet1" and source_sheet.max_row == 4
        assert source_workbook.sheetnames == ["Sheet1"]
        state["corner"] = source_sheet["A2"].value
        assert list(source_workbook)[0].title == "Sheet1"

    def style(*, output_sheet, output_workbook, output_region, write_table, table_result, **_):
        assert output_sheet.max_row == 4
        assert isinstance(output_workbook, openpyxl.Workbook)
        assert output_region.a1 == "A1:B4"
        assert write_table.height == 3
        assert table_result.source_columns[1].values == [5, -1, -2]
        assert table_result.mapping_lookup() == {"name": 0}
        output_sheet["A1"].font = Font(bold=True)
        output_sheet.freeze_panes = "A2"

    def add(*, output_workbook, state, **_):
        output_workbook.create_sheet("Summary")["A1"] = state["corner"]
"""


def test_hooks_may_touch_workbooks(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"hooks/touch.py": TOUCHING}))
    assert outcome.code == 0, outcome.stderr
    book = outcome.workbook()
    assert book.sheetnames == ["Sheet1", "Summary"]
    assert book["Sheet1"]["A1"].font.bold
    assert book["Sheet1"].freeze_panes == "A2"
    assert book["Summary"]["A1"].value == "Ann"
    assert outcome.rows("Sheet1")[1:] == [("Ann", 5), ("Bob", -1), ("Cyd", -2)]


@pytest.mark.parametrize("name", ["in.csv", "in.xlsx"])
def test_hooks_that_touch_nothing_cost_no_openpyxl(classic, cli, workbook, tmp_path, name):
    hook = """
        import sys
        def register(registry):
            registry.register_hook(start, hook="on_sheet_start", priority=0)
            registry.register_hook(end, hook="on_workbook_before_save", priority=0)
        def start(*, source_sheet, **_):
            assert (source_sheet.title, source_sheet.max_column, source_sheet.dimensions)
        def end(*, output_workbook, **_):
            assert output_workbook.sheetnames
            assert "openpyxl" not in sys.modules
    """
    path = workbook(ROWS) if name == "in.xlsx" else tmp_path / name
    if name == "in.csv":
        path.write_text("Name,Amount\nAnn,5\n")
    done = cli("process", "file", "--input", path, "--config-package", classic({"hooks/idle.py": hook}))
    assert done.returncode == 0, done.stderr


def rule(kind: str, body: str) -> dict[str, str]:
    rows = "row_kind='data'"
    extra = {"row_detector": rows, "batch": rows, "hook": "hook='on_table_mapped'"}.get(kind, "field='name'")
    folder = {"hook": "hooks", "row_detector": "row_detectors", "batch": "row_detectors"}.get(kind, "columns")
    register = f"def register(r):\n    r.register_{kind}(f, {extra}, priority=0)\n"
    register = register.replace("register_batch(f", "register_row_detector(f, batch=True")
    source = f"import polars as pl\n{register}def f(**k):\n    {body}\n"
    return {f"{folder}/zz_rule.py": source}


ROW = ("detect_rows", "row 1 of 'Sheet1'")
COLUMN = ("detect_columns", "column 1 ('Name') of 'Sheet1'")
TABLE = "table 0 of 'Sheet1' (A1:B4)"
TRANSFORM, VALIDATE, HOOK = ("transform", TABLE), ("validate", TABLE), ("on_table_mapped", TABLE)
SHEET = ("detect_rows", "failed on 'Sheet1'")
"""Stage and place of what goes wrong."""
FAILURES = [
    ("row_detector", "return 1", "pipeline_error", ROW),
    ("row_detector", "raise KeyError('x')", "pipeline_error", ROW),
    ("row_detector", "return {'data': float('nan')}", "pipeline_error", ROW),
    ("row_detector", "return {'data': 'high'}", "pipeline_error", ROW),
    ("row_detector", "raise SystemExit(0)", "pipeline_error", ROW),
    ("batch", "raise KeyError('x')", "pipeline_error", SHEET),
    ("batch", "return 1", "pipeline_error", SHEET),
    ("batch", "return {'data': [1.0]}", "pipeline_error", SHEET),
    ("batch", "return {'data': ['a', 'b', 'c', 'd']}", "pipeline_error", SHEET),
    ("batch", "return {'data': [1, None, float('inf'), 0]}", "pipeline_error", SHEET),
    ("column_detector", "return {'nofield': 1.0}", "pipeline_error", COLUMN),
    ("column_detector", "return {'name': 'high'}", "pipeline_error", COLUMN),
    ("column_detector", "return [1.0]", "pipeline_error", COLUMN),
    ("column_detector", "raise ValueError('bad')", "pipeline_error", COLUMN),
    ("column_detector", "raise SystemExit(0)", "pipeline_error", COLUMN),
    ("column_transform", "return 5", "pipeline_error", TRANSFORM),
    ("column_transform", "raise TypeError('bad')", "pipeline_error", TRANSFORM),
    ("column_transform", "raise ValueError('bad')", "unknown_error", TRANSFORM),
    ("column_transform", "return pl.col('missing')", "unknown_error", TRANSFORM),
    ("column_transform", "return pl.Series([1])", "pipeline_error", TRANSFORM),
    ("column_transform", "return pl.lit(pl.Series([1, 2]))", "unknown_error", TRANSFORM),
    ("column_transform", "raise pl.exceptions.PanicException('bad')", "unknown_error", TRANSFORM),
    (
        "column_transform",
        "return pl.col('Amount').map_elements(lambda _: __import__('sys').exit(0), pl.Int64)",
        "unknown_error",
        ("transform", "Sheet1!A2"),
    ),
    ("column_validator", "return 'text'", "pipeline_error", VALIDATE),
    ("column_validator", "return pl.col('missing')", "unknown_error", VALIDATE),
    ("column_validator", "return pl.col('name').str.to_integer()", "unknown_error", ("validate", "Sheet1!A2")),
    ("hook", "raise SystemExit(0)", "hook_error", HOOK),
    ("hook", "return 5", "hook_error", HOOK),
    ("hook", "raise ValueError('bad')", "hook_error", HOOK),
    ("hook", "k['logger'].event('my.thing')", "hook_error", HOOK),
]


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize(("kind", "body", "code", "where"), FAILURES)
def test_failures_say_where(classic, process, workbook, kind, body, code, where, generation):
    stage, place = where
    outcome = process(workbook(ROWS), classic(rule(kind, body), f"engine = {generation}"))
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    # Engine 1.9 knew stages for hooks only; the record is not its own.
    assert (failure["code"], failure["stage"]) == (code, stage if generation == 2 or kind == "hook" else "unknown")
    assert failure["message"].startswith("'in.xlsx': ")
    assert "src/ade_config/" in failure["message"]
    assert re.search(r"zz_rule\.py:[45]\b", failure["message"])
    assert "ade_config." in failure["message"]
    assert place in failure["message"]
    assert not (outcome.out / "in_normalized.xlsx").exists()
    assert outcome.artifact["run"]["error"] == {**failure, "stage": stage}


@pytest.mark.parametrize(
    ("modules", "code"),
    [
        (
            {"columns/a.py": "def register(r):\n    r.register_column_detector(print, field='x', priority=1)\n"},
            "config_error",
        ),
        ({"columns/a.py": "syntax error here"}, None),
        ({"columns/a.py": "def register(r):\n    raise ValueError('no')\n"}, "unknown_error"),
        ({"columns/a.py": "import nowhere\ndef register(r): pass\n"}, "unknown_error"),
        ({"columns/a.py": "import sys\nsys.exit(0)\ndef register(r): pass\n"}, "unknown_error"),
        ({}, "unknown_error"),
    ],
)
def test_configs_that_do_not_load(config, process, workbook, modules, code):
    outcome = process(workbook(ROWS), config(modules))
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["code"] == (code or "unknown_error")
    assert outcome.artifact["run"]["status"] == "failed"


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("row_detector", "detect_rows"),
        ("batch", "detect_rows"),
        ("column_detector", "detect_columns"),
        ("column_transform", "transform"),
        ("column_validator", "validate"),
        ("hook", "on_table_mapped"),
    ],
)
def test_missing_parameters_are_named(classic, process, workbook, kind, stage):
    (path, source), *_ = rule(kind, "pass").items()
    project = classic({path: source.replace("**k", "nonsense")}, "engine = 2")
    failure = process(workbook(ROWS), project).completed["execution"]["failure"]
    assert (failure["code"], failure["stage"]) == ("hook_error" if kind == "hook" else "pipeline_error", stage)
    assert "requires the parameter 'nonsense'" in failure["message"]
    assert "zz_rule.py:4" in failure["message"]


LEGACY = "original_header_overrides"
CLAIMS: list[tuple[str, tuple[str, float]]] = [
    ("ade_engine.derived_mappings = [{'field_name': 'upper', 'source_header': ' Name '}]", (" Name ", 1.0)),
    ("ade_engine.derived_mappings = [{'field': 'upper', 'original_header': 'Name', 'score': 0.5}]", ("Name", 0.5)),
    ("ade_engine.derived_mappings = [{'field': 'upper', 'header': 'Name', 'table_index': 0}]", ("Name", 1.0)),
    ("ade_engine.derived_mappings = [{'field': 'upper', 'source_index': 0}]", ("Name", 1.0)),
    (f"ade_config.mapping_overrides.{LEGACY} = {{'upper': 'Name'}}", ("Name", 1.0)),
    (f"ade_config.mapping_overrides.{LEGACY} = {{'upper': {{'header': 'Name', 'score': 0.25}}}}", ("Name", 0.25)),
    (f"ade_config.mapping_overrides.{LEGACY} = [{{'field': 'upper', 'header': 'Name'}}]", ("Name", 1.0)),
    (f"'ade_config.mapping_overrides.{LEGACY}' = {{'upper': 'Name'}}", ("Name", 1.0)),
]
NO_CLAIMS = [
    "ade_engine.derived_mappings = [{'field': 'upper', 'header': 'Nobody'}]",
    "ade_engine.derived_mappings = [{'field': 'upper', 'source_index': 9}]",
    "ade_engine.derived_mappings = [{'field': 'upper', 'header': 'Name', 'table_index': 1}]",
    "ade_engine.derived_mappings = [{'field': 'upper', 'header': 'Name', 'sheet_name': 'Other'}]",
    "ade_engine.derived_mappings = [{'field': 'nowhere', 'header': 'Name'}]",
    "ade_engine.derived_mappings = 'nonsense'",
]


def claiming(claim: str) -> dict[str, str]:
    """A config whose transform leaves a claim in the state."""
    path, _, value = claim.partition(" = ")
    keys = [path.strip("'")] if path.startswith("'") else path.split(".")
    source = f"""
        from ade_engine.models import FieldDef
        import polars as pl
        def register(r):
            r.register_field(FieldDef(name="upper"))
            r.register_column_transform(f, field="upper", priority=0)
        def f(*, state, **_):
            *path, last = {keys}
            for key in path:
                state = state.setdefault(key, {{}})
            state[last] = {value}
            return pl.col("name").str.to_uppercase()
    """
    return {"columns/upper.py": source}


@pytest.mark.parametrize(("claim", "expected"), CLAIMS)
def test_derived_fields_count_as_detected(classic, process, workbook, claim, expected):
    outcome = process(workbook(ROWS), classic(claiming(claim)))
    assert outcome.code == 0, outcome.stderr
    field = next(f for f in outcome.completed["fields"] if f["field"] == "upper")
    header, score = expected
    assert (field["derived"], field["detected"], field["valid_cells"]) == (True, True, 3)
    assert (field["source_headers"], field["best_mapping_score"]) == ([header], score)
    assert outcome.artifact["tables"][0]["derived_columns"][0]["source_column_index"] == 0


@pytest.mark.parametrize("claim", NO_CLAIMS)
def test_claims_of_what_is_not_there_count_for_nothing(classic, process, workbook, claim):
    outcome = process(workbook(ROWS), classic(claiming(claim)))
    assert outcome.code == 0, outcome.stderr
    field = next(f for f in outcome.completed["fields"] if f["field"] == "upper")
    assert (field["derived"], field["detected"], field["best_mapping_score"]) == (False, False, None)


def test_debug_events(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/amount.py": AMOUNT}), "--debug")
    assert outcome.code == 0, outcome.stderr
    names = {event["event"] for event in outcome.events}
    assert {
        "engine.settings.effective",
        "engine.detector.row_result",
        "engine.row_classification",
        "engine.sheet.tables_detected",
        "engine.detector.column_result",
        "engine.column_classification",
        "engine.column_detector.candidate",
        "engine.column_detector.summary",
        "engine.transform.result",
        "engine.validation.summary",
    } <= names


def test_rules_see_the_metadata_of_the_run(classic, process, workbook):
    hook = """
        def register(r):
            r.register_hook(f, hook="on_workbook_start", priority=0)
        def f(*, metadata, **_):
            assert metadata["run"] == {"team": "payroll"}, metadata
    """
    project = classic({"hooks/meta.py": hook})
    assert process(workbook(ROWS), project, env={"ADE_RUN_METADATA": '{"team": "payroll"}'}).code == 0
    assert process(workbook(ROWS), project, env={"ADE_RUN_METADATA": "{"}).code == 1


def test_as_a_library(classic, workbook, tmp_path, capsys):
    from ade_engine import Engine, RunRequest, RunStatus

    request = RunRequest(config_package=classic(), input_file=workbook(ROWS), output_dir=tmp_path / "lib")
    result = Engine().run(request)
    assert result.status is RunStatus.SUCCEEDED
    assert result.error is None
    assert result.output_path == tmp_path / "lib" / "in_normalized.xlsx"
    assert result.output_path.is_file()
    failed = Engine().run(RunRequest(config_package=tmp_path / "config", input_file=tmp_path / "missing.xlsx"))
    assert failed.status is RunStatus.FAILED
    assert failed.output_path is None
    assert (failed.error.code, failed.error.stage) == ("input_error", "unknown")
    assert capsys.readouterr().err.count("engine.run.completed") == 2


def test_what_a_result_says(classic, workbook, tmp_path):
    from ade_engine import Engine, RunRequest, RunResult, RunStatus, Settings

    request = RunRequest(
        config_package=str(classic()), input_file=str(workbook(ROWS)), output_path=tmp_path / "to" / "this.xlsx",
        logs_path=tmp_path / "logs" / "the.log",
    )  # fmt: skip
    result = Engine(Settings(log_format="ndjson")).run(request)
    assert isinstance(result, RunResult)
    assert {status.value for status in RunStatus} == {"running", "succeeded", "failed"}
    assert (result.status, result.error, result.processed_file) == (RunStatus.SUCCEEDED, None, "in.xlsx")
    assert result.output_path == tmp_path / "to" / "this.xlsx"
    assert result.logs_dir == tmp_path / "logs"
    assert sorted(path.name for path in result.logs_dir.iterdir()) == ["artifact.json", "the.log"]
    assert result.started_at <= result.completed_at
    assert result.started_at.tzinfo is not None


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"output_path": "x.csv"}, r"\.xlsx"),
        ({"output_path": "in.xlsx"}, "overwrite"),
        ({"input_file": None}, "input file"),
    ],
)
def test_requests_that_make_no_sense_are_raised(classic, workbook, tmp_path, monkeypatch, wish, says):
    from ade_engine import Engine, RunRequest

    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        Engine().run(RunRequest(**{"config_package": classic(), "input_file": workbook(ROWS), **wish}))


def test_a_logger_of_ones_own(classic, workbook, tmp_path):
    from ade_engine import Engine, RunRequest

    lines = io.StringIO()
    log = RunLog(log_format="ndjson", level=20, file=None, stream=lines)
    Engine().run(RunRequest(config_package=classic(), input_file=workbook(ROWS), output_dir=tmp_path), log.logger)
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert events[0]["event"] == "engine.run.started"
    assert events[-1]["event"] == "engine.run.completed"
    assert {event["engine_run_id"] for event in events} == {log.logger.run_id}


def test_where_a_table_is():
    region = TableRegion(min_row=2, min_col=27, max_row=5, max_col=29, header_row_count=2)
    assert (region.a1, region.cell_range, region.width, region.height) == ("AA2:AC5", "AA2:AC5", 3, 4)
    assert (region.header_row, region.data_first_row, region.data_min_row, region.data_row_count) == (2, 4, 4, 2)
    assert region.has_data_rows
    assert not TableRegion(1, 1, 2, 1, header_row_count=2).has_data_rows
    sheet = openpyxl.Workbook().active
    sheet["AB4"] = "x"
    assert list(region.iter_values(sheet)) == [(None,) * 3, (None,) * 3, (None, "x", None), (None,) * 3]
    with pytest.raises(dataclasses.FrozenInstanceError):
        region.min_row = 3


def test_import_paths_of_old_configs():
    from ade_engine.extensions.registry import Registry
    from ade_engine.infrastructure.observability.logger import RunLogger
    from ade_engine.infrastructure.settings import Settings
    from ade_engine.models import FieldDef, HookName, RowKind
    from ade_engine.models.errors import ConfigError, HookError, InputError, PipelineError

    for name in ("Engine", "Settings", "FieldDef", "HookName", "RowKind", "RunRequest", "RunResult", "RunStatus"):
        assert getattr(ade_engine, name).__name__ == name
    assert all(
        (Registry, RunLogger, Settings, FieldDef, HookName, RowKind, ConfigError, HookError, InputError, PipelineError)
    )
    assert TableRegion(1, 1, 2, 3).a1 == "A1:C2"
