"""What assets are handed: whose month is to be closed."""

import dagster as dg

from orchestration.defs.invoicing.issued_invoices import CloseRequest


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(
        resources={
            "close_request": CloseRequest(),  # who closes says whose month in the run's configuration
        }
    )
