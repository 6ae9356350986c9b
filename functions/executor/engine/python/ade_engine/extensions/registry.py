"""What a config package registers, in the order in which it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ade_engine.models.errors import ConfigError
from ade_engine.models.extension import FieldDef, HookName

Function = Callable[..., Any]


@dataclass(frozen=True)
class Registration:
    """A registered function. ``target`` is its field, row kind or hook."""

    fn: Function
    target: str
    priority: int
    batch: bool = False

    @property
    def name(self) -> str:
        """``module.qualname``: how the function is called in events and artifacts."""
        return f"{_module(self.fn)}.{_qualname(self.fn)}"

    @property
    def order(self) -> tuple[int, str, str]:
        """Sort key: higher priority first, then module and name."""
        return (-self.priority, _module(self.fn), _qualname(self.fn))

    @property
    def location(self) -> str | None:
        """``file:line`` of the function."""
        code = getattr(self.fn, "__code__", None) or getattr(type(self.fn).__call__, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else None


def _module(fn: Function) -> str:
    return getattr(fn, "__module__", None) or ""


def _qualname(fn: Function) -> str:
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


class Registry:
    """Handed to every ``register(registry)`` of a config package."""

    def __init__(self) -> None:
        self.fields: dict[str, FieldDef] = {}
        self.row_detectors: list[Registration] = []
        self.column_detectors: list[Registration] = []
        self.column_transforms: list[Registration] = []
        self.column_validators: list[Registration] = []
        self.hooks: dict[str, list[Registration]] = {hook.value: [] for hook in HookName}

    def register_field(self, field: FieldDef) -> None:
        """Declares a canonical field; the order of these calls is the order of fields."""
        if not isinstance(field, FieldDef):
            raise ConfigError(f"register_field needs a FieldDef, not {type(field).__name__}")
        if field.name in self.fields:
            raise ConfigError(f"Field '{field.name}' is already registered")
        self.fields[field.name] = field

    def register_row_detector(self, fn: Function, *, row_kind: str, priority: int, batch: bool = False) -> None:
        """Adds a row detector; with ``batch`` it sees all rows of a sheet in one call."""
        self.row_detectors.append(Registration(_callable(fn), str(row_kind), priority, batch))

    def register_column_detector(self, fn: Function, *, field: str, priority: int) -> None:
        """Adds a column detector."""
        self.column_detectors.append(Registration(_callable(fn), self._known(field), priority))

    def register_column_transform(self, fn: Function, *, field: str, priority: int) -> None:
        """Adds a transform of a field."""
        self.column_transforms.append(Registration(_callable(fn), self._known(field), priority))

    def register_column_validator(self, fn: Function, *, field: str, priority: int) -> None:
        """Adds a validator of a field."""
        self.column_validators.append(Registration(_callable(fn), self._known(field), priority))

    def register_hook(self, fn: Function, *, hook: HookName | str, priority: int) -> None:
        """Adds a hook."""
        try:
            name = HookName(hook).value
        except ValueError:
            known = ", ".join(hook.value for hook in HookName)
            raise ConfigError(f"Unknown hook '{hook}'. Hooks are: {known}") from None
        self.hooks[name].append(Registration(_callable(fn), name, priority))

    def finalize(self) -> None:
        """Sorts everything into calling order."""
        groups = (self.row_detectors, self.column_detectors, self.column_transforms, self.column_validators)
        for group in (*groups, *self.hooks.values()):
            group.sort(key=lambda registration: registration.order)

    def by_field(self, registrations: list[Registration]) -> dict[str, list[Registration]]:
        """Registrations of each field, in calling order."""
        grouped: dict[str, list[Registration]] = {}
        for registration in registrations:
            grouped.setdefault(registration.target, []).append(registration)
        return grouped

    def _known(self, field: str) -> str:
        if field not in self.fields:
            raise ConfigError(f"Field '{field}' is not registered; register the field first")
        return field


def _callable(fn: Function) -> Function:
    if not callable(fn):
        raise ConfigError(f"{fn!r} is not callable")
    return fn
