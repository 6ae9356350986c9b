"""Joining the tables of a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine.models.errors import PipelineError
from ade_engine.pipeline.frames import as_text

if TYPE_CHECKING:
    from ade_engine.pipeline.table import Table

STAGE = "merge_tables"


def union(tables: list[Table], *, modern: bool) -> pl.DataFrame:
    """All rows under the ordered union of all columns. What is of different types in different tables is text, or for
    configs of engine 1.9 an error."""
    dtypes: dict[str, Any] = {}
    first: dict[str, Table] = {}
    for table in tables:
        for name, dtype in table.frame.schema.items():
            common = _common(dtypes[name], dtype) if name in dtypes else dtype
            if common is None and not modern:
                raise _differs(name, first[name], table)
            dtypes[name] = pl.String if common is None else common
            if dtype != pl.Null:
                first.setdefault(name, table)
    return pl.concat([_aligned(table.frame, dtypes) for table in tables], how="vertical")


def _aligned(frame: pl.DataFrame, dtypes: dict[str, Any]) -> pl.DataFrame:
    """A frame with all columns, in order and of their common types."""
    columns = []
    schema = frame.schema
    for name, dtype in dtypes.items():
        if name not in schema:
            columns.append(pl.repeat(None, frame.height, dtype=dtype, eager=True).alias(name))
        elif dtype == pl.String and schema[name] != pl.String:
            columns.append(pl.Series(name, [as_text(value) for value in frame[name].to_list()], dtype=pl.String))
        else:
            columns.append(frame[name].cast(dtype))
    return pl.DataFrame(columns)


def _differs(name: str, one: Table, other: Table) -> PipelineError:
    types = " and ".join(
        f"{table.frame.schema[name]} in table {table.index} ({table.region.a1})" for table in (one, other)
    )
    return PipelineError(
        f"Tables of '{one.sheet.name}' can't be merged: column '{name}' is {types}; with engine = 2 it would be text",
        stage=STAGE,
    )


def _common(left: Any, right: Any) -> Any:
    """The type that holds values of two types, None if there is none."""
    if left == right or right == pl.Null:
        return left
    if left == pl.Null:
        return right
    if left.is_integer() and right.is_integer():
        return _wider(left, right)
    if left.is_numeric() and right.is_numeric():
        return pl.Float64
    if {left.base_type(), right.base_type()} <= {pl.Date, pl.Datetime}:
        return pl.Datetime("us")
    return None


def _wider(left: Any, right: Any) -> Any:
    if left.is_signed_integer() == right.is_signed_integer():
        return max(left, right, key=_bits)
    return pl.Int64 if max(_bits(left), _bits(right)) < 64 else pl.Int128


def _bits(dtype: Any) -> int:
    return int("".join(c for c in str(dtype) if c.isdigit()))
