"""What assets are handed: dbt, as the locked environment has it, and whose month is to be closed."""

import dagster as dg

from orchestration.dbt import DBT, Dbt, project
from orchestration.defs.invoicing.issued_invoices import CloseRequest
from orchestration.settings import get_settings


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(
        resources={
            "dbt": Dbt(project(get_settings()), dbt_executable=DBT),
            "close_request": CloseRequest(),  # who closes says whose month in the run's configuration
        }
    )
