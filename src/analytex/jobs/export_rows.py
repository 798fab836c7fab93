"""Events as rows of a file: NDJSON, CSV, Parquet or Avro (contract 8.5).

DuckDB makes the text of a row, which is ten times faster than Python; metadata goes through as it
was sent, and no value is read and written again.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from isal import isal_zlib

from analytex.domain.exports import ExportFormat, ExportRequest
from analytex.history.engine import text
from analytex.wire.csv_cells import FORMULA_SIGNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

ROWS_AT_ONCE: Final = 8192
GZIP_LEVEL: Final = 1  # isal's levels end at 3; each is many times faster than level 1 of zlib
GZIP: Final = 31  # window bits that make it write gzip
AVRO_LEVEL: Final = 1  # of zlib: two thirds of the time of level 6, and files a fifth larger

_WHOLE: Final = ("screen_width", "screen_height")
#: Every column, in this order. What no sender can fill is always null.
COLUMNS: Final = (
    *("app_token", "event_type", "event_name", "user_id", "company_id", "source", "inserted_at"),
    *("internal_event_id", "hostname", "pathname", "device_type", "user_agent"),
    *("operating_system", "browser", "browser_language", *_WHOLE, "session", "country_code"),
    *("metadata", "company"),
)
_NEVER_NULL: Final = ("app_token", "event_type", "event_name", "source", "internal_event_id")
_JSON: Final = ("metadata", "company")


def condition(db: "Connection", request: ExportRequest) -> str:
    """Return what holds for the events that are asked for, in SQL.

    Makes temporary tables that it refers to, in this connection.
    """
    found = ["true"]
    if request.event_types:
        found.append(f"event_type IN ({', '.join(map(text, request.event_types))})")
    for column, ids in (("user_id", request.user_ids), ("company_id", request.company_ids)):
        if ids:
            db.execute(f"CREATE TEMP TABLE wanted_{column} AS SELECT unnest(?) AS id", [ids])
            found.append(f"{column} IN (SELECT id FROM wanted_{column})")
    return " AND ".join(found)


def write(
    db: "Connection",
    request: ExportRequest,
    path: Path,
    *,
    app_token: str,
    tell: Callable[[int], None],
) -> int:
    """Write the events of the view `events` that are asked for; return how many they are.

    `tell` is called again and again with how many are written. Raises OSError.
    """
    where = condition(db, request)
    columns = {name: _COLUMN.get(name, name) for name in COLUMNS} | {"app_token": text(app_token)}
    if request.format is ExportFormat.PARQUET:
        return _write_parquet(db, columns, where, path)
    if request.format is ExportFormat.AVRO:
        return _write_avro(db, columns, where, path, tell)
    line = _csv_line if request.format is ExportFormat.CSV else _json_line
    rows = _rows(db, f"SELECT {line(columns)} FROM events WHERE {where}")
    with path.open("wb") as file:
        if request.format is ExportFormat.CSV:
            file.write((",".join(COLUMNS) + "\r\n").encode())
            return _write_texts(rows, file.write, tell)
        return _write_packed(rows, file, tell)


def _write_texts(
    rows: Iterator[list[Any]], put: Callable[[bytes], object], tell: Callable[[int], None]
) -> int:
    count = 0
    for some in rows:
        put("".join([row[0] for row in some]).encode())
        count += len(some)
        tell(count)
    return count


def _write_packed(rows: Iterator[list[Any]], file: BinaryIO, tell: Callable[[int], None]) -> int:
    packer = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP)
    count = _write_texts(rows, lambda content: file.write(packer.compress(content)), tell)
    file.write(packer.flush())
    return count


def _write_parquet(db: "Connection", columns: dict[str, str], where: str, path: Path) -> int:
    kinds = {"inserted_at": "TIMESTAMPTZ", **dict.fromkeys(_WHOLE, "BIGINT")}
    listed = ", ".join(
        f"CAST({sql} AS {kinds.get(name, 'VARCHAR')}) AS {name}" for name, sql in columns.items()
    )
    found = db.execute(
        f"COPY (SELECT {listed} FROM events WHERE {where}) TO {text(str(path))} "
        "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)"
    ).fetchone()
    return int(found[0]) if found else 0


def _write_avro(
    db: "Connection",
    columns: dict[str, str],
    where: str,
    path: Path,
    tell: Callable[[int], None],
) -> int:
    import fastavro  # slow to import, and needed here only

    listed = ", ".join({**columns, "inserted_at": "epoch_us(inserted_at)"}.values())
    count = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal count
        for some in _rows(db, f"SELECT {listed} FROM events WHERE {where}"):
            for row in some:
                yield dict(zip(COLUMNS, row, strict=True))
            count += len(some)
            tell(count)

    with path.open("wb") as file:
        fastavro.writer(
            file,
            fastavro.parse_schema(AVRO),
            records(),
            codec="deflate",
            codec_compression_level=AVRO_LEVEL,
        )
    return count


def _rows(db: "Connection", query: str) -> Iterator[list[Any]]:
    found = db.execute(query)
    while some := found.fetchmany(ROWS_AT_ONCE):
        yield some


# concat() makes a text once; with `||` each part would copy all that stands before it.
def _json_line(columns: dict[str, str]) -> str:
    """Return a row as a line of JSON, in SQL."""
    parts = ["'{'"]
    for name, sql in columns.items():
        comma = "," if len(parts) > 1 else ""
        parts += [f"""'{comma}"{name}":'""", *_json(name, sql)]
    return f"concat({', '.join(parts)}, '}}', chr(10))"


def _json(name: str, sql: str) -> list[str]:
    if name in _JSON:
        # A line end in JSON stands between values only, where a blank means the same.
        # Most have none, and to look for one is cheap.
        ends = f"contains({sql}, chr(10)) OR contains({sql}, chr(13))"
        blanks = f"translate({sql}, chr(10) || chr(13), '  ')"
        return [f"CASE WHEN {sql} IS NULL THEN 'null' WHEN {ends} THEN {blanks} ELSE {sql} END"]
    if name == "inserted_at":
        return ["""'"'""", _TIME, """'"'"""]
    text_of = f"CAST(to_json({sql}) AS VARCHAR)"
    if name in _NEVER_NULL:
        return [text_of]
    return [f"CASE WHEN {sql} IS NULL THEN 'null' ELSE {text_of} END"]


def _csv_line(columns: dict[str, str]) -> str:
    """Return a row of CSV, in SQL."""
    cells = ", ',', ".join(_cell(*each) for each in columns.items())
    return f"concat({cells}, chr(13), chr(10))"


def _cell(name: str, sql: str) -> str:
    if name == "inserted_at":
        return _TIME
    if name in _WHOLE:
        return sql  # concat() takes a null for nothing
    mark = "''"
    if name not in _JSON:  # an object begins with a bracket
        mark = f"CASE WHEN {sql}[1] IN ({_SIGNS}) THEN chr(39) ELSE '' END"
    quoted = f"""concat('"', {mark}, replace({sql}, '"', '""'), '"')"""
    return f"CASE WHEN {sql} IS NULL THEN '' ELSE {quoted} END"


_SIGNS: Final = ", ".join(f"chr({ord(sign)})" for sign in FORMULA_SIGNS)
_TIME: Final = "strftime(inserted_at, '%Y-%m-%dT%H:%M:%S.%fZ')"
_COLUMN: Final = {"internal_event_id": "id", "session": "CAST(NULL AS VARCHAR)"}

_AVRO_TYPES: Final[dict[str, object]] = {
    "inserted_at": {"type": "long", "logicalType": "timestamp-micros"},
    **dict.fromkeys(_NEVER_NULL, "string"),
    **{name: ["null", "long"] for name in _WHOLE},
    "metadata": "string",
}
AVRO: Final = {
    "type": "record",
    "name": "event",
    "fields": [
        {"name": name, "type": _AVRO_TYPES.get(name, ["null", "string"])} for name in COLUMNS
    ],
}
