"""First name."""

from __future__ import annotations

from ade_engine.models import FieldDef

from ade_config.columns._headers import contains_any

FIELD = "first_name"
HEADERS = [
    {"first", "name"},
    {"firstname"},
    {"fname"},
    {"given", "name"},
    {"givenname"},
    {"forename"},
]


def register(registry):
    registry.register_field(FieldDef(name=FIELD, label="First name"))
    registry.register_column_detector(detect_header, field=FIELD, priority=60)


def detect_header(*, column_header_original, **_):
    return {FIELD: 1.0} if contains_any(column_header_original, HEADERS) else {}
