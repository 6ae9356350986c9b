"""Events and logs: their names, their data, and what a rule may say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

ROWS = [["Name", "Amount"], ["Ann", 5], ["Bob", -1]]
TRANSFORM = """
    import polars as pl
    def register(r):
        r.register_column_transform(upper, field="name", priority=0)
        r.register_column_validator(short, field="name", priority=0)
        r.register_hook(hook, hook="on_table_mapped", priority=0)
    def upper(**_):
        return pl.col("name").str.to_uppercase()
    def short(**_):
        return pl.when(pl.col("name") == "BOB").then(pl.lit("no Bobs"))
    def hook(**_):
        pass
"""
TABLE = {"schema_version", "sheet_name", "table_index", "table_region"}
DEBUG_EVENTS: dict[str, set[str]] = {
    "settings.effective": {"schema_version", "settings"},
    "hook.start": TABLE | {"hook_name", "hook"},
    "hook.end": TABLE | {"hook_name", "hook"},
    "detector.row_result": {"schema_version", "sheet_name", "row_index", "detector"},
    "row_classification": {
        *("schema_version", "sheet_name", "row_index", "detectors", "scores", "classification"),
    },
    "sheet.tables_detected": {
        *("schema_version", "sheet_name", "sheet_index", "input_file", "row_count", "table_count", "tables"),
    },
    "detector.column_result": TABLE | {"column_index", "detector"},
    "column_classification": TABLE | {"column_index", "detectors", "scores", "classification"},
    "column_detector.candidate": TABLE
    | {"column_index", "column_name", "column_header_original", "best_field", "best_score", "scores", "contributions"},
    "column_detector.summary": TABLE | {"mapped", "unmapped_indices", "total_columns"},
    "transform.result": TABLE | {"transform", "field", "row_count", "sample_before", "sample_after", "emitted_column"},
    "validation.summary": TABLE | {"issue_columns", "rows"},
}


def of(outcome: Any, name: str) -> list[dict[str, Any]]:
    return [event["data"] for event in outcome.events if event["event"] == f"engine.{name}"]


def test_what_debug_tells(classic, process, workbook):
    outcome = process(workbook(ROWS), classic({"columns/zz.py": TRANSFORM}), "--debug")
    assert outcome.code == 0, outcome.stderr
    told = {event["event"].removeprefix("engine."): set(event["data"]) for event in outcome.events if "data" in event}
    assert {name: told.get(name) for name in DEBUG_EVENTS} == DEBUG_EVENTS
    levels = {e["event"].removeprefix("engine."): e["level"] for e in outcome.events}
    assert {levels[name] for name in DEBUG_EVENTS} == {"debug"}

    rows = of(outcome, "row_classification")
    assert [row["classification"]["row_kind"] for row in rows] == ["header", "data", "data"]
    assert rows[0]["scores"] == {"header": 1.0, "data": 0.5}
    assert rows[0]["classification"]["considered_row_kinds"] == ["header", "data"]
    (detected,) = of(outcome, "sheet.tables_detected")
    region = {"min_row": 1, "min_col": 1, "max_row": 3, "max_col": 2, "a1": "A1:B3"}
    assert detected["tables"] == [{"table_index": 0, "region": region}]
    name, amount = of(outcome, "column_classification")
    assert name["classification"] == {"field": "name", "score": 1.0, "considered_fields": ["name"]}
    assert amount["classification"] == {"field": None, "score": 0.0, "considered_fields": []}
    (summary,) = of(outcome, "column_detector.summary")
    given = [{"detector": "ade_config.columns.name.detect", "delta": 1.0}]
    assert summary["mapped"] == [
        {"field": "name", "source_index": 0, "header": "Name", "score": 1.0, "contributions": given}
    ]
    assert summary["unmapped_indices"] == [1]
    (transform,) = of(outcome, "transform.result")
    assert (transform["sample_before"], transform["sample_after"]) == (["Ann", "Bob"], ["ANN", "BOB"])
    assert transform["emitted_column"] == "name"
    (validation,) = of(outcome, "validation.summary")
    assert (validation["issue_columns"], validation["rows"]) == (["__ade_issue__name"], 2)
    (hook,) = of(outcome, "hook.start")
    assert (hook["hook"], hook["hook_name"]) == ("on_table_mapped", "ade_config.columns.zz.hook")
    assert (hook["sheet_name"], hook["table_index"], hook["table_region"]) == ("Sheet1", 0, "A1:B3")


INFO_EVENTS: dict[str, set[str]] = {
    "run.started": {"schema_version", "input_file", "config_package"},
    "run.planned": {"schema_version", "output_file", "output_dir", "logs_file", "logs_dir"},
    "config.loaded": {"config_package", "entrypoint", "plugin_modules", "fields", "settings"},
    "workbook.started": {"schema_version", "sheet_count"},
    "sheet.started": {"schema_version", "sheet_name", "sheet_index"},
    "table.written": {"schema_version", "sheet_name", "table_index", "output_range"},
    "run.completed": {
        *("schema_version", "scope", "execution", "evaluation", "counts", "validation", "fields", "outputs"),
        "workbooks",
    },
}


def test_what_every_run_tells(classic, process, workbook):
    path, project = workbook(ROWS), classic()
    outcome = process(path, project)
    told = {event["event"].removeprefix("engine."): event for event in outcome.events}
    assert {name: set(event["data"]) for name, event in told.items()} == INFO_EVENTS
    assert {event["level"] for event in told.values()} == {"info"}
    assert told["run.started"]["data"]["input_file"] == str(path)
    assert told["run.started"]["data"]["config_package"] == str(project)
    planned = told["run.planned"]["data"]
    assert planned["output_file"] == str(outcome.out / "in_normalized.xlsx")
    assert planned["logs_file"] == str(outcome.out / "in_engine_events.ndjson")
    assert planned["output_dir"] == planned["logs_dir"] == str(outcome.out)
    assert told["run.completed"]["data"]["outputs"]["normalized"]["path"] == planned["output_file"]


def test_debug_changes_nothing(template, process, workbook):
    path = workbook([["Title"], ["First Name", "Email"], ["Ann", "a@b.c"], ["Total"], [], ["Name"], ["Bob Ray"]])
    quick, slow = (process(path, template, *options).artifact for options in ((), ("--debug",)))
    for artifact in (quick, slow):
        del artifact["run"]["started_at"], artifact["run"]["completed_at"]
    assert quick == slow


def hook(body: str) -> dict[str, str]:
    register = "def register(r):\n    r.register_hook(f, hook='on_workbook_start', priority=0)\n"
    return {"hooks/zz.py": f"{register}def f(*, logger, **_):\n    {body}\n"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("logger.event('my.thing')", "Unknown event 'engine.my.thing'"),
        ("logger.event('engine.my.thing')", "Unknown event 'engine.my.thing'"),
        ("logger.event('sheet.started', data={'colour': 1})", "has no colour in its data"),
    ],
)
def test_events_that_are_refused(classic, process, workbook, call, says):
    failure = process(workbook(ROWS), classic(hook(call))).completed["execution"]["failure"]
    assert (failure["code"], failure["stage"]) == ("hook_error", "on_workbook_start")
    assert says in failure["message"]


@pytest.mark.parametrize(
    "call",
    [
        "logger.event('my.thing', level=10)",
        "logger.event('config.mine', data={'anything': [1]})",
        "logger.event('engine.config.mine')",
        "logger.event('sheet.started', data={'sheet_name': 'x'})",
        "logger.warning('plain %s', 'words', data={'n': 1})",
    ],
)
def test_events_that_pass(classic, process, workbook, call):
    assert process(workbook(ROWS), classic(hook(call))).code == 0


def test_plain_lines_are_events(classic, process, workbook):
    body = "logger.warning('plain %s', 'words', data={'n': 1}); logger.debug('unheard')"
    (line,) = [e for e in process(workbook(ROWS), classic(hook(body))).events if e["event"] == "engine.log"]
    assert (line["level"], line["message"], line["data"]) == ("warning", "plain words", {"n": 1})


def test_exceptions_are_told_in_full(classic, process, workbook):
    body = "try:\n        1 / 0\n    except ZeroDivisionError as e:\n        logger.event('config.oops', exc=e)"
    event = process(workbook(ROWS), classic(hook(body))).event("engine.config.oops")
    assert set(event["error"]) == {"type", "message", "stack_trace"}
    assert event["error"]["type"] == "ZeroDivisionError"
    assert "zz.py" in event["error"]["stack_trace"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("{'v': float('nan'), 'w': [float('-inf')]}", {"v": "nan", "w": ["-inf"]}),
        ("{'v': {(1, 2): 3, 'x': 1.5}}", {"v": {"(1, 2)": 3, "x": 1.5}}),
        ("(lambda d: d.update(v=d) or d)({'w': 1})", {"w": 1, "v": "…"}),
        ("{'v': {1, }, 'w': b'x'}", {"v": "{1}", "w": "b'x'"}),
    ],
    ids=["not finite", "odd keys", "circular", "odd types"],
)
def test_data_that_json_does_not_know(classic, process, workbook, data, told):
    def strict(constant):
        raise ValueError(constant)

    outcome = process(workbook(ROWS), classic(hook(f"logger.event('config.odd', data={data})")))
    assert outcome.event("engine.config.odd")["data"] == told
    assert "Logging error" not in outcome.stderr
    for line in outcome.stderr.splitlines():
        json.loads(line, parse_constant=strict)


def test_failures_of_code_come_with_their_traceback(classic, process, workbook, tmp_path):
    transform = (
        "def register(r):\n    r.register_column_transform(f, field='name', priority=0)\ndef f(**_):\n    1 / 0\n"
    )
    (event,) = [e for e in process(workbook(ROWS), classic({"columns/zz.py": transform}), "--quiet").events]
    assert (event["event"], event["level"]) == ("engine.log", "error")
    assert event["message"].startswith("unknown_error: 'in.xlsx': Transform of 'name' failed")
    assert "zz.py" in event["error"]["stack_trace"]
    assert "ZeroDivisionError" in event["error"]["stack_trace"]
    (tmp_path / "in.xlsx").write_bytes(b"")
    (event,) = process(tmp_path / "in.xlsx", tmp_path / "config", "--quiet").events
    assert (event["level"], "error" in event) == ("error", False)


def test_lines_of_text_are_short(classic, cli, workbook, tmp_path):
    body = "logger.event('config.long', 'said', data={**{f'k{n}': n for n in range(9, 0, -1)}, 'a': 'x' * 500})"
    done = cli("process", "file", "-i", workbook(ROWS), "--config-package", classic(hook(body)))
    (line,) = [line for line in done.stderr.splitlines() if "config.long" in line]
    shown = re.fullmatch(r"\[\S+Z\] INFO engine\.config\.long: said \((.*)\)", line)
    assert shown
    pairs = shown[1].split(" ")
    assert [pair.split("=")[0] for pair in pairs] == ["a", *[f"k{n}" for n in range(1, 8)]]
    assert pairs[0] == f"a={'x' * 119}…"


def test_a_failed_run_completes_once(classic, process, workbook):
    outcome = process(workbook(ROWS), classic(hook("raise ValueError('bad')")))
    assert outcome.code == 1
    completed = outcome.completed
    assert completed["execution"]["status"] == "failed"
    assert completed["evaluation"]["outcome"] == "unknown"
    assert [finding["code"] for finding in completed["evaluation"]["findings"]] == ["execution_failed"]
    assert completed["outputs"] is None
    log = (outcome.out / "in_engine_events.ndjson").read_text("utf-8").splitlines()
    assert sum(json.loads(line)["event"] == "engine.run.completed" for line in log) == 1


def test_a_run_that_fails_late_tells_how_far_it_came(classic, process, workbook):
    late = {name: text.replace("on_workbook_start", "on_sheet_end") for name, text in hook("raise ValueError").items()}
    outcome = process(workbook(ROWS), classic(late))
    completed = outcome.completed
    assert completed["evaluation"]["outcome"] == "partial"
    assert "execution_failed" in outcome.finding_codes
    assert completed["counts"]["tables"] == 1
    assert completed["outputs"] is None
    assert completed["workbooks"][0]["sheets"][0]["tables"][0]["outputs"] is None
