"""What can end a run. Each error knows its code; the engine turns it into the run's error record."""

from __future__ import annotations


class AdeEngineError(Exception):
    """Base of the engine's errors."""

    code = "unknown_error"

    def __init__(self, message: str, *, stage: str | None = None) -> None:
        super().__init__(message)
        self.stage = stage


class ConfigError(AdeEngineError):
    """The config package is wrong."""

    code = "config_error"


class InputError(AdeEngineError):
    """The input can't be processed as it is."""

    code = "input_error"


class HookError(AdeEngineError):
    """A hook failed; ``stage`` is the hook's name."""

    code = "hook_error"


class PipelineError(AdeEngineError):
    """A rule failed or answered something that it must not."""

    code = "pipeline_error"
