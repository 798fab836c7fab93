"""Whose key it is, which environment it opens, and what it may do there."""
