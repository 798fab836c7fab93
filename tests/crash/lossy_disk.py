"""A disk that forgets, as a power cut makes it forget, for every SQLite file of this process.

SQLite reaches files through a table of functions (sqlite.org/vfs.html). `LossyDisk` puts its own
in front of open, write, truncate and sync, so it knows which bytes were flushed. All else may or
may not survive a power cut, sector by sector and in any order; `cut` writes down one such outcome.

What it takes for granted: a sector of 512 bytes is written whole or not at all, a truncated or
removed file stays so, and the names in the directory survive (SQLite flushes the directory after
it has created a write-ahead file).
"""

import ctypes
import os
import random
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

SECTOR: Final = 512

_SQLITE_OK: Final = 0
_SQLITE_IOERR_FSYNC: Final = 1034
_Pointer = ctypes.c_void_p
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, _Pointer, ctypes.c_int, _Pointer)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_int)
_Close = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """The beginning of `struct sqlite3_vfs`."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("app_data", _Pointer),
        ("open", _Open),
        ("delete", _Delete),
    )


class _Methods(ctypes.Structure):
    """`struct sqlite3_io_methods`, version 3; what is not replaced stays a plain pointer."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("close", _Close),
        ("read", _Pointer),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("others", _Pointer * 13),
    )


class _File(ctypes.Structure):
    """The beginning of `struct sqlite3_file`."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Content:
    """What is surely on the disk of one file, and the writes that came after."""

    def __init__(self, flushed: bytes) -> None:
        self.flushed = bytearray(flushed)
        self.pending: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> None:
        self.pending.append((offset, data))

    def truncate(self, length: int) -> None:
        self.pending = [(at, data[: max(length - at, 0)]) for at, data in self.pending]
        del self.flushed[length:]

    def sync(self, count: int, *, fails: bool) -> None:
        """The first `count` writes are flushed, or, as Linux does it, given up for ever."""
        for offset, data in self.pending[:count]:
            if not fails:
                _put(self.flushed, offset, data)
        del self.pending[:count]

    def after_a_cut(self, kept: float, garbage: bool, rng: random.Random) -> bytes:
        """Return one outcome; each sector that was not flushed is kept with that probability."""
        content = bytearray(self.flushed)
        for offset, data in self.pending:
            for at in range(0, len(data), SECTOR):
                sector = data[at : at + SECTOR]
                if rng.random() < kept:
                    _put(content, offset + at, sector)
                elif garbage and offset + at >= len(content):
                    _put(content, offset + at, rng.randbytes(len(sector)))
        return bytes(content)


class LossyDisk:
    """Watches the files of one directory from now on. Lives as long as the process."""

    def __init__(self, directory: Path, *, seed: int, at_change: Callable[[], None]) -> None:
        """`at_change` is called in whatever thread writes, before and after a flush as well."""
        self.failing = 0.0  #: that part of the log's flushes fails
        self._directory = str(directory) + os.sep
        self._rng = random.Random(seed)
        self._at_change = at_change
        self._lock = threading.RLock()
        self._contents: dict[str, _Content] = {}
        self._open_files: dict[int, str] = {}
        self._tables: dict[int, tuple[_Methods, _Methods]] = {}  # address of SQLite's -> it, ours
        self._install()

    def cut(self, copy: Path) -> None:
        """Write what a power cut at this moment may leave into the empty folder `copy`."""
        with self._lock:
            kept = self._rng.choice((0.0, 0.0, 0.1, 0.5, 0.9, 1.0))
            garbage = self._rng.random() < 0.5
            contents = {
                path: content.after_a_cut(kept, garbage, self._rng)
                for path, content in self._contents.items()
            }
        copy.mkdir()
        for path, data in contents.items():
            (copy / Path(path).name).write_bytes(data)

    def _install(self) -> None:
        library = _library()
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        vfs = library.sqlite3_vfs_find(None).contents
        self._real_open: Any = _Open(_address(vfs.open))
        self._real_delete: Any = _Delete(_address(vfs.delete))
        self._ours = (
            _Open(_surely(self._open)),
            _Delete(_surely(self._delete)),
            _Close(_surely(self._close)),
            _Write(_surely(self._write)),
            _Truncate(_surely(self._truncate)),
            _Sync(_surely(self._sync)),
        )
        vfs.open, vfs.delete = self._ours[:2]

    def _open(self, vfs: int, name: int | None, file: int, flags: int, flags_out: int) -> int:
        result = int(self._real_open(vfs, name, file, flags, flags_out))
        path = ctypes.string_at(name).decode() if name else ""
        if result != _SQLITE_OK or not path.startswith(self._directory):
            return result
        with self._lock:
            if path not in self._contents:
                self._contents[path] = _Content(Path(path).read_bytes())
            self._open_files[file] = path
        handle = _File.from_address(file)
        address = ctypes.addressof(handle.methods.contents)
        if address not in self._tables:
            real = handle.methods.contents
            ours = _Methods.from_buffer_copy(real)
            ours.close, ours.write, ours.truncate, ours.sync = self._ours[2:]
            self._tables[address] = (real, ours)
            self._tables[ctypes.addressof(ours)] = (real, ours)
        handle.methods = ctypes.pointer(self._tables[address][1])
        return result

    def _delete(self, vfs: int, name: bytes, sync_directory: int) -> int:
        with self._lock:
            self._contents.pop(name.decode(), None)
            return int(self._real_delete(vfs, name, sync_directory))

    def _close(self, file: int) -> int:
        real = self._real(file)
        self._open_files.pop(file, None)
        return int(real.close(file))

    def _write(self, file: int, data: int, length: int, offset: int) -> int:
        with self._lock:
            result = int(self._real(file).write(file, data, length, offset))
            self._content(file).write(offset, ctypes.string_at(data, length))
        self._at_change()
        return result

    def _truncate(self, file: int, length: int) -> int:
        with self._lock:
            result = int(self._real(file).truncate(file, length))
            self._content(file).truncate(length)
        self._at_change()
        return result

    def _sync(self, file: int, flags: int) -> int:
        self._at_change()
        content = self._content(file)
        count = len(content.pending)  # what another thread writes meanwhile is not flushed
        # Not the store's: SQLite's checkpoint trusts that what one flush gave up, the next one
        # reports again. That needs a bad disk and a power cut, and the log is what a 202 rests on.
        in_log = Path(self._open_files[file]).name.startswith("log.db")
        fails = in_log and self._rng.random() < self.failing
        result = _SQLITE_IOERR_FSYNC if fails else int(self._real(file).sync(file, flags))
        with self._lock:
            content.sync(count, fails=fails)
        self._at_change()
        return result

    def _real(self, file: int) -> Any:
        ours = ctypes.addressof(_File.from_address(file).methods.contents)
        return self._tables[ours][0]

    def _content(self, file: int) -> _Content:
        return self._contents[self._open_files[file]]


def possible() -> bool:
    """Tell whether this Python lets one reach its SQLite; where that is built in, it may not."""
    try:
        return hasattr(_library(), "sqlite3_vfs_find")
    except OSError:
        return False


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))  # a hole in a file reads as zeros
    content[offset : offset + len(data)] = data


def _address(function: Any) -> int:
    return ctypes.cast(function, _Pointer).value or 0


def _library() -> ctypes.CDLL:
    """The SQLite that the module `sqlite3` uses: a library of its own, or linked into it."""
    import _sqlite3

    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libsqlite3" in line:
            return ctypes.CDLL(line.split()[-1])
    return ctypes.CDLL(getattr(_sqlite3, "__file__", None))


def _surely(function: Callable[..., int]) -> Callable[..., int]:
    """An exception inside a callback would be lost; end the process instead."""

    def call(*arguments: Any) -> int:
        try:
            return function(*arguments)
        except BaseException:
            traceback.print_exc()
            os._exit(70)

    return call
