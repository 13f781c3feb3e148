"""What assets are handed: dbt, as the locked environment has it."""

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.dbt import DBT, project
from orchestration.settings import get_settings


@dg.definitions
def resources() -> dg.Definitions:
    # use_colors off: dbt's messages become Dagster's log lines and check descriptions.
    return dg.Definitions(resources={"dbt": DbtCliResource(project(get_settings()), dbt_executable=DBT)})
