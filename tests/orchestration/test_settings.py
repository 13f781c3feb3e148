"""Settings and periods: the one place that reads the environment, and what may be run."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.home import prepare_home
from orchestration.partitions import months
from orchestration.periods import BadSetting, known_period, month_of, months_after, open_periods, period_of
from orchestration.settings import Settings, get_settings, override, stripe_options

ROOT = Path(__file__).parent.parent.parent


def test_a_home_is_enough(tmp_path: Path) -> None:
    """Fails when inbox, lake or warehouse need a setting of their own."""
    settings = Settings(home=tmp_path)
    assert settings.inbox_uri == str(tmp_path / "inbox")
    assert settings.lake_uri == str(tmp_path / "lake")
    assert settings.warehouse_path.is_relative_to(tmp_path)


def test_an_option_overrides_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when --home or --inbox lose against METERHOUSE_HOME and METERHOUSE_INBOX."""
    monkeypatch.setenv("METERHOUSE_HOME", "/elsewhere")
    monkeypatch.setenv("METERHOUSE_INBOX", "/elsewhere/inbox")
    settings = override(str(tmp_path), "s3://bucket/prefix")
    assert (settings.root, settings.inbox_uri) == (tmp_path, "s3://bucket/prefix")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("NOW", "soon"), ("FIRST_PERIOD", "2018-13"), ("TARGET", "oracle")],
        *[("MEMORY_LIMIT", "lots"), ("MEMORY_LIMIT", "80%"), ("MEMORY_LIMIT", "-1GB"), ("THREADS", "0")],
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when the message does not say which variable is wrong and what it holds."""
    monkeypatch.setenv(f"METERHOUSE_{name}", value)
    with pytest.raises(BadSetting, match=f"METERHOUSE_{name}.*{value}"):
        get_settings()


@pytest.mark.parametrize("amount", ["2GB", "400MB", "1.5 GiB", "512mib", "1TB", "2g", ".5 gigabytes", "none"])
def test_an_amount_of_memory_is_written_as_duckdb_reads_it(amount: str) -> None:
    """Fails when what DuckDB takes for memory is refused, or the other way round."""
    assert Settings(memory_limit=amount).memory_limit == amount
    duckdb.connect().execute(f"set memory_limit = '{amount}'")


def test_a_home_where_no_folder_can_be_is_bad_input(tmp_path: Path) -> None:
    """Fails when a mistyped home looks like a fault of the house."""
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadSetting, match=r"no home can be made at .*--home"):
            prepare_home(Settings(home=home))


def test_a_secret_may_stand_in_the_parameter_store(s3: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 78. Fails when a secret has to stand in the environment, or one not found is taken for none."""
    import boto3

    boto3.client("ssm").put_parameter(Name="/house/stripe", Value="sk_test_kept", Type="SecureString")
    for given, key in (("ssm:/house/stripe", "sk_test_kept"), ("sk_test_plain", "sk_test_plain")):
        monkeypatch.setenv("STRIPE_API_KEY", given)
        assert stripe_options() == (key, "https://api.stripe.com")
    monkeypatch.setenv("STRIPE_API_KEY", "ssm:/house/none")
    with pytest.raises(BadSetting, match="STRIPE_API_KEY is ssm:/house/none"):
        stripe_options()


def test_the_environment_is_read_in_one_place() -> None:
    """Fault 74. Fails when a module other than settings.py and the fault points asks the environment for a setting."""
    allowed = {"orchestration/settings.py", "ingestion/faultpoints.py"}
    reading = re.compile(r"environ(\.get\(|\[)[\"']METERHOUSE_|getenv\([\"']METERHOUSE_")
    files = [path for room in ("orchestration", "ingestion", "invoicing") for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if reading.search(path.read_text("utf-8"))}
    assert found <= allowed


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-1", "2026-00", "2026-13", "26-01", "2026-01-01", "２０２６-01", "1=1; --"]
)
def test_a_period_is_strictly_written(text: str) -> None:
    """Fault 76. Fails when something other than YYYY-MM gets through to where commands and queries are made."""
    with pytest.raises(BadSetting):
        month_of(text)


def test_months_are_counted_over_years() -> None:
    """Fails when December or January are off."""
    assert months_after(date(2025, 12, 1), 1) == date(2026, 1, 1)
    assert months_after(date(2026, 1, 1), -1) == date(2025, 12, 1)
    assert period_of(months_after(date(2026, 3, 1), -27)) == "2023-12"


def test_open_months_end_with_the_running_one() -> None:
    """Fails when the daily refresh misses the running month or goes before the first."""
    assert open_periods("2018-01", date(2026, 1, 5), 2) == ["2025-12", "2026-01"]
    assert open_periods("2026-01", date(2026, 1, 5), 2) == ["2026-01"]


@pytest.mark.parametrize("period", ["2017-12", "2026-04"])
def test_a_period_outside_the_partitions_is_refused(period: str) -> None:
    """Fails when a month before the first or after the running one is accepted."""
    with pytest.raises(BadSetting, match="METERHOUSE_FIRST_PERIOD"):
        known_period(period, "2018-01", date(2026, 3, 31))


@pytest.mark.parametrize("now", ["2018-01-31", "2026-03-31T23:59:59Z", "2040-12-01"])
def test_partitions_run_from_the_first_period_to_the_month_of_now(now: str) -> None:
    """Fails when a set clock adds or loses months, before or after the real one, or start_date is misread."""
    keys = months(Settings(now=now, first_period="2018-01")).get_partition_keys()
    assert (keys[0], keys[-1]) == ("2018-01", now[:7])
    assert len(keys) == (int(now[:4]) - 2018) * 12 + int(now[5:7])
