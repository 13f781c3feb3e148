"""Allocation on real dbt against an independent reference, on generated bills and on a real one."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from allocation_reference import allocate, control_totals, random_bill

from ingestion.contracts import load_contract

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
COLUMNS = """billing_period, charge_date, payer_account_id, sub_account_id, service_name, sku_id, charge_category,
    component, commitment_discount_id, cost_view, pricing_unit, currency"""
BILL = "aws_cur__line_items"


def payer_row(payer: str, cost_basis: str) -> dict[str, str]:
    return {"payer_id": payer, "vendor": "aws", "cost_basis": cost_basis, "recorded_at": "2026-01-01 00:00:00"}


@pytest.fixture(scope="module")
def generated(scratch_warehouse):
    """Thirty payers' bills in two months, every second one on the net basis; then the same bills again under other
    payer ids (first digit 9), their rows shuffled. One build."""
    bills = [
        random_bill(seed, f"0000000{seed:05d}", month, lines=40 + 10 * seed)
        for seed in range(30)
        for month in (JANUARY, FEBRUARY)
    ]
    lines = [line for bill in bills for line in bill]
    net = {f"0000000{seed:05d}" for seed in range(0, 30, 2)}
    again = [
        line
        | {
            "bill_payer_account_id": "9" + line["bill_payer_account_id"][1:],
            "delivery_id": "9" + line["delivery_id"][1:],
        }
        for line in lines
    ]
    random.Random(1).shuffle(again)
    warehouse = scratch_warehouse(
        {
            BILL: lines + again,
            "catalog__payers": [payer_row(first + payer[1:], "net") for payer in sorted(net) for first in "09"],
            "delivery_totals": control_totals(lines + again),
        }
    )
    warehouse.build(
        "+fct_account_costs +fct_sharing_settlement +focus_vendor_cost_and_usage +dim_account", "2026-01", "2026-03"
    )
    return warehouse, lines, net


def amounts(warehouse, first_digit: str):
    rows = warehouse.rows(
        f"""select {COLUMNS}, quantity, list_cost, amount, line_count from fct_account_costs
        where payer_account_id like '{first_digit}%' and cost_view in ('billed', 'effective', 'owner')"""
    )
    return {row[:12]: row[12:] for row in rows}


@pytest.mark.dbt
def test_the_bill_in_focus_adds_up_to_the_bill(generated):
    """Fails when splitting commitments' fees adds or loses a cost, a fee keeps what its Unused row carries, or a row
    has no list or contracted cost."""
    warehouse, _, _ = generated
    sums = """select payer, sum(billed), sum(effective) from (select {} as payer, {} as billed, {} as effective from {})
        as costs group by all order by all"""
    own = warehouse.rows(sums.format("billing_account_id", "billed_cost", "effective_cost", "fct_cost_and_usage"))
    names = ("BillingAccountId", "BilledCost", "EffectiveCost", "focus_vendor_cost_and_usage")
    assert own and warehouse.rows(sums.format(*names)) == own
    fees = "ChargeCategory = 'Purchase' and CommitmentDiscountId is not null"
    unused = "CommitmentDiscountStatus = 'Unused'"
    assert warehouse.rows(
        f"select count(*) filter ({fees} and EffectiveCost <> 0), count(*) filter ({unused} and BilledCost <> 0),"
        f" count(*) filter ({unused} and ChargeCategory <> 'Usage'), count(*) filter (ListCost is null or"
        " ContractedCost is null) from focus_vendor_cost_and_usage"
    ) == [(0, 0, 0, 0)]
    assert warehouse.rows(f"select count(*) > 0 from focus_vendor_cost_and_usage where {unused}") == [(True,)]


@pytest.mark.dbt
def test_every_account_view_and_component_equals_the_reference_to_the_last_decimal(generated):
    """Fails when a rule of money.md sections 3 and 4 is read differently by the SQL; the build before it fails when a
    reconciliation test does (fault 30: every type has its place in every view)."""
    warehouse, lines, net = generated
    expected = {key: (row.quantity, row.list_cost, row.amount, row.lines) for key, row in allocate(lines, net).items()}
    found = amounts(warehouse, "0")
    assert {key: found.get(key) for key in expected.keys() | found.keys() if found.get(key) != expected.get(key)} == {}
    assert len({key[7] for key in found}) == 5  # all components occur


@pytest.mark.dbt
def test_account_costs_stand_in_the_order_of_their_key(generated):
    """Fails when a month's rows are stored in another order than their key's: the export takes them as they stand.
    January is made first, February beside it."""
    warehouse, _, _ = generated
    key = """payer_account_id, sub_account_id, assigned_by, service_name, sku_id, charge_category, component,
        commitment_discount_id, charge_date, pricing_unit, currency, origin_account_id, origin_assigned_by,
        allocation_rule_id, seen_in"""
    for month in (JANUARY, FEBRUARY):
        stored, ordered = (
            warehouse.rows(
                f"select {key} from intermediate.int_allocation__costs_seen"
                f" where billing_period = '{month}' order by {by}"
            )
            for by in ("rowid", key)
        )
        assert stored == ordered and len(stored) > 1000


@pytest.mark.dbt
def test_the_order_of_the_rows_decides_nothing(generated):
    """Fails when a shuffled delivery of the same lines gives other costs (fault 2)."""
    warehouse, _, _ = generated
    shuffled = {(*key[:2], "0" + key[2][1:], *key[3:]): row for key, row in amounts(warehouse, "9").items()}

    # The payer is one of its accounts: its own id is the same in both copies, only the payer column differs.
    assert shuffled == amounts(warehouse, "0")


@pytest.mark.dbt
def test_lines_and_account_costs_agree_and_nothing_is_a_float(generated):
    """Fails when the line view drops or doubles a line or disagrees with the grouped table, or a column is DOUBLE."""
    warehouse, lines, _ = generated
    assert warehouse.rows("select count(*), count(distinct (delivery_id, source_row)) from fct_cost_and_usage") == [
        (2 * len(lines), 2 * len(lines))
    ]
    by_line = """select payer_account_id, billing_currency, sum(billed_cost), sum(effective_cost)
        from fct_cost_and_usage group by all order by all"""
    grouped = """select payer_account_id, currency, sum(amount) filter (cost_view = 'billed'),
        sum(amount) filter (cost_view = 'owner') from fct_account_costs group by all order by all"""
    assert warehouse.rows(by_line) == warehouse.rows(grouped)
    types = warehouse.rows("select distinct data_type from information_schema.columns where table_schema = 'main'")
    assert not {kind for (kind,) in types} & {"DOUBLE", "FLOAT", "HUGEINT"}


@pytest.mark.dbt
def test_months_sum_account_costs_to_the_last_decimal(generated):
    """Fails when fct_monthly_costs lacks, adds or misplaces an amount, a list cost or a line of fct_account_costs."""
    warehouse, _, _ = generated
    key = """billing_period, payer_account_id, sub_account_id, assigned_by, vendor, service_name, charge_category,
        component, cost_view, currency"""
    kept, told = defaultdict(lambda: [0, Decimal(0), Decimal(0), False]), {}
    for *row, lines, amount, list_cost, bound in warehouse.rows(
        f"select {key}, line_count, amount, list_cost, is_upper_bound from fct_account_costs"
    ):
        month = kept[tuple(row)]
        month[0] += lines
        month[1] += amount
        month[2] = None if month[2] is None or list_cost is None else month[2] + list_cost
        month[3] |= bound
    for *row, lines, amount, list_cost, bound in warehouse.rows(
        f"select {key}, line_count, amount, list_cost, is_upper_bound from fct_monthly_costs"
    ):
        assert tuple(row) not in told
        told[tuple(row)] = [lines, amount, list_cost, bound]
    assert told == kept and len({row[8] for row in told}) == 5


@pytest.fixture(scope="module")
def faulty(scratch_warehouse):
    """One build of a bill with three things wrong with it; gives the warehouse and the names of the failed tests."""

    def line(number: int, kind: str, cost: str, **more: str) -> dict[str, object]:
        return {
            "bill_payer_account_id": "1", "billing_period": JANUARY, "line_item_usage_account_id": "2",
            "line_item_line_item_type": kind, "line_item_product_code": "AmazonEC2", "delivery_id": "d",
            "line_item_usage_start_date": datetime(2026, 1, 5), "line_item_currency_code": "USD",
            "line_item_unblended_cost": cost, "line_item_usage_amount": "1", "source_row": number, "source_file": "f",
        } | more  # fmt: skip

    lines = [
        line(1, "Usage", "1"),
        line(2, "CrossPlanetUsage", "2.5"),
        line(3, "CrossPlanetUsage", "4"),
        line(4, "Usage", "8", split_line_item_parent_resource_id="i-1"),
    ]
    landed = {"source": "aws_cur", "billing_period": JANUARY, "delivery_id": "d", "currency": "USD"}
    warehouse = scratch_warehouse(
        {BILL: lines, "delivery_totals": [landed | {"rows_loaded": 5, "amount_landed": "15.5", "is_current": True}]}
    )
    done = warehouse.dbt(
        "build", "--select", "+dim_account", "--exclude-resource-type", "unit_test",
        "--event-time-start", "2026-01-01", "--event-time-end", "2026-02-01",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    failed = {word for row in done.stdout.splitlines() if "FAIL " in row for word in row.split() if "assert_" in word}
    return warehouse, failed


@pytest.mark.dbt
def test_each_fault_of_a_bill_is_found_by_its_own_test(faulty):
    """Fails when an unknown type (30), a split row with a cost (31) or a lost line lets the month pass."""
    _, failed = faulty
    assert failed == {
        "assert_every_line_item_type_is_known",
        "assert_split_lines_add_nothing",
        "assert_costs_equal_landed_deliveries",
    }


@pytest.mark.dbt
def test_an_unknown_type_is_named_with_its_count_and_amount(faulty):
    """Fails when who must add the type cannot read which one it is (fault 30)."""
    warehouse, _ = faulty
    named = warehouse.rows(
        "select line_item_type, line_count, billed_cost from test_failures.assert_every_line_item_type_is_known"
    )
    assert named == [("CrossPlanetUsage", 2, Decimal("6.5"))]


@pytest.mark.dbt
def test_an_unknown_type_loses_no_amount_while_the_month_is_held(faulty):
    """Fails when the lines of an unknown type are dropped (they count on demand, at unblended cost), or what follows
    from the account costs is computed all the same."""
    warehouse, _ = faulty
    rows = warehouse.rows(
        """select cost_view, component, sum(amount), sum(quantity) from fct_account_costs
        where charge_category = 'Adjustment' group by all order by all"""
    )
    assert rows == [
        (view, "on_demand", Decimal("6.5"), 2) for view in ("billed", "effective", "owner", "real", "standalone")
    ]
    tables = warehouse.rows("select table_name from information_schema.tables where table_schema = 'main'")
    assert ("dim_account",) not in tables


@pytest.fixture(scope="module")
def real_bill(scratch_warehouse, outside_data):
    """Two real months of a payer whose reservations another account uses, cast through text into the lake's columns."""
    folder = outside_data / "aws-wal-cur"
    warehouse = scratch_warehouse()
    contract = load_contract("aws_cur.line_items")
    with warehouse.connect() as connection:
        selects = []
        for name in ("Oct2018", "Nov2018"):
            path = f"{folder}/{name}-WorkshopCUR-00001.snappy.parquet"
            delivered = {row[0] for row in connection.execute(f"describe from '{path}'").fetchall()}
            values = []
            for column in contract.columns:
                source = next((known for known in [column.name, *column.aliases] if known in delivered), None)
                value = f"nullif(cast({source} as varchar), '')" if source else "null"
                values.append(f"cast({value} as {column.type}) as {column.name}")
            selects.append(
                f"""select {", ".join(values)}, '{name}' as delivery_id, 'f' as source_file, row_number() over () as
                source_row, cast(bill_billing_period_start_date as date) as billing_period from '{path}'"""
            )
        connection.execute(f"drop view lake.{BILL}")
        connection.execute(f"create table lake.{BILL} as {' union all '.join(selects)}")
        printed = {
            f"{name}2018": connection.execute(
                f"""select line_item_line_item_type, line_item_usage_account_id,
                cast(line_item_unblended_cost as varchar), cast(reservation_effective_cost as varchar),
                cast(reservation_unused_recurring_fee as varchar),
                cast(reservation_unused_amortized_upfront_fee_for_billing_period as varchar),
                cast(pricing_public_on_demand_cost as varchar)
                from '{folder}/{name}2018-WorkshopCUR-00001.snappy.parquet'"""
            ).fetchall()
            for name in ("Oct", "Nov")
        }
    warehouse.build("+fct_account_costs", "2018-10", "2018-12")
    return warehouse, printed


PAYER, BORROWER = "836060457634", "011254002932"
# As published beside the data: lines, effective cost of the borrower and of the owner, fee as billed, its unused
# recurring part, the unused upfront part.
PUBLISHED = {
    "Oct2018": (119307, "6.439248", "225.814548", "149.775379", "26.658574", "22.336986"),
    "Nov2018": (124340, "8.496000", "222.904440", "147.384000", "21.600000", "21.616438"),
}


def exact(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("1e-18"), ROUND_HALF_UP)


@pytest.mark.dbt
@pytest.mark.outside
@pytest.mark.parametrize("month", PUBLISHED)
def test_a_real_shared_reservation_is_told_apart_by_account(real_bill, month):
    """Fails when borrower and owner of the real bill do not carry what is published, in any view, or a total is off by
    the last decimal."""
    warehouse, printed = real_bill
    lines, borrowed, owned, fee, unused_recurring, unused_upfront = PUBLISHED[month]
    period = date(2018, 10, 1) if month.startswith("Oct") else date(2018, 11, 1)
    found = defaultdict(Decimal)
    for *key, amount in warehouse.rows(
        """select cost_view, sub_account_id, component, sum(amount) from fct_account_costs
        where billing_period = ? group by all""",
        period,
    ):
        found[tuple(key)] = amount

    def near(amount: Decimal, published: str) -> bool:
        return abs(amount - Decimal(published)) < Decimal("1e-6")

    assert near(found["effective", BORROWER, "borrowed"], borrowed)
    assert near(found["owner", PAYER, "lent"], borrowed)
    assert found["owner", PAYER, "lent"] == found["effective", BORROWER, "borrowed"]
    assert near(found["effective", PAYER, "used"], owned)
    assert found["owner", PAYER, "used"] == found["effective", PAYER, "used"]
    assert near(found["effective", PAYER, "unused"], str(Decimal(unused_recurring) + Decimal(unused_upfront)))
    assert found["billed", BORROWER, "borrowed"] == 0
    assert (("effective", PAYER, "borrowed") in found, ("owner", BORROWER, "lent") in found) == (False, False)

    sums = defaultdict(Decimal)
    for kind, account, unblended, effective, recurring, upfront, on_demand in printed[month]:
        amortised = {"DiscountedUsage": exact(effective), "RIFee": exact(recurring) + exact(upfront)}
        sums["billed"] += exact(unblended)
        sums["effective"] += amortised.get(kind, exact(unblended))
        sums["fee"] += exact(unblended) if kind == "RIFee" else 0
        sums["on_demand", account] += exact(unblended) if kind == "Usage" else 0
        sums["covered", account] += exact(on_demand) if kind == "DiscountedUsage" else 0
    assert len(printed[month]) == lines
    assert near(sums["fee"], fee)
    for view, total in (("billed", "billed"), ("effective", "effective"), ("owner", "effective")):
        assert sum(amount for (seen, *_), amount in found.items() if seen == view) == sums[total]
    for account in (PAYER, BORROWER):
        assert found["effective", account, "on_demand"] == sums["on_demand", account]

    # What it borrowed at its on-demand price, the difference to the owner; alone, what was lent is unused.
    price, lent = sums["covered", BORROWER], found["owner", PAYER, "lent"]
    carried = defaultdict(Decimal)
    for (view, account, _), amount in found.items():
        carried[view, account] += amount
    assert (found["real", BORROWER, "borrowed"], found["real", PAYER, "settlement"]) == (price, lent - price)
    assert carried["real", BORROWER] == carried["effective", BORROWER] - lent + price
    assert carried["real", PAYER] == carried["effective", PAYER] + lent - price
    assert carried["standalone", BORROWER] == carried["effective", BORROWER] - lent + price
    assert carried["standalone", PAYER] == carried["effective", PAYER] + lent
