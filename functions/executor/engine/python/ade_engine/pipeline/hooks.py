"""Calling hooks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine.extensions.invoke import FAILURES, Bound
from ade_engine.models.errors import HookError, PipelineError

if TYPE_CHECKING:
    from ade_engine.models.extension import HookName
    from ade_engine.pipeline.context import RunContext


def notify(run: RunContext, hook: HookName, context: dict[str, Any]) -> None:
    """Calls hooks that return nothing."""
    for bound, answer in _calls(run, hook, context):
        if answer is not None:
            kind = type(answer).__name__
            raise HookError(f"{_title(hook, context)}: {bound.label} must return None, not {kind}", stage=hook.value)


def refine(run: RunContext, hook: HookName, table: pl.DataFrame, context: dict[str, Any]) -> pl.DataFrame:
    """Calls hooks that may return another table; each sees what the one before returned."""
    context = {**context, "table": table}
    for bound, answer in _calls(run, hook, context):
        if isinstance(answer, pl.DataFrame):
            context["table"] = answer
        elif answer is not None:
            kind = type(answer).__name__
            wanted = f"{bound.label} must return a polars DataFrame or None, not {kind}"
            raise HookError(f"{_title(hook, context)}: {wanted}", stage=hook.value)
    return context["table"]


def _calls(run: RunContext, hook: HookName, context: dict[str, Any]) -> Any:
    for registration in run.registry.hooks[hook.value]:
        place = _place(context)
        names = {"hook_name": registration.name, "hook": hook.value}
        try:
            bound = Bound(registration, context)
        except (PipelineError, ValueError) as error:
            raise HookError(f"{_title(hook, context)}: {error}", stage=hook.value) from error
        run.logger.event("hook.start", level=logging.DEBUG, data={**names, **place})
        try:
            answer = bound(context)
        except HookError:
            raise
        except FAILURES as error:
            raise HookError(f"{_title(hook, context)}: {bound.failure(error)}", stage=hook.value) from error
        run.logger.event("hook.end", level=logging.DEBUG, data={**names, **place})
        yield bound, answer


def _title(hook: HookName, context: dict[str, Any]) -> str:
    """What failed, and on which sheet and table."""
    place = _place(context)
    title = f"Hook {hook.value} failed"
    if place["table_region"] is not None:
        return f"{title} on table {place['table_index']} of '{place['sheet_name']}' ({place['table_region']})"
    return title if place["sheet_name"] is None else f"{title} on '{place['sheet_name']}'"


def _place(context: dict[str, Any]) -> dict[str, Any]:
    region = context.get("source_region") or context.get("output_region")
    sheet = context.get("source_sheet") or context.get("output_sheet")
    return {
        "table_index": context.get("table_index"),
        "table_region": region.a1 if region is not None else None,
        "sheet_name": sheet.title if sheet is not None else None,
    }
