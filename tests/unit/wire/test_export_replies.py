"""What is asked for in an export, and what is answered (contract 8.1, 8.2)."""

import json
from typing import Any

import msgspec
import pytest

from analytex.domain.exports import KEPT, LINKED, Export, ExportFile, ExportFormat, ExportRequest
from analytex.domain.history import DAY
from analytex.domain.jobs import Counts, FileFormat, Job, JobKind, JobStatus, RowsFile
from analytex.errors import BadRequest
from analytex.wire.export_replies import created_reply, export_item, export_reply, export_request

MARCH = 1_772_323_200_000_000  # 2026-03-01
SECOND = 1_000_000


def request(**body: Any) -> ExportRequest:
    """Return what a body asks for."""
    return export_request(
        json.dumps({key.rstrip("_"): value for key, value in body.items()}).encode()
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"format": null, "emails": [], "segment_id": ""}'])
def test_everything_may_be_left_out(body: bytes) -> None:
    """The contract marks nothing as required."""
    assert export_request(body) == ExportRequest()


@pytest.mark.parametrize(
    ("body", "since", "until"),
    [
        ({"from_": "2026-03-01", "to": "2026-03-01"}, MARCH, MARCH + DAY),
        ({"from_": "2026-03-01T00:00:01Z"}, MARCH + SECOND, None),
        ({"to": "2026-03-01T00:00:00Z"}, None, MARCH),
        ({"from_": MARCH // SECOND, "to": str(MARCH // SECOND + 1)}, MARCH, MARCH + SECOND),
        ({"from_": None, "to": ""}, None, None),
        ({"start_date": "2026-03-01", "end_date": "x", "event_types": 7}, None, None),
    ],
)
def test_times(body: dict[str, Any], since: int | None, until: int | None) -> None:
    """A plain date as the end is part of it; what clients send besides is ignored."""
    found = request(**body)

    assert (found.since, found.until) == (since, until)


@pytest.mark.parametrize(
    ("name", "format"), [("json", "ndjson"), ("NDJSON", "ndjson"), ("avro", "avro")]
)
def test_formats(name: str, format: str) -> None:
    """Some documents say JSON and mean NDJSON."""
    assert request(format=name).format is ExportFormat(format)


def test_filters_are_lists_or_one_value() -> None:
    """And ids follow the rules of all ids."""
    found = request(
        event_type="track", user_id=[12, 12.0, "ada"], company_id="acme", emails="a@b.c"
    )

    assert found.event_types == ["track"]
    assert found.user_ids == ["12", "12", "ada"]
    assert found.company_ids == ["acme"]
    assert found.emails == ["a@b.c"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"segment_id": "vip"}, "`segment_id` is not known."),
        ({"segment_id": 3}, "`segment_id` is not known."),
        ({"format": "xlsx"}, "`format` is not valid."),
        ({"emails": ["a@example.com"] * 21}, "`emails` has too many."),
        ({"event_type": ["clicked"]}, "`event_type` is not valid."),
        ({"from_": "yesterday"}, "`from` is not a time."),
        ({"to": 1e300}, "`to` is not a time."),
        ({"from_": "2026-03-02", "to": "2026-03-01"}, "`from` is not before `to`."),
        ({"user_id": {"a": 1}}, "The body does not have the expected fields."),
    ],
)
def test_what_is_not_valid_is_named(body: dict[str, Any], message: str) -> None:
    """A person must know what to change."""
    with pytest.raises(BadRequest) as refused:
        request(**body)

    assert refused.value.message == message
    assert refused.value.details


@pytest.mark.parametrize("body", [b"[", b"[]", b'{"format": "\xff"}', b"null"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """Not with an error of ours."""
    with pytest.raises(BadRequest):
        export_request(body)


def export(**changes: Any) -> Export:
    """An export that has completed one of two days."""
    job = Job(
        id="one",
        environment_id=1,
        kind=JobKind.EXPORT,
        status=JobStatus.PROCESSING,
        file=RowsFile(name="events", format=FileFormat.NDJSON, packed=False, size=30, rows=8),
        key_id="k",
        submitted_at=MARCH,
        due_at=MARCH,
        started_at=MARCH + SECOND,
        counts=Counts(completed=3),
    )
    names = set(Job.__struct_fields__) & set(changes)
    job = msgspec.structs.replace(job, **{name: changes.pop(name) for name in names})
    given: dict[str, Any] = {
        "app_token": "NX-1",
        "environment_name": "production",
        "request": ExportRequest(),
        "chunks": ["2026-03-01", "2026-03-02"],
        "files": [ExportFile("2026-03-01", "events-2026-03-01.csv", 3, 30)],
    }
    return Export(job=job, **{**given, **changes})


def show(found: Export, now: int = MARCH) -> dict[str, Any]:
    reply = export_reply(found, now=now, link=lambda name, expires: f"{name}?{expires}")
    return dict(json.loads(msgspec.json.encode(reply)))


def test_a_new_one_is_five_strings() -> None:
    """As the contract shows it."""
    assert json.loads(msgspec.json.encode(created_reply(export()))) == {
        "job_id": "one",
        "environment_app_token": "NX-1",
        "environment_name": "production",
        "start_time": "2026-03-01T00:00:00.000000Z",
        "links": "/api/v1/analytics/exports/jobs/one",
    }


def test_one_that_is_under_way() -> None:
    """How far it is, in strings."""
    assert show(export()) == {
        "job_id": "one",
        "app_token": "NX-1",
        "status": "processing",
        "type": "export",
        "progress": "37",
        "start_time": "2026-03-01T00:00:00.000000Z",
        "end_time": "",
        "current_chunk": "2026-03-02",
        "all_chunks": ["2026-03-01", "2026-03-02"],
        "completed_chunks": ["2026-03-01"],
        "presigned_urls": [],
        "reason": "",
    }


def test_a_completed_one_has_links_for_two_days() -> None:
    """And can be looked at for three."""
    found = export(status=JobStatus.COMPLETED, finished_at=MARCH)
    expires = (MARCH + LINKED) // SECOND

    assert show(found)["presigned_urls"] == [
        {"filename": "events-2026-03-01.csv", "url": f"events-2026-03-01.csv?{expires}"}
    ]
    assert show(found)["progress"] == "100"
    assert show(found, now=MARCH + LINKED)["presigned_urls"] == []
    assert (LINKED, KEPT) == (2 * DAY, 3 * DAY)


def test_one_whose_files_are_gone_says_why() -> None:
    """A person must know what to do."""
    found = export(status=JobStatus.COMPLETED, finished_at=MARCH, files=[], gone=True)

    assert show(found)["presigned_urls"] == []
    assert "deleted" in show(found)["reason"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (JobStatus.QUEUED, "pending"),
        (JobStatus.VALIDATING, "processing"),
        (JobStatus.COMPLETED, "completed"),
        (JobStatus.FAILED, "failed"),
    ],
)
def test_states_have_the_names_that_clients_know(status: JobStatus, shown: str) -> None:
    """Other jobs have others."""
    assert show(export(status=status))["status"] == shown


def test_an_item_of_the_list_is_strings() -> None:
    """With the time that it took, twice."""
    item = export_item(export(finished_at=MARCH + 70 * SECOND), now=0)

    assert (item.elapsed_time, item.elapsed_time_seconds) == ("0:01:10", "70")
    assert all(isinstance(getattr(item, name), str) for name in item.__struct_fields__)
