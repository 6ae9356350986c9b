"""The engine: one file through one config package.

A run never raises for what is wrong with its input or its config: the result says what failed, the completion event and
``artifact.json`` are written either way, and no output is left behind unless the run succeeded.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ade_engine.infrastructure.settings import Settings, SettingsError
from ade_engine.models.errors import AdeEngineError, ConfigError, InputError, PipelineError
from ade_engine.models.run import RunError, RunRequest, RunResult, RunStatus

if TYPE_CHECKING:
    from ade_engine.extensions.loader import ConfigPackage
    from ade_engine.extensions.registry import Registry
    from ade_engine.infrastructure.observability.logger import RunLogger
    from ade_engine.pipeline.artifact import ConfigRecord
    from ade_engine.pipeline.context import Finding, RunContext
    from ade_engine.pipeline.report import Report, SheetRecord

ARTIFACT_NAME = "artifact.json"
RUN_METADATA = "ADE_RUN_METADATA"
RULE_STAGES = ("detect_rows", "detect_columns", "transform", "validate")
OWN_STAGE = "engine"


@dataclass(frozen=True)
class Plan:
    """Where a run reads and writes."""

    input_file: Path
    output_file: Path
    logs_dir: Path | None
    logs_file: Path | None
    artifact_file: Path | None

    @classmethod
    def of(cls, request: RunRequest, log_format: str) -> Plan:
        """Paths of a request; a request that makes no sense is an ``InputError``."""
        if request.input_file is None:
            raise InputError("A run needs an input file")
        input_file = Path(request.input_file)
        if request.output_path is not None:
            output_file = Path(request.output_path)
            if output_file.suffix.lower() != ".xlsx":
                raise InputError(f"The output must be an .xlsx file, not '{output_file.name}'")
        else:
            folder = Path(request.output_dir) if request.output_dir is not None else input_file.parent
            output_file = folder / f"{input_file.stem}_normalized.xlsx"
        if output_file.resolve() == input_file.resolve():
            raise InputError("The output would overwrite the input")
        logs_dir = Path(request.logs_dir) if request.logs_dir is not None else None
        logs_file = Path(request.logs_path) if request.logs_path is not None else None
        if logs_file is None and logs_dir is not None:
            logs_file = logs_dir / f"{input_file.stem}_{log_name(log_format)}"
        artifact = Path(request.artifact_path) if request.artifact_path is not None else None
        if artifact is None and logs_file is not None:
            artifact = (logs_dir or logs_file.parent) / ARTIFACT_NAME
        return cls(input_file, output_file, logs_dir or (logs_file.parent if logs_file else None), logs_file, artifact)


def log_name(log_format: str) -> str:
    """What the names of logs end with."""
    return "engine_events.ndjson" if log_format == "ndjson" else "engine.log"


class Engine:
    """Runs requests with the given settings; without any, each config's own settings hold, save for those in
    ``explicit``."""

    def __init__(self, settings: Settings | None = None, *, explicit: Mapping[str, Any] | None = None) -> None:
        self._settings = settings
        self._explicit = dict(explicit or {})

    def run(self, request: RunRequest, logger: RunLogger | None = None) -> RunResult:
        """Processes one file.

        Raises ``InputError`` when the request itself makes no sense; everything else ends in the result.
        """
        started_at = datetime.now(UTC)
        root = _path(request.config_package)
        settings_error: Exception | None = None
        try:
            if root is None:
                root = _path((self._settings or Settings(**self._explicit)).config_package)
            settings = self._settings or Settings.load(root, **self._explicit)
        except SettingsError as error:
            settings, settings_error = Settings.defaults(**self._explicit), error
        plan = Plan.of(request, settings.log_format)
        log = None
        if logger is None:
            from ade_engine.infrastructure.observability.logger import RunLog

            try:
                log = RunLog(log_format=settings.log_format, level=settings.log_level, file=plan.logs_file)
            except OSError as error:
                raise InputError(f"The log can't be written: {error}") from error
            logger = log.logger
        try:
            return _Run(request, plan, settings, settings_error, root, logger, started_at).execute()
        finally:
            if log is not None:
                log.close()


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given).expanduser()


def _run_metadata() -> Any:
    """What whoever started the run said about it."""
    text = os.environ.get(RUN_METADATA)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{RUN_METADATA} is not JSON: {error}", stage="start") from error


@dataclass
class _Run:
    request: RunRequest
    plan: Plan
    settings: Settings
    settings_error: Exception | None
    config_root: Path | None
    logger: RunLogger
    started_at: datetime
    registry: Registry | None = None
    config: ConfigRecord | None = None
    package: ConfigPackage | None = None
    context: RunContext | None = None
    sheets: list[SheetRecord] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def execute(self) -> RunResult:
        error: RunError | None = None
        try:
            self._announce()
            if self.settings_error is not None:
                raise ConfigError(str(self.settings_error), stage="settings")
            self._load_config()
            self._process()
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            # Code of a config may end in sys.exit() or a panic of polars; a run ends with its record all the same.
            error = self._explain(failure)
            self._tell(error, failure)
        return self._finish(error)

    def _tell(self, error: RunError, failure: BaseException) -> None:
        """What a person sees first, even with --quiet; the completion is an event of its own. What came up in code of a
        config, or is not known to the engine, comes with its traceback."""
        from ade_engine.extensions.invoke import innermost_line

        traced = not isinstance(failure, AdeEngineError)
        cause: BaseException | None = failure
        while cause is not None and not traced:
            traced, cause = innermost_line(cause) is not None, cause.__cause__
        self.logger.error(f"{error.code}: {error.message}", exc_info=failure if traced else None)

    def _announce(self) -> None:
        plan = self.plan
        self.logger.event(
            "run.started",
            f"Processing {plan.input_file.name}",
            data={
                "input_file": str(plan.input_file),
                "config_package": str(self.config_root) if self.config_root else None,
            },
        )
        self.logger.event(
            "run.planned",
            f"Output goes to {plan.output_file}",
            data={
                "output_file": str(plan.output_file),
                "output_dir": str(plan.output_file.parent),
                "logs_file": str(plan.logs_file) if plan.logs_file else None,
                "logs_dir": str(plan.logs_dir) if plan.logs_dir else None,
            },
        )
        self.logger.event("settings.effective", level=logging.DEBUG, data={"settings": self.settings.to_dict()})

    def _load_config(self) -> None:
        from ade_engine.extensions.loader import load, locate
        from ade_engine.pipeline.artifact import ConfigRecord

        if self.config_root is None:
            raise ConfigError("No config package is given", stage="load_config")
        self.package = locate(self.config_root)
        self.config = ConfigRecord.of(self.package)
        self.registry, modules = load(self.package)
        self.logger.event(
            "config.loaded",
            f"Config {self.config.name}: {len(self.registry.fields)} fields",
            data={
                "config_package": str(self.package.directory),
                "entrypoint": "auto-discovery",
                "plugin_modules": modules,
                "fields": list(self.registry.fields),
                "settings": self.settings.to_dict(),
            },
        )

    def _process(self) -> None:
        from ade_engine.application.process import process
        from ade_engine.pipeline.context import RunContext

        assert self.registry is not None
        self.context = RunContext(
            settings=self.settings,
            registry=self.registry,
            logger=self.logger,
            input_file=self.plan.input_file,
            output_file=self.plan.output_file,
            run_metadata=_run_metadata(),
            findings=self.findings,
        )
        process(self.context, self.request, self.sheets)

    def _explain(self, failure: BaseException) -> RunError:
        """An exception as the run's error."""
        from ade_engine.extensions.invoke import innermost_line

        code = failure.code if isinstance(failure, AdeEngineError) else AdeEngineError.code
        stage = getattr(failure, "stage", None) or (self.context.stage if self.context else "load_config")
        message = str(failure) or type(failure).__name__
        line = innermost_line(failure)
        if isinstance(failure, SyntaxError) and failure.filename:
            line = f"{failure.filename}:{failure.lineno}"
        if not isinstance(failure, AdeEngineError):
            message = f"{type(failure).__name__}: {message}"
            if stage in RULE_STAGES:
                # What rules raise comes up as an error of the engine's own kinds: this is none of theirs.
                stage = OWN_STAGE
        # Errors of rules say where the rule is; of the others, the config's innermost line does.
        if line is not None and (isinstance(failure, ConfigError) or not isinstance(failure, AdeEngineError)):
            message = f"{message} ({line})"
        if self.registry is not None and self.plan.input_file.name not in message:
            message = f"'{self.plan.input_file.name}': {message}"
        if self.package is not None:
            # Files are named as the config's project names them, wherever it was put.
            message = message.replace(f"{self.package.root}{os.sep}", "")
        if self.settings_error is not None and self.config_root is not None:
            message = message.replace(f"{self.config_root}{os.sep}", "")
        return RunError(code, stage, message)

    def _finish(self, error: RunError | None) -> RunResult:
        report = self._report(error)
        try:
            self._record(report)
        except OSError as failure:
            # Without its record a run has not succeeded, and what has not leaves no output.
            message = f"{ARTIFACT_NAME} can't be written: {failure}"
            self.logger.error(message)
            if report.output_file is not None:
                report.output_file.unlink(missing_ok=True)
            report = self._report(error or RunError(PipelineError.code, "write", message))
        error = report.told_error
        self.logger.event("run.completed", "The run failed" if error else "The run succeeded", data=report.as_dict())
        return RunResult(
            status=RunStatus.FAILED if error else RunStatus.SUCCEEDED,
            error=error,
            output_path=report.output_file,
            logs_dir=self.plan.logs_dir,
            processed_file=self.plan.input_file.name,
            started_at=self.started_at,
            completed_at=report.completed_at,
            artifact_path=self.plan.artifact_file,
        )

    def _report(self, error: RunError | None) -> Report:
        from ade_engine.pipeline.report import Report

        written = error is None and not self.request.dry_run
        return Report(
            input_file=self.plan.input_file,
            started_at=self.started_at,
            completed_at=datetime.now(UTC),
            error=error,
            output_file=self.plan.output_file if written else None,
            fields=self.registry.fields if self.registry else {},
            sheets=self.sheets,
            findings=self.findings,
            modern=self.settings.engine >= 2,
        )

    def _record(self, report: Report) -> None:
        from ade_engine.pipeline import artifact

        record = artifact.build(report, self.config, self.package.root if self.package else None)
        if self.plan.artifact_file is not None:
            artifact.write(self.plan.artifact_file, record)
