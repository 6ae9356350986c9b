def register(registry):
    registry.register_hook(look, hook="on_sheet_start", priority=0)


def look(*, source_sheet, source_workbook, settings, metadata, state, input_file_name, logger):
    logger.event(
        "config.hook",
        data={
            "sheet": [source_sheet.title, source_sheet.max_row, source_sheet.max_column],
            "rows": [list(row) for row in source_sheet.iter_rows(max_row=2, values_only=True)],
            "workbook": source_workbook.sheetnames,
            "sheet_index": metadata["sheet_index"],
        },
    )
