def register(registry):
    registry.register_hook(note, hook="on_table_written", priority=0)


def note(
    *,
    write_table,
    output_sheet,
    output_workbook,
    output_region,
    table_index,
    table_result,
    settings,
    metadata,
    state,
    input_file_name,
    logger,
):
    logger.event(
        "config.hook",
        data={
            "written": [table_index, write_table.columns, write_table.height, output_region.a1],
            "output": [output_sheet.title, output_workbook.sheetnames, output_sheet.max_row],
            "corner": output_sheet.cell(output_region.min_row, output_region.min_col).value,
            "result": {
                "sheet": [table_result.sheet_name, table_result.sheet_index, table_result.table_index],
                "regions": [table_result.source_region.a1, table_result.output_region.a1],
                "columns": [[c.index, c.header, c.values, c.is_empty] for c in table_result.source_columns],
                "mapped": [[m.field_name, m.source_index, m.header, m.score] for m in table_result.mapped_columns],
                "unmapped": [column.index for column in table_result.unmapped_columns],
                "scores": table_result.column_scores,
                "duplicates": sorted(table_result.duplicate_unmapped_indices),
                "rows": table_result.row_count,
                "lookup": table_result.mapping_lookup(),
            },
        },
    )
    output_sheet.cell(output_region.min_row, 6, f"table {table_index}")
