"""The board: a file in which each process of a server writes its numbers for the others to read.

    metrics    one slot of SLOT_BYTES for each process: the applier, worker 0, worker 1, ...

A slot holds the length and the CRC-32 of what follows (4 bytes each, little-endian), then a
`Snapshot` as JSON. Each process writes its own slot once a second, in one write and without
flushing: the numbers begin anew with the process, so nobody misses them after a crash. A slot that
is read while it is written fails its checksum, and is read again. The file has its full size from
the beginning, so that it can be written when the disk is full, which is when it is wanted.
"""

import os
import zlib
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from analytex.observability.meters import Snapshot

FILE: Final = "metrics"  #: name in the data directory
SLOT_BYTES: Final = 64 * 1024
APPLIER: Final = 0  #: slot of the applier; worker n has slot n + 1
WRITE_EVERY_S: Final = 1.0

_HEAD: Final = Struct("<II")
_TRIES: Final = 3

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Snapshot).decode


class Board:
    """The slots of one server. Methods may be called from any thread."""

    def __init__(self, directory: Path, *, slots: int) -> None:
        """Open the file, or make it with empty slots. Raises OSError."""
        self._slots = slots
        self._file = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        if size < slots * SLOT_BYTES:
            os.pwrite(self._file, bytes(slots * SLOT_BYTES - size), size)  # no hole: it takes room

    def write(self, slot: int, snapshot: Snapshot) -> None:
        """Put a process's numbers in its slot; the old ones stay if that cannot be done.

        Raises ValueError if they do not fit, which their few labels prevent.
        """
        text = _encode(snapshot)
        if _HEAD.size + len(text) > SLOT_BYTES:
            raise ValueError(f"{len(text)} bytes do not fit into a slot")
        try:
            os.pwrite(self._file, _HEAD.pack(len(text), zlib.crc32(text)) + text, slot * SLOT_BYTES)
        except OSError:
            return  # the reader sees by its age that it is old

    def read(self) -> list[Snapshot]:
        """Return what every slot holds that was ever written, those of ended processes as well."""
        found = (self._read(slot) for slot in range(self._slots))
        return [snapshot for snapshot in found if snapshot is not None]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _read(self, slot: int) -> Snapshot | None:
        for _ in range(_TRIES):
            data = os.pread(self._file, SLOT_BYTES, slot * SLOT_BYTES)
            size, checksum = _HEAD.unpack_from(data)
            text = data[_HEAD.size : _HEAD.size + size]
            if not size:
                return None
            if zlib.crc32(text) == checksum:
                try:
                    return _decode(text)
                except msgspec.MsgspecError:
                    return None  # another version's
        return None
