"""The browser that tests of the console drive: Chromium as the system installed it.

Playwright would download a browser of its own; none ever is.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

#: what Chromium is called, on Debian first
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
#: It asks nobody but the server, for no update and by no QUIC, and needs no graphics card.
ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of the program, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started(program: str) -> Iterator[Browser]:
    """Start it without a window, and end it afterwards."""
    # Its sandbox does not work for root, as whom containers run.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
