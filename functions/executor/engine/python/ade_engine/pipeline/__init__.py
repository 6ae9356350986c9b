"""The steps of a run as data flows: source, rows, regions, frames, columns, rules, output, report."""
