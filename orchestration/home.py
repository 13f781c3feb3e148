"""The home folder as Dagster wants it: made once, then yours."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestration.periods import BadSetting
from orchestration.settings import Settings, hand_to_children


def prepare_home(settings: Settings) -> None:
    """Makes the folders and puts `dagster.yaml` there if it is missing; sets what children read.

    Raises BadSetting where no folder can be made.
    """
    try:
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise BadSetting(
            f"no home can be made at {settings.root}: {error.strerror}; name another with --home or METERHOUSE_HOME"
        ) from None
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists():
        shutil.copyfile(Path(__file__).with_name("dagster.yaml"), file)
    hand_to_children(settings)
