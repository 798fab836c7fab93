"""A disk that is full, fails or is gone: 503 and never a false 202, and all is well again after it.

A full disk is a small tmpfs where the tests may mount one. Everywhere else, and besides, the kernel
is told that a process may not write files beyond a size: its writes then fail, as on a bad disk.
"""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.crash.load import Journal, apply_rest, load
from tests.server import Server, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit"),
]

NO_LIMIT: Final = resource.RLIM_INFINITY
SMALL_DISK: Final = "6m"


class Trouble:
    """A server's disk, which the test makes bad and good again."""

    def __init__(
        self, folder: Path, begin: Callable[[Server], None], end: Callable[[Server], None]
    ) -> None:
        self.folder = folder
        self.begin = begin
        self.end = end


def may_mount() -> bool:
    """Tell whether this process may mount a file system: root, outside of most containers."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


def limit_file_size(pids: list[int], size: int) -> None:
    """Let writes beyond that size fail in these processes."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        # The hard limit stays, or only root could take the limit back.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size == NO_LIMIT else size, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A tmpfs of a few megabytes in the folder."""
    folder.mkdir()
    options = f"size={SMALL_DISK}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(params=["failing writes", *(["full disk"] if may_mount() else [])])
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trouble]:
    """The ways in which a disk refuses to take more."""
    folder = tmp_path / "disk"
    if request.param == "failing writes":
        yield Trouble(
            folder,
            begin=lambda server: limit_file_size(server.workers(), 20_000),
            end=lambda server: limit_file_size(server.workers(), NO_LIMIT),
        )
        return

    def fill(_: Server) -> None:
        with (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                try:
                    filler.write(bytes(4096))
                except OSError:
                    return

    with small_disk(folder):
        yield Trouble(folder, fill, lambda _: (folder / "filler").unlink())


def test_a_disk_that_takes_no_more_gives_503_and_the_server_recovers(trouble: Trouble) -> None:
    """A sender keeps what gets 503 and sends it again; a false 202 would be lost. About 4 s."""
    journal = Journal()
    with Server(trouble.folder) as server:
        with load(server, journal, seed=1, connections=3, pause_s=0.005):
            time.sleep(0.3)
            assert not journal.refused
            trouble.begin(server)
            wait_for(lambda: journal.statuses()[503] > 20, 15)
            during = len(journal.acknowledged)
            time.sleep(0.5)
            assert len(journal.acknowledged) == during
            trouble.end(server)
            wait_for(lambda: len(journal.acknowledged) > during + 50, 15)
        apply_rest(server)
    assert set(journal.statuses()) == {503}
    assert journal.without_retry_after == 0
    assert journal.unanswered == 0
    journal.check(server.data)


def test_while_the_disk_takes_no_more_reads_go_on(trouble: Trouble) -> None:
    """What was stored before is there to be read. About 3 s."""
    with Server(trouble.folder) as server:
        client = server.client()
        id = client.track("ada", "signed up")
        assert [event["id"] for event in client.events()] == [id]
        trouble.begin(server)
        wait_for(lambda: client.post("/v1/track", A_TRACK).status_code == 503, 10)
        assert id in [event["id"] for event in client.events(event_name="signed up")]
        assert client.user("ada")["user_id"] == "ada"
        trouble.end(server)


def test_an_applier_that_cannot_write_is_started_again_until_it_can(tmp_path: Path) -> None:
    """Calls are accepted meanwhile: the log is a file of its own. About 4 s."""
    journal = Journal()
    with Server(tmp_path) as server:
        first = server.applier()
        with load(server, journal, seed=2, connections=2, pause_s=0.005):
            time.sleep(0.2)
            limit_file_size([first], 20_000)
            wait_for(lambda: server.applier() != first, 15)
            time.sleep(0.3)
        apply_rest(server)
        assert "child_died" in server.errors()
    assert not journal.refused
    assert not journal.unanswered
    journal.check(server.data)


def test_a_data_directory_that_was_removed_takes_no_calls(tmp_path: Path) -> None:
    """The open files still take writes, but nobody will ever find these again. About 3 s."""
    with Server(tmp_path) as server:
        client = server.client()
        client.track("ada", "signed up")
        shutil.rmtree(server.data)
        assert client.post("/v1/track", A_TRACK).status_code == 503


def test_a_folder_that_cannot_be_written_is_named_at_the_start(tmp_path: Path) -> None:
    """Rather than a stack of Python, or a server that refuses every call."""
    (tmp_path / "data").write_text("a file, where the folder should be")
    with closing(Server(tmp_path)) as server:
        server.start(wait=False)
        assert server.wait() != 0
        assert str(server.data) in server.errors()
        assert "Traceback" not in server.errors()


A_TRACK: Final = {"user_id": "ada", "event_name": "again"}
