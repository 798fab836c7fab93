"""A connection that sends bytes as they are given, for what HTTP libraries never send."""

import json
import socket
from typing import NamedTuple, Self


class Reply(NamedTuple):
    """What came back on a raw connection."""

    status: int
    headers: dict[str, str]  #: names in lower case
    body: bytes

    def errors(self) -> list[dict[str, str]]:
        """Return the documented errors of a refusal."""
        return list(json.loads(self.body)["errors"])


class Connection:
    """A socket that sends bytes as they are given, and reads whole replies."""

    def __init__(self, port: int, *, timeout_s: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def reply(self, *, to_head: bool = False) -> Reply:
        """Read one reply; `to_head`: it has no body, whatever its headers say."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
        status = int(status_line.split()[1])
        if to_head or status < 200:
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, self._chunks())
        return Reply(status, headers, self._exactly(int(headers["content-length"])))

    def rest(self) -> bytes:
        """Return what comes until the server closes the connection; raises TimeoutError."""
        try:
            while more := self.socket.recv(65536):
                self._read += more
        except ConnectionError:  # it closed with bytes of ours unread
            pass
        found, self._read = self._read, b""
        return found

    def is_open(self, *, for_s: float = 0.05) -> bool:
        """Tell whether the server leaves the connection open, with nothing more to say, so long."""
        before = self.socket.gettimeout()
        self.socket.settimeout(for_s)
        try:
            while more := self.socket.recv(65536):
                self._read += more
        except TimeoutError:
            return not self._read
        except ConnectionError:
            pass
        finally:
            self.socket.settimeout(before)
        return False

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def _more(self) -> None:
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError(f"closed after {self._read!r}")
        self._read += more

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._more()
        found, _, self._read = self._read.partition(end)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            self._more()
        found, self._read = self._read[:count], self._read[count:]
        return found

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._exactly(size)
            self._exactly(2)
        self._exactly(2)
        return body
