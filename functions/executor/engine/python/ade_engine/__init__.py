"""The ADE engine: messy workbooks in, clean workbooks and an audit record out.

Names are imported when first used, so that ``import ade_engine`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ade_engine.application.engine import Engine
    from ade_engine.infrastructure.settings import Settings
    from ade_engine.models import FieldDef, HookName, RowKind, RunRequest, RunResult, RunStatus
    from ade_engine.version import __version__

__all__ = [
    "Engine",
    "FieldDef",
    "HookName",
    "RowKind",
    "RunRequest",
    "RunResult",
    "RunStatus",
    "Settings",
    "__version__",
]

_HOMES = {
    "Engine": "ade_engine.application.engine",
    "Settings": "ade_engine.infrastructure.settings",
    "FieldDef": "ade_engine.models",
    "HookName": "ade_engine.models",
    "RowKind": "ade_engine.models",
    "RunRequest": "ade_engine.models",
    "RunResult": "ade_engine.models",
    "RunStatus": "ade_engine.models",
    "__version__": "ade_engine.version",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
