"""Score patches: what detectors answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ade_engine.models.errors import PipelineError


def checked(patch: Any, detector: str, place: str, known: Mapping[str, Any] | None, stage: str) -> Mapping[str, float]:
    """A patch as numbers; ``known`` are the keys that it may have (None: any text)."""
    if not patch:
        if patch is None or isinstance(patch, Mapping):
            return {}
        raise PipelineError(f"{detector} failed on {place}: scores must be a dict, not {patch!r}", stage=stage)
    if not isinstance(patch, Mapping):
        raise PipelineError(
            f"{detector} failed on {place}: scores must be a dict, not {type(patch).__name__}", stage=stage
        )
    scores = patch
    for key, value in patch.items():
        if type(value) is float and value - value == 0.0 and type(key) is str and (known is None or key in known):
            continue
        if scores is patch:
            scores = dict(patch)
        name = str(getattr(key, "value", key))
        if known is not None and name not in known:
            raise PipelineError(f"{detector} failed on {place}: '{name}' is not a registered field", stage=stage)
        del scores[key]
        scores[name] = _number(value, detector, place, stage)
    return scores


def _number(value: Any, detector: str, place: str, stage: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise PipelineError(f"{detector} failed on {place}: score {value!r} is not a number", stage=stage) from None
    if not math.isfinite(number):
        raise PipelineError(f"{detector} failed on {place}: score {value!r} is not finite", stage=stage)
    return number
