"""The Dagster UI, served as `make ui` serves it, over the home of the first run: in a real browser, and by GraphQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration.run import plan, states_of
from orchestration.settings import Settings
from tests.browser import chromium
from tests.orchestration.command import ROOT, environment
from tests.worlds.builder import World, sample

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tiny_world")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    home: Path

    def ask(self, query: str, **variables: Any) -> Any:
        """What the server's GraphQL answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            said = json.load(answer)
        assert "errors" not in said, said["errors"]
        return said["data"]

    def launch(self, *assets: str, period: str, **request: Any) -> tuple[str, str]:
        """Materialises assets of the job `issue` as the launchpad does; how the run ended, and what its errors say."""
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "meterhouse",
            "jobName": "issue",
            "assetSelection": [{"path": [asset]} for asset in assets],
        }
        parameters = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {"resources": {"close_request": {"config": request}}} if request else {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": period}]},
        }
        launched = self.ask(LAUNCH, parameters=parameters)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        for _ in range(1200):
            run = self.ask(ENDED, run=launched["run"]["runId"])["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run["status"], json.dumps(run["eventConnection"])
            time.sleep(0.5)
        raise AssertionError(f"the run did not end: {run}")

    def entries(self) -> list[Path]:
        return sorted((self.home / "lake" / "ledger").rglob("*.json"))


LAUNCH = """mutation ($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
ENDED = """query ($run: ID!) {
  runOrError(runId: $run) {
    ... on Run { status eventConnection { events {
      ... on ExecutionStepFailureEvent { error { message causes { message } } }
      ... on AssetCheckEvaluationEvent { evaluation { checkName success } }
    } } }
  }
}"""


BACKFILL = """mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
BACKFILLED = """query ($backfill: String!) {
  partitionBackfillOrError(backfillId: $backfill) {
    ... on PartitionBackfill { status runs(limit: 10) { status startTime endTime tags { key value } } }
  }
}"""


@pytest.fixture(scope="module")
def server(first_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A UI over a copy of the first run's home."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(first_run.parent, folder, dirs_exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    log = folder / "ui.log"
    # In a session of its own with default signals: a server a script starts in the background may ignore them.
    with log.open("w") as said:
        process = subprocess.Popen(
            command,
            env=environment(folder / "home", METERHOUSE_INBOX=str(folder / "inbox")),
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            assert process.poll() is None, log.read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.5)
        else:
            raise AssertionError(log.read_text()[-2000:])
        yield Server(address, folder / "home")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def served(server: Server) -> str:
    """Its address, for a browser."""
    return server.address


@pytest.fixture(scope="module")
def page(served: str) -> Iterator[Any]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1800, "height": 1000})
        page.set_default_timeout(60_000)
        yield page


# Once all are there, where each begins at one moment: the graph may still be zooming.
LEFT_OF_ALL = """groups => {
  const nodes = [...document.querySelectorAll("svg foreignObject *")].filter(node => !node.children.length)
  const found = groups.map(group => nodes.find(node => node.textContent.trim() === group))
  return found.every(node => node) && found.map(node => node.getBoundingClientRect().x)
}"""


@pytest.mark.browser
def test_the_graph_reads_from_left_to_right_as_the_flow(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a group is missing from the graph or stands before what it reads, or the page asks the outside."""
    outside: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((served, "data:", "blob:")) else outside.append(request.url),
    )
    page.goto(f"{served}/asset-groups")
    flow = ["inbound", "lake", "staging", "marts_cost", "marts_invoicing", "exports"]
    left = page.wait_for_function(LEFT_OF_ALL, arg=flow).json_value()
    page.screenshot(path=str(tmp_path / "graph.png"))
    assert left == sorted(left)
    assert not outside


@pytest.mark.browser
def test_months_are_green_and_the_invoices_are_in_the_metadata(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a materialised month is not shown as such, or its invoice table cannot be read."""
    page.goto(f"{served}/assets/invoices?view=partitions&partition=2026-01")
    page.get_by_text("Materialized (2)").wait_for()
    page.get_by_role("cell", name="shop").first.wait_for()
    page.screenshot(path=str(tmp_path / "invoices.png"))


@pytest.mark.browser
def test_checks_are_visible_with_their_verdict(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a feed's control totals or the suite over the month are not among the checks."""
    page.goto(f"{served}/assets/aws_cur?view=checks")
    page.get_by_text("control_totals_reconcile").first.wait_for()
    page.get_by_text("Passed").first.wait_for()
    page.goto(f"{served}/assets/fct_account_costs?view=checks")
    page.get_by_text("month_looks_sane").first.wait_for()
    page.screenshot(path=str(tmp_path / "checks.png"))


def test_a_backfill_makes_its_months_one_after_the_other_and_leaves_none_stale(server: Server) -> None:
    """Issue 2. Fails when months of a backfill run side by side, or a later one is made before an earlier one is."""
    repository = {"repositoryName": "__repository__", "repositoryLocationName": "meterhouse"}
    asked = {
        "selector": {"partitionSetName": "month_partition_set", "repositorySelector": repository},
        "partitionNames": ["2026-01", "2026-02"],
    }
    launched = server.ask(BACKFILL, parameters=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    for _ in range(1200):
        backfill = server.ask(BACKFILLED, backfill=launched["backfillId"])["partitionBackfillOrError"]
        if backfill["status"] not in ("REQUESTED", "COMPLETING"):
            break
        time.sleep(0.5)
    assert backfill["status"] == "COMPLETED_SUCCESS", backfill
    months = sorted(
        ({tag["key"]: tag["value"] for tag in run["tags"]}["dagster/partition"], run["startTime"], run["endTime"])
        for run in backfill["runs"]
    )
    assert [month for month, _, _ in months] == ["2026-01", "2026-02"]
    assert months[0][2] <= months[1][1]

    settings = Settings(home=server.home)
    planned = plan(Lake(open_storage(settings.lake_uri)).inputs_hash, ["2026-01", "2026-02"], states_of(settings))
    assert planned == {"2026-01": "", "2026-02": ""}


def test_a_month_is_issued_from_the_ui_after_a_dry_run_and_only_when_its_own_gate_is_open(server: Server) -> None:
    """Issue 5. Fails when a dry run, a launch that names no seller, or one that leaves the gate out while the month is
    stale writes an entry; or when a person cannot issue from the UI.

    Last in this file: after it a sensor makes the month anew.
    """
    assert _executed(server, "dry_run: true").returncode == 0
    assert server.entries() == []

    status, said = server.launch("close_gates", "issued_invoices", period="2026-01")  # as "Materialize all" would
    assert status == "FAILURE" and "name a seller" in said
    assert server.entries() == []

    lake = Lake(open_storage(server.home / "lake"))
    known = {manifest.key for manifest in lake.manifests()}
    late = [sample("2026-01-28T12:00:00", "net", bytes_recv=2800)]
    World(server.home.parent).telegraf("edge-01", late, name="late.json.gz")
    land("edge", open_storage(server.home.parent / "inbox"), lake)
    status, said = server.launch("issued_invoices", period="2026-01", seller="acme")
    assert status == "FAILURE" and "held: month_up_to_date" in said
    assert server.entries() == []
    for manifest in lake.manifests():
        if manifest.key not in known:
            (server.home / "lake" / manifest.key).unlink()

    status, said = server.launch("close_gates", "issued_invoices", period="2026-01", seller="acme")
    assert status == "SUCCESS" and '{"checkName": "close_gate_is_open", "success": true}' in said, said
    assert [path.name for path in server.entries()] == ["00000001.json"]
    assert json.loads(server.entries()[0].read_bytes())["period"] == "2026-01"


def _executed(server: Server, request: str) -> subprocess.CompletedProcess[str]:
    """`dagster job execute` of January's issue for acme."""
    config = server.home.parent / "issue.yaml"
    config.write_text(f"resources: {{close_request: {{config: {{seller: acme, {request}}}}}}}")
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-m", "orchestration.definitions"]
    command += ["-a", "defs", "-j", "issue", "--tags", '{"dagster/partition": "2026-01"}', "-c", str(config)]
    variables = environment(server.home, DAGSTER_HOME=str(server.home / "dagster"))
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert "dry run: nothing is written" in done.stderr + done.stdout, done.stderr[-3000:]
    return done
