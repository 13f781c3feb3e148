"""The parsed dbt project of a home: parsed again where a file changed, and begun from what set-up parsed.

Parsing everything costs 6 CPU-seconds, reading what was parsed 1.3. `python -m orchestration.parsing` parses the
project of this installation once for all homes on it (`make setup` does); dbt itself tells what of that still stands.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from orchestration import dbt_runner
from orchestration.period_state import project_files
from orchestration.settings import DBT_PROJECT, Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

AT_SETUP = DBT_PROJECT / "target" / "at_setup"  # a home without lake or warehouse
PARSED = "partial_parse.msgpack"  # dbt's name of it


def parse_if_changed(settings: Settings) -> Path:
    """The manifest, made anew where something changed, once under a lock: several code servers start at the same time.

    Raises DbtFailed where the project does not parse.
    """
    target = settings.dbt_target_path
    manifest, seal = target / "manifest.json", target / "manifest.fingerprint"
    with _locked(settings):
        wanted = _fingerprint(settings)
        if not (manifest.exists() and seal.exists() and seal.read_text("utf-8") == wanted):
            seal.unlink(missing_ok=True)
            _begin(target)
            dbt_runner.parse(settings, wanted)
            seal.write_text(wanted, "utf-8")
    return manifest


def parsed(settings: Settings) -> Manifest:
    """The project as dbt holds it; raises DbtFailed."""
    with _locked(settings):
        return dbt_runner.parsed(settings, _fingerprint(settings))


def _fingerprint(settings: Settings) -> str:
    """Changes when the project's files, dbt, or what its profile reads for parsing change."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')} {settings.parsing_environment()}".encode())
    for path in project_files(DBT_PROJECT):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _begin(target: Path) -> None:
    """A home that never parsed begins with what set-up left; where that is of no use, dbt parses everything."""
    prepared = AT_SETUP / target.name / PARSED
    if prepared.exists() and not (target / PARSED).exists():
        shutil.copyfile(prepared, target / PARSED)


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    settings.dbt_target_path.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.dbt_target_path / "manifest.lock", timeout=settings.lock_timeout):
        yield


if __name__ == "__main__":
    parse_if_changed(Settings(home=AT_SETUP))
