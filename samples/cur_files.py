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

from samples.cur_columns import LEGACY_CSV, LEGACY_PARQUET, NUMBERS, OPTIONAL, TIMESTAMPS
from samples.files import gzipped, write

Line = Mapping[str, Any]


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
