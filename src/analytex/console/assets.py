"""What pages load: style sheets, scripts, pictures; read once, kept in memory.

Their address holds a hash over all of them, so that browsers keep them for good and still see every
change, and one script finds another by `./other.js`.
"""

import hashlib
import mimetypes
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.errors import NotFound

FOLDER: Final = Path(__file__).parent / "static"
PLACE: Final = "/console/static"

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Assets:
    """The files of the folder `static`."""

    def __init__(self) -> None:
        files = sorted(path for path in FOLDER.iterdir() if path.is_file())
        self._files = {path.name: path.read_bytes() for path in files}
        whole = hashlib.sha256(b"\0".join(self._files.values()))
        self._version = whole.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Return where a file is. Raises KeyError if there is no such file."""
        if name not in self._files:
            raise KeyError(name)
        return f"{PLACE}/{self._version}/{name}"

    def route(self) -> Route:
        """Return the route of all files; they need no session."""
        return Route(f"{PLACE}/{{version}}/{{name}}", self._file, name="static")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise NotFound(details=f"No file is called {name!r}.")
        # Another version: the page is that of an older or newer server.
        known = request.path_params["version"] == self._version
        return Response(
            self._files[name],
            media_type=_TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0],
            headers={
                "cache-control": "public, max-age=31536000, immutable" if known else "no-cache"
            },
        )
