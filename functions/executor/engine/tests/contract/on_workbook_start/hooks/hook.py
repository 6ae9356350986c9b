from ade_engine.models import HookName


def register(registry):
    registry.register_hook(look, hook=HookName.ON_WORKBOOK_START, priority=0)


def look(*, source_workbook, settings, metadata, state, input_file_name, logger):
    logger.event(
        "config.hook",
        data={
            "sheets": source_workbook.sheetnames,
            "cell": source_workbook["People"]["A2"].value,
            "hidden": source_workbook["Hidden"].sheet_state,
            "metadata": sorted(metadata),
            "file": input_file_name,
            "state": state,
        },
    )
    state["seen"] = True
