"""The parsed dbt project of a home: parsed whole where a file changed, or taken from set-up where that parsed the same.

Parsing everything costs 6 CPU-seconds, having dbt read what it parsed 1.3, reading what set-up wrote 0.05.
`python -m orchestration.parsing` parses the project of this installation once for all homes on it (`make setup` does).
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
MANIFEST, SEAL = "manifest.json", "manifest.fingerprint"
PARSED = "partial_parse.msgpack"  # dbt's name of it
WHOLE = "manifest.pickle"  # of set-up alone: it stands beside the code, and who may write it may write that too


def parse_if_changed(settings: Settings) -> Path:
    """The manifest, made anew where something changed, once under a lock: several code servers start at the same time.

    Raises DbtFailed where the project does not parse.
    """
    target, prepared = settings.dbt_target_path, AT_SETUP / settings.dbt_target_path.name
    with _locked(settings):
        wanted = _fingerprint(settings)
        if _seal(target) != wanted:
            (target / SEAL).unlink(missing_ok=True)
            # Not what an older parse left: where a test changed and its YAML did not, dbt loses the test's description.
            (target / PARSED).unlink(missing_ok=True)
            if target != prepared and _seal(prepared) == wanted:
                shutil.copyfile(prepared / MANIFEST, target / MANIFEST)
            else:
                dbt_runner.parse(settings, wanted)
            (target / SEAL).write_text(wanted, "utf-8")
    return target / MANIFEST


def parsed(settings: Settings) -> Manifest:
    """The project as dbt holds it; raises DbtFailed."""
    parse_if_changed(settings)
    with _locked(settings):
        return dbt_runner.parsed(settings, _fingerprint(settings), AT_SETUP / settings.dbt_target_path.name / WHOLE)


def set_up() -> None:
    """Parses the project and keeps it for all homes of this installation."""
    settings = Settings(home=AT_SETUP)
    dbt_runner.write(parsed(settings), _fingerprint(settings), settings.dbt_target_path / WHOLE)


def _seal(target: Path) -> str:
    """What the manifest there was made from; nothing where there is none."""
    seal = target / SEAL
    return seal.read_text("utf-8") if seal.exists() and (target / MANIFEST).exists() else ""


def _fingerprint(settings: Settings) -> str:
    """Changes when the project's files, dbt, or what its profile reads for parsing change; the same for every home."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')} {settings.parsing_environment()}".encode())
    for path in project_files(DBT_PROJECT):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    settings.dbt_target_path.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.dbt_target_path / "manifest.lock", timeout=settings.lock_timeout):
        yield


if __name__ == "__main__":
    set_up()
