"""How a month of a table is replaced: whole or not at all, beside the other months, and with the same columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dbt_project.conftest import ScratchWarehouse

pytestmark = [pytest.mark.dbt, pytest.mark.slow]
TABLE = "intermediate.int_allocation__bill_totaled"


def test_a_month_is_replaced_alone_and_other_columns_are_refused(
    scratch_warehouse: Callable[..., ScratchWarehouse],
) -> None:
    """Fails when a re-run doubles or touches another month, or lets a column come, go or change in silence."""
    warehouse = scratch_warehouse()
    warehouse.build("+int_allocation__bill_totaled", "2026-01", "2026-02")
    with warehouse.connect() as connection:
        for month in ("2025-12-01", "2026-01-01"):
            connection.execute(f"insert into {TABLE} (billing_period) values (date '{month}')")
    warehouse.build("int_allocation__bill_totaled", "2026-01", "2026-02")
    assert warehouse.rows(f"select billing_period::varchar from {TABLE}") == [("2025-12-01",)]

    with warehouse.connect() as connection:
        connection.execute(f"alter table {TABLE} add column added decimal(38, 12)")
        connection.execute(f"insert into {TABLE} (billing_period) values (date '2026-01-01')")
    refused = warehouse.dbt(
        *("run", "--select", "int_allocation__bill_totaled"),
        *("--event-time-start", "2026-01-01", "--event-time-end", "2026-02-01"),
    )
    assert refused.returncode == 1
    assert "added DECIMAL(38,12) is gone" in refused.stdout
    assert "meterhouse rebuild" in refused.stdout
    assert warehouse.rows(f"select count(*) from {TABLE}") == [(2,)], "the month that was there stays"
