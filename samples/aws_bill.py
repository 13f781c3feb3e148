"""The lines of a payer's month, as dicts under CUR 2.0 names. Exact: every cost is a product of printed numbers.

The identities of money.md section 3 hold by construction: RIFee = recurring used + unused, each savings plan hour's
fee + amortised upfront = commitment >= used. Commitments are `aws_commitments.py`; files are `cur_files.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from samples.aws_commitments import commitment_lines
from samples.aws_lines import Bill, Line
from samples.world import MONTHS, PAYER_A, PAYER_B, bounds, dice

D = Decimal

# What an account may run, by day: service, name, family, usage type, operation, sku, unit, public rate, typical amount.
DAILY = {
    "database": (
        "AmazonRDS", "Amazon Relational Database Service", "Database Instance", "InstanceUsage:db.m5.large",
        "CreateDBInstance:0014", "RDSM5LARGE00001", "Hrs", D("0.171"), D(24),
    ),
    "instances": (
        "AmazonEC2", "Amazon Elastic Compute Cloud", "Compute Instance", "BoxUsage:t3.large",
        "RunInstances", "EC2T3LARGE00001", "Hrs", D("0.0832"), D(48),
    ),
    "transfer": (
        "AmazonEC2", "Amazon Elastic Compute Cloud", "Data Transfer", "DataTransfer-Out-Bytes",
        "RunInstances", "EC2TRANSFER0001", "GB", D("0.09"), D("14.5"),
    ),
    "requests": (
        "AmazonS3", "Amazon Simple Storage Service", "API Request", "Requests-Tier2",
        "GetObject", "S3REQUESTS00002", "Requests", D("0.0000004"), D(480000),
    ),
    "functions": (
        "AWSLambda", "AWS Lambda", "Serverless", "Lambda-GB-Second",
        "Invoke", "LAMBDAGBSECOND1", "Second", D("0.0000166667"), D("81000"),
    ),
}  # fmt: skip

# Storage is priced over the payer as a whole, by month: up to 51,200 GB-month, the next 460,800, the rest.
STORAGE_TIERS = ((D(51200), D("0.023")), (D(512000), D("0.022")), (None, D("0.021")))


def payer_bill(seed: int, payer: str, period: str, version: int) -> list[Line]:
    """All lines of a payer's month. Version 1 of a restated month is the preliminary bill; 2 is the final one."""
    bill = Bill(payer, period)
    dialled = dice(seed, "bill", payer, period)
    lines = [
        *daily_lines(bill, dialled, scientific=payer == PAYER_B),
        *storage_lines(bill, dialled),
        *commitment_lines(bill, dice(seed, "commitments", payer, period)),
    ]
    lines += monthly_lines(bill, lines)
    if version == 1:
        lines = preliminary(lines)
    return [
        line | {"identity_line_item_id": f"{payer[-4:]}{period.replace('-', '')}v{version}n{number:06d}"}
        for number, line in enumerate(lines, start=1)
    ]


def _vary(dialled: Random, typical: Decimal, places: int) -> Decimal:
    """The typical amount, moved by up to a third, in whole units of the given place."""
    factor = D(dialled.randint(667, 1333)) / 1000
    noise = D(dialled.randint(0, 10**places - 1)).scaleb(-places) if places else D(0)
    return (typical * factor).quantize(D(1).scaleb(-places), ROUND_HALF_UP) + noise


def daily_lines(bill: Bill, dialled: Random, scientific: bool) -> Iterator[Line]:
    """Usage by day: three or four kinds of resource per account. `scientific`: costs with 16 decimals too."""
    for position, account in enumerate(bill.accounts()):
        kinds = ["transfer", "requests", "instances" if position % 2 else "database"]
        if scientific and position % 3 == 1:
            kinds.append("functions")
        tags = {"user:CostCenter": f"cc-{100 + position}", "user:env": ("prod", "test")[position % 2]}
        for day in bill.days():
            for kind in kinds:
                service, name, family, usage_type, operation, sku, unit, rate, typical = DAILY[kind]
                places = {"Hrs": 0, "GB": 6, "Requests": 0, "Second": 6}[unit]
                quantity = typical if kind == "database" else _vary(dialled, typical, places)
                cost = quantity * rate
                yield bill.line(
                    account.id,
                    "Usage",
                    day,
                    timedelta(days=1),
                    line_item_product_code=service,
                    product_product_name=name,
                    product_servicecode=service,
                    product_product_family=family,
                    product_sku=sku,
                    line_item_usage_type=usage_type,
                    line_item_operation=operation,
                    line_item_resource_id=f"{kind}-{account.id[-4:]}",
                    line_item_usage_amount=quantity,
                    line_item_unblended_rate=format(rate, "f"),
                    line_item_unblended_cost=cost,
                    line_item_blended_cost=cost,
                    pricing_public_on_demand_cost=cost,
                    pricing_public_on_demand_rate=format(rate, "f"),
                    pricing_unit=unit,
                    pricing_term="OnDemand",
                    resource_tags=tags if kind != "requests" else None,
                )


def storage_lines(bill: Bill, dialled: Random) -> Iterator[Line]:
    """S3 storage: the payer's accounts fill the tiers together, day by day, in order of account."""
    filled = D(0)
    usual = {account.id: D(dialled.randint(2000, 9000)) for account in bill.accounts()[1:]}
    for day in bill.days():
        for account, monthly in usual.items():
            left = (monthly * dialled.randint(95, 105) / D(100) / len(bill.days())).quantize(D("0.0001"))
            for upper, rate in STORAGE_TIERS:
                part = left if upper is None else min(left, max(D(0), upper - filled))
                if part == 0:
                    continue
                filled, left = filled + part, left - part
                yield bill.line(
                    account,
                    "Usage",
                    day,
                    timedelta(days=1),
                    line_item_product_code="AmazonS3",
                    product_product_name="Amazon Simple Storage Service",
                    product_servicecode="AmazonS3",
                    product_product_family="Storage",
                    product_sku="S3STORAGE000001",
                    line_item_usage_type="TimedStorage-ByteHrs",
                    line_item_operation="StandardStorage",
                    line_item_resource_id=f"bucket-{account[-4:]}",
                    line_item_usage_amount=part,
                    line_item_unblended_rate=format(rate, "f"),
                    line_item_unblended_cost=part * rate,
                    line_item_blended_cost=part * rate,
                    pricing_public_on_demand_cost=part * rate,
                    pricing_public_on_demand_rate=format(rate, "f"),
                    pricing_unit="GB-Mo",
                    pricing_term="OnDemand",
                )


def monthly_lines(bill: Bill, lines: list[Line]) -> Iterator[Line]:
    """What is settled by month: support, tax, credits, refunds, discounts. `lines` is the rest of the bill."""
    start, end = bounds(bill.period)
    whole = end - start
    spent = {account.id: D(0) for account in bill.accounts()}
    for line in lines:
        spent[line["line_item_usage_account_id"]] += line["line_item_unblended_cost"]

    def charge(
        account: str, kind: str, service: str, cost: Decimal, begin: datetime, span: timedelta, **more: Any
    ) -> Line:
        columns = {
            "line_item_product_code": service,
            "product_product_name": service,
            "line_item_usage_amount": D(1),
            "line_item_unblended_cost": cost,
            "line_item_blended_cost": cost,
        }
        return bill.line(account, kind, begin, span, **(columns | more))

    support = max(D(100), sum(spent.values()) * D("0.03")).quantize(D("0.01"), ROUND_HALF_UP)
    yield charge(
        bill.payer, "Fee", "AWSSupportBusiness", support, start, whole,
        line_item_usage_type="Dollar", line_item_line_item_description="AWS Support (Business)",
    )  # fmt: skip
    for account, cost in spent.items():
        if bill.payer == PAYER_A:
            tax = (cost * D("0.0725")).quantize(D("0.01"), ROUND_HALF_UP)
            yield charge(
                account, "Tax", "AmazonEC2", tax, start, whole,
                line_item_tax_type="USSalesTax", bill_billing_entity="AWS",
                line_item_line_item_description="Tax for product code AmazonEC2",
            )  # fmt: skip
        elif cost > 0:
            # The enterprise discount: three per cent, to the last decimal of the usage.
            yield charge(
                account, "EdpDiscount", "AmazonEC2", (-cost * D("0.03")).quantize(D("0.0000000001")), start, whole,
                line_item_usage_type="EDP-Discount", line_item_line_item_description="EDP discount 3 %",
            )  # fmt: skip
    accounts = bill.accounts()
    credited = accounts[2].id
    for week in (0, 14):
        yield charge(
            credited, "Credit", "AmazonEC2", D("-37.4821937"), start + timedelta(days=week), timedelta(days=1),
            line_item_usage_type="BoxUsage:t3.large", line_item_line_item_description="Migration credit",
        )  # fmt: skip
    yield charge(
        accounts[4].id, "BundledDiscount", "AmazonRDS", D("-1.2500000"), start + timedelta(days=9), timedelta(days=1),
        line_item_usage_type="InstanceUsage:db.m5.large", line_item_line_item_description="Bundled discount",
    )  # fmt: skip
    if bill.period != MONTHS[0]:
        # A refund of the month before: its charge dates stay there, its billing period is this one.
        refunded = start - timedelta(days=12)
        yield charge(
            accounts[3].id, "Refund", "AmazonEC2", D("-18.3300000"), refunded, timedelta(days=1),
            bill_bill_type="Refund", line_item_usage_type="BoxUsage:t3.large",
            line_item_line_item_description="Refund of unintended usage",
        )  # fmt: skip


def preliminary(lines: list[Line]) -> list[Line]:
    """The bill as first delivered: transfer at an old rate, a day of requests missing, no bundled discount."""
    last = max(line["line_item_usage_start_date"] for line in lines)
    early = []
    for line in lines:
        if line["line_item_line_item_type"] == "BundledDiscount":
            continue
        if (
            line.get("line_item_usage_type") == "Requests-Tier2"
            and line["line_item_usage_start_date"].date() == last.date()
        ):
            continue
        if line.get("line_item_usage_type") == "DataTransfer-Out-Bytes":
            cost = line["line_item_usage_amount"] * D("0.085")
            line = line | {"line_item_unblended_cost": cost, "line_item_blended_cost": cost}
        early.append(line)
    return early
