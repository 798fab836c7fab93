"""The list in a large JSON body, `{"users":[...]}`, one element after the other.

A body of 50 MB is neither held in memory nor decoded in one go, which would hold up every other
thread. A scanner finds where each value ends, in steps of some thousand bytes; msgspec then says
whether what lies there is valid JSON. The scanner only counts brackets and knows strings, so on
invalid JSON it may cut in the wrong place: then one of the parts is not valid.
"""

import codecs
import mmap
import re
from collections.abc import Generator, Iterator
from typing import Final

import msgspec

from analytex.errors import BadRequest

# Far more than a row may have (`MAX_NESTING`), far less than msgspec can recurse to (about 1,000).
MAX_DEPTH: Final = 512
_MIB: Final = 1024 * 1024
_LONG_NAME: Final = 1024

# The possessive quantifiers (`*+`) keep no way back, so even a string of 50 MB needs no memory. Not
# around groups in which there is a choice: before Python 3.11.5 those match wrongly (gh-106052).
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT: Final = rb'[^][{}"]*+(?:' + _STRING + rb'[^][{}"]*+){0,64}'  # without brackets
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_SCALAR: Final = re.compile(_STRING + rb'|[^][{}",: \t\r\n]++', re.DOTALL)
# As much as fits without a bracket whose partner is not near. The bounds keep one match short,
# because no other thread runs meanwhile.
_RUN: Final = re.compile(
    rb'[^][{}"]{0,4096}+(?:(?:' + _STRING + rb"|[\[{]" + _FLAT + rb'[\]}])[^][{}"]{0,4096}+){0,64}',
    re.DOTALL,
)

_decode: Final = msgspec.json.Decoder(msgspec.Raw).decode
_decode_name: Final = msgspec.json.Decoder(str).decode


def split_list(body: bytes | mmap.mmap, key: str) -> Iterator[memoryview]:
    """Yield the JSON text of each element of the list `body[key]`, in order.

    An element may hold line breaks, between its values. Elements come before the rest of the body
    was looked at; whoever takes them must be ready to drop them again. Raises BadRequest for what
    is not UTF-8, not JSON, not an object, has no such list, or two of them.
    """
    _check_utf8(body)
    text = _Text(body)
    pos = text.open_object(key)
    found = False
    while text.at(pos) != b"}":
        name, pos = text.name(pos)
        if name != key:
            start, pos = pos, text.end_of_value(pos)
            text.check(start, pos)
        elif found:
            raise BadRequest(f"`{key}` stands in the body twice.", details="Send one list.")
        else:
            found = True
            pos = yield from _elements(text, pos, key)
        pos = text.next_member(pos)
    text.expect_end(pos + 1)
    if not found:
        raise BadRequest(f"`{key}` is missing.", details="Expected an array.")


def _elements(text: "_Text", pos: int, key: str) -> Generator[memoryview, None, int]:
    """Yield the elements of the array at `pos`; return where it ends."""
    if text.at(pos) != b"[":
        raise BadRequest(f"`{key}` has the wrong type.", details="Expected an array.")
    pos = text.space(pos + 1)
    if text.at(pos) == b"]":
        return pos + 1
    while True:
        start, pos = pos, text.end_of_value(pos)
        yield text.check(start, pos)
        text.let_go(pos)
        pos = text.space(pos)
        if text.at(pos) == b"]":
            return pos + 1
        pos = text.space(text.expect(b",", pos))


class _Text:
    """A JSON text and the steps through it. Positions are bytes; none of them steps past the end.

    Every method may raise BadRequest.
    """

    def __init__(self, body: bytes | mmap.mmap) -> None:
        self._body = body
        self._view = memoryview(body)
        self._gone = 0

    def at(self, pos: int) -> bytes:
        """Return the byte there; empty at the end."""
        return self._body[pos : pos + 1]

    def space(self, pos: int) -> int:
        """Return where white space ends."""
        return _end(_SPACE.match(self._body, pos))

    def expect(self, byte: bytes, pos: int) -> int:
        """Return the position behind the byte that must stand there."""
        if self.at(pos) != byte:
            raise _not_json(pos, f"expected {byte.decode()!r}")
        return pos + 1

    def expect_end(self, pos: int) -> None:
        """Check that nothing but white space follows."""
        pos = self.space(pos)
        if pos < len(self._view):
            raise _not_json(pos, "something stands behind the object")

    def open_object(self, key: str) -> int:
        """Return where the first member begins, or the closing bracket stands."""
        pos = self.space(0)
        first = self.at(pos)
        if first != b"{":
            expected = f"Expected an object with the array `{key}`"
            if not first:
                raise BadRequest("The body is empty.", details=f"{expected}.")
            if first in b'["-0123456789tfn':
                raise BadRequest(f"`{key}` is missing.", details=f"{expected}.")
            raise _not_json(pos, "expected '{'")
        return self.space(pos + 1)

    def name(self, pos: int) -> tuple[str, int]:
        """Return the name of the member there, and where its value begins."""
        if self.at(pos) != b'"':
            raise _not_json(pos, "expected '\"'")
        end = self.end_of_value(pos)
        text = self.check(pos, end)
        # A longer one is not looked for, and need not fill the memory.
        name = _decode_name(text) if len(text) < _LONG_NAME else ""
        return name, self.space(self.expect(b":", self.space(end)))

    def next_member(self, pos: int) -> int:
        """Return where the member behind a value begins, or the closing bracket stands."""
        pos = self.space(pos)
        if self.at(pos) == b"}":
            return pos
        pos = self.space(self.expect(b",", pos))
        if self.at(pos) == b"}":
            raise _not_json(pos, "trailing comma in object")
        return pos

    def end_of_value(self, pos: int) -> int:
        """Return where the value ends that begins there."""
        if self.at(pos) not in (b"[", b"{"):
            scalar = _SCALAR.match(self._body, pos)
            if scalar is None:
                raise _not_json(pos, "expected a value")
            return scalar.end()
        depth = 0
        while True:
            bracket = self.at(pos)
            if bracket in (b"[", b"{"):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _too_deep()
            elif bracket in (b"]", b"}"):
                depth -= 1
            else:  # a string without end, or the end of the body
                raise _not_json(pos, "it ends too early")
            pos += 1
            if depth == 0:
                return pos
            pos = self._run(pos)

    def _run(self, pos: int) -> int:
        while True:
            end = _end(_RUN.match(self._body, pos))
            if end == pos:
                return pos
            pos = end

    def check(self, start: int, end: int) -> memoryview:
        """Return the text between, if it is a valid JSON value."""
        part = self._view[start:end]
        try:
            _decode(part)
        except RecursionError:
            raise _too_deep() from None
        except msgspec.DecodeError as error:
            problem = str(error).removeprefix("JSON is malformed: ")
            if problem.startswith("Input data"):
                problem = "it ends too early, or has half of a surrogate pair"
            raise _not_json(start, f"in the value that begins here: {problem}") from None
        return part

    def let_go(self, pos: int) -> None:
        """Let the system take back the memory of a mapped file up to there."""
        if pos - self._gone > 4 * _MIB:
            self._gone = pos
            _let_go(self._body, pos)


def _end(match: re.Match[bytes] | None) -> int:
    assert match is not None  # the pattern matches nothing as well
    return match.end()


def _check_utf8(body: bytes | mmap.mmap) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = len(body)
    for start in range(0, size, _MIB):
        waiting = len(decoder.getstate()[0])  # bytes of a character that the last piece cut in two
        try:
            decoder.decode(body[start : start + _MIB], final=start + _MIB >= size)
        except UnicodeDecodeError as error:
            offset = start - waiting + error.start
            raise BadRequest(
                "The body is not valid UTF-8.",
                details=f"The byte at offset {offset} does not belong there.",
            ) from None
        _let_go(body, start)


def _let_go(body: bytes | mmap.mmap, upto: int) -> None:
    pages = upto - upto % mmap.PAGESIZE
    if isinstance(body, mmap.mmap) and pages and hasattr(mmap, "MADV_DONTNEED"):
        body.madvise(mmap.MADV_DONTNEED, 0, pages)  # what is wanted again is read again


def _not_json(pos: int, problem: str) -> BadRequest:
    return BadRequest("The body is not valid JSON.", details=f"At byte {pos}: {problem}.")


def _too_deep() -> BadRequest:
    return BadRequest(
        "The body is nested too deeply.",
        details=f"Objects and arrays may lie at most {MAX_DEPTH} deep inside each other.",
    )
