"""One module per field."""
