"""The command `analytex`: one file per command."""
