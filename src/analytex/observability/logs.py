"""Log lines on standard error: time, level, process, logger, then `action="..."` and its fields."""

import logging
import sys
import time


def configure(level: str, process: str) -> None:
    """Send the log lines of this process, from that level on, to standard error."""
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ %(levelname)s {process} %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn tells of its own start and stop; the supervisor does that for all processes.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.root.level))
