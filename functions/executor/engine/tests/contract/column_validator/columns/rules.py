import polars as pl


def register(registry):
    registry.register_column_validator(sees_everything, field="amount", priority=2)
    registry.register_column_validator(small, field="amount", priority=1)
    registry.register_column_validator(nothing, field="name", priority=0)


def sees_everything(
    *, field_name, table, table_region, table_index, settings, state, metadata, input_file_name, logger
):
    logger.event("config.validator", data={"field": field_name, "table": [table_index, table_region.a1, table.columns]})
    return pl.when(pl.col(field_name) < 0).then(pl.lit("negative"))


def small(*, field_name, **_):
    return pl.when(pl.col(field_name) < 3).then(pl.lit("small"))


def nothing(**_):
    return None
