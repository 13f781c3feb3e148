"""The lake shown to Snowflake: landed files are copied into tables, whole and once.

Which files a table holds is our own record (`lake.loaded_files`): Snowflake forgets what it loaded after 64 days. A
file that is no longer current leaves its table in the transaction that brings the one in its place, so a vendor's bill
is replaced whole or not at all.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import polars as pl

from orchestration.settings import snowflake_stage
from orchestration.snowflake_session import Session

_LOADED = "create table if not exists lake.loaded_files (relation varchar, landed_file varchar, columns_hash varchar)"


class Stage:
    """Fills the `lake` schema from a lake's files; use as a context manager, one transaction for all of it.

    A lake in a folder is sent to the internal stage `lake.landing` file by file; a lake in S3 is read through the
    external stage that SNOWFLAKE_STAGE names (see DEPLOY.md).
    """

    def __init__(self, session: Session, lake_uri: str) -> None:
        self._session, self._lake = session, lake_uri.rstrip("/") + "/"
        self._is_remote = lake_uri.startswith("s3://")
        self._stage = snowflake_stage() if self._is_remote else "lake.landing"

    def prepare(self, relations: Mapping[str, Mapping[str, str]]) -> None:
        """Makes the tables that are missing or have other columns; before the transaction, because DDL would end it."""
        self._session.execute(_LOADED)
        self._session.execute("create stage if not exists lake.landing")
        made = dict(
            self._session.execute(
                "select relation, columns_hash from lake.loaded_files where landed_file = ''"
            ).fetchall()
        )
        for name, columns in relations.items():
            if made.get(name) == _hash(columns):
                continue
            typed = ", ".join(f"{column} {type_}" for column, type_ in columns.items())
            cluster = " cluster by (billing_period)" if "billing_period" in columns else ""
            self._session.execute(f"create or replace table lake.{name} ({typed}, landed_file varchar){cluster}")
            self._session.execute("delete from lake.loaded_files where relation = ?", [name])
            self._session.execute("insert into lake.loaded_files values (?, '', ?)", [name, _hash(columns)])

    def __enter__(self) -> Stage:
        self._session.execute("begin")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.execute("rollback" if error else "commit")

    def load_files(self, name: str, columns: Mapping[str, str], uris: Sequence[str]) -> None:
        """Makes `lake.<name>` hold exactly these files of the lake: loads the new, deletes the rows of the others."""
        wanted = {uri.removeprefix(self._lake): uri for uri in uris}
        known = {
            key for (key,) in self._session.execute(
                "select landed_file from lake.loaded_files where relation = ? and landed_file <> ''", [name]
            ).fetchall()
        }  # fmt: skip
        for key in sorted(known - set(wanted)):
            self._session.execute(f"delete from lake.{name} where landed_file = ?", [key])
            self._session.execute("delete from lake.loaded_files where relation = ? and landed_file = ?", [name, key])
        for key in sorted(set(wanted) - known):
            if not self._is_remote:
                self._put(Path(wanted[key]), key.rpartition("/")[0])
            self._copy(name, columns, key)
            self._session.execute("insert into lake.loaded_files values (?, ?, ?)", [name, key, _hash(columns)])

    def load_rows(self, name: str, columns: Mapping[str, str], frame: pl.DataFrame) -> None:
        """Replaces the rows of `lake.<name>`."""
        self._session.execute(f"delete from lake.{name}")
        if frame.is_empty():
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.parquet"
            frame.write_parquet(file)
            self._put(file, "rows")
            self._copy(name, columns, f"rows/{file.name}", "lake.landing")

    def _put(self, file: Path, folder: str) -> None:
        self._session.execute(f"put 'file://{file}' @lake.landing/{folder} auto_compress = false overwrite = true")

    def _copy(self, name: str, columns: Mapping[str, str], key: str, stage: str = "") -> None:
        # Forced: whether a file is in the table is what `loaded_files` says, not what Snowflake remembers.
        cast = ", ".join(f"$1:{column}::{type_}" for column, type_ in columns.items())
        self._session.execute(
            f"copy into lake.{name} ({', '.join(columns)}, landed_file)"
            f" from (select {cast}, '{key}' from @{stage or self._stage}/{key})"
            f" file_format = (type = parquet) force = true"
        )


def _hash(columns: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(columns.items())).encode()).hexdigest()[:16]
