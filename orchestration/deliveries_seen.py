"""What the sensor sees: the inbox's listing, and the complete deliveries in it by the month they touch."""

from __future__ import annotations

import hashlib
from collections import defaultdict

from ingestion.deliveries import Found
from ingestion.storage import open_storage


def listing_digest(inbox_uri: str) -> str:
    """Changes when a file comes, goes or is overwritten."""
    digest = hashlib.sha256()
    for file in open_storage(inbox_uri).files():
        digest.update(f"{file.key}\0{file.size}\0{file.etag}\n".encode())
    return digest.hexdigest()


def content_by_period(found: list[Found], periods_without: list[str]) -> dict[str, str]:
    """Period -> digest of its complete deliveries. What names none (samples, the catalog) counts for the open ones."""
    parts: dict[str, list[str]] = defaultdict(list)
    for delivery in found:
        if delivery.status != "complete":
            continue
        content = ";".join(f"{file.key},{file.size},{file.etag}" for file in delivery.files)
        for period in [delivery.period] if delivery.period else periods_without:
            parts[period].append(f"{delivery.feed}/{delivery.account}/{delivery.name}/{delivery.version}:{content}")
    return {
        period: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16] for period, lines in parts.items()
    }


def complete_deliveries(settings):
    return {}
