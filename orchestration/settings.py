"""What the environment says, once: the only place of the house that reads it.

Everything else takes a `Settings` or a plain value from it. `METERHOUSE_FAULT`, which kills a test's process,
is read by `ingestion/faultpoints.py`, and dbt's profile reads what `Settings.dbt_environment` hands to it.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.periods import BadSetting, month_of

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT = PROJECT_ROOT / "dbt_project"
UNIT = r"[KMGT](i?B)?|B|(kilo|mega|giga|tera)?bytes?"
MEMORY = re.compile(rf"none|[0-9]*\.?[0-9]+ ?({UNIT})", re.IGNORECASE | re.ASCII)  # as DuckDB reads it


class Settings(BaseSettings):
    """The house's settings; each is `METERHOUSE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="METERHOUSE_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Path(".meterhouse")  # lake, warehouse, DAGSTER_HOME
    inbox: str = ""  # folder or s3://; default <home>/inbox
    lake: str = ""  # folder or s3://; default <home>/lake
    target: Literal["duckdb", "snowflake"] = "duckdb"
    env: Literal["dev", "staging", "prod"] = "dev"
    now: datetime | None = None  # the clock, for tests and replays
    first_period: str = "2018-01"
    open_months: int = 2  # refreshed daily: the running month and this many minus one before it
    quarantine_threshold: float = 0.01  # share of a month's rows; above it the close is held
    lock_timeout: float = 900.0  # seconds a second run waits for the first
    stuck_after: float = 7200.0  # seconds after which doctor calls a started run stuck
    threads: int = 2
    memory_limit: str = "2GB"
    export_lines: bool = True  # every bill line as Parquet too; of very large bills the lake's own files may do
    zuora: str = ""  # folder or s3:// that issued invoices for Zuora are written to; default <home>/zuora

    @field_validator("now")
    @classmethod
    def _instants_are_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("first_period")
    @classmethod
    def _first_period_is_a_month(cls, value: str) -> str:
        month_of(value)
        return value

    @field_validator("threads")
    @classmethod
    def _some_thread_works(cls, value: int) -> int:
        if value < 1:
            raise BadSetting("write 1 or more")
        return value

    @field_validator("memory_limit")
    @classmethod
    def _memory_is_an_amount(cls, value: str) -> str:
        if not MEMORY.fullmatch(value):
            raise BadSetting("write an amount of memory, for example 2GB or 512MiB")
        return value

    @property
    def root(self) -> Path:
        return self.home.expanduser().resolve()

    @property
    def inbox_uri(self) -> str:
        return self.inbox or str(self.root / "inbox")

    @property
    def lake_uri(self) -> str:
        return self.lake or str(self.root / "lake")

    @property
    def zuora_uri(self) -> str:
        return self.zuora or str(self.root / "zuora")

    @property
    def lake_is_remote(self) -> bool:
        return self.lake_uri.startswith("s3://")

    @property
    def warehouse_path(self) -> Path:
        return self.root / "warehouse" / "warehouse.duckdb"

    @property
    def exports(self) -> Path:
        return self.root / "warehouse" / "exports"

    @property
    def marts_schema(self) -> str:
        """Where the target's profile puts marts."""
        return "main" if self.target == "duckdb" else "marts"

    @property
    def dagster_home(self) -> Path:
        return self.root / "dagster"

    @property
    def dbt_target_path(self) -> Path:
        return self.root / "dbt"

    @property
    def extensions(self) -> Path:
        return self.root / "warehouse" / "extensions"

    @property
    def deciding(self) -> dict[str, str]:
        """Those that decide an amount or the answer of a gate, as the ledger keeps them with each issue."""
        names = ("first_period", "quarantine_threshold", "target")
        return {name: str(getattr(self, name)) for name in names}

    @property
    def clock(self) -> datetime:
        """Now, UTC: METERHOUSE_NOW where it is set."""
        return self.now or datetime.now(UTC)

    def dbt_environment(self) -> dict[str, str]:
        """What `dbt_project/profiles.yml` reads."""
        remote_duckdb = self.target == "duckdb" and self.lake_is_remote
        return {
            "METERHOUSE_WAREHOUSE": str(self.warehouse_path),
            "METERHOUSE_DBT_TARGET": "duckdb_s3" if remote_duckdb else self.target,
            "METERHOUSE_THREADS": str(self.threads),
            "METERHOUSE_MEMORY_LIMIT": self.memory_limit,
            "METERHOUSE_EXTENSIONS": str(self.extensions),
            "METERHOUSE_TEMP": str(self.warehouse_path.parent / "temp"),
            "DBT_TARGET_PATH": str(self.dbt_target_path),  # where each invocation finds the parsed project
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        } | {f"METERHOUSE_S3_{name.upper()}": value for name, value in (s3_options() if remote_duckdb else {}).items()}

    def parsing_environment(self) -> dict[str, str]:
        """What the profile reads while dbt parses: nothing of this home or machine, so that any home can use it."""
        read = {
            "METERHOUSE_WAREHOUSE": self.warehouse_path.name,  # relations bear the file's name
            "METERHOUSE_THREADS": "1",
            "METERHOUSE_MEMORY_LIMIT": "1GB",
            "METERHOUSE_EXTENSIONS": "extensions",
            "METERHOUSE_TEMP": "temp",
        }
        given = {name: value for name, value in self.dbt_environment().items() if name != "DBT_TARGET_PATH"}
        return given | dict.fromkeys((name for name in given if name.startswith("METERHOUSE_S3_")), "") | read


def get_settings() -> Settings:
    """The settings as the environment has them now; raises BadSetting naming the variable."""
    try:
        return Settings()
    except ValueError as error:
        details = getattr(error, "errors", lambda: [])()
        lines = [f"METERHOUSE_{'_'.join(map(str, d['loc'])).upper()}: {d['msg']} (is '{d['input']}')" for d in details]
        raise BadSetting("; ".join(lines) or str(error)) from None


def override(home: str | None = None, inbox: str | None = None) -> Settings:
    """Puts a command's options over the environment, for this process and those it starts."""
    if home:
        os.environ["METERHOUSE_HOME"] = str(Path(home).expanduser().resolve())
    if inbox:
        os.environ["METERHOUSE_INBOX"] = inbox if "://" in inbox else str(Path(inbox).expanduser().resolve())
    return get_settings()


def hand_to_children(settings: Settings) -> None:
    """Sets what Dagster and dbt expect in the environment of this process and its children."""
    os.environ.update(settings.dbt_environment())
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ["METERHOUSE_HOME"] = str(settings.root)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")


def wants_traceback() -> bool:
    """METERHOUSE_TRACEBACK: an error is shown with where it came from. Asked when settings themselves may be wrong."""
    return bool(os.environ.get("METERHOUSE_TRACEBACK"))


def secret(name: str) -> str:
    """The secret in this variable, empty where there is none; `ssm:/a/name` there means AWS SSM's Parameter Store."""
    value = os.environ.get(name, "")
    if not value.startswith("ssm:"):
        return value
    import boto3  # half a second of imports: only where it is asked
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.client("ssm").get_parameter(Name=value.removeprefix("ssm:"), WithDecryption=True)
    except (BotoCoreError, ClientError) as error:
        raise BadSetting(f"{name} is {value}, which the Parameter Store does not give: {error}") from None
    return found["Parameter"]["Value"]


def snowflake_options() -> dict[str, Any]:
    """What the connector is opened with, from the usual SNOWFLAKE_* variables; those that are not set are left out.

    Host, port and protocol are for an endpoint of one's own (a private link, an emulator).
    """
    found: dict[str, Any] = {
        name: os.environ.get(f"SNOWFLAKE_{name.upper()}", "")
        for name in (
            "account",
            "user",
            "password",
            "authenticator",
            "role",
            "database",
            "warehouse",
            "host",
            "port",
            "protocol",
        )
    }
    found["private_key_file"] = os.environ.get("SNOWFLAKE_PRIVATE_KEY_PATH", "")
    if not found["account"]:
        raise BadSetting("METERHOUSE_TARGET=snowflake needs SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and a key or password")
    return {name: value for name, value in found.items() if value}


def snowflake_stage() -> str:
    """Name of the external stage that shows the lake's bucket to Snowflake: SNOWFLAKE_STAGE, else lake.landed."""
    return os.environ.get("SNOWFLAKE_STAGE") or "lake.landed"


def stripe_options() -> tuple[str, str]:
    """Secret key and address of Stripe's API: STRIPE_API_KEY, STRIPE_API_BASE (https://api.stripe.com)."""
    key = secret("STRIPE_API_KEY")
    if not key:
        raise BadSetting("STRIPE_API_KEY is not set: the secret key of the seller's Stripe account")
    return key, os.environ.get("STRIPE_API_BASE") or "https://api.stripe.com"


def s3_options() -> dict[str, str]:
    """Endpoint, region and keys as DuckDB's httpfs wants them, from the usual AWS variables."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return {
        "key_id": os.environ.get("AWS_ACCESS_KEY_ID", ""),
        "secret": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        "session_token": os.environ.get("AWS_SESSION_TOKEN", ""),
        "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        "endpoint": endpoint.split("://", 1)[-1].rstrip("/") or "s3.amazonaws.com",
        "url_style": "path" if endpoint else "vhost",
        "use_ssl": "false" if endpoint.startswith("http://") else "true",
    }
