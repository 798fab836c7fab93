"""Background jobs: files of rows and deletions, worked through after the reply."""
