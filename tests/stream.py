"""A tiny reader of Server-Sent Events, by the rules of the WHATWG HTML standard, section 9.2.6."""

import json
import queue
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

from tests.server import Client

WITHIN_S: Final = 10.0


class Told(NamedTuple):
    """An event as a reader of a stream sees it."""

    type: str
    data: str
    id: str

    def json(self) -> Any:
        """Return what the data says."""
        return json.loads(self.data)


class Parser:
    """Turns lines into events."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_ms: int | None = None
        self.comments: list[str] = []
        self._type = ""
        self._data: list[str] = []

    def line(self, line: str) -> Told | None:
        """Take a line without its end; return the event that it ends, if it does."""
        if not line:
            type, data = self._type or "message", self._data
            self._type, self._data = "", []
            return Told(type, "\n".join(data), self.last_id) if data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not field:
            self.comments.append(value)
        elif field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value
        elif field == "id":
            self.last_id = value
        elif field == "retry":
            self.retry_ms = int(value)
        return None


class Stream:
    """An open stream, read in a thread. Enter it to open it."""

    def __init__(
        self, client: Client, *, headers: Mapping[str, str] | None = None, **query: object
    ) -> None:
        texts = {name.rstrip("_"): str(value) for name, value in query.items()}
        self._path = f"/v1/events/stream?{urlencode(texts)}"
        self._headers = {"authorization": f"Token {client.key}", **(headers or {})}
        self._told: queue.Queue[Told] = queue.Queue()
        self._begun = threading.Event()
        self._connection = HTTPConnection("127.0.0.1", client.server.port)
        self.reply: Any = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.parser = Parser()
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._begun.wait(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self, *, within_s: float = WITHIN_S) -> Told:
        """Return the next event."""
        return self._told.get(timeout=within_s)

    def names(self, count: int) -> list[str]:
        """Return the names of the next events."""
        return [self.next().json()["event_name"] for _ in range(count)]

    def is_silent(self, *, for_s: float = 0.3) -> bool:
        """Tell whether nothing comes for so long."""
        try:
            self._told.get(timeout=for_s)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        """Go away."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(WITHIN_S)
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, HTTPException):
            self._connection.request("GET", self._path, headers=self._headers)
            self.reply = self._connection.getresponse()
            while line := self.reply.readline():
                if (told := self.parser.line(line.decode().removesuffix("\n"))) is not None:
                    self._told.put(told)
                self._begun.set()
        self._begun.set()
        self.ended.set()
