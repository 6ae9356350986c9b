"""Email."""

from __future__ import annotations

import polars as pl
from ade_engine.models import FieldDef

from ade_config.columns._headers import contains_any

FIELD = "email"
HEADERS = [
    {"email"},
    {"e", "mail"},
    {"emailaddress"},
    {"emailid"},
]


def register(registry):
    registry.register_field(FieldDef(name=FIELD, label="Email"))
    registry.register_column_detector(detect_header, field=FIELD, priority=60)
    registry.register_column_validator(is_address, field=FIELD, priority=50)


def detect_header(*, column_header_original, **_):
    return {FIELD: 1.0} if contains_any(column_header_original, HEADERS) else {}


def is_address(*, field_name, **_):
    """What stands in the column looks like an address; an empty cell is fine."""
    text = pl.col(field_name).cast(pl.String).str.strip_chars()
    unusable = (text != "") & ~text.str.contains(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    return pl.when(unusable).then(pl.lit("not an email address"))
