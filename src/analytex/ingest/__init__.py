"""Accepting calls: limits, the record, its place in the log."""
