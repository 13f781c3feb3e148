"""Writes tiny inboxes by hand: name what the test is about, the rest gets a sane default.

    world = (
        World(tmp_path)
        .cur("111111111111", "2026-01", [line(cost="1.25"), line(account="222222222222", day=3, cost="0.75")])
        .catalog(
            parties=[{"party_id": "aws", "role": "vendor"}, {"party_id": "acme", "role": "reseller"}],
            agreements=[{"seller_id": "aws", "buyer_id": "acme"}],
        )
        .telegraf("edge-01", [sample("2026-01-01T00:05", "net", bytes_recv=100)])
    )
    world.inbox                       # the folder to hand to METERHOUSE_INBOX or `--inbox`

Every method returns the world and leaves the paths it wrote in `world.written` (newest last), so a test can damage one.
A second `.cur(...)` for the same month is a newer assembly; the period-level manifest then points to it.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from samples import cur_files
from samples.catalog_files import CATALOG_COLUMNS, write_table
from samples.edge_files import Metric, Value, deliver, line_protocol, sqlite_file, telegraf_json
from tests.worlds.defaults import catalog_defaults

# Short names of the columns tests name most; any CUR 2.0 column name can be used as it is.
SHORT = {
    "type": "line_item_line_item_type",
    "account": "line_item_usage_account_id",
    "service": "line_item_product_code",
    "usage_type": "line_item_usage_type",
    "operation": "line_item_operation",
    "resource": "line_item_resource_id",
    "sku": "product_sku",
    "quantity": "line_item_usage_amount",
    "unit": "pricing_unit",
    "cost": "line_item_unblended_cost",
    "blended_cost": "line_item_blended_cost",
    "net_cost": "line_item_net_unblended_cost",
    "list_cost": "pricing_public_on_demand_cost",
    "currency": "line_item_currency_code",
    "description": "line_item_line_item_description",
    "start": "line_item_usage_start_date",
    "end": "line_item_usage_end_date",
    "ri": "reservation_reservation_a_r_n",
    "ri_effective": "reservation_effective_cost",
    "ri_upfront": "reservation_amortized_upfront_cost_for_usage",
    "ri_recurring": "reservation_recurring_fee_for_usage",
    "ri_unused_upfront": "reservation_unused_amortized_upfront_fee_for_billing_period",
    "ri_unused_recurring": "reservation_unused_recurring_fee",
    "sp": "savings_plan_savings_plan_a_r_n",
    "sp_effective": "savings_plan_savings_plan_effective_cost",
    "sp_commitment": "savings_plan_total_commitment_to_date",
    "sp_used": "savings_plan_used_commitment",
    "tags": "resource_tags",
}


def line(**columns: Any) -> dict[str, Any]:
    """One bill line for `World.cur`, which fills what is not named: Usage of AmazonEC2 by the payer, one hour, 1 USD.

    Short names are in SHORT; `day` (1-31) and `hour` set the start, the end is an hour later. Numbers may be text
    (kept as written, also when it is no number) or Decimal. A column given as None stays empty.
    """
    return {SHORT.get(name, name): value for name, value in columns.items()}


def reservation(owner: str, name: str = "r1") -> str:
    """ARN of a reservation bought by account `owner`."""
    return f"arn:aws:ec2:us-east-1:{owner}:reserved-instances/{name}"


def savings_plan(owner: str, name: str = "s1") -> str:
    """ARN of a savings plan bought by account `owner`."""
    return f"arn:aws:savingsplans::{owner}:savingsplan/{name}"


def sample(at: str | datetime, name: str, tags: Mapping[str, str] | None = None, /, **fields: Value | float) -> Metric:
    """What an agent reports at `at` (ISO text without zone: UTC): measurement `name` and its fields."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    exact = {key: Decimal(repr(value)) if isinstance(value, float) else value for key, value in fields.items()}
    return Metric(instant, name, exact, dict(tags or {}))


def api_event(event_id: str, at: str, **members: Any) -> dict[str, Any]:
    """One event of an API gateway for `World.wso2`: a request answered with 200 unless members say otherwise.

    Short names: api, provider, application, consumer, status, bytes; any name of WSO2's can be used as it is.
    """
    short = {
        "api": "apiId",
        "provider": "apiCreator",
        "application": "applicationId",
        "consumer": "userName",
        "status": "proxyResponseCode",
        "bytes": "responseSize",
    }
    given = {short.get(name, name): value for name, value in members.items() if value is not None}
    return {
        "correlationId": event_id,
        "requestTimestamp": at,
        "eventType": "response",
        "proxyResponseCode": 200,
    } | given


class World:
    """An inbox under `<folder>/inbox` and what was written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.inbox = self.folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.written: list[Path] = []
        self._versions: Counter[tuple[str, str]] = Counter()

    # -- AWS bills -----------------------------------------------------------------------------------------------

    def cur(
        self,
        payer: str,
        period: str,
        lines: Iterable[Mapping[str, Any]],
        *,
        spelling: Literal["csv", "parquet", "cur2"] = "csv",
        files: int = 1,
        version: str | None = None,
        is_current: bool = True,
        columns: Sequence[str] | None = None,
        report: str | None = None,
    ) -> World:
        """One delivery of a payer's month. `written[-1]` is the folder of its data files (manifests: `manifests()`).

        version    assembly or execution id; default counts up per (payer, month)
        is_current legacy only: whether the period-level manifest points to this assembly
        columns    CUR 2.0 names of the columns delivered; default the usual ones and what the lines name
        """
        self._versions[payer, period] += 1
        number = self._versions[payer, period]
        filled = [self._filled(payer, period, index, given) for index, given in enumerate(lines)]
        received_at = datetime(*cur_files.period_bounds(period)[1].timetuple()[:3], 6, tzinfo=UTC) + timedelta(
            days=number
        )
        if spelling == "cur2":
            folder = cur_files.write_cur2(
                self.inbox,
                payer,
                period,
                filled,
                execution=version or f"execution-{number:04d}",
                executed_at=received_at,
                files=files,
                columns=columns,
                export=report or "cost-export",
            )
        else:
            folder = cur_files.write_legacy_cur(
                self.inbox,
                payer,
                period,
                filled,
                assembly=version or f"assembly-{number:04d}",
                parquet=spelling == "parquet",
                files=files,
                columns=columns,
                is_current=is_current,
                received_at=received_at,
                report=report or "cost-report",
            )
        self.written.append(folder)
        return self

    def _filled(self, payer: str, period: str, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
        named = line(**given)
        first, after = cur_files.period_bounds(period)
        begin, finish = (datetime(*day.timetuple()[:3], tzinfo=UTC) for day in (first, after))
        start = begin + timedelta(days=int(named.pop("day", 1)) - 1, hours=int(named.pop("hour", 0)))
        cost = named.get("line_item_unblended_cost", Decimal(1))
        defaults = {
            "identity_line_item_id": f"line-{index + 1:06d}",
            "bill_billing_entity": "AWS",
            "bill_bill_type": "Anniversary",
            "bill_payer_account_id": payer,
            "bill_billing_period_start_date": begin,
            "bill_billing_period_end_date": finish,
            "line_item_usage_account_id": payer,
            "line_item_line_item_type": "Usage",
            "line_item_usage_start_date": start,
            "line_item_usage_end_date": start + timedelta(hours=1),
            "line_item_product_code": "AmazonEC2",
            "line_item_usage_type": "BoxUsage:t3.medium",
            "line_item_operation": "RunInstances",
            "line_item_usage_amount": Decimal(1),
            "line_item_currency_code": "USD",
            "line_item_unblended_cost": cost,
            "line_item_blended_cost": cost,
            "pricing_unit": "Hrs",
            "product_product_name": "Amazon Elastic Compute Cloud",
            "product_region_code": "us-east-1",
        }
        return defaults | named

    def complete_by_hand(self, source: str, account: str, period: str, files: Mapping[str, bytes], name: str) -> World:
        """A hand-copied delivery: `<source>/<account>/manual/<YYYY-MM>/<name>/` with an empty `_COMPLETE`."""
        folder = self.inbox / source / account / "manual" / period / name
        for file, content in files.items():
            self.file(f"{folder.relative_to(self.inbox)}/{file}", content)
        return self.file(f"{folder.relative_to(self.inbox)}/_COMPLETE", b"")

    # -- catalog -------------------------------------------------------------------------------------------------

    def catalog(self, delivered_at: str = "2026-01-01", **tables: Iterable[Mapping[str, Any]]) -> World:
        """One catalog delivery: the named tables, each whole. Unnamed columns are empty, but for these:

        parties     name = party_id, role customer, country DE, time_zone UTC, tax_status business,
                    invoice_prefix = party_id in capitals
        agreements  agreement_id = seller-buyer, currency USD
        payers      vendor aws
        price_rules rule_id by position, kind markup
        meters      unit "unit", aggregation sum, sample_type counter, resource_kind edge_server
        plans       name = plan_id, currency USD
        plan_charges name = charge_id, charge_type usage, charge_model per_unit
        subscriptions start_date 2026-01-01
        tax_rates   kind standard
        """
        for table, rows in tables.items():
            filled = [catalog_defaults(table, index, row) | dict(row) for index, row in enumerate(rows, start=1)]
            received_at = datetime.fromisoformat(delivered_at[:10]).replace(hour=6, tzinfo=UTC)
            self.written.append(write_table(self.inbox, delivered_at, table, filled, received_at))
        return self

    def empty_catalog(self, delivered_at: str = "2026-01-01") -> World:
        """Every catalog table, header only: the ground for a `.catalog(...)` of a few tables with a later date."""
        return self.catalog(delivered_at, **{table: [] for table in CATALOG_COLUMNS})

    # -- edge ----------------------------------------------------------------------------------------------------

    def telegraf(
        self, host: str, samples: Iterable[Metric], *, name: str = "metrics.json.gz", batch: bool = False
    ) -> World:
        """A Telegraf JSON file of `sample(...)`s; one object per line, or one `{"metrics": [...]}` with `batch`."""
        self.written.append(deliver(self.inbox, host, name, telegraf_json(host, samples, batch)))
        return self

    def line_protocol(self, host: str, samples: Iterable[Metric], *, name: str = "metrics.influx.gz") -> World:
        """A line-protocol file of `sample(...)`s."""
        self.written.append(deliver(self.inbox, host, name, line_protocol(host, samples)))
        return self

    def sqlite(
        self, host: str, samples: Iterable[Metric], *, name: str = "samples.sqlite", row_count: int | None = None
    ) -> World:
        """An agent's SQLite file; `row_count` makes its meta table say another number of rows."""
        self.written.append(deliver(self.inbox, host, name, sqlite_file(host, samples, row_count)))
        return self

    def counter(self, host: str, series: str, values: Mapping[str, int | float], *, name: str | None = None) -> World:
        """One series as a Telegraf file: `series` is measurement_field split at the first `_`, values by instant."""
        measurement, field = series.split("_", 1)
        points = [sample(at, measurement, **{field: value}) for at, value in values.items()]
        return self.telegraf(host, points, name=name or f"{series}-{len(self.written):04d}.json.gz")

    # -- usage ---------------------------------------------------------------------------------------------------

    def cloudevents(self, source: str, events: Iterable[Mapping[str, Any]], *, name: str = "events.ndjson.gz") -> World:
        """A CloudEvents NDJSON file: each event names id, type, subject, time and data; the rest is filled in."""
        lines = [json.dumps({"specversion": "1.0", "source": source, **event}, default=str) for event in events]
        content = "".join(f"{each}\n" for each in lines).encode()
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        return self.file(f"usage/cloudevents/{source}/{name}", packed)

    def wso2(self, gateway: str, events: Iterable[Mapping[str, Any]], *, name: str = "events.ndjson.gz") -> World:
        """An API gateway's NDJSON file of `api_event(...)`s."""
        content = "".join(f"{json.dumps(each)}\n" for each in events).encode()
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        return self.file(f"api/wso2/{gateway}/{name}", packed)

    # -- anything else -------------------------------------------------------------------------------------------

    def file(self, key: str, content: bytes | str) -> World:
        """Any bytes at `key` below the inbox, for bad deliveries."""
        path = self.inbox / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.written.append(path)
        return self

    def copy(self, key: str, to: str) -> World:
        """The same bytes again under another name."""
        target = self.inbox / to
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.inbox / key, target)
        self.written.append(target)
        return self

    def keys(self) -> list[str]:
        """Every file of the inbox, below it, sorted."""
        return sorted(path.relative_to(self.inbox).as_posix() for path in self.inbox.rglob("*") if path.is_file())

    def data_files(self, payer: str, period: str) -> list[Path]:
        """The bill files of a payer's month, all versions, sorted."""
        first, after = cur_files.period_bounds(period)
        marks = (f"{first:%Y%m%d}-{after:%Y%m%d}", f"BILLING_PERIOD={period}")
        return [
            path
            for path in sorted((self.inbox / "aws_cur" / payer).rglob("*"))
            if path.is_file() and path.suffix != ".json" and any(mark in path.as_posix() for mark in marks)
        ]

    def manifests(self, payer: str) -> list[Path]:
        """The manifests of a payer, sorted."""
        return sorted((self.inbox / "aws_cur" / payer).rglob("*-Manifest.json"))
