"""dbt as Dagster sees it: the project, its parsed manifest, and what each model's properties mean for its asset.

Rules ask for properties (folder, configuration, metadata), never for names. A model has a month when dbt says so
(`event_time: billing_period`) or when it reads one that has.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject
from filelock import FileLock
from packaging.version import Version

from orchestration.exports import Mart
from orchestration.locks import locked
from orchestration.period_state import project_files
from orchestration.periods import months_after
from orchestration.settings import DBT_PROJECT, Settings

# What has a month, and everything that reads it: one invocation builds a month, in dbt's own order.
WITH_MONTH = "config.event_time:billing_period+"
DBT = str(Path(sys.executable).with_name("dbt"))  # of this environment, on the path or not

LAKE_REFERENCE = dg.AssetKey(["lake", "reference"])
LAKE_MONTH = dg.AssetKey(["lake", "month"])
MARTS_OWNER = "team:metering-and-billing"
Properties = Mapping[str, Any]


class DbtFailed(RuntimeError):
    """The dbt project does not parse: the message is dbt's own."""


def layer(properties: Properties) -> str:
    """staging, intermediate, marts: the first folder below models; seeds for seeds."""
    return properties["fqn"][1] if properties["resource_type"] == "model" else f"{properties['resource_type']}s"


def domain(properties: Properties) -> str | None:
    """cost, usage, rating, …: the second folder, where there is one."""
    return properties["fqn"][2] if len(properties["fqn"]) > 3 else None


def group(properties: Properties) -> str:
    """staging and seeds as one each; allocation, metering, rating between; marts_cost, marts_usage, … at the end."""
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


class Translator(DagsterDbtTranslator):
    """Asset properties of a dbt model."""

    def __init__(self) -> None:
        # All tables of the lake schema are made by one step, so many dbt sources share its key.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

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


class Dbt(DbtCliResource):
    """The dbt command line without what dagster-dbt does beside it: 4 CPU-seconds for each invocation."""

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))  # not by starting `dbt --version`

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        """Row counts would need it, on a second connection to the file that dbt is writing: none."""


def fingerprint(settings: Settings) -> str:
    """Changes when the project's files, dbt, or what its profile reads change: then it is parsed again."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')} {settings.dbt_environment()}".encode())
    for path in project_files(DBT_PROJECT):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def project(settings: Settings) -> DbtProject:
    """The project with a manifest that is up to date."""
    parse_if_changed(settings)
    return DbtProject(
        project_dir=DBT_PROJECT,
        profiles_dir=DBT_PROJECT,
        target_path=settings.dbt_target_path,
        target=settings.dbt_environment()["METERHOUSE_DBT_TARGET"],
    )


def parse_if_changed(settings: Settings) -> Path:
    """Parses once under a lock: several code servers start at the same time, and one dbt start costs 6 CPU-seconds."""
    target = settings.dbt_target_path
    target.mkdir(parents=True, exist_ok=True)
    manifest, seal = target / "manifest.json", target / "manifest.fingerprint"
    with FileLock(target / "manifest.lock", timeout=settings.lock_timeout):
        wanted = fingerprint(settings)
        if manifest.exists() and seal.exists() and seal.read_text("utf-8") == wanted:
            return manifest
        seal.unlink(missing_ok=True)
        # dbt remembers a relative project folder and then misses its seeds: run inside, with whole paths.
        # The target is said as Dagster says it: another spelling, and every invocation parses the whole project again.
        command = [DBT, "--quiet", "parse", "--profiles-dir", str(DBT_PROJECT), "--target-path", str(target)]
        command += ["--target", settings.dbt_environment()["METERHOUSE_DBT_TARGET"]]
        environment = {**os.environ, **settings.dbt_environment(), "DBT_LOG_PATH": str(target)}
        parsed = subprocess.run(
            command, cwd=DBT_PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if parsed.returncode:
            raise DbtFailed(f"dbt cannot parse {DBT_PROJECT.name}:\n{(parsed.stdout + parsed.stderr).strip()}")
        seal.write_text(wanted, "utf-8")
    return manifest


def build_tables(settings: Settings, marts: Sequence[str], month: date) -> None:
    """Builds the tables of a month that lead to these marts, in a warehouse that has every view; raises DbtFailed."""
    target = parse_if_changed(settings).parent
    command = [DBT, "--quiet", "run", "--profiles-dir", str(DBT_PROJECT), "--target-path", str(target)]
    command += ["--target", settings.dbt_environment()["METERHOUSE_DBT_TARGET"], "--select"]
    command += [f"+{mart},config.materialized:{kind}" for mart in marts for kind in ("incremental", "table")]
    command += ["--event-time-start", f"{month}", "--event-time-end", f"{months_after(month, 1)}"]
    environment = {**os.environ, **settings.dbt_environment(), "DBT_LOG_PATH": str(target)}
    with locked(settings, "warehouse"):
        built = subprocess.run(
            command, cwd=DBT_PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    if built.returncode:
        raise DbtFailed(f"{month:%Y-%m} could not be rated:\n{(built.stdout + built.stderr).strip()}")


def failed_checks(settings: Settings) -> list[str]:
    """Runs every data test again, of all months; returns the names of those that block. Raises DbtFailed."""
    target = parse_if_changed(settings).parent
    results = target / "checks"
    command = [DBT, "--quiet", "test", "--select", "test_type:data", "--profiles-dir", str(DBT_PROJECT)]
    command += ["--target-path", str(target), "--target", settings.dbt_environment()["METERHOUSE_DBT_TARGET"]]
    environment = {**os.environ, **settings.dbt_environment(), "DBT_LOG_PATH": str(results)}
    with locked(settings, "warehouse"):
        (target / "run_results.json").unlink(missing_ok=True)
        tested = subprocess.run(
            command, cwd=DBT_PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if not (target / "run_results.json").exists():
            raise DbtFailed(f"the checks could not be run:\n{(tested.stdout + tested.stderr).strip()}")
        outcome = json.loads((target / "run_results.json").read_text("utf-8"))
    bad = [test["unique_id"].split(".")[2] for test in outcome["results"] if test["status"] in ("fail", "error")]
    return sorted(bad) or ([] if tested.returncode == 0 else ["dbt test"])


def forget_old_invocations(settings: Settings, keep: int = 10) -> None:
    """Each invocation leaves a folder of compiled SQL and logs below the target path: keeps the newest."""
    folders = [path for path in settings.dbt_target_path.glob("*_models-*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[:-keep]:
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
            mart = Mart(node["schema"], node["alias"], has_month(node), *columns)
            same = found.monthly if identifier in monthly else found.reference
            (found.lines if is_line_level(node) else same).append(mart)
    return found


def mart_key(name: str) -> dg.AssetKey:
    """Key of a mart: marts stand in the target's own schema, so their key is their name."""
    return dg.AssetKey([name])
