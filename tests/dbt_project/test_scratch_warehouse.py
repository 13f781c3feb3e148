"""The scratch warehouse itself: what tests insert is what dbt reads."""

import pytest


@pytest.mark.dbt
def test_inserted_rows_are_read_by_dbt_models_with_their_defaults(scratch_warehouse):
    """Fails when a given value is not the lake's, or a column left out is not null there."""
    warehouse = scratch_warehouse(
        {"catalog__payers": [{"payer_id": "000123", "vendor": "aws", "recorded_at": "2026-01-01 00:00:00"}]}
    )
    warehouse.insert("catalog__payers", [{"payer_id": "000124", "recorded_at": "2026-01-01 00:00:00"}])
    warehouse.build("stg_catalog__payers")
    assert warehouse.rows("select payer_id, vendor, cost_basis from staging.stg_catalog__payers order by 1") == [
        ("000123", "aws", "unblended"),
        ("000124", None, "unblended"),
    ]
