"""The processes of a server: a supervisor, the workers that answer requests, and the applier."""
