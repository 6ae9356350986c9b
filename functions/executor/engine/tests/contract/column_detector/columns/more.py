from ade_engine.models import FieldDef


def register(registry):
    registry.register_field(FieldDef(name="note"))
    registry.register_column_detector(sees_everything, field="note", priority=10)
    registry.register_column_detector(takes_some_away, field="note", priority=5)


def sees_everything(
    *,
    table,
    column,
    column_sample,
    column_sample_non_empty_values,
    column_name,
    column_index,
    column_header_original,
    header_text,
    field_name,
    sheet_name,
    table_region,
    table_index,
    settings,
    metadata,
    state,
    input_file_name,
    logger,
):
    assert column_sample == column_sample_non_empty_values
    assert header_text == column_header_original
    assert metadata["sheet_index"] == 0
    logger.event(
        "config.column",
        data={
            "table": [table_index, table_region.a1, table.columns, sheet_name],
            "column": [column_index, column_name, column_header_original, str(column.dtype), column.to_list()],
            "sample": column_sample,
            "field": field_name,
        },
    )
    # A patch may score any field that is registered.
    return {"note": 0.75, "amount": 0.5} if column_index == 2 else {}


def takes_some_away(*, column_index, **_):
    return {"note": -0.125} if column_index == 2 else {}
