"""Rows that fail: what is said of each, and how they come back to be mended."""

import csv
import gzip
import io
from collections.abc import Callable

import pytest

from tests.end_to_end.uploads import (
    BAD,
    EVENTS,
    bulk_json,
    refusal,
)
from tests.rows import ndjson, track
from tests.server import Client


def test_errors_say_what_is_wrong_with_which_row(client: Client) -> None:
    """Row and line from 1, the place as a JSON pointer, what stands there, and a stable code."""
    job = client.import_rows(b"\n" + ndjson(BAD) + b'{"event_type":\n')
    assert (job["status"], job["total_rows"]) == ("completed", 6)
    assert (job["completed_rows"], job["failed_rows"]) == (1, 5)

    page = client.get(job["links"] + "/errors").json()

    assert page["metadata"] == {
        "cursor": {"after": None, "before": None},
        "limit": 50,
        "total_count": 5,
    }
    errors = page["data"]
    assert errors[0].keys() == {"row", "line", "place", "value", "code", "reason"}
    assert [(e["row"], e["line"], e["place"], e["code"]) for e in errors] == [
        (1, 2, "/source", "not_allowed"),
        (2, 3, "/event_name", "missing"),
        (4, 5, "/inserted_at", "not_a_time"),
        (5, 6, "/metadata", "wrong_type"),
        (6, 7, "", "not_json"),
    ]
    assert [errors[i]["value"] for i in (0, 2)] == ["fax", "yesterday"]
    assert len(errors[3]["value"]) <= 200
    assert all(error["reason"].endswith(".") for error in errors)


def test_errors_come_in_pages(client: Client) -> None:
    """Following the cursor gives each once."""
    job = client.import_rows(ndjson(track(n, source="fax") for n in range(7)))
    path = job["links"] + "/errors"

    rows: list[list[int]] = []
    after: dict[str, str | None] = {}
    while True:
        page = client.get(path, limit=3, **after).json()
        rows.append([error["row"] for error in page["data"]])
        after = {"after_cursor": page["metadata"]["cursor"]["after"]}
        if after["after_cursor"] is None:
            break

    assert rows == [[1, 2, 3], [4, 5, 6], [7]]
    assert refusal(client.get(path, after_cursor="nonsense"))[0] == 400
    assert refusal(client.get(path, format="xml"))[0] == 400


def test_errors_come_as_csv(client: Client) -> None:
    """For a spreadsheet, which may not run what a sender wrote."""
    job = client.import_rows(ndjson([track(0, source='=cmd|"/c calc"!A1'), track(1, source="a,b")]))

    reply = client.get(job["links"] + "/errors", format="csv")

    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    first, second = csv.DictReader(io.StringIO(reply.text))
    assert (first["row"], first["code"], first["value"]) == (
        "1",
        "not_allowed",
        '\'=cmd|"/c calc"!A1',
    )
    assert (second["row"], second["value"]) == ("2", "a,b")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_failed_rows_come_back_as_they_were(client: Client, pack: Callable[[bytes], bytes]) -> None:
    """So they can be mended and uploaded again; CSV rows with their header, unpacked."""
    lines = ndjson(BAD).splitlines(keepends=True)
    job = client.import_rows(pack(ndjson(BAD)))
    reply = client.get(job["links"] + "/errors", format="rows")
    assert reply.content == b"".join(lines[:2] + lines[3:])
    assert reply.headers["content-type"] == "application/x-ndjson; charset=utf-8"

    table = b"event_type,user_id,event_name,source,inserted_at\r\n"
    good, bad = (
        f'track,a,"two\r\nlines",{x},2025-01-01\r\n'.encode() for x in ("backend-http", "fax")
    )
    job = client.import_rows(pack(b"\xef\xbb\xbf" + table + good + bad + good))
    reply = client.get(job["links"] + "/errors", format="rows")
    assert list(csv.reader(io.StringIO(reply.text, newline=""))) == list(
        csv.reader(io.StringIO((table + bad).decode(), newline=""))
    )
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"

    good_job = client.ended(bulk_json(client).json())
    assert refusal(client.get(good_job["links"] + "/errors", format="rows"))[0] == 404


def test_of_a_damaged_file_nothing_is_taken(client: Client) -> None:
    """It is unpacked to be counted, so the damage shows before the reply."""
    packed = bytearray(gzip.compress(ndjson(EVENTS)))
    packed[-5] ^= 1
    assert refusal(client.upload("/v1/imports", bytes(packed))) == (400, "bad_request")
