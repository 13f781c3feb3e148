"""The parsed dbt project of a home: parsed whole where a file changed, or taken from set-up where that parsed the same.

Parsing everything costs 6 CPU-seconds, reading what was parsed 1.3. `python -m orchestration.parsing` parses the
project of this installation once for all homes on it (`make setup` does).
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
SEAL = "manifest.fingerprint"


def parse_if_changed(settings: Settings) -> Path:
    """The manifest, made anew where something changed, once under a lock: several code servers start at the same time.

    Raises DbtFailed where the project does not parse.
    """
    target = settings.dbt_target_path
    manifest, seal = target / "manifest.json", target / SEAL
    with _locked(settings):
        wanted = _fingerprint(settings)
        if not (manifest.exists() and seal.exists() and seal.read_text("utf-8") == wanted):
            seal.unlink(missing_ok=True)
            _begin(target, wanted)
            dbt_runner.parse(settings, wanted)
            seal.write_text(wanted, "utf-8")
    return manifest


def parsed(settings: Settings) -> Manifest:
    """The project as dbt holds it; raises DbtFailed."""
    parse_if_changed(settings)
    with _locked(settings):
        return dbt_runner.parsed(settings, _fingerprint(settings))


def _fingerprint(settings: Settings) -> str:
    """Changes when the project's files, dbt, or what its profile reads for parsing change; the same for every home."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')} {settings.parsing_environment()}".encode())
    for path in project_files(DBT_PROJECT):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _begin(target: Path, wanted: str) -> None:
    """Leaves there what set-up parsed of the very same files, else nothing, so that dbt parses them all.

    Not what an older parse left: where a test changed and its YAML did not, dbt loses the test's description.
    """
    prepared = AT_SETUP / target.name
    (target / PARSED).unlink(missing_ok=True)
    if target != prepared and (prepared / SEAL).exists() and (prepared / SEAL).read_text("utf-8") == wanted:
        shutil.copyfile(prepared / PARSED, target / PARSED)


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    settings.dbt_target_path.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.dbt_target_path / "manifest.lock", timeout=settings.lock_timeout):
        yield


if __name__ == "__main__":
    parse_if_changed(Settings(home=AT_SETUP))
