"""Calling functions of a config package: by keyword, with what they declare and no more."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from polars.exceptions import PanicException

from ade_engine.extensions.registry import Registration
from ade_engine.models.errors import PipelineError

_FOREIGN_FOLDERS = tuple(
    os.path.dirname(os.path.dirname(os.path.abspath(file))) + os.sep for file in (__file__, json.__file__)
)
"""Where neither the engine's own code nor the standard library's is a config's."""


FAILURES: tuple[type[BaseException], ...] = (Exception, SystemExit, PanicException)
"""What code of a config may raise: neither ``sys.exit()`` nor a panic of polars is an ``Exception``."""


class Bound:
    """A function with its arguments decided once, so that calling it a million times is cheap."""

    __slots__ = ("_everything", "_keywords", "_positional", "fn", "label", "location", "name", "registration")

    def __init__(self, registration: Registration, available: Iterable[str]) -> None:
        self.registration = registration
        self.fn: Callable[..., Any] = registration.fn
        self.name = registration.name
        self.location = registration.location
        self.label = f"{self.name} ({self.location})" if self.location else self.name
        """The function's name with its file and line."""
        known = list(available)
        self._positional: list[str] = []
        self._keywords: list[str] = []
        self._everything = False
        for parameter in inspect.signature(self.fn).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                self._everything = True
            elif parameter.name in known:
                only_positional = parameter.kind is parameter.POSITIONAL_ONLY
                (self._positional if only_positional else self._keywords).append(parameter.name)
            elif parameter.default is parameter.empty:
                raise PipelineError(
                    f"{self.label} requires the parameter '{parameter.name}', which is not provided here; "
                    f"available are: {', '.join(sorted(known))}"
                )
        if self._everything:
            self._keywords = [name for name in known if name not in self._positional]

    def __call__(self, context: dict[str, Any]) -> Any:
        keywords = {name: context[name] for name in self._keywords}
        if self._positional:
            return self.fn(*(context[name] for name in self._positional), **keywords)
        return self.fn(**keywords)

    def failure(self, error: BaseException) -> str:
        """What went wrong in it, and in which of the config's lines."""
        line = innermost_line(error)
        at = f"{self.name} ({line or self.location})" if line or self.location else self.name
        if isinstance(error, TypeError):
            return f"{at} has an incompatible signature or mixed up types: {error}"
        return f"{at}: {type(error).__name__}: {error}"


def innermost_line(error: BaseException) -> str | None:
    """``file:line`` of the last traceback entry that is neither ours nor a library's: a line of the config."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((*_FOREIGN_FOLDERS, "<")) and "site-packages" not in name:
            found = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
