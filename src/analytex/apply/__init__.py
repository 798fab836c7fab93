"""From the log to rows: reads records, folds them into profiles and events, stores the result."""
