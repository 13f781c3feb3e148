"""NDJSON files of events: which came, and their lines. What the event feeds (cloudevents, wso2) share.

Every file is a delivery of its own, complete when it appears, packed or not. What a line means is the feeds' part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Found, Rows
from ingestion.sources.edge_content import as_text, unpacked
from ingestion.sources.edge_samples import refusal

if TYPE_CHECKING:
    from ingestion.storage import Storage

NUL_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
UNFINISHED_NAMES = (".tmp", ".part", ".partial", ".swp", "~")  # what copying tools call a file they still write
LINES_PER_BATCH = 50_000


def find_files(inbox: Storage, feed: str, table: str, folder: str, needs_account: bool) -> list[Found]:
    """All files below the folder, ordered by key. Months do not matter: the events say their time.

    The account is the first folder below; where there is none it is "", or the file is refused.
    """
    found = []
    for file in sorted(inbox.files(folder), key=lambda file: file.key):
        account, slash, name = file.key.removeprefix(folder).partition("/")
        status, reason = "complete", ""
        if not slash:
            account, name = "", account
        if name.rpartition("/")[2].startswith(".") or name.endswith(UNFINISHED_NAMES):
            status, reason = "incomplete", "its name says that it is still being copied"
        elif needs_account and not slash:
            status, reason = "rejected", f"{file.key}: lies beside the sources' folders; use {folder}<source>/<file>"
        elif file.size == 0:
            status, reason = "held", "empty file: an outage of metering must not look like zero usage"
        found.append(Found(feed, table, account, None, file.key, name, (file,), status=status, reason=reason))
    return found


def numbered_lines(inbox: Storage, found: Found, contract: Contract) -> Iterator[list[tuple[int, str]]]:
    """The file's lines that are not blank, numbered from 1, in batches; raises Refused before the first one only."""
    file = found.files[0]
    with inbox.open(file) as stream:
        raw = unpacked(stream, file, contract)
    text = as_text(raw, file, contract)
    lines = (line.decode("utf-8").strip() for line in text)
    events = enumerate((line for line in lines if line), start=1)
    batch = list(islice(events, LINES_PER_BATCH))
    if not batch:
        raise refusal(
            file.key, "holds no event", "An empty file is not zero usage: deliver the events again.", contract
        )
    while batch:
        yield batch
        batch = list(islice(events, LINES_PER_BATCH))


def by_month(good: pl.DataFrame, rejected: pl.DataFrame) -> Iterator[Rows]:
    """Landed rows (with `occurred_at`) by the month of their UTC instant; rejected ones under no month."""
    if not rejected.is_empty():
        yield Rows(period="", good=good.clear(), rejected=rejected)
    month = pl.col("occurred_at").dt.strftime("%Y-%m").alias("_month")
    for (period,), part in good.with_columns(month).group_by("_month", maintain_order=True):
        yield Rows(period=str(period), good=part.drop("_month"), rejected=rejected.clear())


def holds_only_texts(line: str, document: Any) -> bool:
    """Whether no text of a line's JSON holds NUL or half of a surrogate pair: only an escape can bring either."""
    if "\\u" not in line:
        return True
    return not NUL_ESCAPED.search(line) and is_text(json.dumps(document, ensure_ascii=False))


def is_text(value: Any) -> bool:
    """Whether a JSON member is a text that a column can hold: without NUL, and without halves of a surrogate pair."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
