"""Inbox and lake in S3: the same run against a real S3 API on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.orchestration.command import marts, meterhouse, outcomes

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("tiny_world")]


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """Variables that lead to the server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    server.stop()


def test_inbox_and_lake_in_s3_give_the_same_marts(first_run: Path, tmp_path: Path, aws: dict[str, str]) -> None:
    """Fails when S3 changes a row, or DuckDB cannot read the lake there (httpfs comes from the locked requirements)."""
    client = boto3.client(
        "s3",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id=aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws["AWS_SECRET_ACCESS_KEY"],
        region_name=aws["AWS_DEFAULT_REGION"],
    )
    client.create_bucket(Bucket="house", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    inbox = first_run.parent / "inbox"
    for path in sorted(path for path in inbox.rglob("*") if path.is_file()):
        client.upload_file(str(path), "house", f"inbox/{path.relative_to(inbox).as_posix()}")
    where = {"METERHOUSE_INBOX": "s3://house/inbox", "METERHOUSE_LAKE": "s3://house/lake"}
    report = meterhouse(tmp_path / "home", "run", "--period", "2026-01", "--period", "2026-02", **where, **aws)
    assert set(outcomes(report).values()) == {"materialised"}
    assert marts(tmp_path / "home") == marts(first_run)
    assert not (tmp_path / "home" / "lake").exists()
