"""Where forecasts are kept in the lake: one folder per day they were made on, never edited by a later day.

`forecasts/<YYYY-MM-DD>/forecast_backtests.parquet` is written first, `forecasts.parquet` last: what lacks it does not
exist, so a killed forecast leaves the former one in place.
"""

from __future__ import annotations

from datetime import date

from ingestion.storage import Storage

FOLDER = "forecasts/"
LAST_WRITTEN = "forecasts"
TABLES = ("forecast_backtests", LAST_WRITTEN)


def newest(storage: Storage, today: date) -> dict[str, str | None]:
    """Table -> key of the newest forecast's file that was made by `today`; None where none was."""
    complete = [
        file.key
        for file in storage.files(FOLDER)
        if file.key.endswith(f"/{LAST_WRITTEN}.parquet") and file.key.split("/")[1] <= f"{today:%Y-%m-%d}"
    ]
    folder = max(complete).rpartition("/")[0] if complete else None
    return {table: f"{folder}/{table}.parquet" if folder else None for table in TABLES}


def keep(storage: Storage, made_on: str, tables: dict[str, bytes]) -> None:
    """Writes a day's forecast, Parquet bytes by table; a second one of the day replaces the first."""
    for table in TABLES:
        storage.write(f"{FOLDER}{made_on}/{table}.parquet", tables[table])
