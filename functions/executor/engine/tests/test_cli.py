"""The command line: commands, exit codes, files."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

PEOPLE = [["First Name", "Last Name", "Email"], ["Ann", "Lee", "ann@x.org"], ["Bob", "Ray", "bob@x.org"]]


def test_help_and_version(cli):
    help_text = cli()
    assert help_text.returncode == 0
    assert "process" in help_text.stdout
    version = cli("version").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version)
    assert cli("--version").stdout == version


def completed(script, line):
    """What bash offers for a line after it has read a script."""
    ask = 'source /dev/stdin; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ade_engine; echo "${COMPREPLY[*]}"'
    done = subprocess.run(["bash", "-c", ask, "bash", *line], input=script, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_completion(cli, tmp_path):
    script = cli("--show-completion", env={"SHELL": "/bin/bash"}).stdout
    assert completed(script, ["ade-engine", "pro"]) == ["process"]
    assert completed(script, ["ade-engine", "process", ""]) == ["file", "batch", "-h", "--help"]
    assert completed(script, ["ade-engine", "process", "file", "--log-"]) == ["--log-format", "--log-level"]
    assert completed(script, ["ade-engine", "config", "init", "where", "--la"]) == ["--layout"]
    for shell, place in (
        ("bash", ".bash_completions/ade-engine.sh"),
        ("fish", ".config/fish/completions/ade-engine.fish"),
    ):
        for _ in range(2):
            done = cli("--install-completion", env={"SHELL": f"/usr/bin/{shell}", "HOME": str(tmp_path)})
            assert (done.returncode, str(tmp_path / place) in done.stdout) == (0, True)
        assert "validate" in (tmp_path / place).read_text("utf-8")
    assert (tmp_path / ".bashrc").read_text("utf-8") == f"source '{tmp_path / '.bash_completions/ade-engine.sh'}'\n"
    assert "bashcompinit" in cli("--show-completion", env={"SHELL": "/bin/zsh"}).stdout
    refused = cli("--show-completion", env={"SHELL": "/bin/csh"})
    assert (refused.returncode, "completion is for bash, zsh, fish" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("process",),
        ("process", "file"),
        ("process", "file", "--input", "missing.xlsx"),
        ("process", "file", "--input", __file__),
        ("process", "file", "--input", __file__, "--config-package", "nowhere"),
        ("process", "file", "--input", __file__, "--output", "x.xlsx", "--output-dir", "y"),
        ("process", "file", "--input", __file__, "-s", "A", "--active-sheet-only"),
        ("process", "batch", "--input-dir", "."),
        ("config", "validate"),
        ("unknown",),
    ],
)
def test_wrong_commands_exit_2(cli, tmp_path, arguments):
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_output_must_be_xlsx(cli, workbook, template, tmp_path):
    done = cli("process", "file", "-i", workbook(PEOPLE), "-o", tmp_path / "x.csv", "--config-package", template)
    assert done.returncode == 2
    assert ".xlsx" in done.stderr


def test_logs_that_can_not_be_written_are_told_before_anything_is_done(cli, workbook, template, tmp_path):
    (tmp_path / "file").write_text("")
    done = cli("process", "file", "-i", workbook(PEOPLE), "--config-package", template, "--logs-dir", tmp_path / "file")
    assert done.returncode == 2
    assert "The log can't be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("touch", [False, True], ids=["native", "openpyxl"])
def test_outputs_that_can_not_be_written_are_failures_with_a_record(process, workbook, template, tmp_path, touch):
    if touch:
        hook = "def register(r):\n    r.register_hook(f, hook='on_workbook_before_save', priority=0)\n"
        hook += "def f(*, output_workbook, **_):\n    output_workbook.active\n"
        (template / "src" / "ade_config" / "hooks" / "touch.py").write_text(hook)
    (tmp_path / "out" / "in_normalized.xlsx").mkdir(parents=True)
    outcome = process(workbook(PEOPLE), template)
    assert outcome.code == 1
    failure = outcome.artifact["run"]["error"]
    assert (failure["code"], failure["stage"]) == ("pipeline_error", "write")
    assert failure["message"].startswith("'in.xlsx': The output can't be written: ")
    assert [path.name for path in outcome.out.iterdir() if path.name.startswith(".")] == []


def test_output_goes_next_to_the_input_and_parents_are_made(cli, workbook, template, tmp_path):
    source = workbook(PEOPLE)
    assert cli("process", "file", "-i", source, "--config-package", template).returncode == 0
    assert (tmp_path / "in_normalized.xlsx").is_file()
    assert not (tmp_path / "artifact.json").exists()
    deep = tmp_path / "a" / "b" / "c.xlsx"
    assert cli("process", "file", "-i", source, "-o", deep, "--config-package", template).returncode == 0
    assert deep.is_file()


def test_events_are_in_order_and_logged(workbook, template, process):
    outcome = process(workbook(PEOPLE), template)
    assert outcome.code == 0
    names = [event["event"] for event in outcome.events if event["event"] != "engine.progress"]
    assert names == [
        "engine.run.started",
        "engine.run.planned",
        "engine.config.loaded",
        "engine.workbook.started",
        "engine.sheet.started",
        "engine.table.written",
        "engine.run.completed",
    ]
    first = outcome.events[0]
    assert set(first) == {"event_id", "engine_run_id", "timestamp", "level", "event", "message", "data"}
    assert len({event["engine_run_id"] for event in outcome.events}) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timestamp"])
    log = (outcome.out / "in_engine_events.ndjson").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in log] == outcome.events
    assert outcome.event("engine.table.written")["data"]["output_range"] == "A1:D3"


def test_quiet_keeps_the_completion_in_the_log_file(workbook, template, process):
    outcome = process(workbook(PEOPLE), template, "--quiet")
    assert outcome.code == 0
    assert outcome.stderr == ""
    assert "engine.run.completed" in (outcome.out / "in_engine_events.ndjson").read_text("utf-8")


def test_text_log(cli, workbook, template, tmp_path):
    done = cli("process", "file", "-i", workbook(PEOPLE), "--config-package", template, "--logs-dir", tmp_path / "logs")
    assert re.match(r"\[\S+Z\] INFO engine\.run\.started: Processing in\.xlsx \(config_package=", done.stderr)
    assert (tmp_path / "logs" / "in_engine.log").read_text("utf-8").startswith("[")


def test_dry_run_writes_the_artifact_only(workbook, template, process):
    outcome = process(workbook(PEOPLE), template, "--dry-run")
    assert outcome.code == 0
    assert not (outcome.out / "in_normalized.xlsx").exists()
    assert outcome.artifact["run"]["status"] == "succeeded"
    assert outcome.artifact["run"]["outputs"] == []
    assert outcome.artifact["tables"][0]["mapped_columns"]


def test_config_init_and_validate(cli, tmp_path):
    for layout, name in (("src", "my_rules"), ("flat", "ade_config")):
        target = tmp_path / layout
        made = cli("config", "init", target, "--layout", layout, "--package-name", name)
        assert made.returncode == 0, made.stderr
        done = cli("config", "validate", "--config-package", target)
        assert done.returncode == 0, done.stderr
        assert "fields: 5" in done.stdout
    assert cli("config", "init", target).returncode == 2
    assert cli("config", "init", target, "--force").returncode == 0
    assert cli("config", "init", tmp_path / "x", "--package-name", "not-a-name").returncode == 2


def test_config_validate_tells_machines_what_is_wrong(cli, classic):
    project = classic({"columns/broken.py": "def register(registry):\n    registry.register_field('x')\n"})
    done = cli("config", "validate", "--config-package", project, "--log-format", "ndjson")
    assert done.returncode == 1
    last = json.loads(done.stderr.splitlines()[-1])
    assert last["event"] == "engine.config.validated"
    (issue,) = last["data"]["issues"]
    assert issue["path"] == "src/ade_config/columns/broken.py"
    assert issue["line"] == 2
    assert issue["code"] == "config_error"


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("def register(registry):\n    pass\n\ndef x(:\n", "syntax_error", 4),
        ("import nowhere\ndef register(registry):\n    pass\n", "import_error", 1),
        ("def register(registry):\n    raise SystemExit(0)\n", "load_error", 2),
        (
            "def register(r):\n    r.register_hook(h, hook='on_sheet_start', priority=0)\ndef h(nonsense):\n    pass\n",
            "unknown_parameter",
            3,
        ),
    ],
)
def test_config_validate_finds(cli, classic, source, code, line):
    project = classic({"hooks/broken.py": source})
    done = cli("config", "validate", "--config-package", project, "--log-format", "ndjson")
    assert done.returncode == 1
    (issue,) = json.loads(done.stderr.splitlines()[-1])["data"]["issues"]
    assert (issue["code"], issue["path"], issue["line"]) == (code, "src/ade_config/hooks/broken.py", line)


BROKEN = "def register(registry):\n    raise ValueError('no')\n"
FIELD = "from ade_engine.models import FieldDef\ndef register(r):\n    r.register_field(FieldDef(name='same'))\n"


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        (
            {"hooks/a.py": "def x(:\n", "_helper.py": "\n\nif\n", "hooks/b.py": BROKEN},
            [("_helper.py", "syntax_error", 3, "error"), ("hooks/a.py", "syntax_error", 1, "error")],
        ),
        (
            {"hooks/a.py": BROKEN, "hooks/b.py": "import nowhere\n" + BROKEN, "hooks/c.py": "x = 1\n"},
            [
                ("hooks/a.py", "load_error", 2, "error"),
                ("hooks/b.py", "import_error", 1, "error"),
                ("hooks/c.py", "missing_register", None, "warning"),
            ],
        ),
        ({"columns/one.py": FIELD, "columns/two.py": FIELD}, [("columns/two.py", "config_error", 3, "error")]),
    ],
)
def test_config_validate_finds_everything_at_once(cli, classic, modules, expected):
    done = cli("config", "validate", "--config-package", classic(modules), "--log-format", "ndjson")
    assert done.returncode == 1
    issues = json.loads(done.stderr.splitlines()[-1])["data"]["issues"]
    found = [(i["path"].removeprefix("src/ade_config/"), i["code"], i["line"], i["severity"]) for i in issues]
    assert found == expected


def below(folder):
    """The files in a directory and in what is in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_batch(cli, workbook, template, tmp_path):
    inputs = tmp_path / "inputs"
    (inputs / "sub").mkdir(parents=True)
    workbook(PEOPLE, "inputs/a.xlsx")
    workbook(PEOPLE, "inputs/sub/b.xlsx")
    workbook(PEOPLE, "inputs/skip.xlsx")
    (inputs / "notes.txt").write_text("not a workbook")
    base = ("process", "batch", "--input-dir", inputs, "--config-package", template, "--logs-dir", tmp_path / "logs")
    done = cli(*base, "--output-dir", tmp_path / "out", "--exclude", "skip*")
    assert done.returncode == 0, done.stderr
    assert below(tmp_path / "out") == ["a_normalized.xlsx", "sub/b_normalized.xlsx"]
    assert (tmp_path / "logs" / "sub" / "b_artifact.json").is_file()
    for number, (options, found) in enumerate(
        [
            (("--include", "sub/*"), ["sub/b"]),
            (("--include", "*.xlsx", "--exclude", "sub/*"), ["a", "skip"]),
            (("--include", "a.*", "--include", "b.*", "--exclude", "a.xlsx"), ["sub/b"]),
        ]
    ):
        out = tmp_path / f"chosen{number}"
        assert cli(*base, "--output-dir", out, *options).returncode == 0
        assert below(out) == [f"{stem}_normalized.xlsx" for stem in found]
    (inputs / "broken.xlsx").write_bytes(b"")
    assert cli(*base, "--output-dir", tmp_path / "out2", "--include", "broken*").returncode == 1
    assert cli(*base, "--output-dir", tmp_path / "out3", "--include", "nothing*").returncode == 2


@pytest.fixture
def alike(workbook, tmp_path):
    """Files that are called alike, and one that Excel left beside an open workbook."""
    inputs = tmp_path / "inputs"
    (inputs / "sub").mkdir(parents=True)
    for name in ("a.xlsx", "sub/a.xlsx"):
        workbook(PEOPLE, f"inputs/{name}")
    for name in ("a.csv", "a.xlsx.csv", "A.CSV"):
        (inputs / name).write_text("First Name,Email\nAnn,ann@x.org\n")
    (inputs / "~$a.xlsx").write_bytes(b"\x03Ann")
    return inputs


@pytest.mark.parametrize("log_format", ["text", "ndjson"])
def test_a_batch_writes_nothing_twice(cli, alike, template, tmp_path, log_format):
    out, logs = tmp_path / "out", tmp_path / "logs"
    base = ("process", "batch", "--input-dir", alike, "--output-dir", out, "--logs-dir", logs)
    done = cli(*base, "--config-package", template, "--log-format", log_format)
    assert done.returncode == 0, done.stderr
    names = ["A.CSV", "a.csv (2)", "a.xlsx", "a.xlsx (2)", "sub/a"]
    assert below(out) == sorted(f"{name}_normalized.xlsx" for name in names)
    log = "engine.log" if log_format == "text" else "engine_events.ndjson"
    assert below(logs) == sorted(f"{name}_{end}" for name in names for end in ("artifact.json", log))
    made_of = {name: json.loads((logs / f"{name}_artifact.json").read_text("utf-8"))["run"]["input"] for name in names}
    assert [made_of[name] for name in names] == ["A.CSV", "a.csv", "a.xlsx.csv", "a.xlsx", "a.xlsx"]


@pytest.mark.parametrize("out", [".", "out"], ids=["the same", "inside"])
def test_outputs_of_a_batch_are_no_inputs(cli, alike, template, tmp_path, out):
    base = ("process", "batch", "--input-dir", alike, "--output-dir", alike / out, "--config-package", template)
    assert cli(*base).returncode == 0
    first = below(alike)
    assert len(first) == 11
    assert cli(*base).returncode == 0
    assert below(alike) == first


def test_a_batch_of_a_config_of_engine_1_is_flat(cli, alike, classic, tmp_path):
    out = tmp_path / "out"
    done = cli("process", "batch", "--input-dir", alike, "--output-dir", out, "--config-package", classic())
    assert done.returncode == 0, done.stderr
    assert below(out) == ["A_normalized.xlsx", "a.xlsx_normalized.xlsx", "a_normalized.xlsx"]


def test_a_batch_tells_what_it_can_not_log(cli, alike, template, tmp_path):
    (tmp_path / "file").write_text("")
    base = ("process", "batch", "--input-dir", alike, "--output-dir", tmp_path / "out", "--logs-dir", tmp_path / "file")
    done = cli(*base, "--config-package", template)
    assert done.returncode == 1
    assert done.stderr.count("The log can't be written") == 5
    assert "Traceback" not in done.stderr


def test_a_run_without_its_record_has_failed(classic, process, workbook, tmp_path, cli):
    out = tmp_path / "out"
    (out / "artifact.json" / "in the way").mkdir(parents=True)
    base = ("process", "file", "-i", workbook(PEOPLE), "--output-dir", out, "--logs-dir", out, "--log-format", "ndjson")
    done = cli(*base, "--config-package", classic(settings="engine = 2"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    completed = json.loads(done.stderr.splitlines()[-1])
    assert completed["event"] == "engine.run.completed"
    failure = completed["data"]["execution"]["failure"]
    assert (failure["code"], failure["stage"]) == ("pipeline_error", "write")
    assert failure["message"].startswith("artifact.json can't be written: ")
    assert below(out) == ["in_engine_events.ndjson"]


def test_import_is_light():
    code = "import sys, ade_engine; print(*(name in sys.modules for name in ('polars', 'openpyxl', 'logging')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


@pytest.mark.parametrize("name", ["", "  "])
def test_blank_names_of_sheets_are_refused(cli, workbook, template, tmp_path, name):
    done = cli("process", "file", "-i", workbook(PEOPLE), "--config-package", template, "-s", "Sheet1", "-s", name)
    assert (done.returncode, "the name of a sheet is blank" in done.stderr) == (2, True)
    assert not (tmp_path / "in_normalized.xlsx").exists()

    from ade_engine import Engine, RunRequest

    result = Engine().run(RunRequest(config_package=template, input_file=tmp_path / "in.xlsx", input_sheets=[name]))
    assert result.error is not None
    assert (result.error.code, result.error.stage) == ("input_error", "select_sheets")


def test_a_directory_is_no_input(cli, template, tmp_path):
    (tmp_path / "folder").mkdir()
    done = cli("process", "file", "-i", tmp_path / "folder", "--config-package", template)
    assert (done.returncode, "folder' is a directory, not a file" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["class", "ade_engine", "polars", "json", "not-a-name"])
def test_names_that_no_config_can_have(cli, tmp_path, name):
    done = cli("config", "init", tmp_path / "x", "--package-name", name)
    assert (done.returncode, f"'{name}' can't be a package name" in done.stderr) == (2, True)
    assert not (tmp_path / "x").exists()


def test_a_parameter_that_no_call_gives_is_named_once(cli, classic):
    source = "def register(r):\n    r.register_hook(h, hook='on_sheet_start', priority=0)\ndef h(nonsense):\n    pass\n"
    project = classic({"hooks/broken.py": source})
    done = cli("config", "validate", "--config-package", project)
    start = "error: src/ade_config/hooks/broken.py:3: ade_config.hooks.broken.h requires the parameter 'nonsense', "
    assert done.stderr.startswith(start)
