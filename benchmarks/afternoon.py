"""The reference: the same calls as a team would write them in an afternoon.

FastAPI, pydantic and SQLAlchemy over one SQLite file, one commit per request, so its 202 means
what ours means: on disk. Endpoints are plain `def` and take a session by dependency, as FastAPI's
own guide to SQL databases shows. Made as good as an afternoon allows: WAL mode, an upsert instead
of read-then-write, and requests that take turns for SQLite's one write lock (without that it
answers about as many, but waiters sleep and wake at random and the slowest wait seconds).

Blocking the event loop (`async def` around the same code) answers up to twice as many of these
calls, and nothing else meanwhile; we keep to what the guide says.

Environment: AFTERNOON_DB is the file's path, AFTERNOON_KEY the one valid key.
Run by servers.py: uvicorn, httptools, uvloop, 1 worker.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import JSON, ForeignKey, create_engine, event, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

KEY = os.environ["AFTERNOON_KEY"]
engine = create_engine(f"sqlite:///{os.environ['AFTERNOON_DB']}")
write_lock = threading.Lock()


@event.listens_for(engine, "connect")
def _set_up_connection(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON}


class User(Base):
    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[str | None] = mapped_column(index=True)
    properties: Mapped[dict[str, Any]] = mapped_column(default=dict)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), index=True)
    event_type: Mapped[str]
    event_name: Mapped[str]
    properties: Mapped[dict[str, Any]] = mapped_column(default=dict)
    inserted_at: Mapped[datetime] = mapped_column(index=True)


class TrackBody(BaseModel):
    user_id: str
    event_name: str
    metadata: dict[str, Any] = {}


class IdentifyBody(BaseModel):
    user_id: str
    metadata: dict[str, Any] = {}
    company: dict[str, Any] | None = None


def check_key(authorization: Annotated[str, Header()]) -> None:
    """401 unless the header is `Token` and our key."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "token" or not secrets.compare_digest(key, KEY):
        raise HTTPException(401, "The API key is not valid.")


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


Db = Annotated[Session, Depends(session)]

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/v1/track", status_code=202, dependencies=[Depends(check_key)])
def track(body: TrackBody, db: Db) -> dict[str, Any]:
    now = datetime.now(UTC)
    with write_lock:
        _see_user(db, body.user_id, now)
        db.add(
            Event(
                user_id=body.user_id,
                event_type="track",
                event_name=body.event_name,
                properties=body.metadata,
                inserted_at=now,
            )
        )
        db.commit()
    return {}


@app.post("/v1/identify", status_code=202, dependencies=[Depends(check_key)])
def identify(body: IdentifyBody, db: Db) -> dict[str, Any]:
    now = datetime.now(UTC)
    with write_lock:
        _see_user(db, body.user_id, now)
        user = db.get_one(User, body.user_id)
        user.properties = {**user.properties, **body.metadata}
        if body.company:
            user.company_id = body.company.get("id")
        db.add(
            Event(
                user_id=body.user_id,
                event_type="identify_user",
                event_name="",
                properties=body.metadata,
                inserted_at=now,
            )
        )
        db.commit()
    return {}


@app.get("/v1/events", dependencies=[Depends(check_key)])
def events(db: Db, user_id: str | None = None, limit: int = 100) -> dict[str, Any]:
    query = select(Event).order_by(Event.id.desc()).limit(min(limit, 1000))
    if user_id is not None:
        query = query.where(Event.user_id == user_id)
    return {
        "data": [
            {
                "id": row.id,
                "user_id": row.user_id,
                "event_type": row.event_type,
                "event_name": row.event_name,
                "metadata": row.properties,
                "inserted_at": row.inserted_at,
            }
            for row in db.scalars(query)
        ],
        "total_count": db.scalar(select(func.count()).select_from(Event)),
    }


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


def _see_user(db: Session, user_id: str, now: datetime) -> None:
    """Make the user if it is new; note that it was seen."""
    row = insert(User).values(user_id=user_id, properties={}, first_seen_at=now, last_seen_at=now)
    db.execute(row.on_conflict_do_update(index_elements=["user_id"], set_={"last_seen_at": now}))
