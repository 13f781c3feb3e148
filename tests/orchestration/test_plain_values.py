"""What assets decide, as plain values: control totals, tables for people, months to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration import period_state
from orchestration.dbt_runner import DbtFailed
from orchestration.landed import landed_of
from orchestration.period_state import REFERENCE, Done, earlier_hash
from orchestration.run import Outcome, RunReport, _outcome, never_made_before, plan
from orchestration.settings import Settings
from orchestration.standing_views import StandingViews
from orchestration.tables import invoices, markdown, net_by_currency, unexplained
from tests.worlds.builder import World, line, sample


def total(**changes: Any) -> dict[str, Any]:
    """A row of lake.delivery_totals."""
    row = {
        "source": "aws_cur",
        "table_name": "line_items",
        "account": "1",
        "billing_period": date(2026, 1, 1),
        "delivery_id": "d1",
        "currency": "USD",
        "amount_delivered": Decimal("10.01"),
        "amount_landed": Decimal("10.00"),
        "amount_quarantined": Decimal("0.01"),
        "rows_in": 3,
        "rows_loaded": 2,
        "rows_quarantined": 1,
        "is_current": True,
    }
    return row | changes


def test_control_totals_are_summed_per_currency_over_current_deliveries_of_the_month() -> None:
    """Fails when another feed, month, currency or a superseded delivery is counted."""
    rows = [
        total(),
        total(delivery_id="d2", currency="EUR"),
        total(delivery_id="old", is_current=False),
        total(source="edge"),
        total(billing_period=date(2026, 2, 1)),
    ]
    landed = landed_of(rows, "aws_cur", "2026-01")
    assert dict(landed.landed) == {"USD": Decimal("10.00"), "EUR": Decimal("10.00")}
    assert (landed.deliveries, landed.rows_in, landed.rows_missing, landed.differences) == (2, 6, 0, {})
    assert landed.quarantined_share == pytest.approx(1 / 3)


def test_a_lost_cent_and_a_lost_row_are_seen() -> None:
    """Fails when a difference between what was delivered and what was landed goes unseen, however small."""
    landed = landed_of([total(amount_landed=Decimal("9.999999999999999999"), rows_loaded=1)], "aws_cur", "2026-01")
    assert landed.differences == {"USD": Decimal("0.000000000000000001")}
    assert landed.rows_missing == 1


def test_names_from_outside_stay_text_in_markdown() -> None:
    """Fault 77. Fails when a party's name becomes markup, a link or another column in the UI."""
    table = markdown(
        [{"buyer_id": "<script>x</script>|[a](http://b)\n# c", "net_amount": Decimal("-1.50")}],
        ["buyer_id", "net_amount"],
    )
    row = table.splitlines()[2]
    assert "<script" not in row and "](" not in row.replace("\\]\\(", "")
    assert row.count("|") - row.count("\\|") == 3
    assert "-1.50" in row


def test_net_totals_never_add_two_currencies() -> None:
    """Fails when amounts of two currencies meet."""
    rows = [{"currency": c, "net_amount": Decimal(a)} for c, a in [("EUR", "1.10"), ("JPY", "5"), ("EUR", "-0.10")]]
    assert net_by_currency(rows) == {"EUR": Decimal("1.00"), "JPY": Decimal("5")}


def test_invoices_are_shown_by_month_and_seller() -> None:
    """README. Fails when `meterhouse invoices` cannot be asked for a seller's, or a name is read as SQL."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_invoices as select * from (values (date '2026-01-01', 'a', 'x', '1'),"
            " (date '2026-01-01', 'b', 'x', '2'), (date '2026-02-01', 'a', 'x', '3'))"
            " as of(invoice_period, seller_id, buyer_id, invoice_id)"
        )

        def shown(months: list[date], *sellers: str) -> str:
            return "".join(row["invoice_id"] for row in invoices(connection, months, sellers))

        january = [date(2026, 1, 1)]
        assert (shown([]), shown(january), shown([], "a"), shown(january, "a")) == ("123", "12", "13", "1")
        assert (shown(january, "a", "b"), shown([], "b' or 'a' = 'a")) == ("12", "")


def test_a_difference_needs_an_explanation() -> None:
    """Fails when an unexplained difference passes, or an explained one does not."""
    explained = {"difference": Decimal("0.01"), "unexplained": Decimal(0)}
    rows = [
        {"unexplained": Decimal(0)},
        explained,
        {"difference": Decimal(0), "unexplained": Decimal("-0.000000000001")},
    ]
    assert unexplained(rows) == rows[2:]


def hashes(**by_month: str) -> Callable[[str], str]:
    """What the lake says of the inputs of months, as `m01="a"`."""
    return {f"2026-{name[1:]}": value for name, value in by_month.items()}.__getitem__


def states_of(code: str, **hashes: str) -> dict[str, Done]:
    states: dict[str, Done] = {}
    for name, inputs in sorted(hashes.items()):
        period = f"2026-{name[1:]}"
        states[period] = Done(period, inputs, code, earlier_hash(states, period))
    return states


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("orchestration.period_state.code_hash", lambda: "code")
    return "code"


def test_a_month_with_the_same_inputs_and_code_is_left_alone(code: str) -> None:
    """Fails when a second run does work."""
    lake, states = hashes(m01="a", m02="b"), states_of(code, m01="a", m02="b")
    assert plan(lake, ["2026-01", "2026-02"], states) == {"2026-01": "", "2026-02": ""}


def test_earlier_months_whose_inputs_changed_come_first_and_carry_the_later_ones_along(code: str) -> None:
    """Fails when a restated January does not reach March's draft, which takes the difference to it."""
    lake, states = hashes(m01="a2", m02="b", m03="c"), states_of(code, m01="a", m02="b", m03="c")
    planned = plan(lake, ["2026-03"], states)
    assert list(planned) == ["2026-01", "2026-02", "2026-03"]
    assert planned == {
        "2026-01": "inputs changed",
        "2026-02": "an earlier month changed",
        "2026-03": "an earlier month changed",
    }


def test_a_month_made_since_is_noticed_by_the_later_ones(code: str) -> None:
    """Fails when January, made again on its own, leaves a stale March."""
    states = states_of(code, m01="a", m03="c")
    states["2026-01"] = Done("2026-01", "a2", code, states["2026-01"].earlier_hash)
    assert plan(hashes(m01="a2", m03="c"), ["2026-03"], states) == {"2026-03": "an earlier month changed"}


def test_a_run_that_died_and_new_code_are_reasons(code: str) -> None:
    """Fails when a half-made month or one of older code passes for done."""
    died = states_of(code, m01="")
    assert plan(hashes(m01="a"), ["2026-01"], died) == {"2026-01": "its last run did not finish"}
    older = states_of("older", m01="a")
    assert plan(hashes(m01="a"), ["2026-01"], older) == {"2026-01": "code changed"}


def test_what_has_no_month_stands_while_its_inputs_and_code_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when models of another catalog, other code or a run that died pass for up to date, or look like a month."""
    connection = duckdb.connect()
    assert not period_state.reference_stands(connection, "a")
    period_state.record_exposed(connection, REFERENCE, "a")
    period_state.record_started(connection, REFERENCE)
    assert not period_state.reference_stands(connection, "a")
    period_state.record_exposed(connection, REFERENCE, "b")  # shown while they were being made from the former
    period_state.record_done(connection, REFERENCE)
    assert period_state.reference_stands(connection, "a") and not period_state.reference_stands(connection, "b")
    assert period_state.done(connection) == {} and period_state.exposed(connection) == set()
    with monkeypatch.context() as changed:
        changed.setattr(period_state, "code_hash", lambda: "another")
        assert not period_state.reference_stands(connection, "a")
    period_state.record_started(connection, REFERENCE)
    assert not period_state.reference_stands(connection, "a")


def test_views_and_columns_stand_while_the_code_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when views of other code, or of a run that died among them, pass for this code's, or look like a month."""
    connection = duckdb.connect()
    assert not period_state.relations_stand(connection)
    period_state.record_relations(connection)
    assert period_state.relations_stand(connection) and period_state.done(connection) == {}
    with monkeypatch.context() as changed:
        changed.setattr(period_state, "code_hash", lambda: "another")
        assert not period_state.relations_stand(connection)
        period_state.forget_relations(connection)  # and the run of the other code died
    assert not period_state.relations_stand(connection)


def test_standing_views_are_told_of_between_what_they_read_and_what_reads_them() -> None:
    """Fails when a view is told of twice, not at all, before one it reads, or after a table that reads it."""
    parents = {"b": ["a"], "c": ["b", "a"], "t": ["c"], "d": ["t"], "f": ["e", "d"], "e": ["d"], "u": ["t", "b"]}
    views = StandingViews(parents, ["a", "b", "c", "d", "e", "f"])
    told: list[str] = []
    for table in ("t", "u"):
        told += [*views.read_by(table), table]
    told += views.left()
    assert sorted(told) == sorted({*parents, "a"})
    for node, read in parents.items():
        assert all(told.index(each) < told.index(node) for each in read), (node, told)


def test_a_check_that_broke_off_has_not_said_no() -> None:
    """Fails when a month that ran out of memory amid a check asks for the input to be repaired, and ends with 1."""

    def outcome(*statuses: str) -> Outcome:
        specs = [dg.AssetCheckSpec(f"check_{status.replace(' ', '_')}", asset="table") for status in statuses]

        @dg.multi_asset(specs=[dg.AssetSpec("table")], check_specs=specs)
        def models() -> Iterator[dg.AssetCheckResult]:
            for spec, status in zip(specs, statuses, strict=True):
                found = {"passed": False, "metadata": {"status": status}}
                yield dg.AssetCheckResult(asset_key="table", check_name=spec.name, **found)
            raise DbtFailed("Out of Memory Error: failed to pin block")

        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize([models], instance=instance, raise_on_error=False)
        return _outcome(result, "2026-01", "new", 1.0)

    broken, refused = outcome("error", "runtime error"), outcome("error", "fail")
    assert (broken.failed_checks, RunReport({}, [broken]).exit_code) == ([], 3)
    assert "Out of Memory" in broken.reason and "METERHOUSE_MEMORY_LIMIT" in broken.reason
    assert (refused.failed_checks, RunReport({}, [refused]).exit_code) == (["check_fail on table"], 1)


def test_earlier_months_with_deliveries_that_were_never_made_are_named(tmp_path: Path) -> None:
    """Fails when a bill or samples before the months made go unmentioned, or months made, later, too old are named."""
    world = World(tmp_path).empty_catalog("2025-12-01")
    for period in ("2025-10", "2026-01", "2026-02", "2026-03", "2026-04"):
        world.cur("111111111111", period, [line(cost="1")])
    world.telegraf("edge-01", [sample("2025-12-31T12:00:00", "net", bytes_recv=1)])
    settings = Settings(home=tmp_path / "home", inbox=str(tmp_path / "inbox"), first_period="2025-11")
    lake = Lake(open_storage(settings.lake_uri))
    for feed in ("catalog", "edge"):
        land(feed, open_storage(settings.inbox_uri), lake)
    assert never_made_before(settings, lake, "2026-03", {"2026-02", "2026-03"}) == ["2025-12", "2026-01"]
    assert never_made_before(settings, lake, "2025-12", {"2025-12"}) == []
