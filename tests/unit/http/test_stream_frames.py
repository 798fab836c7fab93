"""How a stream is written."""

import pytest

from analytex.http.stream import frame
from analytex.query.streams import Kind, Piece, Place
from tests.stream import Parser, Told


def parsed(data: bytes) -> list[Told]:
    """Return what a reader makes of it."""
    parser = Parser()
    lines = data.decode().split("\n")
    return [told for line in lines if (told := parser.line(line)) is not None]


@pytest.mark.parametrize("data", [b"{}", b'{"a":\n1}', b'{\r\n"a"\r:1}', b"\n\n{}\n", b'":"'])
@pytest.mark.parametrize("kind", Kind)
def test_a_reader_gets_what_was_told(kind: Kind, data: bytes) -> None:
    """Line ends in the JSON come out as line feeds, whatever they were."""
    (told,) = parsed(frame(Piece(kind, data, Place(5, 7))))

    assert told.type == ("message" if kind is Kind.EVENT else kind)
    assert told.data == data.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert told.id == "5.7"


def test_without_refused_calls_the_place_is_a_number() -> None:
    """Of the last event."""
    assert str(Place(12)) == "12"
