"""Mail to those who asked to be told, over SMTP (RFC 5321), if a server for it is configured."""

import logging
import smtplib
import ssl
import threading
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Final

from analytex.settings import Settings

TRIES_S: Final = (0.0, 10.0, 60.0)  # waits before each try
ANSWER_S: Final = 30.0

Send = Callable[[Sequence[str], str, str], None]  #: takes addresses, a subject and a text

log = logging.getLogger(__name__)


class Mailer:
    """Sends mail in threads of its own; what fails is logged, and nobody waits for it."""

    def __init__(self, settings: Settings, *, waits_s: Sequence[float] = TRIES_S) -> None:
        self._settings = settings
        self._waits_s = waits_s

    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        """Begin to send a mail to each address."""
        if to:
            threading.Thread(
                target=self._send, args=(list(to), subject, body), name="mail", daemon=True
            ).start()

    def _send(self, to: list[str], subject: str, body: str) -> None:
        for wait_s in self._waits_s:
            threading.Event().wait(wait_s)
            to = [address for address in to if not self._sent(address, subject, body)]
            if not to:
                return
        log.error('action="mail_given_up" mails=%d', len(to))

    def _sent(self, address: str, subject: str, body: str) -> bool:
        try:
            message = EmailMessage()
            message["From"] = self._settings.smtp_from
            message["To"] = address
            message["Subject"] = subject
            message.set_content(body)
            with self._connect() as connection:
                if self._settings.smtp_user:
                    connection.login(self._settings.smtp_user, self._settings.smtp_password or "")
                connection.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # Not whom it was for: a log is kept longer than some people may be known.
            log.warning('action="mail_failed" cause="%s"', type(error).__name__)
            return False
        return True

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        place = (settings.smtp_host or "", settings.smtp_port)
        if settings.smtp_security == "tls":
            return smtplib.SMTP_SSL(*place, timeout=ANSWER_S, context=ssl.create_default_context())
        connection = smtplib.SMTP(*place, timeout=ANSWER_S)
        if settings.smtp_security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        return connection


def mailer(settings: Settings) -> Send | None:
    """Return what sends mail; None if no server for it is configured."""
    return Mailer(settings) if settings.smtp_host and settings.smtp_from else None
