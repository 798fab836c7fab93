"""Links to the files of exports: whoever has one may download, until it ends, and needs no key.

    /api/v1/analytics/exports/files/<job id>/<file name>?expires=<Unix seconds>&signature=<hex>

The signature is an HMAC (SHA-256) over the three, with a key that only this server has.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import quote

PLACE: Final = "/api/v1/analytics/exports/files"


def link(secret: bytes, job_id: str, name: str, *, expires: int) -> str:
    """Return a link to a file, without the server's address; `expires` in Unix seconds."""
    signature = _signature(secret, job_id, name, str(expires))
    return f"{PLACE}/{quote(job_id)}/{quote(name)}?expires={expires}&signature={signature}"


def is_valid(
    secret: bytes, job_id: str, name: str, *, expires: str, signature: str, now: float
) -> bool:
    """Tell whether a link was made here, and has not ended; `now` in Unix seconds."""
    expected = _signature(secret, job_id, name, expires)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return False
    return now < int(expires)


def _signature(secret: bytes, job_id: str, name: str, expires: str) -> str:
    signed = "\n".join((job_id, name, expires)).encode()
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()
