"""How the lake is shown to the models, without Dagster or dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.contracts import load_contract
from orchestration.lake_views import expose_files


def test_a_table_landed_under_an_earlier_contract_has_its_new_columns_empty(tmp_path: Path) -> None:
    """Fails when a lake of before a catalog column was added cannot be read any more."""
    contract, file = load_contract("catalog.meters"), tmp_path / "meters.parquet"
    connection = duckdb.connect()
    columns = ", ".join(
        f"cast(null as {type_}) as {name}" for name, type_ in contract.landed_columns().items() if name != "wrap_at"
    )
    connection.execute(f"copy (select * replace ('m' as meter_id) from (select {columns})) to '{file}'")
    expose_files(connection, contract.relation, contract.landed_columns(), [str(file)], may_lack=True)
    assert connection.execute("select meter_id, wrap_at from lake.catalog__meters").fetchall() == [("m", None)]
    described = connection.execute("describe lake.catalog__meters").fetchall()
    assert {name: type_.lower() for name, type_, *_ in described} == contract.landed_columns()
