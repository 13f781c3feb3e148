"""Which months are done, and from what: the table `meterhouse.period_state`, so that a second run does nothing.

A month is up to date while three hashes stand: of its own inputs in the lake, of the code that computes it, and of
the months before it, because a draft invoice takes the difference to all earlier months. What has no month stands
beside them under a name of its own, and is up to date while the first two stand; so do the views and the tables'
columns that all months share, while the code stands.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb

from orchestration.settings import DBT_PROJECT, PROJECT_ROOT

_TABLES = (
    "create schema if not exists meterhouse",
    "create table if not exists meterhouse.exposed_inputs (period varchar, inputs_hash varchar)",
    "create table if not exists meterhouse.period_started"
    " (period varchar, inputs_hash varchar, code_hash varchar, earlier_hash varchar)",
    "create table if not exists meterhouse.period_state"
    " (period varchar, inputs_hash varchar, code_hash varchar, earlier_hash varchar, materialised_at timestamp)",
    "create table if not exists meterhouse.relations_shown (period varchar, inputs varchar)",
    "create table if not exists meterhouse.made_from (period varchar, inputs varchar)",
)
REFERENCE = "reference"  # in the place of a month
RELATIONS = "relations"  # likewise: views and tables' columns of what has a month
_NOT_CODE = {"target", "logs", "__pycache__", ".user.yml"}


@dataclass(frozen=True, slots=True)
class Done:
    """What a month was last made from."""

    period: str
    inputs_hash: str
    code_hash: str
    earlier_hash: str

    @property
    def digest(self) -> str:
        return _digest(self.period, self.inputs_hash, self.code_hash, self.earlier_hash)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def project_files(*folders: Path) -> list[Path]:
    """Files that decide what is computed, sorted; not what a build leaves behind."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not _NOT_CODE & set(path.relative_to(PROJECT_ROOT).parts))


@cache
def code_hash() -> str:
    """Over dbt project, contracts, ingestion, and the engines' versions."""
    digest = hashlib.sha256(f"{version('duckdb')} {version('dbt-core')} {version('polars')}".encode())
    for path in project_files(DBT_PROJECT, PROJECT_ROOT / "data_contracts", PROJECT_ROOT / "ingestion"):
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


def _replace(connection: duckdb.DuckDBPyConnection, table: str, query: str, *values: str) -> None:
    """The period's row anew, as a query gives it; the period is the first value. On both engines, unlike an upsert."""
    connection.execute(f"delete from meterhouse.{table} where period = ?", [values[0]])
    connection.execute(f"insert into meterhouse.{table} {query}", list(values))


def done(connection: duckdb.DuckDBPyConnection) -> dict[str, Done]:
    """Every month that is materialised, by period, oldest first."""
    create_tables(connection)
    rows = connection.execute(
        "select period, inputs_hash, code_hash, earlier_hash from meterhouse.period_state"
        " where period not in (?, ?) order by period",
        [REFERENCE, RELATIONS],
    ).fetchall()
    return {row[0]: Done(*row) for row in rows}


def reference_stands(connection: duckdb.DuckDBPyConnection, inputs_hash: str) -> bool:
    """Whether what has no month was last made from these inputs (`Lake.reference_hash`), by this code."""
    create_tables(connection)
    made_from = connection.execute(
        "select inputs_hash, code_hash from meterhouse.period_state where period = ?", [REFERENCE]
    ).fetchone()
    return made_from == (inputs_hash, code_hash())


def relations_stand(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether this code made every view of what has a month, and every table has the columns this code gives it."""
    create_tables(connection)
    made_by = connection.execute("select code_hash from meterhouse.period_state where period = ?", [RELATIONS])
    return made_by.fetchone() == (code_hash(),)


def forget_relations(connection: duckdb.DuckDBPyConnection) -> None:
    """Some are about to be made by this code, so that they are no longer all of another."""
    connection.execute("delete from meterhouse.period_state where period = ?", [RELATIONS])


def record_relations(connection: duckdb.DuckDBPyConnection) -> None:
    """All of them were made, with some month."""
    connection.execute("begin")
    query = "values (?, '', ?, '', cast(current_timestamp as timestamp))"
    _replace(connection, "period_state", query, RELATIONS, code_hash())
    connection.execute("commit")


def started(connection: duckdb.DuckDBPyConnection, period: str) -> dict[str, Done]:
    """The month as `record_done` will have it, once what was started is there; empty where nothing was."""
    query = "select period, inputs_hash, code_hash, earlier_hash from meterhouse.period_started where period = ?"
    return {row[0]: Done(*row) for row in connection.execute(query, [period]).fetchall()}


def earlier_hash(states: dict[str, Done], period: str) -> str:
    """Over all materialised months before this one."""
    return _digest(*(state.digest for earlier, state in sorted(states.items()) if earlier < period))


def exposed(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Every month whose inputs were ever shown, so that it could be made."""
    create_tables(connection)
    rows = connection.execute("select period from meterhouse.exposed_inputs where period <> ?", [REFERENCE]).fetchall()
    return {period for (period,) in rows}


def record_exposed(connection: duckdb.DuckDBPyConnection, period: str, inputs_hash: str) -> None:
    """The lake schema now shows these inputs of the month, or of what has none."""
    create_tables(connection)
    connection.execute("begin")
    _replace(connection, "exposed_inputs", "values (?, ?)", period, inputs_hash)
    connection.execute("commit")


def record_started(connection: duckdb.DuckDBPyConnection, period: str) -> None:
    """The models are about to be built from what is exposed; the month is not up to date until `record_done`."""
    states = done(connection)
    exposed = connection.execute(
        "select inputs_hash from meterhouse.exposed_inputs where period = ?", [period]
    ).fetchone()
    connection.execute("begin")
    # The row stays, so that a month whose run died is known and made again before any later one.
    connection.execute("update meterhouse.period_state set inputs_hash = '' where period = ?", [period])
    made_from = (exposed[0] if exposed else "", code_hash(), earlier_hash(states, period))
    _replace(connection, "period_started", "values (?, ?, ?, ?)", period, *made_from)
    connection.execute("commit")


def record_done(connection: duckdb.DuckDBPyConnection, period: str) -> None:
    """Models, checks and exports of the month are there: what it was started from is what it was made from."""
    create_tables(connection)
    started = "select *, cast(current_timestamp as timestamp) from meterhouse.period_started where period = ?"
    connection.execute("begin")
    _replace(connection, "period_state", started, period)
    connection.execute("commit")
