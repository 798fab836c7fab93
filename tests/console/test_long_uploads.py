"""Uploads by a page may take as long as those of the API."""

from analytex.console.job_shown import UPLOADS
from analytex.console.uploads import NEW
from analytex.http.fast import LONG_BODIES


def test_every_address_of_an_upload_may_take_long() -> None:
    """2 GB take longer than a request may; a layer below the console lists the addresses."""
    listed = {path for path in LONG_BODIES if path.startswith("/console/")}

    assert listed == {f"{NEW}/{what}" for what in UPLOADS}
