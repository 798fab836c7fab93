"""What is said to those who asked to be told when the files of an export are ready."""

from collections.abc import Callable

from analytex.domain.exports import Export
from analytex.domain.times import SECOND
from analytex.jobs.mail import Send
from analytex.wire import export_links
from analytex.wire.export_replies import JOBS
from analytex.wire.replies import time_text


def announcer(send: Send, secret: bytes, public_url: str) -> Callable[[Export], None]:
    """Return what tells them; without the server's own address, links cannot be in the mail."""

    def tell(export: Export) -> None:
        until = export.links_until
        if export.request.emails and until is not None:
            subject = f"Export of {export.environment_name} is ready"
            send(export.request.emails, subject, _text(export, secret, public_url, until))

    return tell


def _text(export: Export, secret: bytes, public_url: str, until: int) -> str:
    events, files = f"{export.job.counts.completed:,}", len(export.files)
    lines = [
        f"The export {export.job.id} of {export.environment_name} ({export.app_token}) is ready: "
        f"{events} events in {files} {'file' if files == 1 else 'files'}.",
        "",
    ]
    if not public_url:
        lines.append(f"It is at {JOBS}/{export.job.id}, with links to the files.")
    else:
        base, expires = public_url.rstrip("/"), until // SECOND
        lines += [
            base + export_links.link(secret, export.job.id, file.name, expires=expires)
            for file in export.files
        ]
    lines += ["", f"The links end at {time_text(until)[:19]}Z."]
    return "\n".join(lines) + "\n"
