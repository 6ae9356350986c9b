"""An example of a hook. Take the "_" off the file's name and it runs.

Hooks: on_workbook_start, on_sheet_start, on_table_mapped, on_table_transformed, on_table_validated, on_table_written,
on_sheet_end, on_workbook_before_save.
"""

from __future__ import annotations

import polars as pl


def register(registry):
    registry.register_hook(drop_rows_without_email, hook="on_table_mapped", priority=0)


def drop_rows_without_email(*, table, logger, **_):
    if "email" not in table.columns:
        return None
    kept = table.filter(pl.col("email").is_not_null())
    logger.info("Dropped %d rows without an email", table.height - kept.height)
    return kept
