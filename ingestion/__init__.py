"""Deliveries to lake: plain Python and Polars. No Dagster, no SQL, no prices."""
