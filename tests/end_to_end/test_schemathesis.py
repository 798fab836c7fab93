"""A running server is held against what its own `/openapi.json` says, by thousands of requests.

Schemathesis reads the document and makes requests from it: the examples, the edges of every schema,
and random ones, valid and not.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.server import KEY, Server

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
# Whether a cursor, a time or a file is valid, a schema cannot say; of the three calls it says all.
STRICT: Final = (*CHECKS, "positive_data_acceptance", "negative_data_rejection")
ENDLESS: Final = "/v1/events/stream"  # has tests of its own
WITHIN_S: Final = 120

CALLS: Final = ("/v1/identify", "/v1/companies/identify", "/v1/track", "/v1/validate")


def hold(
    server: Server, folder: Path, checks: Sequence[str], *options: str, examples: int
) -> subprocess.CompletedProcess[str]:
    """Run it; the same requests each time."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "run",
            f"{server.url}/openapi.json",
            f"--header=Authorization: Token {KEY}",
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={examples}",
            f"--checks={','.join(checks)}",
            "--seed=1",
            "--request-timeout=20",
            "--continue-on-failure",
            "--no-color",
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


@pytest.mark.slow  # 25 s
@pytest.mark.timeout(WITHIN_S + 30)
def test_no_answer_differs_from_the_document(tmp_path: Path) -> None:
    """No 5xx, no status, header, media type or body that it does not name."""
    with Server(tmp_path) as server:
        done = hold(server, tmp_path, CHECKS, f"--exclude-path={ENDLESS}", examples=15)

        assert done.returncode == 0, done.stdout
        assert "request_failed" not in server.errors()


@pytest.mark.slow  # 10 s
@pytest.mark.timeout(WITHIN_S + 30)
def test_the_three_calls_take_what_fits_the_document_and_nothing_else(tmp_path: Path) -> None:
    """A body that fits its schema is accepted, and one that does not is refused."""
    with Server(tmp_path) as server:
        only = [f"--include-path={path}" for path in CALLS]
        done = hold(server, tmp_path, STRICT, *only, examples=100)

        assert done.returncode == 0, done.stdout
