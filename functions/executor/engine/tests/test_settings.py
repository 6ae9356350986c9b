"""Each setting does what it says, and the nearest place that says it wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ade_engine import Settings
from ade_engine.infrastructure.settings import SettingsError

ROWS = [["Name", "Amount"], ["Ann", 1]]
GAP = [["Name", "Amount"], ["Ann", 1], [], [], [], ["Bob", 2]]
FAR = [["Name", "Amount", None, None, None, "Far"], ["Ann", 1, None, None, None, 9]]
SAMPLE = """
    def register(r):
        r.register_column_detector(f, field="name", priority=0)
    def f(*, column_sample, logger, **_):
        logger.event("config.sample", data={"sample": column_sample})
"""


@pytest.mark.parametrize("generation", [1, 2])
def test_reading_stops_after_empty_rows(classic, process, workbook, generation):
    project = classic(settings=f"engine = {generation}\nmax_empty_rows_run = 3")
    outcome = process(workbook(GAP), project)
    assert [row for row in outcome.rows() if any(row)] == [("name", "Amount"), ("Ann", 1)]
    assert "scan_stopped_early" in outcome.finding_codes
    (warning,) = [event for event in outcome.events if event["level"] == "warning"]
    assert (warning["event"], warning["data"]["sheet_name"]) == ("engine.log", "Sheet1")
    scan = outcome.completed["workbooks"][0]["sheets"][0]["scan"]
    assert scan["stopped_early"] is True
    (project / "settings.toml").write_text(f"engine = {generation}\nmax_empty_rows_run = 4")
    assert [row for row in process(workbook(GAP), project).rows() if any(row)][-1] == ("Bob", 2)


@pytest.mark.parametrize("generation", [1, 2])
def test_rows_are_cut_at_empty_cells(classic, process, workbook, generation):
    project = classic(settings=f"engine = {generation}\nmax_empty_cols_run = 3")
    outcome = process(workbook(FAR), project)
    assert outcome.rows() == [("name", "Amount"), ("Ann", 1)]
    assert "rows_truncated" in outcome.finding_codes
    assert [event["event"] for event in outcome.events if event["level"] == "warning"] == ["engine.log"]
    (project / "settings.toml").write_text(f"engine = {generation}\nmax_empty_cols_run = 4")
    assert "Far" in process(workbook(FAR), project).rows()[0]


def test_never_giving_up_on_emptiness(classic, process, workbook):
    path = workbook([["Name", *[None] * 600, "Far"], ["Ann", *[None] * 600, 9], *[[]] * 1100, ["Bob"]])
    unset = {f"ADE_ENGINE_MAX_EMPTY_{what}_RUN": "null" for what in ("ROWS", "COLS")}
    rows = process(path, classic(), env=unset).rows()
    assert rows[0][601] == "Far"
    assert rows[-1][0] == "Bob"


def test_the_size_of_samples(classic, process, workbook):
    path = workbook([["Name"], *[[value] for value in (" a ", None, 2, "c", "d")]])
    project = classic({"columns/zz.py": SAMPLE}, "detector_column_sample_size = 3")
    assert process(path, project).event("engine.config.sample")["data"]["sample"] == ["a", "2", "c"]


@pytest.mark.parametrize("generation", [1, 2])
def test_stacked_headers_may_stay_apart(classic, process, workbook, generation):
    path = workbook([["Name", "Id"], ["Name", "Amount"], ["Ann", 1]])
    project = classic(settings=f"engine = {generation}")
    assert process(path, project).artifact["tables"][0]["header"]["cells"] == ["Name", "Id Amount"]
    (project / "settings.toml").write_text(f"engine = {generation}\nmerge_stacked_headers = false")
    headers = [table["header"]["cells"] for table in process(path, project).artifact["tables"]]
    assert headers == [["Name", "Id"], ["Name", "Amount"]]


@pytest.mark.parametrize("generation", [1, 2])
def test_sheets_of_too_many_tables_are_refused(classic, process, workbook, generation):
    path = workbook([["Name", "Amount"], ["Ann", 1], []] * 3)
    project = classic(settings=f"engine = {generation}\nmax_tables = 3")
    assert len(process(path, project).artifact["tables"]) == 3
    (project / "settings.toml").write_text(f"engine = {generation}\nmax_tables = 2")
    failure = process(path, project).completed["execution"]["failure"]
    assert (failure["code"], failure["stage"]) == ("input_error", "detect_rows" if generation == 2 else "unknown")
    assert "'in.xlsx', sheet 'Sheet1': The sheet has more tables (3) than the limit max_tables" in failure["message"]


READ = ["a.csv", "b.xlsx", "c.xls", "d.xlsm"]
READ_TOO = ["e.xlsb", "f.ods", "g.tsv"]


@pytest.mark.parametrize(
    ("settings", "env", "found"),
    [
        ("", {}, READ),
        ("engine = 1", {}, READ),
        ("engine = 2", {}, [*READ, *READ_TOO]),
        ("engine = 2\nsupported_file_extensions = ['.csv']", {}, ["a.csv"]),
        ("supported_file_extensions = ['ods', '.TSV']", {}, ["f.ods", "g.tsv"]),
        ("", {"ADE_ENGINE_SUPPORTED_FILE_EXTENSIONS": "xlsb, .ods"}, ["e.xlsb", "f.ods"]),
        ("", {"ADE_ENGINE_SUPPORTED_FILE_EXTENSIONS": '[".xlsb"]'}, ["e.xlsb"]),
    ],
)
def test_what_a_batch_looks_for(classic, cli, tmp_path, settings, env, found):
    """Empty files: what is found fails, and its log says so."""
    inputs, logs = tmp_path / "inputs", tmp_path / "logs"
    inputs.mkdir()
    for name in (*READ, *READ_TOO, "h.txt", "i.docx", "README"):
        (inputs / name).write_bytes(b"")
    base = ("process", "batch", "--input-dir", inputs, "--output-dir", tmp_path / "out", "--logs-dir", logs)
    done = cli(*base, "--config-package", classic(settings=settings), env=env)
    assert done.returncode == 1
    assert sorted(path.stem[0] for path in logs.glob("*_artifact.json")) == [name[0] for name in found]


def test_the_nearest_place_wins(classic, cli, workbook, tmp_path):
    """Each place says another sample size; they are taken away one after another."""
    project = classic({"columns/zz.py": SAMPLE}, "detector_column_sample_size = 3")
    path = workbook([["Name"], *[[n] for n in range(1, 9)]])
    here = tmp_path / "here"
    here.mkdir()
    (here / "settings.toml").write_text("detector_column_sample_size = 2")
    (here / ".env").write_text("# comment\nexport ADE_ENGINE_DETECTOR_COLUMN_SAMPLE_SIZE='4'\n")
    command = ("process", "file", "-i", path, "--config-package", project, "--log-format", "ndjson", "--quiet")

    def sample(**env: str) -> int:
        done = cli(*command, "--logs-dir", tmp_path / "logs", cwd=here, env=env)
        assert done.returncode == 0, done.stderr
        log = (tmp_path / "logs" / "in_engine_events.ndjson").read_text("utf-8")
        (line,) = [line for line in log.splitlines() if "config.sample" in line]
        return len(json.loads(line)["data"]["sample"])

    assert sample(ADE_ENGINE_DETECTOR_COLUMN_SAMPLE_SIZE="5") == 5
    assert Settings.load(project, detector_column_sample_size=6).detector_column_sample_size == 6
    assert sample() == 4
    (here / ".env").unlink()
    assert sample() == 3
    (project / "settings.toml").unlink()
    assert sample() == 2
    (here / "settings.toml").unlink()
    assert sample() == 8


@pytest.mark.parametrize(
    ("arguments", "env", "least"),
    [
        ((), {}, "info"),
        (("--log-level", "warning"), {}, "warning"),
        (("--log-level", "WARNING", "--debug"), {}, "debug"),
        (("--log-level", "INFO", "--debug", "--quiet"), {}, "warning"),
        ((), {"ADE_ENGINE_LOG_LEVEL": "DEBUG"}, "debug"),
        ((), {"ADE_LOG_LEVEL": "10"}, "debug"),
        ((), {"ADE_LOG_LEVEL": "10", "ADE_ENGINE_LOG_LEVEL": "WARNING"}, "warning"),
        (("--log-level", "INFO"), {"ADE_ENGINE_LOG_LEVEL": "DEBUG"}, "info"),
    ],
)
def test_levels(classic, process, workbook, arguments, env, least):
    source = "def register(r):\n    r.register_hook(f, hook='on_sheet_start', priority=0)\n"
    source += "def f(*, logger, **_):\n    logger.warning('w'), logger.info('i'), logger.debug('d')\n"
    outcome = process(workbook(ROWS), classic({"hooks/zz.py": source}), *arguments, env=env)
    levels = ["debug", "info", "warning"]
    assert {event["level"] for event in outcome.events} == set(levels[levels.index(least) :])
    logged = (outcome.out / "in_engine_events.ndjson").read_text("utf-8")
    assert "engine.run.completed" in logged


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("engine", 3, "engine must be one of 1, 2"),
        ("mapping_tie_resolution", "rightmost", "leftmost"),
        ("log_format", "xml", "ndjson"),
        ("log_level", "LOUD", "LOUD"),
        ("remove_unmapped_columns", "maybe", "true or false"),
        ("max_empty_rows_run", 0, "at least 1"),
        ("max_cells", "many", "whole number"),
        ("max_file_bytes", None, "whole number"),
        ("supported_file_extensions", ".csv", "list of texts"),
        ("supported_file_extensions", 5, "list of texts"),
        ("log_level", True, "name or number"),
        ("log_level", -1, "name or number"),
    ],
)
def test_values_that_are_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Settings(**{name: value})


@pytest.mark.parametrize("name", ["settings.toml", ".env"])
def test_files_that_are_no_text_are_refused(cli, classic, workbook, tmp_path, name):
    here = tmp_path / "here"
    here.mkdir()
    (here / name).write_bytes(b"\xff\xfe")
    done = cli("process", "file", "-i", workbook(ROWS), "--config-package", classic(), cwd=here)
    assert (done.returncode, f"{name}: can't be read" in done.stderr) == (1, True)


def test_a_librarys_run_ends_with_its_record_too(classic, workbook):
    from ade_engine import Engine, RunRequest

    project = classic(settings="engine = 7")
    path = workbook(ROWS)
    result = Engine().run(RunRequest(config_package=project, input_file=path, logs_dir=path.parent / "logs"))
    assert result.error is not None
    assert (result.error.code, result.artifact_path) == ("config_error", path.parent / "logs" / "artifact.json")
    assert Path(str(result.artifact_path)).is_file()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("# mine\nengine = 5\n", 2, "engine must be one of 1, 2, not 5"),
        ("engine = 2\n\nx = [1\n", 3, "not valid TOML"),
        ("engine == 2\n", 1, "not valid TOML"),
        ("supported_file_extensions = 5\n", 1, "must be a list of texts, not 5"),
        ("log_level = [1]\n", 1, "must be a level's name or number, not [1]"),
        ("log_level = 1.5\n", 1, "must be a level's name or number, not 1.5"),
        ("log_level = true\n", 1, "must be a level's name or number, not True"),
        ("log_level = -5\n", 1, "must be a level's name or number, not -5"),
    ],
)
def test_settings_of_a_config_that_are_refused(cli, classic, workbook, tmp_path, text, line, says):
    """A run ends with its record; a check tells where."""
    project, logs = classic(settings=text), tmp_path / "logs"
    base = ("process", "file", "-i", workbook(ROWS), "--config-package", project)
    done = cli(*base, "--logs-dir", logs, "--log-format", "ndjson", "--quiet")
    assert done.returncode == 1
    error = json.loads((logs / "artifact.json").read_text("utf-8"))["run"]["error"]
    assert (error["code"], error["stage"]) == ("config_error", "settings")
    assert error["message"].startswith(f"settings.toml:{line}: ")
    assert says in error["message"]
    assert "engine.run.completed" in (logs / "in_engine_events.ndjson").read_text("utf-8")
    assert [json.loads(line)["level"] for line in done.stderr.splitlines()] == ["error"]

    checked = cli("config", "validate", "--config-package", project, "--log-format", "ndjson")
    assert checked.returncode == 1
    *_, told, validated = [json.loads(line) for line in checked.stderr.splitlines()]
    assert (told["event"], validated["event"]) == ("engine.config.issue", "engine.config.validated")
    (issue,) = validated["data"]["issues"]
    assert (issue["code"], issue["path"], issue["line"]) == ("config_error", "settings.toml", line)
    assert says in issue["message"]

    batch = cli("process", "batch", "--input-dir", tmp_path, "--output-dir", tmp_path / "out", *base[4:])
    assert (batch.returncode, batch.stderr.splitlines()[0].startswith("Error: ")) == (1, True)
    assert f"settings.toml:{line}: " in batch.stderr
    for command in (done, checked, batch):
        assert "usage" not in command.stderr
        assert "Traceback" not in command.stderr


@pytest.mark.parametrize("command", ["file", "validate"])
def test_settings_that_would_name_the_config_are_refused_alike(cli, workbook, tmp_path, command):
    here = tmp_path / "here"
    here.mkdir()
    (here / "settings.toml").write_text("config_package = \n")
    arguments = ("config", "validate") if command == "validate" else ("process", "file", "-i", workbook(ROWS))
    done = cli(*arguments, cwd=here)
    assert (done.returncode, "settings.toml:1: not valid TOML" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


def test_variables_are_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADE_ENGINE_ENGINE", "7")
    with pytest.raises(SettingsError, match=r"^ADE_ENGINE_ENGINE: engine must be one of 1, 2, not 7$"):
        Settings()
    monkeypatch.delenv("ADE_ENGINE_ENGINE")
    (tmp_path / ".env").write_text("\nexport ADE_ENGINE_SUPPORTED_FILE_EXTENSIONS='[1'\n")
    with pytest.raises(SettingsError, match=r"^\.env:2: not a JSON array"):
        Settings()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("true # drop", True),
        ("true", True),
        ("'true' # drop", True),
        ('"false"#drop', False),
        ("false\t# drop it's", False),
    ],
)
def test_comments_in_dotenv(monkeypatch, tmp_path, line, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"ADE_ENGINE_REMOVE_UNMAPPED_COLUMNS={line}\nADE_ENGINE_CONFIG_PACKAGE=a#b\n")
    settings = Settings()
    assert settings.remove_unmapped_columns is expected
    assert settings.config_package == "a#b"


def test_keys_that_are_no_settings_are_told_by_a_check(cli, classic):
    project = classic(settings="engien = 2\n\n[mine]\nx = 1\n")
    done = cli("config", "validate", "--config-package", project)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "warning: settings.toml:1: 'engien' is no setting and is ignored; did you mean 'engine'?",
        "warning: settings.toml:3: 'mine' is no setting and is ignored",
    ]
