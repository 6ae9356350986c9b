def register(registry):
    registry.register_hook(summarise, hook="on_workbook_before_save", priority=0)


def summarise(*, output_workbook, settings, metadata, state, input_file_name, logger):
    logger.event("config.hook", data={"sheets": output_workbook.sheetnames, "metadata": sorted(metadata)})
    summary = output_workbook.create_sheet("Summary", 0)
    summary.append(["Source", input_file_name])
    output_workbook["People"].freeze_panes = "A2"
