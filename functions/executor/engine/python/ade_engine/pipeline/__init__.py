"""The steps of a run, in the order in which data flows: source, rows, regions, frames, columns, rules, output, report."""
