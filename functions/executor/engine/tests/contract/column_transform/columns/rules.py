import polars as pl
from ade_engine.models import FieldDef


def register(registry):
    registry.register_field(FieldDef(name="missing"))
    registry.register_field(FieldDef(name="doubled"))
    registry.register_column_transform(sees_everything, field="amount", priority=1)
    registry.register_column_transform(first, field="amount", priority=2)
    registry.register_column_transform(double, field="doubled", priority=0)
    registry.register_column_transform(nothing, field="missing", priority=0)


def first(*, field_name, **_):
    return pl.col(field_name) + 100


def sees_everything(
    *, field_name, table, table_region, table_index, settings, state, metadata, input_file_name, logger
):
    logger.event(
        "config.transform",
        data={"field": field_name, "table": [table_index, table_region.a1, table.columns, table[field_name].to_list()]},
    )
    return (pl.col(field_name) - 50).alias("another_name")


def double(**_):
    return pl.col("amount") * 2


def nothing(*, field_name, table):
    assert table[field_name].null_count() == table.height
