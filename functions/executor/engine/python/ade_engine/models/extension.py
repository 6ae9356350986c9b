"""What config packages register."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RowKind(StrEnum):
    """Kinds of row that the engine gives a meaning to; detectors may use others."""

    UNKNOWN = "unknown"
    HEADER = "header"
    DATA = "data"


class HookName(StrEnum):
    """When hooks are called."""

    ON_WORKBOOK_START = "on_workbook_start"
    ON_SHEET_START = "on_sheet_start"
    ON_TABLE_MAPPED = "on_table_mapped"
    ON_TABLE_TRANSFORMED = "on_table_transformed"
    ON_TABLE_VALIDATED = "on_table_validated"
    ON_TABLE_WRITTEN = "on_table_written"
    ON_SHEET_END = "on_sheet_end"
    ON_WORKBOOK_BEFORE_SAVE = "on_workbook_before_save"


@dataclass(frozen=True)
class FieldDef:
    """A canonical field: ``name`` is the output column; ``label`` is shown in reports."""

    name: str
    label: str | None = None
    dtype: str | None = None
    meta: dict[str, Any] = field(default_factory=dict, hash=False)
