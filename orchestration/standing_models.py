"""Models of a month that need not be made anew: all they are made from is what it was when they were made last.

A bill that is delivered again leaves what was metered as it is, a late sample what was allocated. Which models stand
follows from dbt's graph and from what of each relation of the lake schema may reach the month, never from names. What a
month was made from is forgotten when its models are begun and written down when they are done: nothing stands of a run
that broke off. No Dagster and no dbt here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import duckdb

from ingestion.contracts import inbound_contracts
from ingestion.lake import Lake
from ingestion.manifests import digest
from orchestration.lake_relations import LAKE_RELATIONS
from orchestration.period_state import code_hash, create_tables, done, earlier_hash, exposed, relations_stand
from orchestration.periods import period_of
from orchestration.settings import Settings

Relations = dict[str, str]  # relation of the lake schema -> hash of what of it may reach the month


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a month's models were made from."""

    relations: Relations
    code: str
    earlier: str  # the months before it, as they were made
    unpassed: list[str]  # unique ids of tests that are to be asked again, because they had something to say


def relations_shown(lake: Lake, settings: Settings, period: str, begun: Iterable[str]) -> Relations:
    """What the lake schema shows of the lake for a month. A relation that is not among them counts as changed: what
    tells of deliveries, quarantine, forecasts and gates does so with nearly every run."""
    shown = {contract.relation: digest(lake.inputs_of(contract, period)) for contract in inbound_contracts()}
    ledger = digest(lake.ledger_entries())
    shown |= {name: ledger for name in LAKE_RELATIONS if name.startswith("ledger_")}
    today = settings.clock.date()
    calendar = digest([settings.first_period, period_of(today), shown["catalog__parties"]])  # zones are the parties'
    return shown | {
        "as_of": f"{today}",
        "code": code_hash(),
        "currencies": version("iso4217"),
        "first_delivered": f"{lake.first_delivered()}",
        "months": calendar,
        "months_begun": digest(sorted(begun)),
    }


def to_be_made(connection: duckdb.DuckDBPyConnection, period: str, relations: Relations) -> MadeFrom:
    """What the month's models are made from, if they are made now."""
    return MadeFrom(relations, code_hash(), earlier_hash(done(connection), period), [])


def would_be_made(connection: duckdb.DuckDBPyConnection, lake: Lake, settings: Settings, period: str) -> MadeFrom:
    """The same, of the lake as it is, before it is shown."""
    begun = exposed(connection) | {period}
    return to_be_made(connection, period, relations_shown(lake, settings, period, begun))


def made_from(connection: duckdb.DuckDBPyConnection, period: str) -> MadeFrom | None:
    """What the month's models were last made from; None where that is not known, or views or columns are not this
    code's."""
    kept = _kept(connection, "made_from", period)
    return MadeFrom(**kept) if kept and relations_stand(connection) else None


def shown_to(connection: duckdb.DuckDBPyConnection, period: str) -> Relations:
    """What the lake schema showed when it was last pointed at the lake for the month."""
    return _kept(connection, "relations_shown", period) or {}


def record_shown(connection: duckdb.DuckDBPyConnection, period: str, relations: Relations) -> None:
    _keep(connection, "relations_shown", period, relations)


def record_made(connection: duckdb.DuckDBPyConnection, period: str, made: MadeFrom) -> None:
    _keep(connection, "made_from", period, asdict(made))


def forget_made(connection: duckdb.DuckDBPyConnection, period: str) -> None:
    """Some of the month's models are about to be made from something else."""
    connection.execute("delete from meterhouse.made_from where period = ?", [period])


def _kept(connection: duckdb.DuckDBPyConnection, table: str, period: str) -> dict[str, Any] | None:
    create_tables(connection)
    row = connection.execute(f"select inputs from meterhouse.{table} where period = ?", [period]).fetchone()
    return json.loads(row[0]) if row else None


def _keep(connection: duckdb.DuckDBPyConnection, table: str, period: str, inputs: Mapping[str, Any]) -> None:
    create_tables(connection)
    connection.execute("begin")
    connection.execute(f"delete from meterhouse.{table} where period = ?", [period])
    connection.execute(f"insert into meterhouse.{table} values (?, ?)", [period, json.dumps(inputs)])
    connection.execute("commit")


def standing(manifest: Mapping[str, Any], before: MadeFrom | None, now: MadeFrom) -> set[str]:
    """Unique ids of dbt's nodes that read, through whatever, only relations that are as they were; none where code or
    an earlier month is another, whose rows some models read."""
    if before is None or (before.code, before.earlier) != (now.code, now.earlier):
        return set()
    same = {name for name, shown in now.relations.items() if before.relations.get(name) == shown}
    known = dict.fromkeys(before.unpassed, False)
    known |= {source: properties["identifier"] in same for source, properties in manifest["sources"].items()}

    def stands(node: str) -> bool:
        if node not in known:
            known[node] = all([stands(parent) for parent in manifest["parent_map"].get(node, ())])
        return known[node]

    return {node for node in manifest["nodes"] if stands(node)}


def left_out(models: Iterable[str], bearers: Mapping[str, str | None], standing: set[str]) -> set[str]:
    """Of the models those that can be left out of a run with the checks they bear: both stand.

    bearers     unique id of a test -> of the model it is told of
    """
    asked = {bearer for test, bearer in bearers.items() if test not in standing}
    return (set(models) & standing) - asked
