"""Taking people and companies out of records and events that name them."""

import re
from collections.abc import Callable, Set
from typing import Final

import msgspec

from analytex.domain.calls import Call
from analytex.domain.profiles import ProfileKind
from analytex.domain.values import NULL, Json
from analytex.wire.bodies import Id, id_text
from analytex.wire.records import (
    BODY_AT,
    ID_AT,
    VERSION,
    UnreadableRecord,
    erased,
    is_erased,
    named_company,
    names,
    received_at,
)

_VERSION: Final = bytes((VERSION,))
FEW: Final = 200  # ids; a pattern of many takes a second to compile


class _Metadata(msgspec.Struct, gc=False):
    company: Json = msgspec.Raw()


_decode_metadata: Final = msgspec.json.Decoder(_Metadata).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Json]).decode
_decode_id: Final = msgspec.json.Decoder(Id).decode
_encode: Final = msgspec.json.Encoder().encode


class Erasing:
    """What a deletion leaves of records."""

    def __init__(self, environment_id: int, kind: ProfileKind, ids: Set[str], *, at: int) -> None:
        """Of these users or companies, up to a time (microseconds since 1970-01-01 UTC)."""
        self._environment = environment_id.to_bytes(4, "big")
        self._kind = kind
        self._ids = ids
        self._at = at
        self._names: Mention | None = None

    def __call__(self, record: bytes) -> bytes | None:
        """Return what a record of the log shall be, in as many bytes; None: what it is."""
        if is_erased(record) or not self._may_be(record):
            return None
        try:
            rest = self._rest(record)
        except UnreadableRecord:
            return erased(record) if self.mentions(record) else None
        return None if rest is record else rest

    def mentions(self, record: bytes) -> bool:
        """Tell whether a record that cannot be decoded holds one of the ids."""
        if self._names is None:
            self._names = Mention(self._ids)
        return self._may_be(record) and holds(record, self._names)

    def _may_be(self, record: bytes) -> bool:
        """False if it can be seen that a record is of others, or newer."""
        if record[:1] != _VERSION:
            return True  # another layout may hold anything there
        if record[2:ID_AT] != self._environment:
            return False
        try:
            return received_at(record[ID_AT:BODY_AT].decode("ascii")) <= self._at
        except ValueError:
            return True

    def _rest(self, record: bytes) -> bytes:
        if self._kind is ProfileKind.COMPANY and record[1] != Call.IDENTIFY_COMPANY:
            return without_company(record, self._ids)
        _, user_id, company_id = names(record)
        id = user_id if self._kind is ProfileKind.USER else company_id
        return erased(record) if id in self._ids else record


def without_company(record: bytes, company_ids: Set[str]) -> bytes:
    """Return an identify or track without these companies, in as many bytes.

    Neither its `company` nor the one in its metadata is one of them any more; the gap is filled
    with blanks at the end. Another record stays as it is. Raises UnreadableRecord.
    """
    try:
        body = _decode_object(record[BODY_AT:])
        named = "company" in body and _id_in(bytes(body["company"]), named_company) in company_ids
        metadata = bytes(body.get("metadata", b""))
        rest = metadata_without_company(metadata, company_ids)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableRecord(f"{type(error).__name__}: {error}") from error
    if not named and rest is metadata:
        return record
    if named:
        del body["company"]
    if metadata:
        body["metadata"] = msgspec.Raw(rest)
    shorter = record[:BODY_AT] + _encode(body)
    # Written without blanks, and every key in its shortest form, it cannot have grown.
    return shorter.ljust(len(record)) if len(shorter) <= len(record) else erased(record)


def metadata_without_company(metadata: bytes, company_ids: Set[str]) -> bytes:
    """Return a JSON object without its member `company`, if its `id` is one of these.

    The other members stay byte for byte; without such a member, so does the whole.
    """
    if nested_company(metadata) not in company_ids:
        return metadata
    members = _decode_object(metadata)
    del members["company"]
    return _encode(members)


def nested_company(metadata: bytes) -> str | None:
    """Return the `id` of the company that Segment nests in a user's metadata, if there is one."""
    if b'"company"' not in metadata and b"\\u" not in metadata:  # its letters may be escaped
        return None
    return company_id(bytes(_decode_metadata(metadata).company))


def company_id(company: bytes) -> str | None:
    """Return the `id` in a JSON value, if it is an object that has a usable one."""
    return _id_in(company, _plain_id)


class Mention:
    """Finds ids in a text: `u-1`, but not the beginning of `u-12`."""

    def __init__(self, ids: Set[str]) -> None:
        self._ids = ids
        self._lengths = sorted(set(map(len, ids)))
        self._pattern = _any_of(ids) if 0 < len(ids) <= FEW else None
        self._bytes: list[bytes] | None = None
        if self._pattern is not None and not any("\ufffd" in id for id in ids):
            self._bytes = [id.encode("utf-8", "surrogatepass") for id in ids]

    def may_be_in(self, text: bytes) -> bool:
        """Tell whether the text needs a closer look; takes a tenth of it. Not behind escapes."""
        # What is no UTF-8 becomes U+FFFD, so other signs stand in the text as they are encoded.
        return self._bytes is None or any(each in text for each in self._bytes)

    def is_in(self, text: str) -> bool:
        """Tell whether the text holds one of the ids, with no letter or digit beside it."""
        if self._pattern is not None:
            return self._pattern.search(text) is not None
        ends = {found.start() for found in _NO_WORD_AFTER.finditer(text)}
        return any(
            start + length in ends and text[start : start + length] in self._ids
            for start in (found.start() for found in _NO_WORD_BEFORE.finditer(text))
            for length in self._lengths
        )


def holds(text: bytes, wanted: Mention) -> bool:
    """Tell whether a text holds one of the ids, also behind escapes of JSON."""
    if b"\\" not in text and not wanted.may_be_in(text):
        return False
    plain = text.decode("utf-8", "replace")
    return wanted.is_in(plain) or ("\\" in plain and wanted.is_in(_unescaped(plain)))


def _any_of(ids: Set[str]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(ids)))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


_NO_WORD_BEFORE: Final = re.compile(r"(?<!\w)")
_NO_WORD_AFTER: Final = re.compile(r"(?!\w)")


def _unescaped(text: str) -> str:
    """The text with the escapes of JSON strings replaced by what they stand for."""
    units = _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _SHORT.get(found[2], found[2]), text
    )
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _id_in(company: bytes, read: Callable[[dict[str, Json]], Id]) -> str | None:
    if not company.startswith(b"{"):
        return None
    try:
        found = read(_decode_object(company))
    except msgspec.ValidationError:
        return None  # true, or an object: nobody's id
    return None if found is None else id_text(found)


def _plain_id(company: dict[str, Json]) -> Id:
    found: Id = _decode_id(company.get("id", msgspec.Raw(NULL)))
    return found
