"""Edge samples: which files hosts delivered (`find`) and what is in them (`read`). Inbox -> samples, before landing.

    edge/telegraf/<host>/…   Telegraf JSON or line protocol, packed or not; the content tells which
    edge/openmetrics/<host>/…  OpenMetrics text expositions with times, packed or not
    edge/vector/<host>/…     Vector's native metrics as NDJSON, packed or not
    edge/sqlite/<host>/…     an agent's SQLite file, with the -wal, -shm or -journal shipped beside it

Every file is a delivery of its own, complete when it appears. Its rows say their month; late ones and repeated ones
are normal and accumulate. How a format is read stands in `edge_<format>.py`, how values are cast in `edge_samples.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import IO, TYPE_CHECKING

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import File, Found, Rows
from ingestion.sources import edge_line_batches, edge_openmetrics, edge_sqlite, edge_telegraf_json, edge_vector
from ingestion.sources.edge_content import SQLITE_MAGIC, as_text, unpacked
from ingestion.sources.edge_samples import refusal, rows

if TYPE_CHECKING:
    from ingestion.deliveries import Terms
    from ingestion.storage import Storage

FEED = "edge"
FOLDER = f"{FEED}/"
TABLE = "samples"
READ_HERE = ("telegraf", "sqlite", "openmetrics", "vector")
UNFINISHED_NAMES = (".tmp", ".part", ".partial", ".swp", "~")  # what copying tools call a file they still write


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """All deliveries of hosts, ordered by key. Months and terms do not matter: the rows decide, and all accumulate."""
    families: dict[str, dict[str, File]] = defaultdict(dict)
    for file in inbox.files(FOLDER):
        main, suffix = file.key, ""
        if file.key.startswith(f"{FEED}/sqlite/"):
            suffix = next((end for end in edge_sqlite.COMPANIONS if file.key.endswith(end)), "")
            main = file.key.removesuffix(suffix)
        families[main][suffix] = file
    return [_found(key, families[key]) for key in sorted(families)]


def _found(key: str, family: dict[str, File]) -> Found:
    _, kind, *below = key.split("/")
    status, reason = "complete", ""
    if kind not in READ_HERE:
        status, reason = "rejected", f"{key}: there is no edge/{kind}; use one of {', '.join(READ_HERE)}"
    elif len(below) < 2 or not below[0]:
        status, reason = "rejected", f"{key}: lies beside the hosts' folders; deliver it as edge/{kind}/<host>/<file>"
    elif below[-1].startswith(".") or below[-1].endswith(UNFINISHED_NAMES):
        status, reason = "incomplete", "its name says that it is still being copied"
    elif "" not in family:
        status, reason = "incomplete", f"{key} is missing beside {next(iter(family.values())).key}"
    elif family[""].size == 0:
        status, reason = "held", "empty file: an outage of metering must not look like zero usage"
    return Found(
        feed=FEED,
        table=TABLE,
        account=below[0] if len(below) > 1 else "",
        period=None,
        version=key,
        name="/".join(below[1:]) or key,
        files=tuple(family[suffix] for suffix in sorted(family)),
        status=status,
        reason=reason,
        details={"kind": kind},
    )


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """The samples of one file, in batches per month; raises Refused before the first batch or not at all."""
    main = found.files[0]
    with ExitStack() as opened:
        raw = opened.enter_context(_open(inbox, main, contract))
        if found.details["kind"] == "sqlite":
            companions = {
                file.key.removeprefix(main.key): opened.enter_context(_open(inbox, file, contract))
                for file in found.files[1:]
            }
            frames = _sqlite_frames(raw, companions, main, found.account, contract)
        else:
            text = opened.enter_context(as_text(raw, main, contract))
            frames = _text_frames(found.details["kind"], text, main, found.account, contract)
        yield from rows(frames, main.key, contract)


def _open(inbox: Storage, file: File, contract: Contract) -> IO[bytes]:
    with inbox.open(file) as stream:
        return unpacked(stream, file, contract)


def _text_frames(kind: str, text: IO[bytes], file: File, host: str, contract: Contract) -> Iterator[pl.DataFrame]:
    start = text.tell()
    opening = text.read(4096).lstrip()[:1]
    text.seek(start)
    reader: ModuleType = edge_telegraf_json if opening in (b"{", b"[") else edge_line_batches
    remedy = "Deliver Telegraf's json or influx format."
    if kind == "openmetrics":
        reader, remedy = edge_openmetrics, "Deliver the whole exposition, times and # EOF included."
    elif kind == "vector":
        reader, remedy = edge_vector, "Deliver Vector's native metrics as JSON, one a line."
    try:
        yield from reader.sample_frames(text, host)
    except (
        edge_telegraf_json.NotTelegraf,
        edge_line_batches.NotLineProtocol,
        edge_openmetrics.NotOpenMetrics,
        edge_vector.NotVector,
    ) as error:
        raise refusal(file.key, str(error), remedy, contract) from None


def _sqlite_frames(
    raw: IO[bytes], companions: dict[str, IO[bytes]], file: File, host: str, contract: Contract
) -> Iterator[pl.DataFrame]:
    opening = raw.read(len(SQLITE_MAGIC))
    raw.seek(0)
    if opening != SQLITE_MAGIC:
        raise refusal(file.key, "is no SQLite file", "Deliver text formats below edge/telegraf/.", contract)
    try:
        yield from edge_sqlite.sample_frames(raw, companions, host)
    except edge_sqlite.NotAgentFile as error:
        remedy = "Copy it with sqlite3 .backup, or ship its -wal beside it, and deliver it again."
        raise refusal(file.key, str(error), remedy, contract) from None
