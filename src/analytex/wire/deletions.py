"""The body of a deletion (contract 7)."""

from typing import Final

import msgspec

from analytex.domain.values import MAX_ID_CHARS
from analytex.errors import BadRequest
from analytex.wire.bodies import id_text

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_ids: Final = msgspec.json.Decoder(list[str | int | float]).decode


def ids_to_delete(body: bytes, key: str) -> tuple[list[str], int]:
    """Return the ids in `body[key]`, each once, in their order, and how many were empty.

    Numbers become their decimal text. Empty ids are no mistake: Segment sends one where an event
    has no user id. Raises BadRequest.
    """
    expected = f'Expected {{"{key}": [...]}}: a list of ids, each a string or a number.'
    try:
        body.decode()
        listed = _decode(body).get(key)
        if listed is None:
            raise BadRequest(f"`{key}` is missing.", details=expected)
        ids = [id_text(id) for id in _decode_ids(listed)]
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid UTF-8.") from None
    except msgspec.ValidationError:
        raise BadRequest(f"`{key}` is not a list of ids.", details=expected) from None
    except (msgspec.DecodeError, RecursionError) as error:
        what = "The body is not valid JSON." if body.strip() else "The body is empty."
        raise BadRequest(what, details=f"{expected} {error}") from None
    for place, id in enumerate(ids):
        if len(id) > MAX_ID_CHARS:
            raise BadRequest(
                f"`{key}[{place}]` is too long.",
                details=f"It has {len(id)} characters; at most {MAX_ID_CHARS} fit.",
            )
    named = [id for id in ids if id]
    return list(dict.fromkeys(named)), len(ids) - len(named)
