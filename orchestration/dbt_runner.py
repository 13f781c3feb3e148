"""dbt in this process: the parsed project is kept, so an invocation costs its models and tests, not a start.

A dbt of its own costs 4 CPU-seconds before its first model (`docs/performance.md`). A killed process takes its dbt
along. No selection, no months and no assets here: those are `dbt.py`'s and the assets' own.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.faultpoints import reached
from orchestration.settings import DBT_PROJECT, Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

_ABOUT_NODES = {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"}
_kept: dict[str, Manifest] = {}  # fingerprint -> the project parsed by this process; at most one


class DbtFailed(RuntimeError):
    """dbt said no: the message is dbt's own."""


def _arguments(settings: Settings, words: Sequence[str], folder: Path) -> list[str]:
    """The command line, spelled alike each time: another spelling, and dbt parses the whole project again."""
    where = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    where += ["--target", settings.dbt_environment()["METERHOUSE_DBT_TARGET"]]
    return ["--no-use-colors", *words, *where, "--target-path", str(folder), "--log-path", str(folder)]


@contextmanager
def _environment(read: dict[str, str]) -> Iterator[None]:
    """What dbt's profile reads, for as long as dbt runs: another home's run in this process has another file."""
    former = dict(os.environ)
    os.environ.update(read)
    try:
        yield
    finally:
        for name in read:
            os.environ.pop(name, None)
        os.environ.update(former)


def _release_files() -> None:
    """Lets go of the DuckDB file: dbt would keep it open, and another configuration could not open it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment, DuckDBConnectionManager._ENV = DuckDBConnectionManager._ENV, None
    if environment is not None:
        environment.close()


def _message(result: dbtRunnerResult, errors: Sequence[str]) -> str:
    return "\n".join([*errors, *([str(result.exception)] if result.exception else [])]) or "dbt failed without a word"


def parse(settings: Settings, fingerprint: str) -> Manifest:
    """Parses what changed since the last time and keeps the result; raises DbtFailed. `parsing.py`: one at a time."""
    from dbt.cli.main import dbtRunner

    from orchestration.dbt_events import told

    errors: list[str] = []
    runner = dbtRunner(callbacks=[lambda event: _note_error(event, errors)])
    with _environment(settings.parsing_environment()), told():
        result = runner.invoke(_arguments(settings, ["--log-level", "none", "parse"], settings.dbt_target_path))
    if not result.success:
        raise DbtFailed(f"dbt cannot parse {DBT_PROJECT.name}:\n{_message(result, errors)}")
    _kept.clear()
    _kept[fingerprint] = result.result
    return result.result


def parsed(settings: Settings, fingerprint: str, written: Path | None = None) -> Manifest:
    """The project as dbt holds it: this process's own, else as it was `written`, else as the last parse left it."""
    if fingerprint not in _kept and written and written.exists():
        sealed, _, fields = written.read_bytes().partition(b"\n")
        if sealed == fingerprint.encode():  # else maybe of another dbt, whose classes are not there to be read
            from dbt.contracts.graph.manifest import Manifest

            _kept.clear()
            _kept[fingerprint] = Manifest(**pickle.loads(fields))
    return _kept.get(fingerprint) or parse(settings, fingerprint)


def write(manifest: Manifest, fingerprint: str, file: Path) -> None:
    """Writes the project as dbt holds it, for `parsed`. Who may write the file may run code as who reads it.

    Field by field, because a manifest's own way to be pickled (dbt 1.11) leaves one out and shifts those after it.
    Fields with an underscore are what dbt looks things up by; it makes them anew.
    """
    names = [field.name for field in dataclasses.fields(manifest) if not field.name.startswith("_")]
    fields = {name: getattr(manifest, name) for name in names}
    unfinished = file.with_suffix(".part")
    unfinished.write_bytes(fingerprint.encode() + b"\n" + pickle.dumps(fields, protocol=pickle.HIGHEST_PROTOCOL))
    os.replace(unfinished, file)


def _note_error(event: Any, errors: list[str]) -> None:
    if event.info.level == "error" and event.info.msg.strip():
        errors.append(event.info.msg)


@dataclass(slots=True)
class Ended:
    """What a dbt command did: its events about finished nodes, in their order, its errors, and its own verdict."""

    command: str
    events: list[dict[str, Any]]
    errors: list[str]
    result: dbtRunnerResult

    def outcomes(self) -> Sequence[Any]:
        """What became of each node, failed ones too; raises DbtFailed where dbt did not get so far."""
        found = getattr(self.result.result, "results", None)
        if found is None:
            raise self._failure()
        return found

    def raise_on_failure(self) -> None:
        if not self.result.success:
            raise self._failure()

    def _failure(self) -> DbtFailed:
        return DbtFailed(f"{self.command} failed:\n{_message(self.result, self.errors)}")


def run(settings: Settings, manifest: Manifest, words: Sequence[str], folder: Path) -> Ended:
    """Runs a dbt command to its end on the parsed project; logs and compiled SQL go to the folder.

    In a thread, because dbt lets go of what it is doing at Ctrl-C alone, and Dagster interrupts by another exception.
    """
    from dbt.cli.main import dbtRunner
    from dbt_common.events.functions import msg_to_dict

    from orchestration.dbt_events import told

    command = _arguments(settings, ["--no-write-json", *words], folder)
    events: list[dict[str, Any]] = []
    errors: list[str] = []
    ended: list[dbtRunnerResult] = []
    over = threading.Event()

    def heard(event: Any) -> None:
        _note_error(event, errors)
        if event.info.name in _ABOUT_NODES:
            events.append(msg_to_dict(event))
            reached("dbt_event")

    def invoke() -> None:
        try:
            with _environment(settings.dbt_environment()), told():
                ended.append(dbtRunner(manifest=manifest, callbacks=[heard]).invoke(command))
        finally:
            over.set()

    thread = threading.Thread(target=invoke, name="dbt")
    thread.start()
    try:
        over.wait()  # not join: Python 3.11 takes a thread whose join was interrupted for ended
    finally:
        if not over.is_set():
            _stop(thread)
            over.wait()
        _release_files()
    return Ended(f"dbt {' '.join(words)} (its log is in {folder})", events, errors, ended[0])


def _stop(thread: threading.Thread) -> None:
    """Ends what dbt and its statements are doing, as Ctrl-C does on its command line."""
    from dbt.adapters.factory import FACTORY

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
    for adapter in FACTORY.adapters.values():
        adapter.cancel_open_connections()
