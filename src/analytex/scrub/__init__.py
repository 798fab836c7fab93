"""Leaving nothing of deleted rows in the unused places of an SQLite file."""
