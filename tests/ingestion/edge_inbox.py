"""An inbox with one edge delivery in it, for the tests of the edge feed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.contracts import load_contract
from ingestion.deliveries import Found, Rows, Terms
from ingestion.sources import edge
from ingestion.storage import open_storage

CONTRACT = load_contract("edge.samples")


@dataclass
class Result:
    """All batches of one delivery together."""

    batches: list[Rows]

    @property
    def good(self) -> pl.DataFrame:
        return pl.concat([batch.good for batch in self.batches]).sort("source_row")

    @property
    def rejected(self) -> pl.DataFrame:
        return pl.concat([batch.rejected for batch in self.batches]).sort("source_row")

    @property
    def reasons(self) -> list[str]:
        return self.rejected["reason"].to_list()

    def values(self) -> dict[str, str]:
        """Series -> value as text."""
        return {series: str(value) for series, value in self.good.select("series", "value").iter_rows()}

    def numbered(self) -> list[int]:
        """Row numbers of good and rejected rows, in order."""
        return sorted(self.good["source_row"].to_list() + self.rejected["source_row"].to_list())


def inbox_with(folder: Path, files: dict[str, bytes]):
    """A storage over `folder` holding `files` by key."""
    for key, content in files.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return open_storage(str(folder))


def found_in(folder: Path, files: dict[str, bytes]) -> list[Found]:
    return edge.find(inbox_with(folder, files), None, Terms({}))


def read(content: bytes, name: str = "metrics.out", kind: str = "telegraf", beside: dict[str, bytes] | None = None):
    """The rows of one file delivered by host `oak`, with its companions by suffix."""
    with tempfile.TemporaryDirectory() as folder:
        key = f"edge/{kind}/oak/{name}"
        inbox = inbox_with(Path(folder), {key: content} | {key + end: raw for end, raw in (beside or {}).items()})
        (found,) = edge.find(inbox, None, Terms({}))
        assert found.status == "complete", found.reason
        return Result(list(edge.read(inbox, found, CONTRACT)))
