"""The definitions as Dagster sees them: they load anywhere, and every asset says what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestration.asset_graph import SNAPSHOT, graph

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("definitions")]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def specs(loaded_home: Path):
    from orchestration.definitions import defs

    return {spec.key.to_user_string(): spec for spec in defs().resolve_all_asset_specs()}


@pytest.mark.slow
def test_definitions_load_with_no_variables_set_and_contact_nothing(tmp_path: Path) -> None:
    """House rule 9. Fails when importing needs a setting, a server, a network, or the repository as working folder."""
    program = (
        "import socket\n"
        "def refuse(*arguments): raise AssertionError('contacted something')\n"
        "socket.socket.connect = refuse\n"
        "from orchestration.definitions import defs\n"
        "print(len(defs().resolve_all_asset_specs()))\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 20
    assert {path.name for path in tmp_path.iterdir()} == {".meterhouse"}


def test_the_asset_graph_is_the_reviewed_one(loaded_home: Path) -> None:
    """Fails when an asset, its group, kinds, months or inputs change: write the snapshot anew and look at it."""
    found, reviewed = graph(), json.loads(SNAPSHOT.read_text("utf-8"))
    changed = {key for key in found.keys() | reviewed.keys() if found.get(key) != reviewed.get(key)}
    assert not changed, f"python -m tests.orchestration.asset_graph, then review: {sorted(changed)}"


def test_every_asset_has_group_description_owner_and_kind(specs) -> None:
    """Fails when an asset of ours comes without one of them (a stub for an asset that does not exist has none)."""
    bare = {
        key
        for key, spec in specs.items()
        if not (spec.group_name != "default" and spec.description and spec.owners and spec.kinds)
    }
    assert not bare


def test_what_reads_a_month_has_months(specs) -> None:
    """Fails when a model without months stands behind one with: it would be built before what it reads."""
    whole = {
        "exported_reference",
        "spend_forecasts",  # reads the months there are, in a job of its own
        "crossings_told",
        "reports_site",  # all months on one site, in a job of its own
        "staging/stg_edge__samples",
        "staging/stg_cloudevents__events",
        "staging/stg_wso2__events",
        "intermediate/int_metering__readings_told",
        "intermediate/int_metering__samples_told",
        "intermediate/int_metering__events_matched",
        "intermediate/int_metering__api_events_matched",
        "staging/stg_aws_cur__line_items",
    }
    wrong = {
        (key, dependency.asset_key.to_user_string())
        for key, spec in specs.items()
        if spec.partitions_def is None and key not in whole
        for dependency in spec.deps
        if specs[dependency.asset_key.to_user_string()].partitions_def is not None
    }
    assert not wrong


def test_every_step_that_opens_the_warehouse_is_in_its_pool(loaded_home: Path) -> None:
    """Fault 63. Fails when a step opens the DuckDB file outside the pool: asset, dbt or check."""
    from orchestration.definitions import defs

    outside = set()
    for job in ("whole_month", "forecast"):
        for node in defs().resolve_job_def(job).all_node_defs:
            if node.name not in {"aws_cur", "cloudevents", "edge", "focus", "wso2", "catalog"} and node.pools != {
                "warehouse"
            }:
                outside.add(node.name)
    assert not outside


def test_every_sentence_that_is_checked_says_what_holds_and_what_to_do(loaded_home: Path) -> None:
    """Fails when a check shows no description, or a test in dbt_project/tests (reconciliation.yml) is no check at all.

    It is none where its `meta.dagster.ref` names a model it does not read.
    """
    from orchestration.definitions import defs

    graph = defs().resolve_asset_graph()
    said = {key.name: graph.get_check_spec(key).description for key in graph.asset_check_keys}
    assert [name for name, description in said.items() if not description] == []
    said = {name: description for name, description in said.items() if name.startswith("assert_")}
    written = {path.stem for path in (ROOT / "dbt_project" / "tests").rglob("assert_*.sql")}
    assert said.keys() == written
    assert [name for name, description in said.items() if len(description.split()) < 12] == []
    assert len(set(said.values())) == len(written)


def test_money_checks_block(loaded_home: Path) -> None:
    """Fails when a control total or a dbt test of severity error would let the month go on."""
    from orchestration.definitions import defs
    from orchestration.parsing import parse_if_changed
    from orchestration.settings import get_settings

    nodes = json.loads(parse_if_changed(get_settings()).read_text("utf-8"))["nodes"].values()
    warnings = {node["name"] for node in nodes if node["config"].get("severity", "").lower() == "warn"}
    graph = defs().resolve_asset_graph()
    advisory = {key.name for key in graph.asset_check_keys if not graph.get_check_spec(key).blocking}
    assert advisory == warnings | {"month_looks_sane", "few_rows_are_quarantined"}
    feeds = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "control_totals_reconcile"}
    assert feeds == {"aws_cur", "cloudevents", "edge", "focus", "wso2", "catalog"}
