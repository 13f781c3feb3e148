"""A month of N CUR lines as a producer delivers it (legacy Parquet with a manifest), and the catalog to bill it.

Three tiers: vendor -> distributor -> resellers -> customers, one linked account a customer, each with four of 200 SKUs
(so that 1,000 lines of an account are some eight a SKU and day). Reservations and savings plans are bought by the payer
and used by everyone; Service7 has volume tiers that a tenth of the customers fill together; every customer has seats at
a graduated price. Seeded by the line number alone, so a month is the same every time.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import duckdb

from samples.cur_columns import LEGACY_CSV, NUMBERS
from samples.cur_files import period_bounds

PERIOD = "2026-01"
PAYER = "000000000001"
LINES_PER_FILE = 2_000_000
RESELLERS = 20

# One select per line number n; h spreads it. 88 % usage, 6 % reserved, 3 % under a savings plan, with negations.
LINES = """
select
    '{payer}' as bill_payer_account_id,
    timestamp '{start}' as bill_billing_period_start_date,
    timestamp '{end}' as bill_billing_period_end_date,
    'Anniversary' as bill_bill_type,
    'AWS' as bill_billing_entity,
    'line-' || n as identity_line_item_id,
    kind as line_item_line_item_type,
    lpad(cast(100000000000 + h % {customers} as varchar), 12, '0') as line_item_usage_account_id,
    hour as line_item_usage_start_date,
    hour + interval 1 hour as line_item_usage_end_date,
    'Service' || (sku % 20) as line_item_product_code,
    'Usage:' || sku as line_item_usage_type,
    'Run' as line_item_operation,
    'i-' || (h % 50000) as line_item_resource_id,
    cast(1 + h % 7 as double) as line_item_usage_amount,
    'USD' as line_item_currency_code,
    case kind
        when 'DiscountedUsage' then 0.0
        when 'SavingsPlanNegation' then -price
        else price
    end as line_item_unblended_cost,
    price as line_item_blended_cost,
    'Line ' || sku as line_item_line_item_description,
    price * 1.25 as pricing_public_on_demand_cost,
    'Hrs' as pricing_unit,
    'SKU' || sku as product_sku,
    'us-east-1' as product_region_code,
    case when kind = 'DiscountedUsage'
        then 'arn:aws:ec2:us-east-1:{payer}:reserved-instances/ri-' || (sku % 8) else ''
    end as reservation_reservation_a_r_n,
    case when kind = 'DiscountedUsage' then price * 0.625 else 0.0 end as reservation_effective_cost,
    case when kind like 'SavingsPlan%'
        then 'arn:aws:savingsplans::{payer}:savingsplan/sp-' || (sku % 4) else ''
    end as savings_plan_savings_plan_a_r_n,
    case kind
        when 'SavingsPlanCoveredUsage' then price * 0.75 else 0.0
    end as savings_plan_savings_plan_effective_cost,
    'team-' || (h % 40) as resource_tags_user_team
from (
    select
        n,
        h,
        (h % {customers} * 7 + h // 7 % 4 * 50) % 200 as sku,
        timestamp '{start}' + to_hours(cast(h // 11 % {hours} as bigint)) as hour,
        cast((1 + h % 99991) as double) / 65536 as price,
        case
            when n % 100 < 88 then 'Usage'
            when n % 100 < 94 then 'DiscountedUsage'
            when n % 100 < 97 then 'SavingsPlanCoveredUsage'
            else 'SavingsPlanNegation'
        end as kind
    from (select n, (n * 2654435761) % 4294967296 as h from range({first}, {last}) as numbers (n))
)
"""


def write_bill(
    inbox: Path, lines: int, customers: int, period: str = PERIOD, as_csv: bool = False, assembly: int = 1
) -> list[Path]:
    """Writes the payer's month of `lines` lines as Parquet or CSV.gz and returns the files; each holds at most
    LINES_PER_FILE lines. A later assembly takes the place of the former as the month's delivery.
    """
    start, end = period_bounds(period)
    span = f"{start:%Y%m%d}-{end:%Y%m%d}"
    root = inbox / "aws_cur" / PAYER / "bench" / span
    root.mkdir(parents=True, exist_ok=True)
    files = []
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        for first in range(0, lines, LINES_PER_FILE):
            query = LINES.format(
                payer=PAYER,
                customers=customers,
                first=first,
                last=min(first + LINES_PER_FILE, lines),
                start=start,
                end=end,
                hours=(end - start).days * 24,
            )
            files.append(root / f"bench-{assembly}-{len(files) + 1:05d}{'.csv.gz' if as_csv else '.snappy.parquet'}")
            if as_csv:
                query, form = _as_csv(query), "csv, compression gzip, timestampformat '%Y-%m-%dT%H:%M:%SZ'"
            else:
                form = "parquet, compression snappy"
            connection.execute(f"copy ({query}) to '{files[-1]}' (format {form})")
    manifest = {
        "assemblyId": f"bench-{assembly}",
        "account": PAYER,
        "reportName": "bench",
        "contentType": "text/csv" if as_csv else "application/parquet",
        "compression": "GZIP" if as_csv else "Parquet",
        "billingPeriod": {"start": f"{start:%Y%m%d}T000000.000Z", "end": f"{end:%Y%m%d}T000000.000Z"},
        "reportKeys": [str(file.relative_to(inbox)) for file in files],
    }
    (root / "bench-Manifest.json").write_text(json.dumps(manifest))
    return files


def _as_csv(query: str) -> str:
    """Under the headings of the legacy report; numbers by the shortest text that gives the double back."""
    columns = []
    for name in re.findall(r"^.* as (\w+),?$", query.split("\nfrom (")[0], flags=re.MULTILINE):
        heading = "resourceTags/user:team" if name.startswith("resource_tags") else LEGACY_CSV[name]
        columns.append(
            f'{f"cast(cast({name} as varchar) as decimal(38, 18))" if name in NUMBERS else name} as "{heading}"'
        )
    return f"select {', '.join(columns)} from ({query})"


def write_catalog(inbox: Path, customers: int) -> None:
    """Three tiers in USD: distributor +3 %, resellers +5 % and +8 % on Service3, 7 % tax on every edge."""
    root = inbox / "catalog" / "2026-01-01"
    root.mkdir(parents=True, exist_ok=True)

    def table(name: str, header: str, rows: list[tuple]) -> None:
        with (root / f"{name}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(header.split(","))
            writer.writerows(rows)

    parties = [
        ("aws", "AWS", "vendor", "US", "UTC", "business"),
        ("dist", "Distributor", "distributor", "US", "UTC", "business"),
    ]
    agreements = [("a-dist", "aws", "dist", "USD", "aws", "effective")]
    rules = []
    for number in range(RESELLERS):
        parties.append((f"r{number}", f"Reseller {number}", "reseller", "US", "UTC", "business"))
        agreements.append((f"a-r{number}", "dist", f"r{number}", "USD", "aws", "effective"))
        rules.append((f"m-r{number}", f"a-r{number}", "", "markup", "0.03"))
    owners, subscriptions = [], []
    for number in range(customers):
        reseller = f"r{number % RESELLERS}"
        parties.append((f"c{number}", f"Customer {number}", "customer", "US", "UTC", "business"))
        agreements.append((f"a-c{number}", reseller, f"c{number}", "USD", "aws", "effective"))
        rules.append((f"m-c{number}", f"a-c{number}", "", "markup", "0.05"))
        rules.append((f"s-c{number}", f"a-c{number}", "Service3", "markup", "0.08"))
        owners.append(("aws_account", str(100000000000 + number).zfill(12), f"c{number}"))
        subscriptions.append((f"u{number}", reseller, f"c{number}", "seats", 1 + number % 97, 1, "2025-01-01"))
    table("parties", "party_id,name,role,country,time_zone,tax_status", parties)
    table("agreements", "agreement_id,seller_id,buyer_id,currency,vendor,cost_view", agreements)
    table("payers", "payer_id,vendor,party_id,report,volume_benefit", [(PAYER, "aws", "dist", "bench", "pro_rata")])
    table("price_rules", "rule_id,agreement_id,service,kind,value", rules)
    table("resource_owners", "resource_kind,resource_id,party_id", owners)
    standard = ("US", "US", "standard", "standard", "0.07")
    table("tax_rates", "seller_country,buyer_country,tax_category,kind,rate", [standard])
    pooled = ("aws", "Service7", "storage")
    volume_tiers = [
        (*pooled, 0, 100, "0.30", "USD"),
        (*pooled, 100, 1000, "0.25", "USD"),
        (*pooled, 1000, "", "0.20", "USD"),
    ]
    table("vendor_prices", "vendor,service,pool,lower,upper,unit_price,currency", volume_tiers)
    table("plans", "plan_id,name,currency", [("seats", "Seats", "USD")])
    seats = ("seats", "seats", "Seats", "recurring", "graduated", "in_arrears", "month")
    table("plan_charges", "charge_id,plan_id,name,charge_type,charge_model,timing,interval", [seats])
    seat_tiers = [("seats", 1, 0, 10, "1.50", 2), ("seats", 2, 10, 50, "1.20", 0), ("seats", 3, 50, "", "0.90", 3)]
    table("charge_prices", "charge_id,tier,lower,upper,unit_price,flat_fee", seat_tiers)
    table("subscriptions", "subscription_id,seller_id,buyer_id,plan_id,quantity,billing_day,start_date", subscriptions)
