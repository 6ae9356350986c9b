"""The engine's vocabulary, as config packages import it."""

from ade_engine.models.errors import AdeEngineError, ConfigError, HookError, InputError, PipelineError
from ade_engine.models.extension import FieldDef, HookName, RowKind
from ade_engine.models.run import RunError, RunRequest, RunResult, RunStatus
from ade_engine.models.table import DerivedMapping, MappedColumn, SourceColumn, TableRegion, TableResult

__all__ = [
    "AdeEngineError",
    "ConfigError",
    "DerivedMapping",
    "FieldDef",
    "HookError",
    "HookName",
    "InputError",
    "MappedColumn",
    "PipelineError",
    "RowKind",
    "RunError",
    "RunRequest",
    "RunResult",
    "RunStatus",
    "SourceColumn",
    "TableRegion",
    "TableResult",
]
