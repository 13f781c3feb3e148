"""Bad input through the command: refused or quarantined with its reason, and the rest comes through."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.main_job.conftest import MainJob
from tests.orchestration.command import meterhouse
from tests.worlds.builder import World, line, reservation

PAYER, OWNED, UNOWNED = "000000000001", "000000000002", "000000000003"


def _catalog(world: World) -> World:
    return world.catalog(
        parties=[
            {"party_id": "aws", "role": "vendor"},
            {"party_id": "reseller", "role": "reseller"},
            {"party_id": "customer"},
        ],
        agreements=[
            {"seller_id": "aws", "buyer_id": "reseller"},
            {"seller_id": "reseller", "buyer_id": "customer"},
            {"seller_id": "reseller", "buyer_id": "ghost"},
        ],
        payers=[{"payer_id": PAYER, "party_id": "reseller"}],
        resource_owners=[
            {"resource_kind": "aws_account", "resource_id": OWNED, "party_id": "customer"},
            {"resource_kind": "device", "resource_id": "d1", "party_id": "customer"},
        ],
        meters=[
            # The filter is misspelt: no event has such a key.
            {
                "meter_id": "calls",
                "resource_kind": "device",
                "series": "call.made",
                "sample_type": "event",
                "aggregation": "count",
                "filter": "plann=paid",
            }
        ],
        price_rules=[{"agreement_id": "reseller-customer", "value": "0.1"}],
        tax_rates=[{"seller_country": "DE", "rate": "0.19"}],
    )


@pytest.mark.slow
def test_what_is_sound_is_drafted_and_what_is_not_is_named(tmp_path: Path, main_job: MainJob) -> None:
    """Faults 7, 10, 23, 33, 41, 45, 47, 50. Fails when one bad row or file stops the rest, or goes unseen."""
    world = _catalog(World(tmp_path / "world"))
    world.cur(
        PAYER,
        "2026-01",
        [
            line(account=OWNED, cost="10.00"),
            line(account=UNOWNED, cost="5.00"),
            line(account=OWNED, cost="1_000"),
            line(account=OWNED, cost="2.00", currency=""),
            # Borrowed from the payer's reservation, on a bill without prices: what it owes is unknown.
            line(
                account=OWNED, type="DiscountedUsage", sku="T3", quantity="10", cost="0",
                ri=reservation(PAYER), ri_effective="0.60",
            ),
        ],
    )  # fmt: skip
    world.cur(PAYER, "2026-02", [line(account=OWNED, cost="7.00")])
    truncated = world.data_files(PAYER, "2026-02")[0]
    truncated.write_bytes(truncated.read_bytes()[:-9])
    world.file("edge/telegraf/edge-01/error.json", "<html>Bad Gateway</html>")
    call = {"type": "call.made", "subject": "device:d1", "time": "2026-01-07T10:00:00Z", "data": {"plan": "paid"}}
    another = call | {"id": "3", "time": "2026-01-07T10:00:01Z"}
    world.cloudevents("gateway", [call | {"id": "1"}, call | {"id": "1-retried"}, another])
    marts = main_job(world.inbox, ["2026-01", "2026-02"], now="2026-03-05T00:00:00Z")

    assert marts.execute("select buyer_id, net_amount from fct_invoices").fetchall() == [("customer", Decimal("11.66"))]
    assert marts.execute("select reason, source_row from quarantine order by reason").fetchall() == [
        ("missing_required", 4),
        ("not_a_number", 3),
        ("orphan", 3),
    ]
    assert marts.execute(
        "select reason, kind, holds_close, charge_key, quantity, amount from fct_unrated_usage order by reason"
    ).fetchall() == [
        ("filter_key_unknown", "usage", True, "call.made without plann", 3, None),
        ("missing_on_demand_price", "sharing", True, f"aws/{OWNED}/AmazonEC2/T3/Usage", 10, Decimal("0.60")),
        ("unassigned", "cost", True, f"aws/{UNOWNED}/AmazonEC2/BoxUsage:t3.medium/Usage", 1, Decimal("5.00")),
    ]
    retried = "select source, first_event_id, last_event_id, events from dbt_test__audit."
    retried += "assert_no_event_came_again_under_another_id"
    assert marts.execute(retried).fetchall() == [("gateway", "1", "1-retried", 2)]
    refused = marts.execute("select source, reason from deliveries where status = 'rejected' order by 1").fetchall()
    assert [source for source, _ in refused] == ["aws_cur", "edge"]
    assert "gzip stream ends early" in refused[0][1] and "HTML" in refused[1][1]


@pytest.mark.slow
def test_an_unknown_line_type_holds_the_month_with_its_name(tmp_path: Path) -> None:
    """Fault 30. Fails when a line type nobody knows is invoiced, or who must add it is not told which one it is."""
    world = _catalog(World(tmp_path / "world"))
    world.cur(PAYER, "2026-01", [line(account=OWNED, cost="10.00"), line(account=OWNED, type="Mystery", cost="3.00")])
    asked = ("run", "--period", "2026-01", "--inbox", str(world.inbox))
    finished = meterhouse(tmp_path / "home", *asked, expect=1, METERHOUSE_NOW="2026-02-05T00:00:00Z")
    outcome = finished["outcomes"][-1]
    assert outcome["failed_checks"] == ["assert_every_line_item_type_is_known on fct_account_costs"]
    assert "line_item_type Mystery" in outcome["failing_rows"][0]
