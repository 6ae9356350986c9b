"""The command line: ``ade-engine`` and ``python -m ade_engine``.

``process`` leaves stdout empty; events go to stderr. Exit codes: 0 done, 1 a run failed or a config is invalid,
2 the command itself is wrong.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ade_engine.application.engine import Engine
    from ade_engine.infrastructure.settings import Settings

OK, FAILED, USAGE = 0, 1, 2


class UsageError(Exception):
    """The command can't be carried out as it was given."""


class CommandFailed(Exception):
    """The command is right, but what it needs is not."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.version:
        return _version(options)
    if options.show_completion or options.install_completion:
        return _completion(parser, install=options.install_completion)
    if options.run is None:
        if options.parser is not parser:
            options.parser.error("a command is missing")
        parser.print_help()
        return OK
    # Nearly everything that a command allocates lives until it ends: collecting it early and often only costs.
    gc.set_threshold(50_000, 20, 20)
    try:
        return int(options.run(options))
    except UsageError as error:
        options.parser.error(str(error))
    except CommandFailed as error:
        print(f"Error: {error}", file=sys.stderr)
        return FAILED
    finally:
        # What is left is the interpreter's to throw away; looking through it for circles takes longer than a small run.
        gc.freeze()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"Error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ade-engine", description="Turns messy workbooks into clean ones by the rules of a config package."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--show-completion", action="store_true", help="print what completes this command and exit")
    parser.add_argument(
        "--install-completion", action="store_true", help="let the shell complete this command and exit"
    )
    parser.set_defaults(run=None, parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version, parser=version)

    process = commands.add_parser("process", help="process workbooks")
    process.set_defaults(parser=process)
    kinds = process.add_subparsers(title="commands", metavar="COMMAND")
    _file_parser(kinds)
    _batch_parser(kinds)

    config = commands.add_parser("config", help="make and check config packages")
    config.set_defaults(parser=config)
    actions = config.add_subparsers(title="commands", metavar="COMMAND")
    _init_parser(actions)
    _validate_parser(actions)
    return parser


def _file_parser(commands: Any) -> None:
    parser = commands.add_parser("file", help="process one file")
    parser.add_argument("--input", "-i", type=Path, required=True, metavar="FILE", help="workbook to process")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--output", "-o", type=Path, metavar="PATH", help="output workbook (.xlsx)")
    output.add_argument("--output-dir", type=Path, metavar="DIR", help="directory for <name>_normalized.xlsx")
    parser.add_argument("--dry-run", action="store_true", help="do everything but write the output")
    _run_options(parser)
    parser.set_defaults(run=_process_file, parser=parser)


def _batch_parser(commands: Any) -> None:
    parser = commands.add_parser("batch", help="process the files of a directory")
    parser.add_argument("--input-dir", type=Path, required=True, metavar="DIR", help="directory to search")
    parser.add_argument("--output-dir", type=Path, required=True, metavar="DIR", help="directory for outputs")
    parser.add_argument("--include", action="append", default=[], metavar="GLOB", help="only files that match")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="no files that match")
    _run_options(parser)
    parser.set_defaults(run=_process_batch, parser=parser)


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logs-dir", type=Path, metavar="DIR", help="directory for the log and artifact.json")
    sheets = parser.add_mutually_exclusive_group()
    sheets.add_argument("--input-sheet", "-s", action="append", metavar="NAME", help="process this sheet (repeatable)")
    sheets.add_argument("--active-sheet-only", action="store_true", help="process the sheet in front only")
    _log_options(parser)
    _package_option(parser)


def _log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-format", choices=("text", "ndjson"), help="format of events")
    parser.add_argument("--log-level", metavar="NAME", help="least severe level to log")
    parser.add_argument("--debug", action="store_true", help="log everything")
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")


def _package_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-package", type=Path, metavar="DIR", help="config package or its project")


def _init_parser(commands: Any) -> None:
    parser = commands.add_parser("init", help="make a new config package")
    parser.add_argument("target_dir", type=Path, metavar="TARGET_DIR", help="directory for the project")
    parser.add_argument("--layout", choices=("src", "flat"), default="src", help="where the package goes (src)")
    parser.add_argument("--package-name", default="ade_config", metavar="NAME", help="import name (ade_config)")
    parser.add_argument("--force", action="store_true", help="write into a directory that is not empty")
    parser.set_defaults(run=_config_init, parser=parser)


def _validate_parser(commands: Any) -> None:
    parser = commands.add_parser("validate", help="check that a config package loads")
    _log_options(parser)
    _package_option(parser)
    parser.set_defaults(run=_config_validate, parser=parser)


def _version(_: argparse.Namespace) -> int:
    from ade_engine.version import __version__

    print(__version__)
    return OK


def _completion(parser: argparse.ArgumentParser, *, install: bool) -> int:
    from ade_engine import completion

    try:
        shell = completion.shell_in_use()
    except completion.UnknownShellError as error:
        parser.error(str(error))
    if not install:
        print(completion.script(parser, shell), end="")
        return OK
    try:
        print(f"{shell} completes the command from now on: {completion.install(parser, shell)}")
    except OSError as error:
        print(f"Error: completion can't be installed: {error}", file=sys.stderr)
        return FAILED
    return OK


def _process_file(options: argparse.Namespace) -> int:
    from ade_engine.application.engine import Engine
    from ade_engine.infrastructure.settings import SettingsError
    from ade_engine.models.errors import InputError

    if options.input.is_dir():
        raise UsageError(f"'{options.input}' is a directory, not a file")
    if not options.input.is_file():
        raise UsageError(f"input file '{options.input}' does not exist")
    _check_sheets(options)
    try:
        engine = Engine(_settings(options))
    except SettingsError:
        # The run finds the same and ends with its record.
        engine = Engine(explicit=_explicit(options))
    try:
        return _run(engine, options, options.input, output_path=options.output, output_dir=options.output_dir)
    except InputError as error:
        raise UsageError(str(error)) from error


def _process_batch(options: argparse.Namespace) -> int:
    from ade_engine.application.batch import find
    from ade_engine.application.engine import ARTIFACT_NAME, Engine, log_name
    from ade_engine.infrastructure.settings import SettingsError
    from ade_engine.models.errors import InputError

    if not options.input_dir.is_dir():
        raise UsageError(f"input directory '{options.input_dir}' does not exist")
    _check_sheets(options)
    try:
        settings = _settings(options)
    except SettingsError as error:
        raise CommandFailed(error) from error
    items = find(options.input_dir, options.output_dir, settings, options.include, options.exclude)
    if not items:
        raise UsageError(f"no files to process in '{options.input_dir}'")
    engine, code, logs = Engine(settings), OK, options.logs_dir
    for item in items:
        paths: dict[str, Path] = {"output_path": item.output(options.output_dir)}
        if logs is not None:
            paths["logs_path"] = item.log(logs, log_name(settings.log_format))
            paths["artifact_path"] = item.log(logs, ARTIFACT_NAME)
        try:
            code = max(code, _run(engine, options, item.input, **paths))
        except InputError as error:
            print(f"Error: '{item.input}': {error}", file=sys.stderr)
            code = FAILED
    return code


def _run(engine: Engine, options: argparse.Namespace, path: Path, **paths: Path | None) -> int:
    from ade_engine.models.run import RunRequest, RunStatus

    request = RunRequest(
        config_package=options.config_package,
        input_file=path,
        input_sheets=options.input_sheet,
        active_sheet_only=options.active_sheet_only,
        logs_dir=options.logs_dir,
        dry_run=getattr(options, "dry_run", False),
        **paths,
    )
    return OK if engine.run(request).status is RunStatus.SUCCEEDED else FAILED


def _check_sheets(options: argparse.Namespace) -> None:
    if not all(name.strip() for name in options.input_sheet or ()):
        raise UsageError("the name of a sheet is blank")


def _explicit(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says about settings."""
    from ade_engine.infrastructure.settings import SettingsError, level_number

    explicit: dict[str, Any] = {}
    if options.log_format:
        explicit["log_format"] = options.log_format
    if options.quiet:
        explicit["log_level"] = logging.WARNING
    elif options.debug:
        explicit["log_level"] = logging.DEBUG
    elif options.log_level:
        try:
            explicit["log_level"] = level_number(options.log_level)
        except SettingsError as error:
            raise UsageError(str(error)) from error
    return explicit


def _settings(options: argparse.Namespace) -> Settings:
    """Settings for a command; also decides which config package it uses. Those that can't be read are a
    ``SettingsError``."""
    from ade_engine.infrastructure.settings import Settings

    explicit = _explicit(options)
    if options.config_package is None:
        named = Settings().config_package
        if named is None:
            raise UsageError("no config package: use --config-package or the setting config_package")
        options.config_package = Path(named)
    if not options.config_package.exists():
        raise UsageError(f"config package '{options.config_package}' does not exist")
    return Settings.load(options.config_package, **explicit)


def _config_init(options: argparse.Namespace) -> int:
    from ade_engine.scaffold import ScaffoldError, scaffold

    try:
        package = scaffold(
            options.target_dir, layout=options.layout, package_name=options.package_name, force=options.force
        )
    except ScaffoldError as error:
        raise UsageError(str(error)) from error
    print(package)
    return OK


def _config_validate(options: argparse.Namespace) -> int:
    from ade_engine.application.validate import validate
    from ade_engine.infrastructure.settings import Settings, SettingsError

    refused = None
    try:
        settings = _settings(options)
    except SettingsError as error:
        settings, refused = Settings.defaults(**_explicit(options)), error
    return OK if validate(options.config_package, settings, refused) else FAILED
