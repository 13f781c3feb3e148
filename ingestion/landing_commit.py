"""One landing: the rows of its deliveries -> Parquet in the lake, then the manifest that makes them exist.

Data first, manifest last: a process killed in between leaves nothing that counts, and landing again writes the same
bytes to the same keys. Which deliveries land, and what happens to the others, is decided in `landing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion import clocks
from ingestion.contracts import Contract
from ingestion.deliveries import UNFORESEEN, Found, Refused
from ingestion.faultpoints import reached
from ingestion.fingerprints import Staged
from ingestion.inbox import Source
from ingestion.lake import Lake
from ingestion.lake_tables import first_day
from ingestion.manifests import Delivery, Manifest, digest, replacement_key
from ingestion.parquet import MonthlyParquet
from ingestion.references import References
from ingestion.storage import Changed, UnsafeKey
from ingestion.totals import Tally

QUARANTINE_SCHEMA = {
    "source": pl.String(),
    "table_name": pl.String(),
    "account": pl.String(),
    "billing_period": pl.Date(),
    "delivery_id": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
    "reason": pl.String(),
    "column_name": pl.String(),
    "payload": pl.String(),
}


@dataclass(slots=True)
class Candidate:
    """A complete delivery that has not landed: as found, and as its manifest will say."""

    found: Found
    delivery: Delivery


class Refusal(Exception):
    """One of the deliveries that were to land together cannot be read, and why; nothing has landed."""

    def __init__(self, candidate: Candidate, problem: Exception) -> None:
        super().__init__(str(problem))
        self.candidate, self.problem = candidate, problem


def landed_schema(contract: Contract) -> dict[str, pl.DataType]:
    """Polars types of the landed Parquet: the contract's columns, then the technical ones."""
    types = contract.schema() | {"delivery_id": pl.String(), "billing_period": pl.Date()}
    return {name: types[name] for name in contract.landed_columns()}


def commit(
    candidates: list[Candidate], contract: Contract, source: Source, inbox: Staged, lake: Lake, folder: Path
) -> Manifest:
    """Lands the deliveries in one commit; `folder` is scratch space. Raises Refusal where one of them is refused."""
    rows = MonthlyParquet(folder / "rows", landed_schema(contract))
    rejected = MonthlyParquet(folder / "rejected", QUARANTINE_SCHEMA)
    messages: dict[str, None] = {}  # in order, each once
    voided: list[pl.DataFrame] = []
    for candidate in candidates:
        try:
            messages |= dict.fromkeys(_read(candidate, contract, source, inbox, lake, rows, rejected, voided))
            for file in candidate.found.files:
                inbox.check(file)
        except (Refused, Changed, UnsafeKey) as problem:
            raise Refusal(candidate, problem) from problem
        except MemoryError:
            raise  # Arrow's is an ArrowException too, and says nothing of the file
        except UNFORESEEN as problem:
            raise Refusal(candidate, _unforeseen(candidate, contract, problem)) from problem
    rows.close()
    rejected.close()
    deliveries = [candidate.delivery for candidate in candidates]
    landing_id = deliveries[0].delivery_id
    if contract.properties["delivers"] == "more_rows":
        landing_id = digest(sorted(delivery.delivery_id for delivery in deliveries))
    messages |= dict.fromkeys(_equal_totals(contract, deliveries[0], lake))
    reached("land_before_data")
    place = f"{contract.feed}/{contract.table}/{{month}}/{landing_id}"
    parts = rows.store(lake.storage, f"landed/{place}/part-0.parquet")
    manifest = Manifest(
        feed=contract.feed,
        table=contract.table,
        landing_id=landing_id,
        status="landed",
        contract_version=contract.version,
        deliveries=deliveries,
        parts=parts,
        quarantined=rejected.store(lake.storage, f"quarantine/{place}.parquet"),
        messages=list(messages),
        takes_back=_takes_back(contract, lake, voided, min((part.period for part in parts), default="")),
    )
    reached("land_after_data")
    _assert_complete(manifest)
    reached("land_before_manifest")
    lake.commit(manifest)
    reached("land_after_manifest")
    return manifest


def _read(
    candidate: Candidate,
    contract: Contract,
    source: Source,
    inbox: Staged,
    lake: Lake,
    rows: MonthlyParquet,
    rejected: MonthlyParquet,
    voided: list[pl.DataFrame],
) -> list[str]:
    """Streams a delivery into the files and counts it; what a human should know of it. Adds to `voided` the keys of the
    events that its own take back."""
    found, delivery = candidate.found, candidate.delivery
    tally, messages = Tally(contract), []
    references = None
    if contract.properties["delivers"] == "whole_table":
        references = References(contract, lake, found.details["recorded_at"])
    for batch in source.read(inbox, found, contract):
        good, bad = batch.good, batch.rejected
        messages += batch.messages
        if references:
            good, orphans = references.split(good)
            messages += references.explain(orphans)
            bad = pl.concat([bad, orphans])
        good, misdated, warnings = clocks.split(good, contract, delivery.received_at)
        messages += warnings
        tally.add_good(batch.period, good)
        if "voids" in good.columns:
            voided.append(good.filter(pl.col("voids").is_not_null()).select("source", event_id="voids"))
        rows.add(batch.period, good.with_columns(**_common(batch.period, delivery)))
        of = {"source": contract.feed, "table_name": contract.table, "account": found.account}
        # When a misdated row happened nobody knows: the month in which it came is the one to look at it.
        for period, refused in ((batch.period, bad), (delivery.received_at[:7], misdated)):
            if refused.is_empty():
                continue
            tally.add_rejected(period, refused)
            named = {name: pl.lit(text) for name, text in of.items()}
            rejected.add(period, refused.with_columns(**_common(period, delivery), **named))
    tally.check()
    delivery.files = [tally.complete(file) for file in delivery.files]
    delivery.totals = tally.totals(found.period)
    return messages


def _unforeseen(candidate: Candidate, contract: Contract, problem: BaseException) -> Refused:
    """What a reader stumbled over: one file must not hold up the others. The error's own words may hold values."""
    files = ", ".join(file.key for file in candidate.found.files[:3]) or candidate.found.name
    return Refused(
        f"{files}: cannot be read ({type(problem).__name__}; contract {contract.id} {contract.version}); nothing of it "
        "was loaded. Deliver it in another form, and report it: its reader should have said what is wrong with it"
    )


def _common(period: str, delivery: Delivery) -> dict[str, pl.Expr]:
    return {
        "billing_period": pl.lit(first_day(period), dtype=pl.Date),
        "delivery_id": pl.lit(delivery.delivery_id),
    }


def _takes_back(contract: Contract, lake: Lake, voided: list[pl.DataFrame], first_month: str) -> list[str]:
    """Months before the landing's own in which an event of an earlier landing is taken back: they change with it."""
    keys = pl.concat(voided).unique() if voided else pl.DataFrame()
    return [] if keys.is_empty() else lake.months_holding(contract, keys, first_month)


def _equal_totals(contract: Contract, delivery: Delivery, lake: Lake) -> list[str]:
    """The same bill in other bytes (packed again, rows in another order) is a new version that changes nothing."""
    key = replacement_key(contract, delivery)
    if contract.properties["delivers"] != "whole_period" or key is None:
        return []
    standing = lake.current(contract).get(key)
    if standing is None or standing.totals != delivery.totals:
        return []
    return [f"same totals as delivery {standing.delivery_id}: no change"]


def _assert_complete(manifest: Manifest) -> None:
    """rows_in = loaded + quarantined = rows in the Parquet files, over the whole landing."""
    totals = [total for delivery in manifest.deliveries for total in delivery.totals]
    counted = [sum(getattr(total, name) for total in totals) for name in ("rows_in", "rows_loaded", "rows_quarantined")]
    written = [sum(part.rows for part in parts) for parts in (manifest.parts, manifest.quarantined)]
    if counted[0] != counted[1] + counted[2] or counted[1:] != written:
        raise AssertionError(
            f"{manifest.feed}/{manifest.landing_id}: rows in, loaded, quarantined are {counted}, but {written} are in "
            "the Parquet files; nothing has landed"
        )
