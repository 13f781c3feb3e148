"""A month delivered again makes what read the delivery, and leaves the rest as it is: the same rows as a rebuild, and
Dagster says of each asset and check when it was last made or asked."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration import period_state, standing_models
from orchestration.left_standing import LEFT_TAG
from orchestration.settings import Settings
from orchestration.standing_models import MadeFrom
from tests.orchestration.command import (
    LONGEST,
    RESELLER_ACCOUNT,
    bill,
    environment,
    meterhouse,
    outcomes,
    start,
    tiny_world,
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

    def run(self, month: str = MONTH) -> None:
        for outcome in ("materialised", "unchanged"):
            report = meterhouse(self.home, "run", "--period", month, **self.variables)
            assert outcomes(report)[month] == outcome, report

    def bill(self, cost: str, number: int) -> None:
        self.world.cur(RESELLER_ACCOUNT, MONTH, bill(cost), version=f"assembly-{number:04d}")

    def late_sample(self) -> None:
        point = sample("2026-01-03T15:00:00", "net", bytes_recv=350)
        self.world.telegraf("edge-01", [point], name="late.json.gz")


@real
def test_what_another_feed_or_nothing_reached_stands_and_is_what_a_rebuild_gives(
    first_run: Path, tmp_path: Path
) -> None:
    """Fails when a bill delivered again meters anew or leaves a row otherwise than a rebuild, when Dagster tells of
    what stands as made by that run, or when a late sample or a run that was killed leaves metering as it was."""
    again = Again(first_run, tmp_path)
    home = again.home
    again.late_sample()
    again.run("2026-01")
    assert set(METERING) <= made(home) and not set(BILLS) & made(home)
    again.run()
    assert set(METERING) | set(BILLS) <= made(home), "an earlier month is another"

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

    again.bill("91.00", 3)
    process = start(home, "run", "--period", MONTH, METERHOUSE_FAULT="dbt_event:20", **again.variables)
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == -signal.SIGKILL, err
    again.run()
    assert set(METERING) | set(BILLS) <= made(home), "of a run that broke off nothing stands"


RACE = """
import sys
from pathlib import Path
from orchestration.run import run
from orchestration.settings import override
from tests.worlds.builder import World, sample

def told(text):
    if text.startswith("materialising 2026-02"):  # what stands is asked next, and then the job lands once more
        late = [sample("2026-02-04T15:00:00", "net", bytes_recv=450)]
        World(Path(sys.argv[1])).telegraf("edge-01", late, name="late-4.json.gz")

report = run(override(None), ["2026-02"], told)
sys.exit(report.exit_code)
"""


@real
def test_a_delivery_that_comes_while_the_month_is_begun_is_not_left_out(first_run: Path, tmp_path: Path) -> None:
    """Fails when samples that land after it was asked what stands, before the lake is shown, do not reach metering."""
    again = Again(first_run, tmp_path)
    again.bill("90.00", 2)
    words = [sys.executable, "-c", RACE, str(tmp_path)]
    done = subprocess.run(words, env=environment(again.home, **again.variables), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(METERING) | set(BILLS) <= made(again.home)
    with dg.DagsterInstance.from_config(str(again.home / "dagster")) as instance:
        whole, begun = instance.get_runs(limit=2)
    assert (whole.is_success, begun.is_success) == (True, False)
    assert LEFT_TAG in begun.tags and LEFT_TAG not in whole.tags


# -- what reaches what ------------------------------------------------------------------------------------------------


def test_every_kind_of_delivery_reaches_what_reads_it(tmp_path: Path) -> None:
    """Fails when a delivery does not change the hash of what shows it to the month, or changes another's."""
    world = tiny_world(tmp_path)
    settings = Settings(home=tmp_path / "home", inbox=str(tmp_path / "inbox"), now="2026-03-15T00:00:00Z")

    def shown() -> standing_models.Relations:
        lake = Lake(open_storage(settings.lake_uri))
        for feed in ("catalog", "cloudevents", "edge", "wso2", "aws_cur"):
            land(feed, open_storage(settings.inbox_uri), lake, MONTH if feed == "aws_cur" else None)
        return standing_models.relations_shown(lake, settings, MONTH, {"2026-01", MONTH})

    def changed() -> set[str]:
        former = dict(now)
        now.update(shown())
        return {name for name, value in now.items() if former[name] != value}

    now = shown()
    assert changed() == set()
    assert Lake(open_storage(settings.lake_uri)).first_delivered() == date(2026, 2, 1), (
        "January's bill is not asked for"
    )
    world.cur(RESELLER_ACCOUNT, MONTH, bill("90.00"), version="assembly-0002")
    assert changed() == {"aws_cur__line_items"}
    world.telegraf("edge-01", [sample("2026-03-01T00:10:00", "net", bytes_recv=1)], name="into-march.json.gz")
    assert changed() == {"edge__samples"}
    world.telegraf("edge-01", [sample("2026-04-01T00:10:00", "net", bytes_recv=1)], name="april.json.gz")
    assert changed() == set(), "of the month after the next"
    parties = [
        {"party_id": "aws", "role": "vendor"},
        {"party_id": "acme", "role": "reseller", "time_zone": "Asia/Tokyo"},
    ]
    world.catalog("2026-03-01", parties=[*parties, {"party_id": "shop"}])
    assert changed() == {"catalog__parties", "months"}
    world.catalog("2026-03-02", meters=[{"meter_id": "bytes", "series": "net_bytes_sent"}])
    assert changed() == {"catalog__meters"}
    owner = {"resource_kind": "edge_server", "resource_id": "edge-01", "party_id": "acme", "valid_from": "2025-01-01"}
    world.catalog("2026-03-03", resource_owners=[owner])
    assert changed() == {"catalog__resource_owners"}


@pytest.mark.parametrize(
    ("relation", "reached", "stands"),
    [
        ("aws_cur__line_items", BILLS, METERING),
        ("edge__samples", METERING, BILLS),
        ("catalog__meters", METERING, BILLS),
        ("months", METERING, BILLS),
        ("catalog__resource_owners", ("int_metering__series_unread", "fct_metered_usage", *BILLS[:1]), ()),
        ("code", METERING, BILLS),
        ("ledger_lines", ("fct_invoice_lines",), (*METERING, *BILLS)),
        ("as_of", ("int_budgets__days",), (*METERING, *BILLS)),
    ],
)
def test_a_relation_reaches_all_models_below_it(
    loaded_home: Path, relation: str, reached: tuple[str, ...], stands: tuple[str, ...]
) -> None:
    """Fails when dbt's graph as it is has a branch standing that reads the relation, or one made that does not."""
    from orchestration.defs.models.dbt_models import monthly_models
    from orchestration.left_standing import Monthly

    monthly = Monthly(monthly_models)
    names = {properties["identifier"] for properties in monthly.manifest["sources"].values()}
    before = MadeFrom(dict.fromkeys(names, "a"), "code", "earlier", [])
    left = monthly.left_out(before, replace(before, relations=before.relations | {relation: "b"}))
    found = {key.path[-1] for key in left}
    assert not found & set(reached) and set(stands) <= found


def test_what_is_made_waits_for_the_lake_to_be_shown(loaded_home: Path) -> None:
    """Fails when models could be made before `lake/month`, because all that Dagster knows to read it are left out."""
    from orchestration.dbt import LAKE_MONTH
    from orchestration.defs.models.dbt_models import monthly_models
    from orchestration.left_standing import Monthly

    monthly = Monthly(monthly_models)
    lake = Lake(open_storage(str(loaded_home / "empty-lake")))
    hashed = standing_models.relations_shown(lake, Settings(home=loaded_home), MONTH, [MONTH])
    same = MadeFrom(hashed, "code", "earlier", [])
    rest = set(monthly.keys.values()) - monthly.left_out(same, same)
    assert any(LAKE_MONTH in monthly_models.asset_deps[key] for key in rest)
