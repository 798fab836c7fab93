"""Headers that every reply carries, whichever way it takes."""

from typing import Final

REQUEST_ID: Final = "x-request-id"
LAG: Final = "x-analytex-lag"

COMMON: Final = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "max-age=0, private, must-revalidate",
}
