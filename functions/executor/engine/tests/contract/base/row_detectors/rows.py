def register(registry):
    registry.register_row_detector(header, row_kind="header", priority=20)
    registry.register_row_detector(data, row_kind="data", priority=10)


def header(*, row_values, **_):
    if not row_values:
        return None
    return {"header": 1.0, "data": -1.0} if "Name" in row_values else {"header": 0.0}


def data(*, row_values, **_):
    return {"data": 0.5} if row_values else {}
