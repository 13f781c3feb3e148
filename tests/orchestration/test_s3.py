"""Inbox and lake in S3: the same run against a real S3 API on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.orchestration.command import marts, meterhouse, outcomes

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("tiny_world")]


def test_inbox_and_lake_in_s3_give_the_same_marts(first_run: Path, tmp_path: Path, s3: Callable[[], str]) -> None:
    """Fails when S3 changes a row, or DuckDB cannot read the lake there (httpfs comes from the locked requirements)."""
    bucket = s3()
    client, inbox = boto3.client("s3"), first_run.parent / "inbox"
    for path in sorted(path for path in inbox.rglob("*") if path.is_file()):
        client.upload_file(str(path), bucket.removeprefix("s3://"), f"inbox/{path.relative_to(inbox).as_posix()}")
    where = {"METERHOUSE_INBOX": f"{bucket}/inbox", "METERHOUSE_LAKE": f"{bucket}/lake"}
    report = meterhouse(tmp_path / "home", "run", "--period", "2026-01", "--period", "2026-02", **where)
    assert set(outcomes(report).values()) == {"materialised"}
    assert marts(tmp_path / "home") == marts(first_run)
    assert not (tmp_path / "home" / "lake").exists()
