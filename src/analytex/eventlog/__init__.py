"""The event log: durable bytes in order. It knows nothing of what the bytes mean."""
