"""Every operation that the server offers, described section by section."""

from typing import Final

from analytex.http.described import calls, exports, files, insights, live, lookups, reads, server

SECTIONS: Final = (
    calls.SECTION,
    files.SECTION,
    files.DELETIONS,
    reads.SECTION,
    live.SECTION,
    live.QUARANTINE,
    exports.SECTION,
    lookups.SECTION,
    insights.SECTION,
    server.SECTION,
)
