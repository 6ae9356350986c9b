from ade_engine.models import FieldDef


def register(registry):
    registry.register_field(FieldDef(name="name", label="Name"))
    registry.register_field(FieldDef(name="amount", label="Amount", dtype="float", meta={"unit": "EUR"}))
    registry.register_column_detector(detect_name, field="name", priority=50)
    registry.register_column_detector(detect_amount, field="amount", priority=50)


def detect_name(*, column_header_original, **_):
    return {"name": 1.0} if column_header_original == "Name" else {}


def detect_amount(column_header_original, **_):
    return {"amount": 1.0} if column_header_original == "Amount" else None
