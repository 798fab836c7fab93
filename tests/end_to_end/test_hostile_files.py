"""Broken, endless and malicious files, sent to a real server.

Each gets a clear refusal, or its bad rows fail and the good ones around them are stored, in bounded
memory and disk. After every test the same processes serve, nothing failed inside them, and no
folder of a refused upload is left.
"""

import gzip
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import pytest

from tests.rows import csv_file, ndjson, track
from tests.server import Server, memory_kib, wait_for

KIB: Final = 1024
MIB: Final = 1024 * 1024
DEEP: Final = 100_000
DISK_MIB: Final = 32  # more than good rows of one test and write-ahead files of SQLite take
IMPORT: Final = "/v1/imports"
BULK: Final = "/v1/users/bulk_identify"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is warm, so that what is loaded late does not count below."""
    with Server(tmp_path_factory.mktemp("target")) as server:
        client = server.client()
        client.import_rows(ndjson(map(track, range(9))))
        client.bulk("users", [{"user_id": "ada"}])
        yield server


@pytest.fixture(autouse=True)
def unharmed(target: Server) -> Iterator[None]:
    """Check after every test that the server is as it was before."""
    pids, disk = target.pids(), disk_bytes(target)
    yield
    wait_for(lambda: not target.loaders(), 5)
    client = target.new_environment()
    event_id = client.track("ada", "still here")
    assert [event["id"] for event in client.events(id=event_id)] == [event_id]
    assert client.import_rows(csv_file([track(1)]))["completed_rows"] == 1
    assert target.pids() == pids
    assert "Traceback" not in target.errors()
    assert "request_failed" not in target.errors()
    assert disk_bytes(target) - disk < DISK_MIB * MIB


def disk_bytes(server: Server) -> int:
    """Return what the data directory takes."""
    return sum(os.path.getsize(path) for path in server.data.rglob("*") if path.is_file())


def folders(server: Server) -> set[str]:
    """Return the names in the folder of jobs."""
    return {path.name for path in (server.data / "jobs").iterdir()}


@contextmanager
def bounded_memory(server: Server, mib: int = 80) -> Iterator[None]:
    """Check that all processes together, new ones included, never take so much more."""
    over = threading.Event()
    most = before = taken(server)

    def look() -> None:
        nonlocal most
        while not over.wait(0.02):
            most = max(most, taken(server))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert (most - before) / KIB < mib, "MiB"


def taken(server: Server) -> int:
    """Return the resident memory of all processes, in KiB."""
    total = 0
    for pid in server.pids():
        try:
            total += memory_kib(pid)
        except (OSError, ProcessLookupError):  # it has just ended
            continue
    return total


# Requests that are refused


FILE: Final = b'Content-Disposition: form-data; name="file"; filename="rows"'
GOOD: Final = ndjson([track(1)])


def form(rows: bytes, head: bytes = FILE, *, end: bytes = b"\r\n--b--\r\n") -> bytes:
    """Return a form whose boundary is `b`, with one part."""
    return b"--b\r\n" + head + b"\r\n\r\n" + rows + end


def bomb(row: bytes, mib: int = 300) -> bytes:
    """Return so much of a row, packed as tightly as gzip can: up to a thousand times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = row * (MIB // len(row) + 1)
    return b"".join(packer.compress(piece) for _ in range(mib)) + packer.flush()


MULTIPART: Final = "multipart/form-data; boundary=b"

# Bodies are made by their tests: the large ones need seconds, and would else be held all the time.
REFUSED: Final[dict[str, tuple[str, int, str, Callable[[], bytes]]]] = {
    "a bomb": (IMPORT, 400, MULTIPART, lambda: form(bomb(GOOD))),
    "a bomb of many members": (
        IMPORT, 400, MULTIPART, lambda: form(gzip.compress(GOOD * (MIB // len(GOOD))) * 300),
    ),
    "a bomb for a bulk": (BULK, 413, MULTIPART, lambda: form(bomb(GOOD))),
    "a bomb of a line": (IMPORT, 400, MULTIPART, lambda: form(bomb(b"{" + b"x" * 99))),
    "a bomb of blanks": (IMPORT, 400, MULTIPART, lambda: form(bomb(b" "))),
    "a bomb of NULs": (IMPORT, 400, MULTIPART, lambda: form(bomb(b"\0"))),
    "no boundary": (IMPORT, 400, "multipart/form-data", lambda: form(GOOD)),
    "an empty boundary": (IMPORT, 400, "multipart/form-data; boundary=", lambda: form(GOOD)),
    "a boundary of 10 KB": (
        IMPORT, 400, "multipart/form-data; boundary=" + "b" * 10_000, lambda: form(GOOD),
    ),
    "another boundary": (IMPORT, 400, "multipart/form-data; boundary=other", lambda: form(GOOD)),
    "no form": (IMPORT, 400, MULTIPART, lambda: b"x" * 5 * MIB),
    "an empty form": (IMPORT, 400, MULTIPART, lambda: b"--b--\r\n"),
    "nothing": (IMPORT, 400, MULTIPART, lambda: b""),
    "no end": (IMPORT, 400, MULTIPART, lambda: form(GOOD, end=b"")),
    "half an end": (IMPORT, 400, MULTIPART, lambda: form(GOOD, end=b"\r\n--b")),
    "another name": (
        IMPORT, 400, MULTIPART,
        lambda: form(GOOD, b'Content-Disposition: form-data; name="files"'),
    ),
    "another name, 5 MB": (
        IMPORT, 400, MULTIPART,
        lambda: form(GOOD * 25_000, FILE.replace(b'"file"', b'"upload"')),
    ),
    "no name": (IMPORT, 400, MULTIPART, lambda: form(GOOD, b"Content-Type: text/csv")),
    "two files": (IMPORT, 400, MULTIPART, lambda: form(GOOD, end=b"\r\n") + form(GOOD)),
    "a header of 5 MB": (IMPORT, 400, MULTIPART, lambda: form(GOOD, FILE + b"x" * 5 * MIB)),
    "headers of 5 MB": (IMPORT, 400, MULTIPART, lambda: form(GOOD, FILE + b"\r\nX: y" * MIB)),
    "a million fields": (
        IMPORT, 400, MULTIPART,
        lambda: form(b"1", b'Content-Disposition: form-data; name="a"', end=b"\r\n") * 100_000,
    ),
    "a million columns": (
        IMPORT, 400, MULTIPART, lambda: form(b"event_type" + b",x" * 1_000_000 + b"\n"),
    ),
    "1,001 columns": (
        IMPORT, 400, MULTIPART,
        lambda: form(b"event_type," + b",".join(b"%d" % n for n in range(1000)) + b"\n"),
    ),
    "a quote open in the header": (
        IMPORT, 400, MULTIPART, lambda: form(b'event_type,"user_id\n' + csv_file([track(1)]) * 9),
    ),
    "a header of 2 MiB": (IMPORT, 400, MULTIPART, lambda: form(b"event_type" + b"x" * 2 * MIB)),
    "100,000 arrays": (
        BULK, 400, "application/json", lambda: b'{"users":[' + b"[" * DEEP + b"]" * DEEP + b"]}",
    ),
    "40 MB of brackets": (BULK, 400, "application/json", lambda: b'{"users":' + b"[" * 40 * MIB),
    "a million numbers": (
        BULK, 413, "application/json", lambda: b'{"users":[' + b"1," * 1_000_000 + b"1]}",
    ),
    "a string without end": (
        BULK, 400, "application/json", lambda: b'{"users":["' + b"x" * 40 * MIB,
    ),
    "a list behind 40 MB": (
        BULK, 400, "application/json", lambda: b'{"a":"' + b"\\n" * 20 * MIB + b'","users":[{]}',
    ),
    "invalid UTF-8 in the body": (
        BULK, 400, "application/json", lambda: b'{"users":[{"user_id":"\xff"}]}',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "status", "type", "body"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_file_is_refused_within_bounds(
    target: Server, path: str, status: int, type: str, body: Callable[[], bytes]
) -> None:
    """With a sentence that says what is wrong; and nothing of it stays."""
    before = folders(target)
    content, headers = body(), {"content-type": type}
    with bounded_memory(target):
        reply = target.client().request("POST", path, content=content, headers=headers)

    assert reply.status_code == status, reply.text
    [error] = reply.json()["errors"]
    assert error["error_code"] == str(status)
    assert error["message"].endswith(".")
    assert folders(target) == before


@pytest.mark.parametrize("part", [0.1, 0.9, 1.0])
def test_a_connection_that_is_cut_leaves_nothing(target: Server, part: float) -> None:
    """In the middle of an upload, or when all but the end of the form has come."""
    before = folders(target)
    body = form(GOOD * 20_000, end=b"")
    head = f"POST {IMPORT} HTTP/1.1\r\nHost: a\r\nAuthorization: Token {target.client().key}\r\n"
    with target.connect() as connection:
        connection.send(
            f"{head}Content-Type: {MULTIPART}\r\nContent-Length: {len(body) + 9}\r\n\r\n".encode()
        )
        connection.send(body[: int(len(body) * part)])
        wait_for(lambda: folders(target) != before, 5)

    wait_for(lambda: folders(target) == before, 5)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('filename="../../x"', "x"),
        ('filename="/etc/passwd"', "passwd"),
        (r'filename="..\\..\\x"', "x"),
        ('filename=".."', "upload"),
        ('filename=""', "upload"),
        ('filename="a\x01b"', "ab"),
        ('filename="' + "n" * 5000 + '"', "n" * 255),
        ("", "upload"),
    ],
    ids=["up", "absolute", "backslashes", "dots", "empty", "control", "long", "none"],
)
def test_a_file_name_is_never_a_path(target: Server, given: str, shown: str) -> None:
    """It is shown, and nothing is written anywhere but in the job's own folder."""
    outside = target.data.parent.parent
    before = set(outside.rglob("*"))
    client = target.new_environment()
    head = f'Content-Disposition: form-data; name="file"; {given}'.encode()

    reply = client.request(
        "POST", IMPORT, content=form(GOOD, head), headers={"content-type": MULTIPART}
    )

    assert reply.status_code == 200, reply.text
    job = client.ended(reply.json())
    assert (job["filename"], job["completed_rows"]) == (shown, 1)
    folder = target.data / "jobs" / job["job_id"].rpartition(":")[2]
    new = set(outside.rglob("*")) - before
    assert {path for path in new if path != folder and "db-" not in path.name} == set()


# Rows that fail


def in_the_middle(*bad: bytes) -> bytes:
    """Return good NDJSON rows around bad ones."""
    return ndjson([track(1), track(2)]) + b"".join(each + b"\n" for each in bad) + GOOD


def in_a_table(*bad: bytes) -> bytes:
    """Return good CSV rows around bad ones; the columns are those of `tests.rows.track`."""
    header, first, second = csv_file([track(1), track(2)]).splitlines(keepends=True)
    return header + first + second + b"".join(each + b"\r\n" for each in bad) + first


def line(**changes: str) -> bytes:
    """Return an NDJSON row; in its values `@` stands for any bytes, and is replaced later."""
    return ndjson([track(3, **changes)]).rstrip()


def cells(name: bytes, metadata: bytes = b"") -> bytes:
    """Return a CSV row."""
    return b"track,a," + name + b",backend-http,2025-01-01," + metadata


NESTED: Final = b"[" * DEEP + b"]" * DEEP

ROWS: Final = {
    "a NUL": (in_the_middle(line(event_name="@").replace(b"@", b"\0")), "not_json"),
    "a NUL alone": (in_the_middle(b"\0"), "not_json"),
    "a NUL in CSV": (in_a_table(cells(b"a\0b")), "nul"),
    "invalid UTF-8": (in_the_middle(line(event_name="@").replace(b"@", b"\xff\xfe")), "not_utf8"),
    "half a character": (in_the_middle(line(user_id="@").replace(b"@", b"\xc3")), "not_utf8"),
    "invalid UTF-8 in CSV": (in_a_table(cells(b"\xe9t\xe9")), "not_utf8"),
    "deep": (in_the_middle(b'{"metadata":' + NESTED + b"}"), "nested_too_deeply"),
    "deep in an array": (in_the_middle(NESTED), "not_an_object"),
    "deep and open": (in_the_middle(b'{"a":' * DEEP), "nested_too_deeply"),
    "deep where nobody looks": (
        in_the_middle(line()[:-1] + b',"x":' + NESTED + b"}"), "nested_too_deeply",
    ),
    "deep in CSV": (
        in_a_table(cells(b"e", b'"{""x"":' + NESTED + b'}"')), "nested_too_deeply",
    ),
    "2 MiB": (in_the_middle(line(event_name="x" * 2 * MIB)), "row_too_long"),
    "2 MiB in CSV": (in_a_table(cells(b"x" * 2 * MIB)), "row_too_long"),
    "2 MiB of quotes": (in_a_table(cells(b'"' + b'""' * MIB + b'"')), "row_too_long"),
    "40 MiB": (in_the_middle(b'{"x":"' + b"y" * 40 * MIB + b'"}'), "row_too_long"),
    "a million cells": (in_a_table(b"," * 1_000_000), "wrong_column_count"),
    "two million cells": (in_a_table(b"," * 2_000_000), "row_too_long"),
    "one cell": (in_a_table(b"track"), "wrong_column_count"),
    "a quote that stays open": (in_a_table(b'"' + cells(b"e")), "quote"),
    "a quote inside": (in_a_table(cells(b'"a"b')), "quote"),
    "a long number": (in_the_middle(line()[:-1] + b',"user_id":' + b"9" * 999_999 + b"}"), None),
    "a large exponent": (in_the_middle(line()[:-1] + b',"inserted_at":1e999}'), "out_of_range"),
    "half a surrogate pair": (
        in_the_middle(line(user_id="@").replace(b"@", rb"\ud800")), "not_json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("rows", "code"), ROWS.values(), ids=ROWS)
def test_a_bad_row_fails_alone(target: Server, rows: bytes, code: str | None, packed: bool) -> None:
    """The three good ones around it are stored."""
    client = target.new_environment()
    with bounded_memory(target):
        job = client.import_rows(gzip.compress(rows, 1) if packed else rows)

    errors = client.get(job["links"] + "/errors").json()["data"]
    assert [error["row"] for error in errors] == [3]
    assert code is None or errors[0]["code"] == code
    assert len(errors[0]["value"]) <= 200
    assert (job["status"], job["total_rows"], job["completed_rows"]) == ("completed", 4, 3)
    assert sorted(e["metadata"]["number"] for e in client.events()) == [1, 1, 2]


@pytest.mark.parametrize("every", [9_000, 4_500, 1], ids=["begin", "twice", "everywhere"])
def test_a_quote_that_stays_open_does_not_swallow_the_file(target: Server, every: int) -> None:
    """Its line fails alone; nor is the file read again and again for many such lines."""
    client = target.new_environment()
    lines = [b"event_type,user_id,event_name,source,inserted_at"]
    for number in range(9_000):
        if number % every == 0:
            lines.append(b'track,a,"open,backend-http,2025-01-01')
        lines.append(b"track,a,good %d,backend-http,2025-01-01" % number)

    job = client.import_rows(b"\n".join(lines))

    assert (job["completed_rows"], job["failed_rows"]) == (9_000, 9_000 // every)
    assert job["total_rows"] == len(lines) - 1
    page = client.get(job["links"] + "/errors").json()["data"]
    assert {error["code"] for error in page} == {"quote"}
    assert len({event["event_name"] for event in client.all_events()}) == 9_000


def test_a_million_blank_lines_are_no_rows(target: Server) -> None:
    """They cost little, and good rows before and behind them are stored."""
    client = target.new_environment()
    with bounded_memory(target):
        job = client.import_rows(GOOD + b"\n \n\r\n" * 400_000 + GOOD)
    assert (job["total_rows"], job["completed_rows"]) == (2, 2)


@pytest.mark.slow  # 1 s
def test_an_element_of_40_mb_fails_alone(target: Server) -> None:
    """In a JSON body, of which no part is held in memory."""
    client = target.new_environment()
    huge = b'{"user_id":"' + b"x" * 40_000_000 + b'"}'
    body = b'{"users":[{"user_id":"ada"},' + huge + b',{"user_id":"bob"}]}'
    with bounded_memory(target):
        job = client.ended(client.request("POST", BULK, content=body).json())

    [error] = client.get(job["links"] + "/errors").json()["data"]
    assert (error["row"], error["code"]) == (2, "row_too_long")
    assert [user["user_id"] for user in client.get("/v1/users").json()["data"]] == ["ada", "bob"]


@pytest.mark.slow  # 6 s, and a gigabyte of disk
@pytest.mark.timeout(180)
def test_a_line_of_a_gigabyte_fails_alone(target: Server) -> None:
    """It goes to disk in pieces, and is read over in pieces."""
    client = target.new_environment()
    before = disk_bytes(target)

    def body() -> Iterator[bytes]:
        yield b"--b\r\n" + FILE + b"\r\n\r\n" + GOOD + b'{"x":"'
        for _ in range(1024):
            yield b"x" * MIB
        yield b'"}\n' + GOOD + b"\r\n--b--\r\n"

    with bounded_memory(target):
        reply = httpx.post(
            target.url + IMPORT,
            content=body(),
            headers={"authorization": f"Token {client.key}", "content-type": MULTIPART},
            timeout=120,
        )
        assert reply.status_code == 200, reply.text
        assert reply.json()["file_size"] > 1024 * MIB
        job = client.ended(reply.json(), within_s=60)

    [error] = client.get(job["links"] + "/errors").json()["data"]
    assert (error["row"], error["line"], error["code"]) == (2, 2, "row_too_long")
    assert (job["total_rows"], job["completed_rows"]) == (3, 2)
    assert disk_bytes(target) - before < DISK_MIB * MIB
