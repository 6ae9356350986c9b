"""Full name."""

from __future__ import annotations

import polars as pl
from ade_engine.models import FieldDef

from ade_config.columns._headers import contains_any, words

FIELD = "full_name"
HEADERS = [
    {"full", "name"},
    {"fullname"},
    {"employee", "name"},
    {"person", "name"},
    {"worker", "name"},
    {"member", "name"},
]


def register(registry):
    registry.register_field(FieldDef(name=FIELD, label="Full name"))
    registry.register_column_detector(detect_header, field=FIELD, priority=60)
    registry.register_column_transform(normalize, field=FIELD, priority=0)


def detect_header(*, column_header_original, **_):
    if contains_any(column_header_original, HEADERS):
        return {FIELD: 1.0}
    if words(column_header_original) == {"name"}:
        return {FIELD: 0.8}
    return {}


def normalize(*, field_name, table, **_):
    """One space between names, and "Last, First Middle" as "First Middle Last"."""
    if table.schema[field_name] != pl.String:
        return None
    text = pl.col(field_name).str.strip_chars().str.replace_all(r"\s+", " ")
    last_first = text.str.extract(r"^([^,]+?) ?, ?[^,]+$", 1)
    first_first = text.str.extract(r"^[^,]+, ?([^,]+)$", 1)
    turned = pl.concat_str([first_first, last_first], separator=" ")
    return pl.when(text == "").then(None).otherwise(pl.coalesce(turned, text))
