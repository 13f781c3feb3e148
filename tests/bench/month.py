"""A month of N CUR lines as a producer delivers it (legacy Parquet with a manifest), and the catalog to bill it.

Three tiers: vendor -> distributor -> resellers -> customers, one linked account a customer, each with four of 200 SKUs
(so that 1,000 lines of an account are some eight a SKU and day). Reservations and savings plans are bought by the payer
and used by everyone. Seeded by the line number alone, so a month is the same every time.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb

PERIOD = "2026-01"
PAYER = "000000000001"
LINES_PER_FILE = 2_000_000
RESELLERS = 20

# One select per line number n; h spreads it. 88 % usage, 6 % reserved, 3 % under a savings plan, with negations.
LINES = """
select
    '{payer}' as bill_payer_account_id,
    timestamp '2026-01-01' as bill_billing_period_start_date,
    timestamp '2026-02-01' as bill_billing_period_end_date,
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
        timestamp '2026-01-01' + to_hours(cast(h // 11 % 744 as bigint)) as hour,
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


def write_bill(inbox: Path, lines: int, customers: int) -> None:
    """Writes the payer's month of `lines` lines; each file holds at most LINES_PER_FILE."""
    root = inbox / "aws_cur" / PAYER / "bench" / "20260101-20260201"
    root.mkdir(parents=True, exist_ok=True)
    keys = []
    with duckdb.connect() as connection:
        for first in range(0, lines, LINES_PER_FILE):
            last = min(first + LINES_PER_FILE, lines)
            path = root / f"bench-{len(keys) + 1:05d}.snappy.parquet"
            query = LINES.format(payer=PAYER, customers=customers, first=first, last=last)
            connection.execute(f"copy ({query}) to '{path}' (format parquet, compression snappy)")
            keys.append(str(path.relative_to(inbox)))
    manifest = {
        "assemblyId": "bench-1",
        "account": PAYER,
        "reportName": "bench",
        "contentType": "application/parquet",
        "compression": "Parquet",
        "billingPeriod": {"start": "20260101T000000.000Z", "end": "20260201T000000.000Z"},
        "reportKeys": keys,
    }
    (root / "bench-Manifest.json").write_text(json.dumps(manifest))


def write_catalog(inbox: Path, customers: int) -> None:
    """Three tiers in USD: distributor +3 %, resellers +5 % and +8 % on Service3."""
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
    owners = []
    for number in range(customers):
        reseller = f"r{number % RESELLERS}"
        parties.append((f"c{number}", f"Customer {number}", "customer", "US", "UTC", "business"))
        agreements.append((f"a-c{number}", reseller, f"c{number}", "USD", "aws", "effective"))
        rules.append((f"m-c{number}", f"a-c{number}", "", "markup", "0.05"))
        rules.append((f"s-c{number}", f"a-c{number}", "Service3", "markup", "0.08"))
        owners.append(("aws_account", str(100000000000 + number).zfill(12), f"c{number}"))
    table("parties", "party_id,name,role,country,time_zone,tax_status", parties)
    table("agreements", "agreement_id,seller_id,buyer_id,currency,vendor,cost_view", agreements)
    table("payers", "payer_id,vendor,party_id,report", [(PAYER, "aws", "dist", "bench")])
    table("price_rules", "rule_id,agreement_id,service,kind,value", rules)
    table("resource_owners", "resource_kind,resource_id,party_id", owners)
    table("tax_rates", "seller_country,buyer_country,tax_category,kind,rate", [("US", "US", "standard", "zero", "0")])
