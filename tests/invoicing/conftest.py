"""The scratch warehouse of the dbt tests, for the models of the difference."""

from tests.dbt_project.conftest import scratch_warehouse

__all__ = ["scratch_warehouse"]
