"""AWS bills in the three spellings AWS delivers: legacy CUR as CSV, legacy CUR as Parquet, CUR 2.0 data export.

A line is a dict under CUR 2.0 column names; `resource_tags` and `product` are dicts. What is billed is `aws_bill.py`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from samples.files import gzipped, write

Line = Mapping[str, Any]

# CUR 2.0 name -> legacy CSV name. The legacy Parquet name is the CUR 2.0 one but for LEGACY_PARQUET.
LEGACY_CSV = {
    "identity_line_item_id": "identity/LineItemId",
    "identity_time_interval": "identity/TimeInterval",
    "bill_invoice_id": "bill/InvoiceId",
    "bill_billing_entity": "bill/BillingEntity",
    "bill_bill_type": "bill/BillType",
    "bill_payer_account_id": "bill/PayerAccountId",
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_billing_period_end_date": "bill/BillingPeriodEndDate",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_operation": "lineItem/Operation",
    "line_item_availability_zone": "lineItem/AvailabilityZone",
    "line_item_resource_id": "lineItem/ResourceId",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_normalization_factor": "lineItem/NormalizationFactor",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_unblended_rate": "lineItem/UnblendedRate",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_blended_cost": "lineItem/BlendedCost",
    "line_item_net_unblended_cost": "lineItem/NetUnblendedCost",
    "line_item_line_item_description": "lineItem/LineItemDescription",
    "line_item_legal_entity": "lineItem/LegalEntity",
    "line_item_tax_type": "lineItem/TaxType",
    "pricing_public_on_demand_cost": "pricing/publicOnDemandCost",
    "pricing_public_on_demand_rate": "pricing/publicOnDemandRate",
    "pricing_unit": "pricing/unit",
    "pricing_term": "pricing/term",
    "pricing_rate_id": "pricing/RateId",
    "pricing_currency": "pricing/currency",
    "product_product_name": "product/ProductName",
    "product_servicecode": "product/servicecode",
    "product_sku": "product/sku",
    "product_product_family": "product/productFamily",
    "product_region_code": "product/region",
    "product_instance_type": "product/instanceType",
    "reservation_reservation_a_r_n": "reservation/ReservationARN",
    "reservation_effective_cost": "reservation/EffectiveCost",
    "reservation_amortized_upfront_cost_for_usage": "reservation/AmortizedUpfrontCostForUsage",
    "reservation_recurring_fee_for_usage": "reservation/RecurringFeeForUsage",
    "reservation_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_unused_recurring_fee": "reservation/UnusedRecurringFee",
    "reservation_unused_quantity": "reservation/UnusedQuantity",
    "reservation_subscription_id": "reservation/SubscriptionId",
    "reservation_upfront_value": "reservation/UpfrontValue",
    "reservation_net_effective_cost": "reservation/NetEffectiveCost",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_net_unused_recurring_fee": "reservation/NetUnusedRecurringFee",
    "savings_plan_savings_plan_a_r_n": "savingsPlan/SavingsPlanARN",
    "savings_plan_savings_plan_effective_cost": "savingsPlan/SavingsPlanEffectiveCost",
    "savings_plan_savings_plan_rate": "savingsPlan/SavingsPlanRate",
    "savings_plan_total_commitment_to_date": "savingsPlan/TotalCommitmentToDate",
    "savings_plan_used_commitment": "savingsPlan/UsedCommitment",
    "savings_plan_recurring_commitment_for_billing_period": "savingsPlan/RecurringCommitmentForBillingPeriod",
    "savings_plan_amortized_upfront_commitment_for_billing_period": (
        "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod"
    ),
    "savings_plan_net_savings_plan_effective_cost": "savingsPlan/NetSavingsPlanEffectiveCost",
    "split_line_item_parent_resource_id": "splitLineItem/ParentResourceId",
    "split_line_item_split_cost": "splitLineItem/SplitCost",
    "split_line_item_unused_cost": "splitLineItem/UnusedCost",
}
LEGACY_PARQUET = {"product_region_code": "product_region"}
# Columns a bill has only where a line fills them.
OPTIONAL = tuple(name for name in LEGACY_CSV if "_net_" in name or name.startswith("split_"))
TEXT_RATES = {"line_item_unblended_rate", "pricing_public_on_demand_rate"}
TIMESTAMPS = {name for name in LEGACY_CSV if name.endswith("_date")}
NUMBERS = {
    name
    for name in LEGACY_CSV
    if name not in TEXT_RATES
    and (
        name.endswith(("_cost", "_amount", "_factor", "_rate", "_value", "_quantity", "_fee", "_commitment"))
        or "_for_" in name
        or name.endswith("_to_date")
    )
}


def period_bounds(period: str) -> tuple[date, date]:
    """First day of the month `YYYY-MM` and of the next."""
    year, month = map(int, period.split("-"))
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


def columns_of(lines: Sequence[Line]) -> list[str]:
    """Columns a bill has: the usual ones, the optional ones some line fills, then columns only the lines know."""
    used = {name for line in lines for name in line}
    usual = [name for name in LEGACY_CSV if name not in OPTIONAL or name in used]
    return usual + sorted(used - set(LEGACY_CSV) - {"resource_tags", "product"})


def _tags(lines: Sequence[Line], column: str) -> list[str]:
    return sorted({key for line in lines for key in line.get(column) or {}})


def _cell(value: Any, instant: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.astimezone(UTC).strftime(instant) if isinstance(value, datetime) else str(value)


def legacy_csv(lines: Sequence[Line], columns: Sequence[str], tags: Sequence[str], products: Sequence[str]) -> bytes:
    """A legacy CUR file: `category/Name` headings, one column per tag and product attribute."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [LEGACY_CSV.get(name, name) for name in columns]
        + [f"product/{key}" for key in products]
        + [f"resourceTags/{key}" for key in tags]
    )
    for line in lines:
        product, tag = line.get("product") or {}, line.get("resource_tags") or {}
        writer.writerow(
            [_cell(line.get(name), "%Y-%m-%dT%H:%M:%SZ") for name in columns]
            + [product.get(key, "") for key in products]
            + [tag.get(key, "") for key in tags]
        )
    return buffer.getvalue().encode()


def legacy_parquet(
    lines: Sequence[Line], columns: Sequence[str], tags: Sequence[str], products: Sequence[str]
) -> bytes:
    """A legacy CUR file as AWS writes it for Athena: snake_case names, numbers as doubles, instants in milliseconds."""
    arrays: dict[str, pa.Array] = {}
    for name in columns:
        cells = [line.get(name) for line in lines]
        if name in TIMESTAMPS:
            arrays[LEGACY_PARQUET.get(name, name)] = pa.array(cells, pa.timestamp("ms", tz="UTC"))
        elif name in NUMBERS:
            numbers = [None if cell is None else float(cell) for cell in cells]
            arrays[LEGACY_PARQUET.get(name, name)] = pa.array(numbers, pa.float64())
        else:
            texts = [None if cell is None else _cell(cell, "") for cell in cells]
            arrays[LEGACY_PARQUET.get(name, name)] = pa.array(texts, pa.string())
    for column, prefix, keys in (("product", "product_", products), ("resource_tags", "resource_tags_", tags)):
        for key in keys:
            cells = [(line.get(column) or {}).get(key) for line in lines]
            arrays[prefix + _snake(key)] = pa.array(cells, pa.string())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="snappy")
    return sink.getvalue().to_pybytes()


def _snake(key: str) -> str:
    """`user:CostCenter` -> `user_cost_center`, as AWS spells tags in Parquet and in CUR 2.0."""
    spaced = "".join(
        "_" + character.lower() if character.isupper() else character for character in key.replace(":", "_")
    )
    return spaced.replace("__", "_")


def cur2_csv(lines: Sequence[Line], columns: Sequence[str]) -> bytes:
    """A CUR 2.0 file: snake_case headings, tags and other product attributes as JSON maps."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    plain = [name for name in columns if name != "product_product_name"]
    writer.writerow([*plain, "product", "resource_tags"])
    for line in lines:
        product = dict(line.get("product") or {})
        if line.get("product_product_name"):
            product["product_name"] = line["product_product_name"]
        tags = {_snake(key): value for key, value in (line.get("resource_tags") or {}).items()}
        writer.writerow(
            [_cell(line.get(name), "%Y-%m-%dT%H:%M:%S.000Z") for name in plain]
            + [json.dumps(product, sort_keys=True), json.dumps(tags, sort_keys=True)]
        )
    return buffer.getvalue().encode()


def _parts(lines: Sequence[Line], files: int) -> list[Sequence[Line]]:
    size = -(-len(lines) // files) if lines else 0
    return [lines[index * size : (index + 1) * size] for index in range(files)]


def write_legacy_cur(
    inbox: Path,
    payer: str,
    period: str,
    lines: Sequence[Line],
    *,
    assembly: str,
    parquet: bool = False,
    report: str = "cost-report",
    prefix: str = "billing",
    files: int = 1,
    is_current: bool = True,
    columns: Sequence[str] | None = None,
    received_at: datetime | None = None,
) -> Path:
    """Writes one assembly with its manifest and, if `is_current`, the period-level manifest. Returns its folder."""
    start, end = period_bounds(period)
    columns = list(columns or columns_of(lines))
    tags, products = _tags(lines, "resource_tags"), _tags(lines, "product")
    root = inbox / "aws_cur" / payer
    folder = f"{prefix}/{report}/{start:%Y%m%d}-{end:%Y%m%d}"
    keys = []
    for number, part in enumerate(_parts(lines, files), start=1):
        name = f"{report}-{number:05d}" + (".snappy.parquet" if parquet else ".csv.gz")
        content = (
            legacy_parquet(part, columns, tags, products)
            if parquet
            else gzipped(legacy_csv(part, columns, tags, products))
        )
        keys.append(f"{folder}/{assembly}/{name}")
        write(root / keys[-1], content, received_at)
    headings = [LEGACY_CSV.get(name, name) for name in columns] + [f"resourceTags/{key}" for key in tags]
    manifest = {
        "assemblyId": assembly,
        "account": payer,
        "columns": [
            {"category": name.split("/", 1)[0], "name": name.split("/", 1)[-1]} if "/" in name else {"name": name}
            for name in headings
        ],
        "charset": "UTF-8",
        "compression": "Parquet" if parquet else "GZIP",
        "contentType": "Parquet" if parquet else "text/csv",
        "reportId": f"{payer}-{report}",
        "reportName": report,
        "billingPeriod": {"start": f"{start:%Y%m%d}T000000.000Z", "end": f"{end:%Y%m%d}T000000.000Z"},
        "bucket": f"{payer}-billing",
        "reportKeys": keys,
        "additionalArtifactKeys": [],
    }
    content = json.dumps(manifest, indent=2).encode()
    write(root / folder / assembly / f"{report}-Manifest.json", content, received_at)
    if is_current:
        write(root / folder / f"{report}-Manifest.json", content, received_at)
    return root / folder / assembly


def write_cur2(
    inbox: Path,
    payer: str,
    period: str,
    lines: Sequence[Line],
    *,
    execution: str,
    executed_at: datetime,
    export: str = "cost-export",
    prefix: str = "exports",
    files: int = 1,
    columns: Sequence[str] | None = None,
) -> Path:
    """Writes one execution of a data export ("create new" versioning) with its manifest. Returns its data folder."""
    columns = list(columns or columns_of(lines))
    root = inbox / "aws_cur" / payer
    version = f"{executed_at:%Y-%m-%dT%H:%M:%S.000Z}-{execution}"
    folder = f"{prefix}/{export}/data/BILLING_PERIOD={period}/{version}"
    keys = []
    for number, part in enumerate(_parts(lines, files), start=1):
        keys.append(f"{folder}/{export}-{number:05d}.csv.gz")
        write(root / keys[-1], gzipped(cur2_csv(part, columns)), executed_at)
    headings = [*(name for name in columns if name != "product_product_name"), "product", "resource_tags"]
    kinds = dict.fromkeys(NUMBERS, "double") | dict.fromkeys(TIMESTAMPS, "timestamp")
    manifest = {
        "executionId": execution,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/{export}",
        "columns": [{"name": name, "type": kinds.get(name, "string")} for name in headings],
        "dataFiles": [f"s3://{payer}-billing/{key}" for key in keys],
    }
    write(
        root / prefix / export / "metadata" / f"BILLING_PERIOD={period}" / version / f"{export}-Manifest.json",
        json.dumps(manifest).encode(),
        executed_at,
    )
    return root / folder
