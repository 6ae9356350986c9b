"""Events: one line each, on stderr and in the log file.

An event has a qualified name, a level, a sentence and data; plain log records are events named ``engine.log``. Names
under ``engine.`` belong to the engine and their data have a fixed shape; ``engine.config.*`` is free for config code.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

NAMESPACE = "engine"
FREE_PREFIX = "engine.config."
PLAIN = "engine.log"
TEXT_KEYS = 8
TEXT_VALUE_LENGTH = 120
MAX_DEPTH = 32
"""Lists and dicts within each other that an odd value may have."""

_LOCATORS = frozenset({"sheet_name", "sheet_index", "table_index", "table_region"})
_COLUMN = _LOCATORS | {"column_index"}

EVENTS: dict[str, frozenset[str]] = {
    "engine.run.started": frozenset({"input_file", "config_package"}),
    "engine.run.planned": frozenset({"output_file", "output_dir", "logs_file", "logs_dir"}),
    "engine.run.completed": frozenset(
        {"scope", "execution", "evaluation", "counts", "validation", "fields", "outputs", "workbooks"}
    ),
    "engine.config.loaded": frozenset({"config_package", "entrypoint", "plugin_modules", "fields", "settings"}),
    "engine.settings.effective": frozenset({"settings"}),
    "engine.workbook.started": frozenset({"sheet_count"}),
    "engine.sheet.started": frozenset({"sheet_name", "sheet_index"}),
    "engine.sheet.tables_detected": frozenset(
        {"sheet_name", "sheet_index", "input_file", "row_count", "table_count", "tables"}
    ),
    "engine.table.written": frozenset({"sheet_name", "table_index", "output_range"}),
    "engine.progress": frozenset({"stage", "sheet_name", "table_index", "rows_done", "rows_total"}),
    "engine.hook.start": _LOCATORS | {"hook_name", "hook"},
    "engine.hook.end": _LOCATORS | {"hook_name", "hook"},
    "engine.detector.row_result": frozenset({"sheet_name", "row_index", "detector"}),
    "engine.row_classification": frozenset({"sheet_name", "row_index", "detectors", "scores", "classification"}),
    "engine.detector.column_result": _COLUMN | {"detector"},
    "engine.column_classification": _COLUMN | {"detectors", "scores", "classification"},
    "engine.column_detector.candidate": _COLUMN
    | {"column_name", "column_header_original", "best_field", "best_score", "scores", "contributions"},
    "engine.column_detector.summary": _LOCATORS | {"mapped", "unmapped_indices", "total_columns"},
    "engine.transform.result": _LOCATORS
    | {"transform", "field", "row_count", "sample_before", "sample_after", "emitted_column"},
    "engine.validation.summary": _LOCATORS | {"issue_columns", "rows"},
}
"""Events of the engine and the keys that their data may have (``schema_version`` aside)."""

_UNVERSIONED = {"engine.config.loaded"}


def qualify(name: str) -> str:
    """The full name of an event."""
    return name if name.startswith(f"{NAMESPACE}.") else f"{NAMESPACE}.{name}"


class RunLogger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """A logger that also takes events. Hooks and rules get it as ``logger``."""

    def __init__(self, logger: logging.Logger, run_id: str) -> None:
        super().__init__(logger, {})
        self.run_id = run_id

    def event(
        self,
        name: str,
        message: str | None = None,
        *,
        level: int = logging.INFO,
        data: dict[str, Any] | None = None,
        exc: BaseException | None = None,
    ) -> None:
        """Emits an event. Names without ``engine.`` get it; ``config.<anything>`` is free."""
        if not self.isEnabledFor(level):
            return
        qualified = qualify(name)
        payload = _checked_payload(qualified, data)
        info = (type(exc), exc, exc.__traceback__) if exc is not None else None
        self.logger.log(level, message or qualified, exc_info=info, extra={"ade_event": qualified, "ade_data": payload})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Moves ``data=`` of plain calls to where the formatter looks for it."""
        data = kwargs.pop("data", None)
        extra = {**(kwargs.get("extra") or {})}
        if data is not None:
            extra["ade_data"] = data
        kwargs["extra"] = extra
        return msg, kwargs


def _checked_payload(name: str, data: dict[str, Any] | None) -> dict[str, Any] | None:
    keys = EVENTS.get(name)
    if keys is None:
        if name.startswith(FREE_PREFIX):
            return data
        raise ValueError(f"Unknown event '{name}'. Events of a config are named config.<name>.")
    unknown = set(data or ()) - keys
    if unknown:
        raise ValueError(f"Event '{name}' has no {', '.join(sorted(unknown))} in its data")
    return dict(data or ()) if name in _UNVERSIONED else {"schema_version": 1, **(data or {})}


def _event_id(record: logging.LogRecord) -> str:
    """One id per event, whoever formats it."""
    found: str | None = getattr(record, "ade_event_id", None)
    if found is None:
        found = os.urandom(16).hex()
        record.ade_event_id = found
    return found


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "event_id": _event_id(record),
            "engine_run_id": self._run_id,
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "event": getattr(record, "ade_event", PLAIN),
            "message": record.getMessage(),
        }
        data = getattr(record, "ade_data", None)
        if data is not None:
            line["data"] = data
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = {
                "type": type(error).__name__,
                "message": str(error),
                "stack_trace": "".join(traceback.format_exception(error)),
            }
        return _encodable(_json(line))


class TextFormatter(logging.Formatter):
    """``[time] LEVEL event: message (key=value …)``."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "ade_event", PLAIN)
        line = f"[{_timestamp(record)}] {record.levelname} {event}: {record.getMessage()}"
        data = getattr(record, "ade_data", None)
        if data:
            pairs = [f"{key}={_short(data[key])}" for key in sorted(data)[:TEXT_KEYS]]
            line = f"{line} ({' '.join(pairs)})"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return _encodable(line)


def _encodable(line: str) -> str:
    """The line without what UTF-8 can't say, as it comes from names of files that are not text."""
    return line.encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    """The value as JSON. Rules may log what JSON does not know: the rest of the event is told all the same."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_sayable(value, ()), ensure_ascii=False, allow_nan=False, default=str)


def _sayable(value: Any, around: tuple[int, ...]) -> Any:
    """The value with texts as keys and in the place of numbers that are not finite, and without what holds itself or is
    too deep. ``around`` are the ids of what it is in."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) in around or len(around) == MAX_DEPTH:
        return "…"
    around = (*around, id(value))
    if isinstance(value, dict):
        return {str(key): _sayable(part, around) for key, part in value.items()}
    return [_sayable(part, around) for part in value]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= TEXT_VALUE_LENGTH else f"{text[: TEXT_VALUE_LENGTH - 1]}…"


class RunLog:
    """The handlers of one run: stderr, and the log file when there is one. The file has INFO and above at least, so the
    completion is always in it."""

    def __init__(self, *, log_format: str, level: int, file: Path | None, stream: IO[str] | None = None) -> None:
        self.run_id = os.urandom(16).hex()
        formatter = JsonFormatter(self.run_id) if log_format == "ndjson" else TextFormatter()
        self._logger = logging.Logger(f"ade_engine.run.{self.run_id}", level)
        console = logging.StreamHandler(stream or sys.stderr)
        console.setLevel(level)
        self._handlers: list[logging.Handler] = [console]
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.FileHandler(file, mode="w", encoding="utf-8")
            handler.setLevel(min(level, logging.INFO))
            self._handlers.append(handler)
            self._logger.setLevel(min(level, logging.INFO))
        for handler in self._handlers:
            handler.setFormatter(formatter)
            self._logger.addHandler(handler)
        self.logger = RunLogger(self._logger, self.run_id)

    def close(self) -> None:
        """Flushes and closes the log file."""
        for handler in self._handlers:
            handler.flush()
            if isinstance(handler, logging.FileHandler):
                handler.close()
