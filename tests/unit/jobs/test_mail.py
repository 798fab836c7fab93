"""Mail about exports, to a real mail server in this process."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from analytex.domain.exports import Export, ExportFile, ExportRequest
from analytex.domain.jobs import Counts, FileFormat, Job, JobKind, RowsFile
from analytex.jobs.export_mail import announcer
from analytex.jobs.mail import Mailer, mailer
from analytex.settings import Settings


class Inbox(MessageHandler):
    """Keeps what comes, and refuses one address."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []
        self.refuse = 0  # that many times

    async def handle_RCPT(self, *args: Any) -> str:
        """Take an address or not."""
        _session, envelope, address = args[1:4]
        if self.refuse:
            self.refuse -= 1
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Message) -> None:
        """Keep a mail."""
        self.mails.append(message)


@pytest.fixture
def inbox() -> Inbox:
    """Where mails arrive."""
    return Inbox()


@pytest.fixture
def settings(inbox: Inbox) -> Iterator[Settings]:
    """Settings that name a mail server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield Settings(
        smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", smtp_from="a@example.com"
    )
    controller.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_each_gets_a_mail_of_its_own(settings: Settings, inbox: Inbox) -> None:
    """Nobody is to learn who else was told."""
    Mailer(settings, waits_s=[0])(["ada@example.com", "bob@example.com"], "Ready", "Look.")
    wait_for(lambda: len(inbox.mails) == 2)

    assert [mail["To"] for mail in inbox.mails] == ["ada@example.com", "bob@example.com"]
    assert {mail["From"] for mail in inbox.mails} == {"a@example.com"}
    assert inbox.mails[0]["Subject"] == "Ready"
    assert "Look." in str(inbox.mails[0].get_payload())


def test_a_refused_mail_is_tried_again(settings: Settings, inbox: Inbox) -> None:
    """Many servers refuse a stranger once."""
    inbox.refuse = 2
    Mailer(settings, waits_s=[0, 0, 0])(["ada@example.com"], "Ready", "Look.")

    wait_for(lambda: len(inbox.mails) == 1)


@pytest.mark.parametrize("address", ["ada@example.com", "a\r\nBcc: all@example.com"])
def test_what_cannot_be_sent_is_logged_without_the_address(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A log is kept longer than some people may be known."""
    nowhere = Settings(smtp_host="127.0.0.1", smtp_port=1, smtp_from="a@b.c", smtp_security="none")
    caplog.set_level(logging.INFO)
    Mailer(nowhere, waits_s=[0])([address], "Ready", "Look.")
    wait_for(lambda: "mail_given_up" in caplog.text)

    assert "example.com" not in caplog.text


def test_without_a_mail_server_nobody_is_told() -> None:
    """Which is no error."""
    assert mailer(Settings()) is None
    assert mailer(Settings(smtp_host="mail.example.com")) is None
    assert mailer(Settings(smtp_host="mail.example.com", smtp_from="a@b.c")) is not None


def ready(*emails: str) -> Export:
    file = RowsFile(name="events", format=FileFormat.NDJSON, packed=False, size=1, rows=1234)
    job = Job(
        id="one",
        environment_id=1,
        kind=JobKind.EXPORT,
        file=file,
        key_id="k",
        submitted_at=1,
        due_at=1,
        finished_at=2,
        counts=Counts(completed=1234),
    )
    return Export(
        job=job,
        app_token="NX-1",
        environment_name="production",
        request=ExportRequest(emails=list(emails)),
        files=[ExportFile("2026-03-01", "events-2026-03-01.csv", 1234, 9)],
    )


@pytest.mark.parametrize(
    ("public_url", "line"),
    [
        (
            "https://events.example.com/",
            "https://events.example.com/api/v1/analytics/exports/files/one/events-2026-03-01.csv?",
        ),
        ("", "It is at /api/v1/analytics/exports/jobs/one"),
    ],
)
def test_a_mail_has_links_if_the_servers_address_is_known(public_url: str, line: str) -> None:
    """Otherwise a link would lead nowhere."""
    sent: list[tuple[Any, str, str]] = []
    tell = announcer(lambda *mail: sent.append(mail), b"secret", public_url)
    tell(ready())
    tell(ready("ada@example.com"))

    [(to, subject, body)] = sent
    assert (to, subject) == (["ada@example.com"], "Export of production is ready")
    assert "1,234 events in 1 file." in body
    assert line in body
    assert "1970-01-03T00:00:00Z" in body
