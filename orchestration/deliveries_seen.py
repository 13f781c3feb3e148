"""What the sensor sees: the inbox's listing, and the complete deliveries in it by the month they touch."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ingestion import inbox as inboxes
from ingestion.contracts import inbound_contracts
from ingestion.deliveries import Found
from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration.periods import open_periods
from orchestration.settings import Settings


def listing_digest(inbox_uri: str) -> str:
    """Changes when a file comes, goes or is overwritten."""
    digest = hashlib.sha256()
    for file in open_storage(inbox_uri).files():
        digest.update(f"{file.key}\0{file.size}\0{file.etag}\n".encode())
    return digest.hexdigest()


def content_by_period(found: Iterable[Found], periods_without: list[str]) -> dict[str, str]:
    """Period -> digest of its complete deliveries. What names none (samples, the catalog) counts for the open ones."""
    parts: dict[str, list[str]] = defaultdict(list)
    for delivery in found:
        if delivery.status != "complete":
            continue
        content = ";".join(f"{file.key},{file.size},{file.etag}" for file in delivery.files)
        for period in [delivery.period] if delivery.period else periods_without:
            parts[period].append(f"{delivery.feed}/{delivery.account}/{delivery.name}:{content}")
    return {
        period: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16] for period, lines in parts.items()
    }


def _found(settings: Settings, feeds: Iterable[str]) -> Iterator[Found]:
    inbox = open_storage(settings.inbox_uri)
    terms = Lake(open_storage(settings.lake_uri)).terms()
    for feed in feeds:
        yield from inboxes.find(feed, inbox, None, terms)


def complete_deliveries(settings: Settings) -> dict[str, str]:
    """Period -> digest of the complete deliveries that touch it."""
    periods = open_periods(settings.first_period, settings.clock.date(), settings.open_months)
    return content_by_period(_found(settings, inboxes.feeds()), periods)


def billed_periods(settings: Settings) -> list[str]:
    """Periods of which the inbox holds a vendor's complete bill."""
    feeds = {contract.feed for contract in inbound_contracts() if contract.properties["delivers"] == "whole_period"}
    found = _found(settings, sorted(feeds))
    return sorted({delivery.period for delivery in found if delivery.period and delivery.status == "complete"})
