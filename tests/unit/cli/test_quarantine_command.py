"""`analytex quarantine`: what was refused, on a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import Result

from analytex.errors import AlreadyReplayed, NotFound
from analytex.http.errors import error_reply
from analytex.wire.quarantine_replies import (
    QuarantineMetadata,
    QuarantineReply,
    RefusedReply,
    refused_reply,
)
from analytex.wire.replies import Cursor
from tests.refusals import refused
from tests.unit.cli.fake_server import Answer, Asked, FakeServer

Run = Callable[..., Result]

ID: Final = f"{1:020x}"


class Kept:
    """Refused requests that a stand-in answers."""

    def __init__(self, *items: RefusedReply) -> None:
        self.items = list(items)
        self.dropped = 0
        self.replays: list[Asked] = []

    def __call__(self, asked: Asked) -> Answer | None:
        """Answer."""
        if not asked.path.startswith("/v1/quarantine"):
            return None
        id = asked.path.split("/")[3:4]
        if not id and asked.query.get("format") == "ndjson":
            return Answer(200, b"".join(msgspec.json.encode(each) + b"\n" for each in self.items))
        if not id:
            return Answer(200, msgspec.json.encode(self._page(asked)))
        found = [each for each in self.items if each.id == id[0]]
        if not found:
            return Answer(*error_reply(NotFound("There is no such refused request.")))
        if asked.method == "POST":
            self.replays.append(asked)
            return Answer(202, b"{}", {"x-request-id": "accepted-as-this-one"})
        return Answer(200, msgspec.json.encode(found[0]))

    def _page(self, asked: Asked) -> QuarantineReply:
        limit = int(asked.query["limit"])
        metadata = QuarantineMetadata(
            cursor=Cursor(after=None),
            limit=limit,
            total_count=len(self.items),
            dropped_count=self.dropped,
        )
        return QuarantineReply(data=self.items[:limit], metadata=metadata)


@pytest.fixture
def kept(fake: FakeServer) -> Kept:
    """A server that refused one request."""
    changes: dict[str, Any] = {"body": b'{"user_id":\r\n\x1b[31m}', "content_type": "text/x"}
    kept = Kept(refused_reply(refused(1, **changes)))
    fake.instead.append(kept)
    return kept


def test_they_are_listed(run: Run, kept: Kept, fake: FakeServer) -> None:
    """A line each, and what is not shown is said."""
    kept.items.append(refused_reply(refused(2)))
    kept.dropped = 3
    result = run("quarantine", "list", "--limit", "1", "--status", "400", "--from", "2026-01-01")

    assert result.exit_code == 0, result.output
    assert ID in result.output
    assert "POST /v1/track" in result.output
    assert "1 older ones are not shown" in result.output
    assert "3 others had no room" in result.output
    assert fake.asked[-1].query == {"limit": "1", "status": "400", "from": "2026-01-01"}


def test_one_is_shown_harmless_on_a_terminal(run: Run, kept: Kept) -> None:
    """A sender's body may hold what a terminal obeys."""
    result = run("quarantine", "show", ID)

    assert result.exit_code == 0, result.output
    assert "`event_name` is missing." in result.output
    assert "\x1b" not in result.output
    assert "text/x" in result.output


def test_its_body_comes_byte_for_byte_into_a_file(run: Run, kept: Kept) -> None:
    """To be mended there."""
    assert run("quarantine", "show", ID, "--body").stdout_bytes == b'{"user_id":\r\n\x1b[31m}'
    kept.items[0] = refused_reply(refused(1, body=b"\xff\0"))
    assert run("quarantine", "show", ID, "--body").stdout_bytes == b"\xff\0"


def test_json_is_for_scripts(run: Run, kept: Kept) -> None:
    """With all fields."""
    assert json.loads(run("quarantine", "show", ID, "--json").output)["id"] == ID
    assert json.loads(run("quarantine", "list", "--json").output)["data"][0]["id"] == ID


def test_a_mended_body_is_sent_as_what_it_was(run: Run, kept: Kept, tmp_path: Path) -> None:
    """A form stays a form."""
    (tmp_path / "mend").write_bytes(b"mended")
    result = run("quarantine", "replay", ID, "--body", str(tmp_path / "mend"))

    assert result.output == "Accepted as accepted-as-this-one.\n"
    assert kept.replays[0].body == b"mended"
    assert kept.replays[0].headers["content-type"] == "text/x"
    run("quarantine", "replay", ID, "--body", "-", input=b"piped")
    assert kept.replays[1].body == b"piped"


def test_without_a_body_the_kept_one_is_sent(run: Run, kept: Kept) -> None:
    """The server has it."""
    assert run("quarantine", "replay", ID).exit_code == 0
    assert kept.replays[0].body == b""


def test_a_refused_replay_says_why(run: Run, kept: Kept, fake: FakeServer) -> None:
    """The exit code tells scripts."""
    error = AlreadyReplayed(details="It was accepted as r.")
    fake.instead.insert(0, lambda asked: Answer(*error_reply(error)))
    result = run("quarantine", "replay", ID)

    assert result.exit_code == 1
    assert "replayed before" in result.output


def test_all_can_be_exported(run: Run, kept: Kept, tmp_path: Path) -> None:
    """To standard output, or a file."""
    lines = run("quarantine", "export").output.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ID]
    run("quarantine", "export", "-o", str(tmp_path / "out"), "--path", "/v1/track")
    assert json.loads((tmp_path / "out").read_text())["id"] == ID
