"""Inbox to lake: lands a feed's new deliveries whole, or not at all.

What has landed once is never read again; what is refused is reported and leaves what was there. How rows become Parquet
and a manifest stands in `landing_commit.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

from ingestion import inbox as inboxes
from ingestion.contracts import Contract, load_contract
from ingestion.deliveries import Found
from ingestion.fingerprints import Fingerprints, Staged
from ingestion.lake import Lake
from ingestion.landing_commit import Candidate, Refusal, commit
from ingestion.manifests import (
    Delivery,
    LandedFile,
    Manifest,
    delivery_id,
    exact,
    replacement_key,
    table_delivery_id,
)
from ingestion.references import judges
from ingestion.room import need_room
from ingestion.storage import Changed, Folder, Storage, UnsafeKey
from ingestion.totals import add

BYTES_PER_LANDING = 256 << 20  # small deliveries that only add rows land together up to here
DELIVERIES_PER_LANDING = 5000


@dataclass(slots=True)
class LandingReport:
    """What one call of `land` did. Counts are deliveries, rows those landed by this call."""

    feed: str
    found: int = 0
    landed: int = 0
    unchanged: int = 0  # content that had landed before
    rejected: int = 0
    incomplete: int = 0  # or held
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    control_totals: dict[str, Decimal] = field(default_factory=dict)  # delivered amounts by currency
    messages: list[str] = field(default_factory=list)  # no row values

    def count(self, manifest: Manifest) -> None:
        """Adds a landing."""
        self.landed += len(manifest.deliveries)
        for total in (total for delivery in manifest.deliveries for total in delivery.totals):
            self.rows_in += total.rows_in
            self.rows_loaded += total.rows_loaded
            self.rows_quarantined += total.rows_quarantined
            if total.currency and (amount := exact(total.amount_delivered)) is not None:
                before = self.control_totals.get(total.currency, Decimal(0))
                self.control_totals[total.currency] = add(before, amount)
        one = len(manifest.deliveries) == 1
        name = manifest.deliveries[0].name if one else f"{len(manifest.deliveries)} deliveries"
        self.messages += [f"{self.feed}/{name}: {message}" for message in manifest.messages]


class _Landing:
    """The state of one call of `land`."""

    def __init__(self, feed: str, inbox: Storage, lake: Lake) -> None:
        self.feed, self.lake = feed, lake
        self.source = inboxes.source(feed)
        self.inbox = Staged(inbox)
        self.fingerprints = Fingerprints(lake.storage, self.inbox)
        self.report = LandingReport(feed)
        self.observed: list[Found] = []

    def run(self, period: str | None) -> None:
        founds = inboxes.find(self.feed, self.inbox, period, self.lake.terms())
        self.report.found = len(founds)
        for found in founds:
            if found.status != "complete":
                self._observe(found)
        known = self.lake.known()
        for group in _groups(found for found in founds if found.status == "complete"):
            fresh: dict[str, Candidate] = {}
            for found in group:
                candidate = self._identified(found)
                if candidate is None:
                    continue
                if candidate.delivery.delivery_id in known:
                    self._came_again(candidate)
                elif candidate.delivery.delivery_id in fresh:
                    self.report.unchanged += 1  # the same file under two names
                else:
                    fresh[candidate.delivery.delivery_id] = candidate
            known |= self._land_together(list(fresh.values()))
            self.inbox.forget_copies()
        self.lake.observe(self.feed, period, self.observed)
        self.fingerprints.save()

    def _observe(self, found: Found) -> None:
        """Seen, not landed: said, and kept for `lake.deliveries` until the next scan."""
        self.observed.append(found)
        if found.status == "rejected":
            self.report.rejected += 1
        else:
            self.report.incomplete += 1
        self.report.messages.append(f"{self.feed}/{found.name}: {found.status}: {found.reason}")

    def _identified(self, found: Found) -> Candidate | None:
        """The delivery under the name its content gives it; None where its files are not what was listed."""
        try:
            files = [LandedFile(file.key, file.size, self.fingerprints.of(file)) for file in found.files]
        except Changed as error:
            self._observe(_instead(found, "incomplete", f"{error}; the next run looks at it again"))
            return None
        except UnsafeKey as error:
            self._observe(_instead(found, "rejected", f"{error}; deliver it under another name"))
            return None
        contract = load_contract(f"{found.feed}.{found.table}")
        # A file may hold the rows of several months and be delivered for each of them.
        by_month = contract.properties.get("fileOfSeveralMonths", False)
        whose = f"{found.account}/{found.period}" if by_month else found.account
        delivery = Delivery(
            delivery_id=delivery_id(found.feed, whose, (file.sha256 for file in files)),
            account=found.account,
            period=found.period,
            name=found.name,
            version=found.version,
            received_at=max((file.modified_at for file in found.files), default=""),
            details=dict(found.details),
            files=files,
        )
        if contract.properties["delivers"] == "whole_table":
            at = found.details["recorded_at"]
            delivery.judged_by = judges(contract, self.lake, at)
            sha256s = (file.sha256 for file in files)
            delivery.delivery_id = table_delivery_id(found.feed, found.table, at, sha256s, delivery.judged_by)
            standing = self.lake.current(contract).get((at,))
            delivery.revision = standing.revision + 1 if standing else 1
        return Candidate(found, delivery)

    def _came_again(self, candidate: Candidate) -> None:
        """Content that has landed: nothing to do, unless it takes the place of what replaced it since."""
        found, delivery = candidate.found, candidate.delivery
        self.report.unchanged += 1
        contract = load_contract(f"{found.feed}.{found.table}")
        key = replacement_key(contract, delivery)
        standing = self.lake.current(contract).get(key) if key else None
        if standing is None:
            return
        landed = self._landings_of(contract, delivery.delivery_id)
        if contract.properties["delivers"] == "whole_table":
            is_newer = standing.delivery_id != delivery.delivery_id
        else:
            is_newer = delivery.version > max(former.version for former in landed)
        if not is_newer:
            return
        delivery.totals = next(former.totals for former in landed if former.totals)
        again = Manifest(self.feed, found.table, delivery.delivery_id, "repeated", contract.version, [delivery])
        self.lake.commit(again)
        self.report.messages.append(
            f"{self.feed}/{found.name}: same content as delivery {delivery.delivery_id}: no change"
        )

    def _landings_of(self, contract: Contract, wanted: str) -> list[Delivery]:
        return [
            delivery
            for manifest in self.lake.manifests()
            if (manifest.feed, manifest.table) == (contract.feed, contract.table) and manifest.status != "rejected"
            for delivery in manifest.deliveries
            if delivery.delivery_id == wanted
        ]

    def _land_together(self, candidates: list[Candidate]) -> set[str]:
        """One landing of all that can be read; their ids. A delivery that is refused leaves no row in it."""
        self._need_room(candidates)
        while candidates:
            contract = load_contract(f"{self.feed}.{candidates[0].found.table}")
            try:
                with tempfile.TemporaryDirectory(prefix="meterhouse-landing-") as folder:
                    manifest = commit(candidates, contract, self.source, self.inbox, self.lake, Path(folder))
                self.report.count(manifest)
                return {delivery.delivery_id for delivery in manifest.deliveries}
            except Refusal as refusal:
                candidates = [candidate for candidate in candidates if candidate is not refusal.candidate]
                self._reject(refusal.candidate, contract, refusal.problem)
        return set()

    def _need_room(self, candidates: list[Candidate]) -> None:
        """Raises NoRoom where the lake's disk, or the one for scratch space, may not hold them."""
        size = sum(file.size for candidate in candidates for file in candidate.found.files)
        places = [Path(tempfile.gettempdir())]
        if isinstance(self.lake.storage, Folder):
            places.append(self.lake.storage.root)
        for place in places:
            need_room(place, size, f"landing {len(candidates)} deliveries of {self.feed}")

    def _reject(self, candidate: Candidate, contract: Contract, problem: Exception) -> None:
        """Refused while it was read. It is read again by the next run: what refused it may have been mended."""
        found, delivery = candidate.found, candidate.delivery
        if isinstance(problem, Changed):
            self._observe(_instead(found, "incomplete", f"{problem}; the next run looks at it again"))
            return
        delivery.reason, delivery.totals = str(problem), []
        for file in delivery.files:
            file.rows_in = file.rows_loaded = file.rows_quarantined = 0
            file.control_total = None
        rejection = Manifest(self.feed, found.table, delivery.delivery_id, "rejected", contract.version, [delivery])
        storage = self.lake.storage
        if not storage.exists(rejection.key) or storage.read_bytes(rejection.key) != rejection.to_bytes():
            self.lake.commit(rejection)
        self.report.rejected += 1
        self.report.messages.append(f"{self.feed}/{found.name}: rejected: {problem}")


def _instead(found: Found, status: Literal["incomplete", "rejected"], reason: str) -> Found:
    return replace(found, status=status, reason=reason)


def _groups(founds: Iterable[Found]) -> Iterator[list[Found]]:
    """What lands together: each bill and catalog table alone, deliveries that only add rows by the hundreds."""
    group: list[Found] = []
    size = 0
    for found in founds:
        alone = load_contract(f"{found.feed}.{found.table}").properties["delivers"] != "more_rows"
        bytes_ = sum(file.size for file in found.files)
        full = size + bytes_ > BYTES_PER_LANDING or len(group) == DELIVERIES_PER_LANDING
        if group and (alone or full or group[0].table != found.table):
            yield group
            group, size = [], 0
        group.append(found)
        size += bytes_
    if group:
        yield group


def land(feed: str, inbox: Storage, lake: Lake, period: str | None = None) -> LandingReport:
    """Lands the feed's new complete deliveries (of the month, where the feed's layout tells it; None: all).

    Safe to kill, to repeat and to run twice at once. Raises Busy where another landing does not end, NoRoom for a disk
    that may get full, KeyError for an unknown feed. Bad deliveries never raise: they are in the report and in
    `lake.deliveries()`.
    """
    with lake.exclusive():
        landing = _Landing(feed, inbox, lake)
        landing.run(period)
    return landing.report


def tell_unread(inbox: Storage, lake: Lake) -> LandingReport:
    """Says what lies where no feed looks, and keeps it for `lake.deliveries` until the next scan. Raises Busy."""
    founds = inboxes.unread(inbox, lake.storage.uri)
    with lake.exclusive():
        lake.observe("inbox", None, founds)
    messages = [f"inbox/{found.name}: rejected: {found.reason}" for found in founds]
    return LandingReport("inbox", found=len(founds), rejected=len(founds), messages=messages)
