"""Which rows are headers, data, or neither."""
