def register(registry):
    registry.register_hook(sign, hook="on_sheet_end", priority=0)


def sign(*, output_sheet, output_workbook, tables, settings, metadata, state, input_file_name, logger):
    logger.event(
        "config.hook",
        data={
            "sheet": [output_sheet.title, metadata["sheet_index"], output_workbook.sheetnames],
            "tables": [[result.table_index, result.output_region.a1, result.row_count] for result in tables],
        },
    )
    output_sheet["H1"] = f"{len(tables)} tables"
