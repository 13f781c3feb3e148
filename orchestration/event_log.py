"""Dagster's event log in SQLite, as Dagster keeps it, through connections that stay open.

`dagster.yaml` names `Instance`, whose own storage is used unless that file names another (`storage: postgres`).

Dagster makes a SQLAlchemy engine for each statement's connection and with it compiles the statement again: of a month's
700 events that was a third of the run's CPU (`docs/performance.md`). Files, tables and their meaning are Dagster's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

KEPT_OPEN = 4  # the index, the run that is going on, and a few more for who looks at runs in the UI


class EventLog(SqliteEventLogStorage):
    """The files and tables of Dagster's own class."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= KEPT_OPEN:
                self._engines.pop(next(iter(self._engines))).dispose()
            url = self.conn_string_for_shard(shard)
            engine = create_engine(url, pool_size=1, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
            # In WAL mode a power cut then costs the last events, never the file; each commit saves a wait for the disk.
            event.listen(engine, "connect", lambda raw, _: raw.execute("pragma synchronous = normal"))
            self._engines[shard] = engine
        return self._engines[shard]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:  # one at a time, as in Dagster: an engine that is let go of is in nobody's hands
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Dagster asks with each event, by a new engine: once there, a table stays, so it is asked for no more."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables


class Storage(DagsterSqliteStorage):
    """Dagster's storage of a home, with this event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(os.path.join(base_dir, "history", "runs"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> Storage:
        return cls.from_local(inst_data=inst_data, **config_value)


class Instance(DagsterInstance):
    """Dagster's instance; its storage stands beside its `dagster.yaml`, whatever DAGSTER_HOME says."""

    @staticmethod
    def config_schema() -> dict[str, Any]:
        return {}

    @staticmethod
    def config_defaults(base_dir: str) -> dict[str, ConfigurableClassData | None]:
        storage = ConfigurableClassData(Storage.__module__, Storage.__name__, yaml.dump({"base_dir": base_dir}))
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}
