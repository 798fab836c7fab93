"""A file on its way to a server: as the part `file` of a form, read while it is sent."""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import BinaryIO, Final

from analytex.errors import AnalytexError

PIECE_BYTES: Final = 256 * 1024
STANDARD_INPUT: Final = "standard-input"  # what its job is called

_ESCAPES: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # as browsers do


class Upload:
    """What is sent: a name, bytes, and how many there are, if that is known."""

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        size: int | None,
        *,
        sent: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Send `size` bytes of the file, or all to its end; `sent` learns how many are on the way.

        A file that grows meanwhile is sent as far as it went at first.
        """
        self.name = name
        self.size = size
        self._file = file
        self._sent = sent

    def form(self) -> tuple[Iterator[bytes], dict[str, str]]:
        """Return the body of a request, piece by piece, and its headers."""
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_quoted(self.name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode("utf-8", "replace")
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        if self.size is not None:
            headers["content-length"] = str(len(head) + self.size + len(tail))
        return self._body(head, tail), headers

    def _body(self, head: bytes, tail: bytes) -> Iterator[bytes]:
        yield head
        done = 0
        while piece := self._read(done):
            yield piece
            done += len(piece)
            self._sent(done)
        if self.size is not None and done < self.size:
            raise AnalytexError(f"{self.name} became shorter while it was read; nothing was sent.")
        yield tail

    def _read(self, done: int) -> bytes:
        most = PIECE_BYTES if self.size is None else min(PIECE_BYTES, self.size - done)
        try:
            return self._file.read(most) if most else b""
        except OSError as error:
            raise unreadable(self.name, error) from error


def file_name(file: BinaryIO) -> str:
    """Return the last part of a file's name; of standard input a name that says so."""
    name = getattr(file, "name", None)
    if not isinstance(name, str) or name == "<stdin>":
        return STANDARD_INPUT
    return PurePath(name).name.encode("utf-8", "replace").decode()


def file_size(file: BinaryIO) -> int | None:
    """Return how many bytes are left in a file; None if it is a pipe or a terminal."""
    try:
        status = os.fstat(file.fileno())
        return status.st_size - file.tell() if stat.S_ISREG(status.st_mode) else None
    except (OSError, AttributeError):  # not a file of the system
        return None


def unreadable(name: str, error: Exception) -> AnalytexError:
    """Return the failure to read what is to be sent."""
    return AnalytexError(f"{name} cannot be read.", details=f"{error}.")


def _quoted(name: str) -> str:
    return name.translate(_ESCAPES)
