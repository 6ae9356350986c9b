"""Ordering and joining the tables of a sheet."""

from __future__ import annotations

from typing import Any

import polars as pl

from ade_engine.models.errors import PipelineError

STAGE = "merge_tables"


def union(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """All rows under the ordered union of all columns."""
    dtypes: dict[str, Any] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            dtypes[name] = _common(name, dtypes[name], dtype) if name in dtypes else dtype
    aligned = [
        frame.select(
            (pl.col(name) if name in schema else pl.lit(None)).cast(dtype).alias(name) for name, dtype in dtypes.items()
        )
        if dtypes
        else frame
        for frame, schema in ((frame, frame.schema) for frame in frames)
    ]
    return pl.concat(aligned, how="vertical")


def _common(name: str, left: Any, right: Any) -> Any:
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
    raise PipelineError(f"Tables can't be merged: column '{name}' is {left} in one and {right} in another", stage=STAGE)


def _wider(left: Any, right: Any) -> Any:
    if left.is_signed_integer() == right.is_signed_integer():
        return max(left, right, key=_bits)
    return pl.Int64 if max(_bits(left), _bits(right)) < 64 else pl.Int128


def _bits(dtype: Any) -> int:
    return int("".join(c for c in str(dtype) if c.isdigit()))
