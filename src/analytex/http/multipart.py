"""multipart/form-data (RFC 7578), read piece by piece: one file and a few small fields."""

import logging
from collections.abc import Iterator
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from analytex.errors import BadRequest

FILE: Final = "file"  #: name of the part that holds the rows (contract 5.1 and 6.1)
MAX_FIELDS: Final = 20
MAX_FIELD_BYTES: Final = 1024
MAX_HEADER_BYTES: Final = 8 * 1024  # all headers of one part
MAX_NAME_CHARS: Final = 255  # of a file; what file systems take
NO_NAME: Final = "upload"

#: What a form may hold beside its file: boundaries, headers and fields.
OVERHEAD_BYTES: Final = (MAX_FIELDS + 2) * (MAX_FIELD_BYTES + MAX_HEADER_BYTES)

_SHOWN_CHARS: Final = 64  # of a part's name, in a message

# What is wrong with a form is told to its sender; the parser would also write it into our log.
_silent: Final = logging.Logger("python_multipart", logging.CRITICAL)


def is_multipart(request: Request) -> bool:
    """Tell whether the body is a form, by its Content-Type."""
    return _content_type(request)[0] == b"multipart/form-data"


class Form:
    """A form as it comes in. Raises BadRequest for all that is wrong with it."""

    def __init__(self, request: Request) -> None:
        kind, options = _content_type(request)
        if kind != b"multipart/form-data":
            raise BadRequest(
                "The body is not multipart/form-data.",
                details=f"Send a form with the rows in its part `{FILE}`.",
            )
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadRequest(
                "The form has no boundary.",
                details="The header Content-Type must say `boundary=...`.",
            )
        self.fields: dict[str, str] = {}
        self.file_name = NO_NAME
        self._names: list[str] = []  # of all parts
        self._name = ""  # of the part that comes in
        self._content = bytearray()  # of a field
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._header_bytes = 0
        self._file_pieces: list[bytes] = []
        self._ended = False
        self._parser = self._make_parser(boundary)

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _invalid(str(error)) from None
        parser.logger = _silent
        return parser

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Read on, and yield what it holds of the file."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _invalid(str(error)) from None
        pieces, self._file_pieces = self._file_pieces, []
        yield from pieces

    def finish(self) -> None:
        """Check that the form was whole, and had a file."""
        if not self._ended:
            raise _invalid("It ends too early: its last boundary is missing")
        if FILE not in self._names:
            names = ", ".join(f"`{_shown(name)}`" for name in self._names)
            raise BadRequest(
                f"The form has no part named `{FILE}`.",
                details=f"It has: {names}." if names else "It has no parts.",
            )

    # What the parser finds

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._header_bytes = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header[1].extend(data[start:end])

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _invalid(f"The headers of a part have more than {MAX_HEADER_BYTES} bytes")

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise BadRequest(
                "A part of the form has no name.",
                details='Expected a header `Content-Disposition: form-data; name="..."`.',
            )
        self._name = options[b"name"].decode("utf-8", "replace")
        if self._name == FILE:
            if FILE in self._names:
                raise BadRequest(f"The form has several parts named `{FILE}`; send one.")
            self.file_name = display_name(options.get(b"filename", b""))
        elif len(self._names) - (FILE in self._names) >= MAX_FIELDS:
            raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
        self._names.append(self._name)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._file_pieces.append(data[start:end])
            return
        if len(self._content) + end - start > MAX_FIELD_BYTES:
            raise BadRequest(
                f"The part `{_shown(self._name)}` is longer than {MAX_FIELD_BYTES} bytes.",
                details=f"Rows belong into the part `{FILE}`.",
            )
        self._content += data[start:end]

    def _on_part_end(self) -> None:
        if self._name == FILE:
            return
        try:
            self.fields[self._name] = self._content.decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The part `{_shown(self._name)}` is not valid UTF-8.") from None
        self._content.clear()

    def _on_end(self) -> None:
        self._ended = True


def display_name(raw: bytes) -> str:
    """Return what a file is called, to be shown and never to be used as a path."""
    name = raw.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    name = "".join(char for char in name if char.isprintable())[:MAX_NAME_CHARS].strip()
    return NO_NAME if name in ("", ".", "..") else name


def _content_type(request: Request) -> tuple[bytes, dict[bytes, bytes]]:
    return parse_options_header(request.headers.get("content-type"))


def _shown(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:_SHOWN_CHARS]


def _invalid(problem: str) -> BadRequest:
    return BadRequest("The form is not valid multipart/form-data.", details=f"{problem}.")
