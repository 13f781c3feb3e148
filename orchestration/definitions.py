"""Dagster's way in: loads whatever `defs/` holds. Nothing is contacted and nothing needs to be set."""

from pathlib import Path

from dagster import Definitions, definitions, load_from_defs_folder

from orchestration.garbage import collect_rarely


@definitions
def defs() -> Definitions:
    collect_rarely()  # a run from the UI starts here
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
