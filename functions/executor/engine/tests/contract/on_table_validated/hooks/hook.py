

def register(registry):
    registry.register_hook(look, hook="on_table_validated", priority=5)
    registry.register_hook(change, hook="on_table_validated", priority=1)
    registry.register_hook(look, hook="on_table_validated", priority=-5)


def look(
    *,
    table,
    source_sheet,
    source_workbook,
    source_region,
    table_index,
    settings,
    metadata,
    state,
    input_file_name,
    logger,
):
    logger.event(
        "config.hook",
        data={
            "table": [table_index, table.columns, table.rows()],
            "source": [source_sheet.title, source_region.a1, source_workbook.sheetnames],
            "header": source_sheet.cell(source_region.header_row, 1).value,
            "sheet_index": metadata["sheet_index"],
        },
    )


def change(*, table, **_):
    return table.sort("amount", descending=True)
