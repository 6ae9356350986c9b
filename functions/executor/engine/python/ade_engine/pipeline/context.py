"""What every step of a run shares."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ade_engine.extensions.registry import Registry
    from ade_engine.infrastructure.observability.logger import RunLogger
    from ade_engine.infrastructure.settings import Settings

PROGRESS_FROM_ROWS = 5000


@dataclass(frozen=True)
class Finding:
    """Something a person should know that is not an error."""

    code: str
    message: str
    severity: str = "info"
    count: int = 1
    meta: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "count": self.count,
            "meta": self.meta,
        }


@dataclass
class RunContext:
    """Settings, registry, logger and the config's own state."""

    settings: Settings
    registry: Registry
    logger: RunLogger
    input_file: Path
    output_file: Path
    run_metadata: Any = None
    """What whoever started the run said about it."""
    state: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    stage: str = "open"
    """What is being done, for failures that do not know it themselves."""

    @property
    def modern(self) -> bool:
        """Whether the config asked for everything that came after engine 1.9."""
        return self.settings.engine >= 2

    def metadata(self, sheet_index: int | None = None) -> dict[str, Any]:
        """The ``metadata`` argument."""
        facts: dict[str, Any] = {
            "input_file": str(self.input_file),
            "output_file": str(self.output_file),
            "input_file_name": self.input_file.name,
        }
        if self.run_metadata is not None:
            facts["run"] = self.run_metadata
        if sheet_index is not None:
            facts["sheet_index"] = sheet_index
        return facts

    def common(self, sheet_index: int | None = None) -> dict[str, Any]:
        """Keywords that every callable may declare."""
        return {
            "settings": self.settings,
            "metadata": self.metadata(sheet_index),
            "state": self.state,
            "input_file_name": self.input_file.name,
            "logger": self.logger,
        }

    def find(self, code: str, message: str, *, severity: str = "info", count: int = 1, **meta: Any) -> None:
        """Records a finding."""
        self.findings.append(Finding(code, message, severity, count, meta))

    @property
    def debugging(self) -> bool:
        return self.logger.isEnabledFor(logging.DEBUG)

    def begin(self, stage: str, sheet_name: str, total: int, table_index: int | None = None) -> None:
        """Notes what is being done now; of a large table it is told."""
        self.stage = stage
        if total >= PROGRESS_FROM_ROWS:
            self._tell(stage, sheet_name, 0, total, table_index)

    def progress(self, stage: str, sheet_name: str, done: int, total: int, table_index: int | None = None) -> None:
        """Tells how far a stage is: of a small table only its end, and that not to configs of engine 1.9."""
        if total >= PROGRESS_FROM_ROWS or (self.modern and done == total):
            self._tell(stage, sheet_name, done, total, table_index)

    def _tell(self, stage: str, sheet_name: str, done: int, total: int, table_index: int | None) -> None:
        data = {
            "stage": stage,
            "sheet_name": sheet_name,
            "table_index": table_index,
            "rows_done": done,
            "rows_total": total,
        }
        self.logger.event("progress", f"{stage}: {done} of {counted(total, 'row')}", data=data)


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
