"""Opening and deleting the warehouse: a DuckDB file by default, Snowflake where the target says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.locks import locked
from orchestration.settings import Settings, s3_options
from orchestration.snowflake_session import SCHEMAS, connect
from orchestration.tables import quoted

POOL = "warehouse"  # of every Dagster step that opens the file: one at a time


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Opens the file with the one configuration that all connections of a process must share."""
    path = settings.warehouse_path
    path.parent.mkdir(parents=True, exist_ok=True)
    configuration = {
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "temp_directory": str(path.parent / "temp"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "extension_directory": str(settings.extensions),
        # Of a file made anew: text is written in one way, not tried in three, which is a third of writing a wide table.
        "storage_compatibility_version": "v1.4.0",
    }
    # A reader outside the house (a notebook, a BI tool) keeps the file for itself: wait for it, then say so.
    patience = time.monotonic() + settings.lock_timeout
    while True:
        try:
            return duckdb.connect(str(path), config=configuration)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > patience:
                raise
            time.sleep(0.2)


def exists(settings: Settings) -> bool:
    """Is there a warehouse to read? Snowflake's is there for whoever may log in."""
    return settings.target == "snowflake" or settings.warehouse_path.exists()


@contextmanager
def opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, alone on the file, closed at the end: dbt cannot open it before.

    On Snowflake a `Session`, which answers the same calls.
    """
    with locked(settings, "warehouse"):
        if settings.target == "snowflake":
            session = connect(settings)
            try:
                yield session  # type: ignore[misc]
            finally:
                session.close()
            return
        connection = _connect(settings)
        try:
            connection.execute("set TimeZone = 'UTC'")
            if settings.lake_is_remote:
                _use_s3(connection)
            yield connection
        finally:
            connection.close()


def deleted(settings: Settings) -> str:
    """Deletes the warehouse, which is a cache of the lake; returns what was deleted."""
    if settings.target == "snowflake":
        with opened(settings) as session:
            for schema in SCHEMAS:
                session.execute(f"drop schema if exists {schema} cascade")
        return f"the schemas {', '.join(SCHEMAS)}"
    with locked(settings, "warehouse"):
        for path in settings.warehouse_path.parent.glob(f"{settings.warehouse_path.name}*"):
            path.unlink()
    return str(settings.warehouse_path)


def _use_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads httpfs from the locked requirements (nothing is downloaded) and hands it the endpoint and keys."""
    import duckdb_extension_httpfs  # only needed where the lake is in S3

    root = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
    extension = root / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    connection.execute(f"install {quoted(str(extension))}")  # dbt loads it from the same extension directory
    connection.execute("load httpfs")
    options = ", ".join(f"{name} {quoted(value)}" for name, value in s3_options().items() if value)
    connection.execute(f"create or replace secret meterhouse (type s3, {options})")
