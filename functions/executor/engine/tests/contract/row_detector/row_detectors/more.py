def register(registry):
    registry.register_row_detector(sees_everything, row_kind="data", priority=5)
    registry.register_row_detector(by_position, row_kind="data", priority=4)
    registry.register_row_detector(some_kind, row_kind="anything", priority=30)


def sees_everything(*, row_index, row_values, sheet_name, settings, metadata, state, input_file_name, logger):
    state["rows"] = state.get("rows", 0) + 1
    logger.event(
        "config.row",
        data={
            "row": [row_index, row_values, sheet_name],
            "metadata": sorted(metadata),
            "sheet_index": metadata["sheet_index"],
            "file": input_file_name,
            "nth": state["rows"],
            "sample_size": settings.detector_column_sample_size,
        },
    )


def by_position(row_values, /, *args, row_index=None, **rest):
    assert not args
    assert sorted(rest) == ["input_file_name", "logger", "metadata", "settings", "sheet_name", "state"]
    return {"data": "0.25"} if row_values and row_index else {}


def some_kind(**_):
    return {"remark": 0.1}
