"""Sealed events: an open table of Parquet files (docs/history.md), and DuckDB to read it with."""
