"""What assets are handed: dbt, as the locked environment has it."""

import dagster as dg

from orchestration.dbt import DBT, Dbt, project
from orchestration.settings import get_settings


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"dbt": Dbt(project(get_settings()), dbt_executable=DBT)})
