"""The month's assets that a run leaves standing: which of Dagster's assets and checks the standing models are.

`meterhouse run` leaves them out of the run, so that Dagster says of each when it was last made, and of its checks what
they last said. What stands is asked twice: before the run, for the selection, and in the run, of what the lake schema
shows then; a delivery that came between makes the run begin anew with all of the month.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import dagster as dg
from dagster_dbt.asset_utils import get_manifest_and_translator_from_dbt_assets

from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration import standing_models, warehouse
from orchestration.dbt import with_month
from orchestration.settings import Settings
from orchestration.standing_models import MadeFrom

LEFT_TAG = "meterhouse/left_standing"  # how many assets a run leaves out because they stand


class StandsNoMore(RuntimeError):
    """What was left out of the run has other inputs by now."""


class Monthly:
    """The models with a month and their tests, as dbt's nodes and as Dagster's assets and checks."""

    def __init__(self, assets: dg.AssetsDefinition) -> None:
        self._assets = assets
        self.manifest, self._translator, _ = get_manifest_and_translator_from_dbt_assets([assets])

    @cached_property
    def keys(self) -> dict[str, dg.AssetKey]:
        nodes = self.manifest["nodes"]
        return {model: self._translator.get_asset_key(nodes[model]) for model in with_month(self.manifest)}

    @cached_property
    def bearers(self) -> dict[str, str | None]:
        """Test -> model whose check it is; None for a test that is no check."""
        models = {key: model for model, key in self.keys.items()}
        checks = {spec.name: spec.asset_key for spec in self._assets.node_check_specs_by_output_name.values()}
        return {
            identifier: models.get(checks.get(node["name"]))
            for identifier, node in self.manifest["nodes"].items()
            if node["resource_type"] == "test" and self.keys.keys() & set(self.manifest["parent_map"][identifier])
        }

    def left_out(self, before: MadeFrom | None, now: MadeFrom) -> set[dg.AssetKey]:
        """Assets that need not be made, their checks neither."""
        standing = standing_models.standing(self.manifest, before, now)
        return {self.keys[model] for model in standing_models.left_out(self.keys, self.bearers, standing)}

    def nodes_left(self, selected: Collection[dg.AssetKey], before: MadeFrom | None, now: MadeFrom) -> set[str] | None:
        """Models and tests that a run of the selected assets leaves out; None where one of them does not stand."""
        standing = standing_models.standing(self.manifest, before, now)
        models = {model for model, key in self.keys.items() if key not in selected}
        if not models <= standing_models.left_out(self.keys, self.bearers, standing):
            return None
        borne = {None, *models} if models else set()
        return models | {test for test, bearer in self.bearers.items() if test in standing and bearer in borne}


def executed(
    settings: Settings,
    monthly: Monthly,
    job: dg.JobDefinition,
    partition: str | None,
    tags: Mapping[str, str],
    **how: Any,
) -> dg.ExecuteInProcessResult:
    """Runs a job in this process, without the assets of the month that stand."""
    left = _left(settings, monthly, job, partition) if partition else set()
    if left:
        rest = job.asset_layer.selected_asset_keys - left
        told = {**tags, LEFT_TAG: str(len(left))}
        result = job.execute_in_process(partition_key=partition, tags=told, asset_selection=list(rest), **how)
        if not _stands_no_more(result):
            return result
    return job.execute_in_process(partition_key=partition, tags=tags, **how)


def _left(settings: Settings, monthly: Monthly, job: dg.JobDefinition, period: str) -> set[dg.AssetKey]:
    """Nothing that bears a check which is not dbt's: what it reads is not known here."""
    if not warehouse.exists(settings):
        return set()
    with warehouse.opened(settings) as connection:
        before = standing_models.made_from(connection, period)
        lake = Lake(open_storage(settings.lake_uri))
        now = standing_models.would_be_made(connection, lake, settings, period)
    names = {monthly.manifest["nodes"][test]["name"] for test in monthly.bearers}
    checks = job.asset_layer.asset_graph.asset_check_keys
    return monthly.left_out(before, now) - {check.asset_key for check in checks if check.name not in names}


def _stands_no_more(result: dg.ExecuteInProcessResult) -> bool:
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    causes = [error.cause or error for error in errors if error]
    return any(cause.cls_name == StandsNoMore.__name__ for cause in causes)
