"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from ingestion.lake import Lake
from ingestion.storage import Storage, open_storage


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """Folder of real input from outside, read in place; where it is absent its tests are skipped."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("METERHOUSE_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("the outside data folder is absent: set METERHOUSE_SHARED_DATA to where it lies")
    return folder


@pytest.fixture(scope="session")
def s3() -> Iterator[Callable[[], str]]:
    """A real S3 API on loopback, set in the environment as boto3 reads it; call it for the URI of a new bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    numbers = count()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")

        def new_bucket() -> str:
            name = f"bucket-{next(numbers)}"
            boto3.client("s3").create_bucket(Bucket=name)
            return f"s3://{name}"

        yield new_bucket
    server.stop()


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
