"""dbt as Dagster sees it: the project, its parsed manifest, and what each model's properties mean for its asset.

Rules ask for properties (folder, configuration, metadata), never for names. A model has a month when dbt says so
(`event_time: billing_period`) or when it reads one that has.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject
from dagster_dbt.asset_utils import (
    DAGSTER_DBT_EXCLUDE_METADATA_KEY,
    DAGSTER_DBT_SELECT_METADATA_KEY,
    get_manifest_and_translator_from_dbt_assets,
    get_subset_selection_for_context,
)
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from ingestion.faultpoints import reached
from orchestration import dbt_runner
from orchestration.exports import Mart
from orchestration.locks import locked
from orchestration.parsing import parse_if_changed, parsed
from orchestration.periods import months_after
from orchestration.settings import DBT_PROJECT, Settings
from orchestration.standing_views import StandingViews

# What has a month, and everything that reads it: one invocation builds a month, in dbt's own order.
WITH_MONTH = "config.event_time:billing_period+"
# Of these, what each month writes or checks; the views are for all months.
OF_EACH_MONTH = [f"{WITH_MONTH},config.materialized:{kind}" for kind in ("incremental", "table")]
OF_EACH_MONTH += [f"{WITH_MONTH},resource_type:test"]

LAKE_REFERENCE = dg.AssetKey(["lake", "reference"])
LAKE_MONTH = dg.AssetKey(["lake", "month"])
MARTS_OWNER = "team:metering-and-billing"
# What the tests say that dbt (and tests/generic) have for any column.
TESTS_OF_COLUMNS = {
    "not_null": "No row lacks its {column_name}.",
    "no_nulls": "No row lacks one of {columns}.",
    "unique": "No two rows have the same {column_name}.",
    "unique_key": "No two rows share {columns}.",
    "accepted_values": "Every {column_name} is one of {values}.",
}
Properties = Mapping[str, Any]


def layer(properties: Properties) -> str:
    """staging, intermediate, marts: the first folder below models; seeds for seeds."""
    return properties["fqn"][1] if properties["resource_type"] == "model" else f"{properties['resource_type']}s"


def domain(properties: Properties) -> str | None:
    """cost, usage, rating, …: the second folder, where there is one."""
    return properties["fqn"][2] if len(properties["fqn"]) > 3 else None


def group(properties: Properties) -> str:
    """staging and seeds as one each; allocation, metering, rating between; marts_cost, marts_usage, … at the end.

    A model whose folder would turn the graph of groups back on itself says its group itself (meta.dagster.group).
    """
    said = properties.get("config", {}).get("meta", {}).get("dagster", {}).get("group")
    if said:
        return said
    if layer(properties) in ("staging", "seeds") or not domain(properties):
        return layer(properties)
    return domain(properties) if layer(properties) == "intermediate" else f"marts_{domain(properties)}"


def comes_monthly(source: Properties) -> bool:
    """Catalog and lake are exposed whole; the other feeds' rows arrive month by month."""
    return source["source_name"] not in ("catalog", "lake")


def has_month(properties: Properties) -> bool:
    return properties.get("config", {}).get("event_time") == "billing_period"


def is_line_level(properties: Properties) -> bool:
    """Whether a mart shows every delivered line in place: writing it costs more than the rest of the job."""
    return properties["config"].get("meta", {}).get("line_level", False)


def what_holds(test: Properties) -> str | None:
    """What a data test checks: what its YAML says of it, else what tests of its kind say of their columns."""
    kind = test.get("test_metadata") or {"name": None, "kwargs": {}}
    words = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in kind["kwargs"].items()
    }
    return test["description"] or TESTS_OF_COLUMNS.get(kind["name"], "").format_map(words) or None


class Translator(DagsterDbtTranslator):
    """Asset properties of a dbt model."""

    def __init__(self) -> None:
        # All tables of the lake schema are made by one step, so many dbt sources share its key.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self._with_month: dict[int, set[str]] = {}  # by the manifest's id, as dagster-dbt remembers specs

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """A model with a month reads the whole lake schema as the month's own step shows it. Where others are left
        out of a run, those that tell of deliveries still wait for that step."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if all(dep.asset_key != LAKE_REFERENCE for dep in spec.deps):
            return spec
        if id(manifest) not in self._with_month:
            self._with_month[id(manifest)] = with_month(manifest)
        if unique_id not in self._with_month[id(manifest)]:
            return spec
        others = [dep for dep in spec.deps if dep.asset_key not in (LAKE_MONTH, LAKE_REFERENCE)]
        return spec.replace_attributes(deps=[*others, LAKE_MONTH])

    def get_asset_key(self, dbt_resource_props: Properties) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return LAKE_MONTH if comes_monthly(dbt_resource_props) else LAKE_REFERENCE
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Properties) -> str:
        return group(dbt_resource_props)

    def get_description(self, dbt_resource_props: Properties) -> str:
        return dbt_resource_props.get("description", "")  # the SQL is in the repository

    def get_tags(self, dbt_resource_props: Properties) -> Mapping[str, str]:
        tags = {"layer": layer(dbt_resource_props)}
        if domain(dbt_resource_props):
            tags["domain"] = domain(dbt_resource_props) or ""
        return {**super().get_tags(dbt_resource_props), **tags}

    def get_owners(self, dbt_resource_props: Properties) -> Sequence[str]:
        return super().get_owners(dbt_resource_props) or [MARTS_OWNER]

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """dagster-dbt by itself shows `meta.description` alone."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec._replace(description=what_holds(manifest["nodes"][unique_id])) if spec else None


def project(settings: Settings) -> DbtProject:
    """The project with a manifest that is up to date."""
    parse_if_changed(settings)
    return DbtProject(
        project_dir=DBT_PROJECT,
        profiles_dir=DBT_PROJECT,
        target_path=settings.dbt_target_path,
        target=settings.dbt_environment()["METERHOUSE_DBT_TARGET"],
    )


def _ended(settings: Settings, words: Sequence[str], name: str) -> dbt_runner.Ended:
    """Runs dbt alone on the file: none of our own connections may be open meanwhile.

    Its log and compiled SQL go to `<home>/dbt/<name>-<id>`, of which the newest ten are kept.
    """
    _forget_old_invocations(settings, keep=9)
    manifest = parsed(settings)
    with locked(settings, "warehouse"):
        reached("dbt_before")
        ended = dbt_runner.run(settings, manifest, words, settings.dbt_target_path / f"{name}-{uuid4().hex[:7]}")
        reached("dbt_after")
    return ended


def built(
    context: dg.AssetExecutionContext, settings: Settings, words: Sequence[str], left: Collection[str] | None = None
) -> Generator[Any, None, list[str]]:
    """Builds what Dagster selected of a `@dbt_assets`; then yields its materialisations and check results, and returns
    unique ids of the tests that warned.

    left    unique ids of models and tests that are left as they are, where what has a month has its views and its
            tables' columns from this code (`period_state.relations_stand`): no view is made then, and no table asked
            for its columns; None where it has not, or somebody selected assets

    Raises DbtFailed at the end where a model or a blocking test failed; what stands behind it was not built.
    """
    manifest, translator, dbt_project = get_manifest_and_translator_from_dbt_assets([context.assets_def])
    if left is None:
        chosen, views = _selected(context, manifest, translator), StandingViews(manifest["parent_map"], ())
    else:
        words = [*words, "--vars", json.dumps({"columns_stand": True})]
        seen = monthly_views(manifest)
        views = StandingViews(manifest["parent_map"], seen - set(left))
        chosen = ["--select", *OF_EACH_MONTH]
        if names := [node.split(".")[2] for node in sorted(set(left) - seen)]:
            # Tests by themselves: with a model that is left out would go those that read another as well.
            chosen += ["--exclude", *names, "--indirect-selection", "empty"]
    name = f"{context.op.name}-{context.run_id[:7]}"
    ended = _ended(settings, ["build", "--exclude-resource-type", "unit_test", *words, *chosen], name)

    def shown(found: Iterable[str]) -> Iterator[dg.MaterializeResult]:
        return (dg.MaterializeResult(translator.get_asset_key(manifest["nodes"][view])) for view in found)

    # Only now: Dagster, interrupted, leaves a generator suspended, and with it would stay the lock and dbt at work.
    for event in ended.events:
        yield from shown(views.read_by(event["data"]["node_info"]["unique_id"]))
        message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
        yield from message.to_default_asset_events(manifest, translator, context, None, dbt_project)
    ended.raise_on_failure()
    yield from shown(views.left())
    return [outcome.node.unique_id for outcome in ended.outcomes() if outcome.status == "warn"]


def _selected(
    context: dg.AssetExecutionContext, manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> list[str]:
    """What Dagster selected, as dbt's words."""
    tags = context.op.tags
    selection, indirect = get_subset_selection_for_context(
        context=context,
        manifest=manifest,
        select=tags.get(DAGSTER_DBT_SELECT_METADATA_KEY),
        exclude=tags.get(DAGSTER_DBT_EXCLUDE_METADATA_KEY),
        selector=None,
        dagster_dbt_translator=translator,
        current_dbt_indirect_selection_env=None,
    )
    return [*selection, *(["--indirect-selection", indirect] if indirect else [])]


def build_tables(settings: Settings, marts: Sequence[str], month: date) -> None:
    """Builds the tables of a month that lead to these marts, in a warehouse that has every view; raises DbtFailed."""
    chosen = [f"+{mart},config.materialized:{kind}" for mart in marts for kind in ("incremental", "table")]
    months = ["--event-time-start", f"{month}", "--event-time-end", f"{months_after(month, 1)}"]
    _ended(settings, ["--log-level", "none", "run", "--select", *chosen, *months], "tables").raise_on_failure()


def failed_checks(settings: Settings) -> list[str]:
    """Runs every data test again, of all months; returns the names of those that block. Raises DbtFailed."""
    ended = _ended(settings, ["--log-level", "none", "test", "--select", "test_type:data"], "checks")
    return sorted(outcome.node.name for outcome in ended.outcomes() if outcome.status in ("fail", "error"))


def _forget_old_invocations(settings: Settings, keep: int) -> None:
    """Each invocation leaves a folder of compiled SQL and logs below the target path: keeps the newest."""
    folders = [path for path in settings.dbt_target_path.glob("*-*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[: -keep or None]:
        shutil.rmtree(folder, ignore_errors=True)  # another process may be forgetting the same one


def with_month(manifest: Mapping[str, Any]) -> set[str]:
    """Unique ids of the models that have a month or read one that has: what WITH_MONTH selects."""
    children: dict[str, list[str]] = manifest["child_map"]
    found = {identifier for identifier, node in manifest["nodes"].items() if has_month(node)}
    queue = list(found)
    while queue:
        new = [child for child in children.get(queue.pop(), ()) if child.startswith("model.") and child not in found]
        found.update(new)
        queue.extend(new)
    return found


def monthly_views(manifest: Mapping[str, Any]) -> set[str]:
    """Unique ids of the views among them: what WITH_MONTH selects and OF_EACH_MONTH does not."""
    nodes = manifest["nodes"]
    return {identifier for identifier in with_month(manifest) if nodes[identifier]["config"]["materialized"] == "view"}


@dataclass(frozen=True, slots=True)
class Exported:
    """Marts to export, by what they are built with."""

    monthly: list[Mart]
    reference: list[Mart]
    lines: list[Mart]  # every delivered line of a month, in place


def marts(settings: Settings) -> Exported:
    manifest = json.loads(parse_if_changed(settings).read_text("utf-8"))
    monthly = with_month(manifest)
    found = Exported([], [], [])
    for identifier, node in sorted(manifest["nodes"].items()):
        if node["resource_type"] == "model" and layer(node) == "marts":
            meta = node["config"].get("meta", {})
            columns = (tuple(meta.get(name, ())) for name in ("export_without", "row_key"))
            mart = Mart(node["schema"], node["alias"], has_month(node), *columns, meta.get("stored_in_order", False))
            same = found.monthly if identifier in monthly else found.reference
            (found.lines if is_line_level(node) else same).append(mart)
    return found


def mart_key(name: str) -> dg.AssetKey:
    """Key of a mart: marts stand in the target's own schema, so their key is their name."""
    return dg.AssetKey([name])
