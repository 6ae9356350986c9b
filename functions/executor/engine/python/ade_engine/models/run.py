"""A run: what is asked for and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class RunStatus(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class RunError:
    """Why a run failed."""

    code: str
    stage: str
    message: str


@dataclass
class RunRequest:
    """One file to process by one config package.

    ``output_path`` wins over ``output_dir``; with neither, the output goes next to the input. The log file and
    ``artifact.json`` are written when ``logs_dir`` (or ``logs_path``) is given. ``dry_run`` writes no output.
    """

    config_package: Path | str | None = None
    input_file: Path | str | None = None
    input_sheets: list[str] | None = None
    active_sheet_only: bool = False
    output_dir: Path | str | None = None
    output_path: Path | str | None = None
    logs_dir: Path | str | None = None
    logs_path: Path | str | None = None
    artifact_path: Path | str | None = None
    dry_run: bool = False


@dataclass
class RunResult:
    """What a run left behind. ``output_path`` is set on success only."""

    status: RunStatus
    error: RunError | None
    output_path: Path | None
    logs_dir: Path | None
    processed_file: str | None
    started_at: datetime
    completed_at: datetime | None
    artifact_path: Path | None = None
