"""A month delivered again makes what read the delivery, and leaves the rest as it is: the same rows as a rebuild, and
Dagster says of each asset and check when it was last made or asked."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration import period_state, standing_models
from orchestration.left_standing import LEFT_TAG
from orchestration.standing_models import MadeFrom
from tests.orchestration.command import (
    LONGEST,
    RESELLER_ACCOUNT,
    bill,
    meterhouse,
    outcomes,
    start,
)
from tests.worlds.builder import World, sample

MONTH = "2026-02"  # the last of the tiny world, so that none after it is made again for its sake
GRAPH: dict[str, Any] = {
    "sources": {f"source.{name}": {"identifier": name} for name in ("bills", "samples", "deliveries")},
    "parent_map": {
        "model.lines": ["source.bills"],
        "model.costs": ["model.lines", "seed.kinds"],
        "model.metered": ["source.samples"],
        "model.usage": ["model.metered"],
        "model.told": ["model.metered", "source.deliveries"],
        "test.usage": ["model.usage"],
        "test.both": ["model.usage", "model.costs"],
    },
    "nodes": dict.fromkeys(
        ["model.lines", "model.costs", "model.metered", "model.usage", "model.told", "test.usage", "test.both"]
    ),
}
MADE = MadeFrom({"bills": "b", "samples": "s"}, "code", "earlier", [])
METERED = {"model.metered", "model.usage", "test.usage"}


def test_what_reads_nothing_that_changed_stands() -> None:
    """Fails when a model is left standing whose inputs, code or earlier months are others, or one made for nothing.
    A relation nobody hashes (`deliveries`) always counts as changed."""
    other_bill = replace(MADE, relations={"bills": "b2", "samples": "s"})
    assert standing_models.standing(GRAPH, MADE, other_bill) == METERED
    other_samples = replace(MADE, relations={"bills": "b", "samples": "s2"})
    assert standing_models.standing(GRAPH, MADE, other_samples) == {"model.lines", "model.costs"}
    for now in (replace(other_bill, code="code2"), replace(other_bill, earlier="earlier2")):
        assert standing_models.standing(GRAPH, MADE, now) == set()
    assert standing_models.standing(GRAPH, None, MADE) == set()
    shown_less = replace(MADE, relations={"samples": "s"})  # by a version that did not look at bills
    assert standing_models.standing(GRAPH, shown_less, MADE) == METERED


def test_a_model_is_left_out_with_its_checks_or_not_at_all() -> None:
    """Fails when a check that has to be asked is left out with the model it is told of, or one that warned is not asked
    again."""
    other_bill = replace(MADE, relations={"bills": "b2", "samples": "s"})
    models = [node for node in GRAPH["nodes"] if node.startswith("model.")]
    bearers: dict[str, str | None] = {"test.usage": "model.usage", "test.both": "model.usage"}

    def left(before: MadeFrom, **borne: str | None) -> set[str]:
        standing = standing_models.standing(GRAPH, before, other_bill)
        return standing_models.left_out(models, bearers | borne, standing)

    assert left(MADE) == {"model.metered"}
    assert left(MADE, **{"test.both": "model.costs"}) == {"model.metered", "model.usage"}
    assert left(MADE, **{"test.both": None}) == {"model.metered", "model.usage"}
    warned = replace(MADE, unpassed=["test.usage"])
    assert left(warned, **{"test.both": None}) == {"model.metered"}


def test_what_a_month_was_made_from_is_known_while_views_are_this_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a month whose build broke off, or that stands beside views of other code, passes for made."""
    connection = duckdb.connect()
    assert standing_models.made_from(connection, MONTH) is None
    standing_models.record_made(connection, MONTH, MADE)
    assert standing_models.made_from(connection, MONTH) is None
    period_state.record_relations(connection)
    assert standing_models.made_from(connection, MONTH) == MADE
    assert standing_models.made_from(connection, "2026-01") is None
    with monkeypatch.context() as changed:
        changed.setattr(period_state, "code_hash", lambda: "another")
        assert standing_models.made_from(connection, MONTH) is None
    standing_models.forget_made(connection, MONTH)
    assert standing_models.made_from(connection, MONTH) is None


# -- the same in a home, for real -------------------------------------------------------------------------------------


def real(test: Callable[..., None]) -> Callable[..., None]:
    for mark in (pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("tiny_world")):
        test = mark(test)
    return test


METERING = ("int_metering__samples_grouped", "int_metering__series_heard", "fct_metered_usage")
METERED_CHECK = "unique_key_fct_metered_usage_billing_period__meter_id__resource_id__dimension_value__usage_date"
BILLS = ("int_allocation__bill_grouped", "int_allocation__bill_totaled")


def made(home: Path) -> set[str]:
    """Models of the month that dbt made in the last run."""
    log = (home / "logs" / "run.log").read_text("utf-8")
    return set(re.findall(r" OK created sql \w+ model \w+\.(\w+) ", log))


def apart(one: Path, other: Path) -> dict[str, int]:
    """Table of models -> rows that only one of two homes has, where there are any. The lake's own tables say when and
    from where something came."""
    found = {}
    with duckdb.connect() as connection:
        for name, home in (("one", one), ("other", other)):
            connection.execute(f"attach '{home / 'warehouse' / 'warehouse.duckdb'}' as {name} (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'one' and schema_name in ('main', 'intermediate', 'staging')"
        ).fetchall()
        assert len(tables) > 70
        for schema, table in tables:
            both = (("one", "other"), ("other", "one"))
            for left, right in both:
                query = f"select count(*) from (from {left}.{schema}.{table} except all from {right}.{schema}.{table})"
                (rows,) = connection.execute(query).fetchone()
                if rows:
                    found[table] = found.get(table, 0) + rows
    return found


def rebuilt(home: Path, folder: Path) -> Path:
    """Another home with a copy of the lake, rebuilt from it."""
    other = folder / "rebuilt"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    shutil.copytree(home / "lake", other / "lake")
    meterhouse(other, "rebuild")
    return other


def last(home: Path, asset: str) -> str:
    """Id of the run that last made the asset's month."""
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[MONTH]), limit=1
        ).records
    return records[0].run_id


class Again:
    """A copy of the first run's home and world, of which things are delivered again."""

    def __init__(self, first_run: Path, folder: Path) -> None:
        shutil.copytree(first_run.parent, folder, dirs_exist_ok=True)
        self.home, self.world = folder / "home", World(folder)
        self.variables = {"METERHOUSE_INBOX": str(folder / "inbox")}

    def run(self) -> None:
        report = meterhouse(self.home, "run", "--period", MONTH, **self.variables)
        assert outcomes(report)[MONTH] == "materialised", report

    def bill(self, cost: str, number: int) -> None:
        self.world.cur(RESELLER_ACCOUNT, MONTH, bill(cost), version=f"assembly-{number:04d}")

    def samples(self, day: int) -> None:
        point = sample(f"{MONTH}-{day:02d}T15:00:00", "net", bytes_recv=100 * day + 50)
        self.world.telegraf("edge-01", [point], name=f"late-{day}.json.gz")


@real
def test_what_another_feed_or_nothing_reached_stands_and_is_what_a_rebuild_gives(
    first_run: Path, tmp_path: Path
) -> None:
    """Fails when a bill delivered again meters anew or leaves a row otherwise than a rebuild, when Dagster tells of
    what stands as made by that run, or when a late sample or a run that was killed leaves metering as it was."""
    again = Again(first_run, tmp_path)
    home = again.home
    before = {asset: last(home, asset) for asset in ("fct_metered_usage", "fct_account_costs")}
    again.bill("90.00", 2)
    again.run()
    assert not made(home) & set(METERING) and set(BILLS) <= made(home)
    assert last(home, "fct_metered_usage") == before["fct_metered_usage"]
    assert last(home, "fct_account_costs") != before["fct_account_costs"]
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        (run,) = instance.get_runs(limit=1)
        assert int(run.tags[LEFT_TAG]) > 20 and run.is_success
        assert instance.get_materialized_partitions(dg.AssetKey("fct_metered_usage")) == {"2026-01", MONTH}
        key = dg.AssetCheckKey(dg.AssetKey("fct_metered_usage"), METERED_CHECK)
        (check,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert (check.status.value, check.run_id) == ("SUCCEEDED", before["fct_metered_usage"])
    assert apart(home, rebuilt(home, tmp_path)) == {}

    again.samples(3)
    again.run()
    assert set(METERING) <= made(home) and not set(BILLS) & made(home)
    assert apart(home, rebuilt(home, tmp_path)) == {}

    again.bill("91.00", 3)
    process = start(home, "run", "--period", MONTH, METERHOUSE_FAULT="dbt_event:20", **again.variables)
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == -signal.SIGKILL, err
    again.run()
    assert set(METERING) | set(BILLS) <= made(home), "of a run that broke off nothing stands"
    assert apart(home, rebuilt(home, tmp_path)) == {}
