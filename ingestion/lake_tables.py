"""What the lake says about itself: manifests -> rows of `lake.deliveries` and `lake.delivery_totals`. Plain values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from ingestion.contracts import inbound_contracts
from ingestion.manifests import Delivery, Manifest, exact, replacement_key

if TYPE_CHECKING:
    from ingestion.lake import Lake


def first_day(period: str | None) -> date | None:
    """2026-01 -> 2026-01-01; nothing for no month."""
    return date.fromisoformat(f"{period}-01") if period else None


def instant(text: str) -> datetime | None:
    """An ISO instant in UTC, without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def deliveries(lake: Lake) -> list[dict[str, Any]]:
    """One row per delivered file (per delivery where it has none), with what became of it."""
    rows: list[dict[str, Any]] = []
    for contract in inbound_contracts():
        current, counting = lake.current(contract), lake.current_ids(contract)
        versions = {delivery.delivery_id: delivery.version for delivery in current.values()}
        landed = {d.delivery_id for m in lake.landed(contract) for d in m.deliveries}
        for manifest in lake.manifests():
            if (manifest.feed, manifest.table) != (contract.feed, contract.table) or manifest.status == "repeated":
                continue
            for delivery in manifest.deliveries:
                status, superseded_by = "complete", None
                if manifest.status == "rejected":
                    if delivery.delivery_id in landed:
                        continue  # refused once, in the lake now
                    status = "rejected"
                elif delivery.delivery_id not in counting:
                    key = replacement_key(contract, delivery)
                    status, superseded_by = "superseded", current[key].delivery_id if key else None
                version = versions.get(delivery.delivery_id, delivery.version)
                rows += _file_rows(manifest, delivery, status, superseded_by, version)
    return rows + list(_observed(lake))


def first_delivered(lake: Lake) -> date | None:
    """Of what landed, whether it counts still or not."""
    landed = (row["billing_period"] for row in deliveries(lake) if row["status"] in ("complete", "superseded"))
    return min((month for month in landed if month), default=None)


def _file_rows(
    manifest: Manifest, delivery: Delivery, status: str, superseded_by: str | None, version: str
) -> Iterator[dict[str, Any]]:
    for file in delivery.files:
        yield {
            "source": manifest.feed,
            "table_name": manifest.table,
            "account": delivery.account,
            "billing_period": first_day(delivery.period),
            "delivery_id": delivery.delivery_id,
            "name": delivery.name,
            "uri": file.key,
            "sha256": file.sha256,
            "status": status,
            "reason": delivery.reason,
            "rows_in": file.rows_in,
            "rows_loaded": file.rows_loaded,
            "rows_quarantined": file.rows_quarantined,
            "control_total": exact(file.control_total),
            "version": version,
            "superseded_by": superseded_by,
            "contract_version": manifest.contract_version,
            "received_at": instant(delivery.received_at),
            "landed_at": instant(manifest.landed_at),
        }


def _observed(lake: Lake) -> Iterator[dict[str, Any]]:
    unknown = dict.fromkeys(
        ("delivery_id", "sha256", "rows_in", "rows_loaded", "rows_quarantined", "control_total", "superseded_by")
    )
    for entry in lake.observed():
        named = {name: entry[name] for name in ("table_name", "account", "name", "version", "status", "reason")}
        for uri in entry["files"] or [None]:
            yield {
                "source": entry["feed"],
                "billing_period": first_day(entry["period"]),
                "uri": uri,
                **named,
                **unknown,
                "contract_version": None,
                "received_at": instant(entry["received_at"]),
                "landed_at": None,
            }


def totals(lake: Lake) -> list[dict[str, Any]]:
    """One row per landed delivery, month and currency. Of the catalog those are current that stand last."""
    rows = []
    for contract in inbound_contracts():
        current = lake.current_ids(contract)
        if contract.properties["delivers"] == "whole_table":
            standing = lake.standing(contract.table)
            current = {standing.delivery_id} if standing else set()
        for manifest in lake.landed(contract):
            for delivery in manifest.deliveries:
                for total in delivery.totals:
                    rows.append(
                        {
                            "source": contract.feed,
                            "table_name": contract.table,
                            "account": delivery.account,
                            "billing_period": first_day(total.period),
                            "delivery_id": delivery.delivery_id,
                            "currency": total.currency,
                            "amount_delivered": exact(total.amount_delivered),
                            "amount_landed": exact(total.amount_landed),
                            "amount_quarantined": exact(total.amount_quarantined),
                            "rows_in": total.rows_in,
                            "rows_loaded": total.rows_loaded,
                            "rows_quarantined": total.rows_quarantined,
                            "is_current": delivery.delivery_id in current,
                        }
                    )
    return rows
