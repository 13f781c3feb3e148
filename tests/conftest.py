"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.constants_ast import Constants

from ingestion.lake import Lake
from ingestion.storage import Storage, open_storage
from tests.browser import need_chromium
from tests.order import Begun, order

# How long an example takes, or is made, says how busy the machine is, and nothing of the house.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Elsewhere each run tries other examples; there the same ones every time, so that a change is judged by itself alone.
settings.register_profile("ci", settings.get_profile("busy"), derandomize=True, print_blob=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "busy")
if os.environ.get("CI"):
    # Among them would be constants of whichever modules of the house are imported by then, which differ by worker and
    # by choice of tests. No setting leaves them out.
    pytest.MonkeyPatch().setattr("hypothesis.internal.conjecture.providers._get_local_constants", Constants)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first (and `--no-loadscope-reorder`, or xdist begins with what has most tests).
    Tests of a file that start dbt stay together: apart, each worker built the warehouse that they share."""
    for item in items:
        if item.get_closest_marker("dbt") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))
    items[:] = [items[place] for place in order([_begun(item) for item in items])]


def _begun(item: pytest.Item) -> Begun:
    marked = item.get_closest_marker("xdist_group")
    group = marked.args[0] if marked else f"{item.path} apart"
    return Begun(group, item.get_closest_marker("slow") is not None, "snowflake" in item.path.parent.name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: a site is built and a UI served only where there is a browser to look at them."""
    if item.get_closest_marker("browser"):
        need_chromium()


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """Folder of real input from outside, read in place; where it is absent its tests are skipped."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("METERHOUSE_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("the outside data folder is absent: set METERHOUSE_SHARED_DATA to where it lies")
    return folder


@dataclass(frozen=True, slots=True)
class SampleRun:
    """The sample world, run once: its home, to be read and never changed, and its truth."""

    home: Path
    truth: dict[str, Any]


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """January to March of a sample world through the command; its tests share the group `sample_world`."""
    from samples.__main__ import build
    from tests.orchestration.command import meterhouse

    folder, periods = tmp_path_factory.mktemp("sample"), ["2026-01", "2026-02", "2026-03"]
    truth = build(folder / "inbox", seed=11, periods=periods)
    named = [argument for period in periods for argument in ("--period", period)]
    variables = {"METERHOUSE_INBOX": str(folder / "inbox"), "METERHOUSE_NOW": "2026-04-05T00:00:00Z"}
    meterhouse(folder / "home", "run", *named, **variables)
    return SampleRun(folder / "home", truth)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a real S3 API on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """A real S3 API, set in the environment as boto3 reads it; call it for the URI of a new bucket."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def new_bucket() -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        boto3.client("s3").create_bucket(Bucket=name)
        return f"s3://{name}"

    return new_bucket


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An empty inbox folder."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake in a folder."""
    return Lake(open_storage(tmp_path / "lake"))


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage, of each kind."""
    if request.param == "folder":
        return open_storage(tmp_path / "storage")
    return open_storage(f"{request.getfixturevalue('s3')()}/some prefix")
