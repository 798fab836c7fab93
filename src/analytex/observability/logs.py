"""Log lines on standard error: time, level, process, logger, then `action="..."` and its fields.

In the code an event is `log.error('action="child_died" child=%s code=%d', name, code)`. As text it
is that line; as JSON the fields are read from the same pattern, so both forms say the same. No
field ever holds a body or a key.
"""

import json
import logging
import re
import sys
import time
from typing import Any, Final, Literal

_FIELD: Final = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')
_CONVERSION: Final = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]")
_SECONDS: Final = "%Y-%m-%dT%H:%M:%S"


def configure(level: str, process: str, format: Literal["text", "json"] = "text") -> None:
    """Send the log lines of this process, from that level on, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if format == "json" else text_formatter(process))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn tells of its own start and stop; the supervisor does that for all processes.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.root.level))


def text_formatter(process: str) -> logging.Formatter:
    """Return what writes lines for people."""
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ %(levelname)s {process} %(name)s %(message)s",
        datefmt=_SECONDS,
    )
    formatter.converter = time.gmtime
    return formatter


class JsonFormatter(logging.Formatter):
    """Writes each event as one JSON object on one line."""

    def __init__(self, process: str) -> None:
        super().__init__(datefmt=_SECONDS)
        self.converter = time.gmtime
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it has no line end inside."""
        line: dict[str, Any] = {
            "time": f"{self.formatTime(record, _SECONDS)}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
        }
        found = fields(record)
        if found is None:
            line["message"] = record.getMessage()
        else:
            line.update((name, value) for name, value in found.items() if name not in line)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def fields(record: logging.LogRecord) -> dict[str, Any] | None:
    """Return the fields of an event, numbers as numbers; None if it is not written as fields."""
    pattern = str(record.msg)
    if not pattern.startswith("action="):
        return None
    args = iter(record.args if isinstance(record.args, tuple) else ())
    found: dict[str, Any] = {}
    for name, quoted, plain in _FIELD.findall(pattern):
        text = quoted or plain
        conversions = _CONVERSION.findall(text)
        values = tuple(next(args, "") for _ in conversions)
        if len(values) == 1 and conversions[0] == text and isinstance(values[0], int | float):
            found[name] = values[0]
        else:
            found[name] = text % values if values else text
    return found
