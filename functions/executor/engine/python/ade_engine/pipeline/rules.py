"""Transforms and validators: polars expressions of a config, applied field by field."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine.extensions.invoke import FAILURES, Bound, innermost_line
from ade_engine.models.errors import AdeEngineError, PipelineError

if TYPE_CHECKING:
    from ade_engine.extensions.registry import Registration
    from ade_engine.pipeline.context import RunContext

TRANSFORM = "transform"
VALIDATE = "validate"
WORDS = {TRANSFORM: "Transform", VALIDATE: "Validator"}
"""What a rule of each stage is called."""
ISSUE_PREFIX = "__ade_issue__"
HAS_ISSUES = "__ade_has_issues"
ISSUE_COUNT = "__ade_issue_count"
DIAGNOSTICS_PREFIX = "__ade_"
SAMPLE_ROWS = 3


Locate = Callable[[str, int | None], str]
"""Says where in the source a field's value in a row of the frame is; without a row, where the field is."""


def transform(
    run: RunContext, table: pl.DataFrame, context: dict[str, Any], locate: Locate
) -> tuple[pl.DataFrame, set[str]]:
    """The frame after all transforms, and the fields that a transform gave an expression for."""
    emitted: set[str] = set()
    for name, registrations in _in_order(run, table, run.registry.column_transforms):
        if name not in table.columns:
            table = table.with_columns(pl.lit(None).alias(name))
        for registration in registrations:
            before = table
            expression = _ask(registration, table, context, TRANSFORM, locate)
            if expression is not None:
                table = _apply(registration, table, expression.alias(name), TRANSFORM, locate)
                emitted.add(name)
            if run.debugging:
                _trace(run, registration, before, table, context, expression is not None)
    return table, emitted


def validate(run: RunContext, table: pl.DataFrame, context: dict[str, Any], locate: Locate) -> pl.DataFrame:
    """The frame with a column of messages for each validated field, and the totals of each row."""
    issue_columns = []
    for name, registrations in _in_order(run, table, run.registry.column_validators):
        if name not in table.columns:
            table = table.with_columns(pl.lit(None).alias(name))
        messages = []
        for number, registration in enumerate(registrations):
            expression = _ask(registration, table, context, VALIDATE, locate)
            if expression is None:
                continue
            column = f"{ISSUE_PREFIX}{name}__{number}"
            table = _apply(registration, table, expression.cast(pl.String).alias(column), VALIDATE, locate)
            messages.append(column)
        if messages:
            joined = pl.concat_str(messages, separator="; ", ignore_nulls=True)
            found = pl.any_horizontal(pl.col(column).is_not_null() for column in messages)
            issue = pl.when(found).then(joined).otherwise(None).alias(f"{ISSUE_PREFIX}{name}")
            table = table.with_columns(issue).drop(messages)
            issue_columns.append(f"{ISSUE_PREFIX}{name}")
    count = pl.lit(0, pl.Int32)
    for column in issue_columns:
        count = count + pl.col(column).is_not_null().cast(pl.Int32)
    table = table.with_columns((count > 0).alias(HAS_ISSUES), count.cast(pl.Int32).alias(ISSUE_COUNT))
    run.logger.event(
        "validation.summary",
        level=logging.DEBUG,
        data={
            "sheet_name": context["sheet_name"],
            "table_index": context["table_index"],
            "table_region": context["table_region"].a1,
            "issue_columns": issue_columns,
            "rows": table.height,
        },
    )
    return table


def _in_order(
    run: RunContext, table: pl.DataFrame, registrations: list[Registration]
) -> list[tuple[str, list[Registration]]]:
    """Fields in the order of the table's columns, then those that are not columns, as they were registered."""
    grouped = run.registry.by_field(registrations)
    present = [name for name in table.columns if name in grouped]
    absent = [name for name in run.registry.fields if name in grouped and name not in table.columns]
    return [(name, grouped[name]) for name in (*present, *absent)]


def _ask(
    registration: Registration, table: pl.DataFrame, context: dict[str, Any], stage: str, locate: Locate
) -> pl.Expr | None:
    keywords = {**context, "table": table, "field_name": registration.target}
    bound = Bound(registration, keywords)
    place = f"{WORDS[stage]} of '{registration.target}' failed on {locate(registration.target, None)}"
    try:
        expression = bound(keywords)
    except AdeEngineError:
        raise
    except TypeError as error:
        raise PipelineError(f"{place}: {bound.failure(error)}", stage=stage) from error
    except FAILURES as error:
        raise RuleFailure(f"{place}: {bound.failure(error)}", stage=stage) from error
    if expression is not None and not isinstance(expression, pl.Expr):
        kind = type(expression).__name__
        raise PipelineError(f"{place}: {bound.label} must return a polars expression or None, not {kind}", stage=stage)
    return expression


def _apply(
    registration: Registration, table: pl.DataFrame, expression: pl.Expr, stage: str, locate: Locate
) -> pl.DataFrame:
    try:
        return table.with_columns(expression)
    except FAILURES as error:
        name = registration.target
        place = f"{WORDS[stage]} of '{name}' failed on {locate(name, _culprit(table, expression))}"
        # Code that the expression calls back has a line of its own.
        line = innermost_line(error) or registration.location
        raise RuleFailure(
            f"{place}, in the expression of {registration.name} ({line}): {error}", stage=stage
        ) from error


def _culprit(table: pl.DataFrame, expression: pl.Expr) -> int | None:
    """The first row that the expression fails on by itself; None when it fails whatever the rows hold."""
    low, high = 0, table.height
    if not high or _fails(table.clear(), expression):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _fails(table.slice(low, middle - low), expression):
            high = middle
        elif _fails(table.slice(middle, high - middle), expression):
            low = middle
        else:
            return None
    return low


def _fails(table: pl.DataFrame, expression: pl.Expr) -> bool:
    try:
        table.with_columns(expression)
    except FAILURES:
        return True
    return False


class RuleFailure(AdeEngineError):
    """A transform or validator raised, or polars refused its expression."""


def _trace(
    run: RunContext,
    registration: Registration,
    before: pl.DataFrame,
    after: pl.DataFrame,
    context: dict[str, Any],
    emitted: bool,
) -> None:
    name = registration.target
    run.logger.event(
        "transform.result",
        level=logging.DEBUG,
        data={
            "sheet_name": context["sheet_name"],
            "table_index": context["table_index"],
            "table_region": context["table_region"].a1,
            "transform": registration.name,
            "field": name,
            "row_count": after.height,
            "sample_before": before[name].head(SAMPLE_ROWS).to_list() if name in before.columns else [],
            "sample_after": after[name].head(SAMPLE_ROWS).to_list(),
            "emitted_column": name if emitted else None,
        },
    )
