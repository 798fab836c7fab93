"""Environments (production, staging, ...), their keys, and what a key may do."""

from enum import StrEnum

import msgspec


class Permission(StrEnum):
    """What a key may do. `admin` may do everything that the others may."""

    INGEST = "ingest"  #: identify, companies/identify, track
    READ = "read"  #: users, companies, events
    ADMIN = "admin"  #: all of it


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A wholly separate world of users, companies and events, named by its app token."""

    id: int
    app_token: str  #: `NX-` and 8 hexadecimal digits, or what the operator chose
    name: str
    created_at: int  #: microseconds since 1970-01-01 UTC


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is stored: its hash and what is known about it, never the key itself."""

    id: str  #: short public name, used to revoke or rotate it
    environment_id: int
    name: str
    hint: str  #: the last four characters of the key, to recognise it by
    hash: bytes  #: SHA-256 of the key
    permissions: frozenset[Permission]
    created_at: int  #: microseconds since 1970-01-01 UTC
    revoked_at: int | None = None  #: from this moment on it is refused; may lie in the future


class Scope(msgspec.Struct, frozen=True, gc=False):
    """Whom a request speaks for: what a valid key stands for."""

    environment_id: int
    app_token: str
    key_id: str
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        """Tell whether the key has this permission."""
        return permission in self.permissions or Permission.ADMIN in self.permissions
