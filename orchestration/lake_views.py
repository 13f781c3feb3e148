"""The lake as DuckDB reads it in place: the relations of the schema `lake`, as views over Parquet and small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from ingestion.contracts import Contract, inbound_contracts
from orchestration.lake_relations import LAKE_RELATIONS
from orchestration.tables import quoted


class Views:
    """The lake read in place by DuckDB. A kill leaves the former views: they name files that are never edited."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> Views:
        self._connection.execute("begin")
        self._connection.execute("create schema if not exists lake")
        # The one table of the schema that the lake does not bring: months fill it (exposing.show_close_gates).
        self._connection.execute(
            f"create table if not exists lake.close_gates as {_empty(LAKE_RELATIONS['close_gates'])}"
        )
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._connection.execute("rollback" if error else "commit")

    def contract(self, contract: Contract, uris: Sequence[str]) -> None:
        whole_table = contract.properties.get("delivers") == "whole_table"
        expose_files(self._connection, contract.relation, contract.landed_columns(), uris, may_lack=whole_table)

    def files(self, name: str, uris: Sequence[str]) -> None:
        expose_files(self._connection, name, LAKE_RELATIONS[name], uris)

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        write_rows(self._connection, name, rows)


def _empty(columns: Mapping[str, str]) -> str:
    """A select that has the columns' names and types and no row."""
    return (
        "select " + ", ".join(f'cast(null as {type_}) as "{name}"' for name, type_ in columns.items()) + " where false"
    )


def expose_files(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    uris: Sequence[str],
    *,
    may_lack: bool = False,
) -> None:
    """Makes `lake.<name>` a view over Parquet files, in place; empty and typed where there is none.

    may_lack    the files may be of an earlier contract: a column they do not have is empty
    """
    query = _empty(columns)
    if uris:
        files = ", ".join(quoted(uri) for uri in uris)
        listed = ", ".join(f'"{column}"' for column in columns)
        read = f"read_parquet([{files}], hive_partitioning = false)"
        if may_lack:
            read = f"({query} union all by name select * from {read})"
        query = f"select {listed} from {read}"
    connection.execute("create schema if not exists lake")
    connection.execute(f'create or replace view lake."{name}" as {query}')


def create_empty_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Every relation of the `lake` schema, empty and typed: enough to compile, unit-test and `dbt run --empty`."""
    for contract in inbound_contracts():
        expose_files(connection, contract.relation, contract.landed_columns(), [])
    for name, columns in LAKE_RELATIONS.items():
        connection.execute(f"create or replace table lake.{name} as {_empty(columns)}")


_POLARS = {
    "varchar": pl.String,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


def _polars_type(duckdb_type: str) -> pl.DataType | type[pl.DataType]:
    if duckdb_type.startswith("decimal("):
        precision, scale = duckdb_type[len("decimal(") : -1].split(",")
        return pl.Decimal(int(precision), int(scale))
    return _POLARS[duckdb_type]


def frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    columns = LAKE_RELATIONS[name]
    return pl.DataFrame(
        {column: [row.get(column) for row in rows] for column in columns},
        schema={column: _polars_type(type_) for column, type_ in columns.items()},
    )


def write_rows(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replaces the table `lake.<name>` by these rows."""
    connection.register("written", frame(name, rows).to_arrow())
    typed = ", ".join(f'cast("{column}" as {type_}) as "{column}"' for column, type_ in LAKE_RELATIONS[name].items())
    connection.execute(f"create or replace table lake.{name} as select {typed} from written")
    connection.unregister("written")
