"""JSON bodies and log records on one side, domain types on the other."""
