"""Forecasts of daily spend: series in, forecasts and backtests out. Knows no Dagster, no SQL, no money rule."""
