"""A Snowflake session that answers like the DuckDB connection it stands for: execute, rows, names.

What is asked of both engines is plain SQL with `?` for values. No arithmetic here, and nothing is contacted at import.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from orchestration.settings import Settings, snowflake_options

SCHEMAS = ("marts", "lake", "staging", "intermediate", "meterhouse")


class Session:
    """One connection to Snowflake, in UTC, with the marts as its own schema."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._cursor = connection.cursor()

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> Session:
        """Runs one statement; dates are bound as ISO text, which Snowflake compares as dates."""
        bound = [value.isoformat() if isinstance(value, (date, datetime)) else value for value in parameters]
        self._cursor.execute(query, bound or None)
        if query.startswith("create schema"):
            self._cursor.execute("use schema marts")  # a new schema becomes the session's own
        return self

    @property
    def description(self) -> list[Any]:
        """Columns of the last result: name in lower case, as the house writes it, then Snowflake's own fields."""
        return [(column[0].lower(), *column[1:]) for column in self._cursor.description or ()]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._cursor.fetchall()

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._cursor.fetchone()

    def close(self) -> None:
        self._connection.close()


def connect(settings: Settings) -> Session:
    """Opens a session as the environment says (SNOWFLAKE_ACCOUNT and the like); makes the schemas that are missing."""
    import snowflake.connector  # two seconds: only where Snowflake is the target

    connection = snowflake.connector.connect(
        **snowflake_options(),
        schema="marts",
        paramstyle="qmark",
        session_parameters={"TIMEZONE": "UTC", "QUERY_TAG": f"meterhouse {settings.env}"},
    )
    session = Session(connection)
    for schema in SCHEMAS:
        session.execute(f"create schema if not exists {schema}")
    return session
