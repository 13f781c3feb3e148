"""What holds for the dbt project as a whole: promises published, no float, readable for both engines."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contracts import CONTRACTS, inbound_contracts
from orchestration.dbt import OF_EACH_MONTH, WITH_MONTH, monthly_views, with_month
from orchestration.outbound_contracts import is_mart, outbound_contracts
from tests.dbt_project.conftest import PROJECT, ScratchWarehouse
from tests.warm import ended

# Whoever reaches one of these, itself or through another macro, computes; so does whoever adds up.
ARITHMETIC = {"money", "vendor_amount", "divide", "round_money", "multiply", "value_seconds", "time_weighted_mean"}
ADDS_UP = re.compile(r"\b(sum|avg|median|quantile_\w+|percentile_\w+)\s*\(")
COMMENT = re.compile(r"--[^\n]*|{#.*?#}", re.DOTALL)
NO_EXAMPLE_OF_ITS_OWN = {
    "fct_rated_charges": "a union of what is priced and what is settled: money() types its columns of zeros",
    "int_rating__charges_priced": "a union of what clouds and plans charge: money() types its columns of zeros",
}


@pytest.fixture(scope="module")
def manifest(scratch_warehouse: Callable[..., ScratchWarehouse]) -> dict[str, Any]:
    """dbt's manifest of the project, parsed for duckdb."""
    warehouse = scratch_warehouse()
    done = warehouse.dbt("parse")
    assert done.returncode == 0, done.stdout[-3000:]
    return json.loads((warehouse.target / "manifest.json").read_text("utf-8"))


def _models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.mark.dbt
def test_every_mart_is_contracted_and_described_column_by_column(manifest: dict[str, Any]) -> None:
    """Fails when a mart has no enforced contract, an undescribed column, a float, or no grain in its description."""
    marts = [node for node in _models(manifest) if is_mart(node)]
    assert len(marts) >= 15
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert "grain" in mart["description"].lower(), mart["name"]
        for name, column in mart["columns"].items():
            assert column["description"].strip(), (mart["name"], name)
            assert not {"double", "float", "real"} & set(column["data_type"].lower().split("(")), (mart["name"], name)


@pytest.mark.dbt
def test_every_model_has_its_description_beside_it(manifest: dict[str, Any]) -> None:
    """Fails when a model has no YAML of its own stem, or one without a description."""
    for model in _models(manifest):
        assert model["description"].strip(), model["name"]
        assert Path(model["patch_path"].split("://")[1]).stem == model["name"], model["name"]


def _computing(manifest: dict[str, Any]) -> set[str]:
    """Models that compute an amount or a quantity, by what their SQL says and the macros it reaches."""
    reached: dict[str, set[str]] = {}

    def names(macro: str) -> set[str]:
        if macro not in reached:
            reached[macro] = {macro.rpartition(".")[2]}
            for inner in manifest["macros"][macro]["depends_on"]["macros"]:
                reached[macro] |= names(inner)
        return reached[macro]

    return {
        model["name"]
        for model in _models(manifest)
        if any(names(macro) & ARITHMETIC for macro in model["depends_on"]["macros"])
        or ADDS_UP.search(COMMENT.sub("", model["raw_code"]))
    }


@pytest.mark.dbt
def test_every_model_with_arithmetic_has_an_example_worked_by_hand(manifest: dict[str, Any]) -> None:
    """Fails when a model that computes has no unit test beside it, or an excuse is not needed any more."""
    computing = _computing(manifest)
    with_example = {test["model"] for test in manifest["unit_tests"].values()}
    assert sorted(computing - with_example) == sorted(NO_EXAMPLE_OF_ITS_OWN)
    # What computes is found in every way it can: a macro of its own, one within another, a bare sum; not by a comment.
    assert {"int_rating__usage_tiered", "int_rating__usage_limited", "int_rating__recurring_unrated"} <= computing
    assert not {"dim_party", "int_rating__lines_billed", "stg_catalog__parties"} & computing


@pytest.mark.dbt
def test_what_has_no_month_follows_from_the_catalog(manifest: dict[str, Any]) -> None:
    """Fails when a table or check without a month reads what `Lake.reference_hash` does not know: it would not be made
    again. Checks of what the lake says of itself are asked again at each issue."""

    def sources_of(identifier: str) -> set[str]:
        if identifier.startswith("source."):
            return {manifest["sources"][identifier]["source_name"]}
        return set().union(*map(sources_of, manifest["nodes"][identifier]["depends_on"].get("nodes", ())))

    monthly = with_month(manifest)
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in ("model", "test")}
    without = {key: node for key, node in nodes.items() if not {key, *node["depends_on"]["nodes"]} & monthly}
    tables = [key for key, node in without.items() if node["config"]["materialized"] == "table"]
    checks = [key for key, node in without.items() if node["resource_type"] == "test"]
    assert tables and checks
    assert set().union(*map(sources_of, tables)) <= {"catalog"}
    assert set().union(*map(sources_of, checks)) <= {"catalog", "cloudevents", "lake"}


@pytest.mark.dbt
def test_a_month_is_its_views_and_what_each_month_writes_and_checks(
    manifest: dict[str, Any], scratch_warehouse: Callable[..., ScratchWarehouse]
) -> None:
    """Fails when a monthly run over standing views leaves out a table or a check, or makes a view."""

    def listed(*selected: str) -> set[str]:
        kinds = [word for kind in ("model", "seed", "test") for word in ("--resource-type", kind)]
        words = ["ls", "--quiet", "--output", "json", "--output-keys", "unique_id", *kinds, "--select", *selected]
        done = scratch_warehouse().dbt(*words)
        assert done.returncode == 0, done.stdout[-3000:]
        return {json.loads(line)["unique_id"] for line in done.stdout.splitlines()}

    assert listed(*OF_EACH_MONTH) == listed(WITH_MONTH) - monthly_views(manifest)


@pytest.mark.dbt
def test_outbound_contracts_are_those_of_the_marts(manifest: dict[str, Any]) -> None:
    """Fails when `make contracts` was not run after a mart changed."""
    written = {path.name: path.read_text("utf-8") for path in (CONTRACTS / "outbound").glob("*.odcs.yaml")}
    assert written == outbound_contracts(manifest)


def test_a_line_type_that_is_used_in_one_view_is_usage_and_used_in_all() -> None:
    """Fails when a type of the seed would be borrowed in one cost view and on demand in another: account costs tell
    what is used by `effective_component` alone (int_allocation__costs_seen)."""
    components = ("billed_component", "effective_component", "owner_component")
    with (PROJECT / "seeds" / "bill_line_types.csv").open(newline="", encoding="utf-8") as seed:
        types = list(csv.DictReader(seed))
    used = [row for row in types if "used" in (row[component] for component in components)]
    assert len(used) >= 3
    assert {(row["charge_category"], *(row[component] for component in components)) for row in used} == {
        ("Usage", "used", "used", "used")
    }


def test_every_contract_is_valid_odcs() -> None:
    """Fails when an inbound or outbound contract departs from ODCS v3."""
    from open_data_contract_standard.model import OpenDataContractStandard

    paths = sorted(CONTRACTS.rglob("*.odcs.yaml"))
    assert len(paths) > len(inbound_contracts())
    for path in paths:
        document = OpenDataContractStandard.from_string(path.read_text("utf-8"))
        assert (document.id, document.kind) == (yaml.safe_load(path.read_text("utf-8"))["id"], "DataContract")


@pytest.mark.dbt
@pytest.mark.slow
def test_the_project_parses_and_compiles_for_snowflake(tmp_path: Path) -> None:
    """Fails when a model needs an adapter's own words outside a dispatch macro, or leans on something deprecated."""
    environment = os.environ | {"METERHOUSE_TARGET": "snowflake"}
    folders = ["--profiles-dir", ".", "--target-path", str(tmp_path), "--log-path", str(tmp_path)]

    def dbt(*arguments: str) -> str:
        done = ended(["dbt", *arguments, *folders], environment, PROJECT)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    assert "deprecat" not in dbt("parse", "--show-all-deprecations", "--no-partial-parse").lower()
    dbt("compile", "--no-introspect", "--no-populate-cache")
    compiled = list((tmp_path / "compiled").rglob("models/**/*.sql"))
    assert compiled
    only_in_duckdb = ("read_parquet(", "hugeint", " // ", "list_aggregate(", "::json", "strptime(", "epoch_ms(")
    for path in compiled:
        text = path.read_text("utf-8").lower()
        assert not [word for word in only_in_duckdb if word in text], path.name
